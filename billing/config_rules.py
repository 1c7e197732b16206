"""What must hold between settings before money may move; every breach is one sentence with its remedy."""

import re
from typing import Final
from urllib.parse import urlsplit

from billing.config import Settings

_LIVE_KEY: Final = re.compile(r"^sk_(?!sbox_|test_)")
_LIVE_HOST: Final = re.compile(r"^([a-z0-9-]+\.)?api\.checkout\.com$")


def problems_of(settings: Settings) -> list[str]:
    """Return every reason why these settings must not be used."""
    return _live_problems(settings) if settings.mode == "live" else _sandbox_problems(settings)


def _live_problems(settings: Settings) -> list[str]:
    secrets = settings.secrets
    key = secrets.gateway_secret_key
    has_oauth = bool(secrets.gateway_client_id and secrets.gateway_client_secret and settings.gateway.token_url)
    checks = [
        (
            has_oauth or (key is not None and bool(_LIVE_KEY.match(key.get_secret_value()))),
            (
                'mode = "live" needs a live key: set BILLING_SECRETS__GATEWAY_SECRET_KEY to a key that begins with '
                "sk_ and not with sk_sbox_, or client id, client secret and gateway.token_url"
            ),
        ),
        (
            bool(_LIVE_HOST.match(_host(settings.gateway.base_url))) and _is_https(settings.gateway.base_url),
            (
                f'gateway.base_url = "{settings.gateway.base_url}" is not Checkout.com\'s live API; '
                "write https://{prefix}.api.checkout.com"
            ),
        ),
        (
            _is_https(settings.api.public_url),
            (
                f'api.public_url = "{settings.api.public_url}" must be https in live mode: '
                "subscribers return there and webhooks arrive there"
            ),
        ),
        (
            settings.database.url.startswith("postgresql") or settings.daemon.single_process,
            "live mode runs on PostgreSQL; to run one process on SQLite all the same, set daemon.single_process = true",
        ),
        (
            bool(secrets.webhook_keys),
            "live mode needs the signature key of the Checkout.com workflow: set BILLING_SECRETS__WEBHOOK_KEYS",
        ),
        *_strong_keys(settings),
    ]
    return [problem for holds, problem in checks if not holds]


def _strong_keys(settings: Settings) -> list[tuple[bool, str]]:
    return [
        (
            all(len(key.get_secret_value()) >= 32 for key in settings.secrets.endpoint_keys),
            "BILLING_SECRETS__ENDPOINT_KEYS holds a key shorter than 32 characters; use `openssl rand -hex 32`",
        ),
        (
            (key := settings.secrets.metrics_key) is None or len(key.get_secret_value()) >= 24,
            "BILLING_SECRETS__METRICS_KEY is shorter than 24 characters; use `openssl rand -hex 32`",
        ),
        (
            all(len(key.get_secret_value()) >= 16 for key in settings.secrets.webhook_keys),
            "BILLING_SECRETS__WEBHOOK_KEYS holds a key shorter than 16 characters; use `openssl rand -hex 32`",
        ),
    ]


def _sandbox_problems(settings: Settings) -> list[str]:
    key = settings.secrets.gateway_secret_key
    checks = [
        (
            key is None or not _LIVE_KEY.match(key.get_secret_value()),
            (
                'BILLING_SECRETS__GATEWAY_SECRET_KEY is a live key, but mode = "sandbox"; '
                'set mode = "live" or use a key that begins with sk_sbox_'
            ),
        ),
        (
            not _LIVE_HOST.match(_host(settings.gateway.base_url)),
            f'gateway.base_url = "{settings.gateway.base_url}" is Checkout.com\'s live API, but mode = "sandbox"',
        ),
        (
            settings.secret_key() is not None
            or bool(settings.secrets.gateway_client_id and settings.secrets.gateway_client_secret),
            "no key for the gateway: set BILLING_SECRETS__GATEWAY_SECRET_KEY",
        ),
    ]
    return [problem for holds, problem in checks if not holds]


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _is_https(url: str) -> bool:
    return urlsplit(url).scheme == "https"
