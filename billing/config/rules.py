"""What must hold between settings before money may move; every breach is one sentence with its remedy."""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import SecretStr

from billing.config.kinds import settings_in
from billing.config.problems import Problem
from billing.config.relations import relation_problems
from billing.config.secrets import secret_problems
from billing.config.settings import Settings
from billing.config.urls import url_problems
from plans.visible_text import hidden_refusal

_LIVE_KEY: Final = re.compile(r"^sk_(?!sbox_|test_)")
_BY_KEY: Final = {setting.key: setting for setting in settings_in(Settings)}


def problems_of(settings: Settings) -> list[Problem]:
    """Return every reason why these settings must not be used."""
    between = _live_problems(settings) if settings.mode == "live" else _sandbox_problems(settings)
    return [
        *_hidden_text(settings),
        *url_problems(settings),
        *secret_problems(settings),
        *relation_problems(settings),
        *between,
    ]


def _hidden_text(settings: Settings) -> Iterator[Problem]:
    """Yield the settings whose text holds what cannot be seen: it was copied along, and nobody would find it."""
    for setting in settings_in(Settings):
        values = setting.of(settings)
        for value in (*values, *values.values()) if isinstance(values, dict) else setting.all_of(settings):
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            refusal = hidden_refusal(text) if isinstance(text, str) else None
            if refusal is not None:
                yield Problem(setting, refusal)
                break


def _live_problems(settings: Settings) -> Iterator[Problem]:
    secrets = settings.secrets
    key = secrets.gateway_secret_key
    has_oauth = bool(secrets.gateway_client_id and secrets.gateway_client_secret and settings.gateway.token_url)
    if not has_oauth and not (key is not None and _LIVE_KEY.match(key.get_secret_value())):
        yield Problem(
            _BY_KEY["secrets.gateway_secret_key"],
            'mode = "live" needs a live key: set BILLING_SECRETS__GATEWAY_SECRET_KEY to a key that begins with '
            "sk_ and not with sk_sbox_, or client id, client secret and gateway.token_url",
        )
    is_sqlite = settings.database.url.get_secret_value().startswith("sqlite")
    if is_sqlite and not settings.daemon.single_process:
        yield Problem(
            _BY_KEY["database.url"],
            "live mode runs on PostgreSQL; to run one process on SQLite all the same, set daemon.single_process = true",
        )
    if not secrets.webhook_keys:
        yield Problem(
            _BY_KEY["secrets.webhook_keys"],
            "live mode needs the signature key of the Checkout.com workflow: set BILLING_SECRETS__WEBHOOK_KEYS",
        )


def _sandbox_problems(settings: Settings) -> Iterator[Problem]:
    secrets = settings.secrets
    key = secrets.gateway_secret_key
    if key is not None and _LIVE_KEY.match(key.get_secret_value()):
        yield Problem(
            _BY_KEY["secrets.gateway_secret_key"],
            'BILLING_SECRETS__GATEWAY_SECRET_KEY is a live key, but mode = "sandbox"; '
            'set mode = "live" or use a key that begins with sk_sbox_',
        )
    if settings.secret_key() is None and not (secrets.gateway_client_id and secrets.gateway_client_secret):
        yield Problem(
            _BY_KEY["secrets.gateway_secret_key"],
            "no key for the gateway: set BILLING_SECRETS__GATEWAY_SECRET_KEY",
        )
