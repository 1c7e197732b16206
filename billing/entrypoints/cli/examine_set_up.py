"""What the doctor looks at without the database: configuration, keys, URLs, the gateway and its clock."""

import os
import resource
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from billing.config.environment import FILE_VARIABLE
from billing.config.settings import SANDBOX_WEBHOOK_KEY
from billing.config.source import DEFAULT_FILE
from billing.entrypoints.api.connections import most_connections
from billing.entrypoints.cli.checks import Check, ok, warning, wrong
from billing.entrypoints.cli.context import Session
from billing.gateway.port import Health

_FILES_WANTED: Final = 4096
_SKEW_WARNED: Final = timedelta(seconds=60)
_SKEW_WRONG: Final = timedelta(minutes=5)
_HINTS: Final = {401: "check BILLING_SECRETS__GATEWAY_SECRET_KEY", 403: "the key lacks the scope `gateway`"}


def configuration(session: Session) -> Check:
    """It was read, or the doctor would not have come this far."""
    named = session.config or Path(os.environ.get(FILE_VARIABLE, DEFAULT_FILE))
    where = str(named) if Path(named).is_file() else "defaults and environment"
    return ok("configuration", f"read from {where}")


def mode(session: Session) -> Check:
    """Say whether real money moves."""
    return ok("mode", "live: real money moves" if session.is_live else "sandbox: no real money")


def webhook_key(session: Session) -> Check:
    """Webhooks that cannot be verified are refused, and outcomes then wait for look-ups."""
    keys = [key.get_secret_value() for key in session.settings.webhook_keys()]
    if not keys:
        remedy = "set BILLING_SECRETS__WEBHOOK_KEYS to the workflow's signature key"
        return wrong("webhook key", "none is set: every webhook is refused", remedy)
    own = "the bundled sandbox's" if keys == [SANDBOX_WEBHOOK_KEY] else f"{len(keys)} set"
    return ok("webhook key", own)


def public_url(session: Session) -> Check:
    """Subscribers return there and webhooks arrive there."""
    url = session.settings.api.public_url
    if urlsplit(url).scheme == "https":
        return ok("public URL", url)
    if session.settings.uses_the_bundled_sandbox:
        return ok("public URL", f"{url}, enough beside the bundled sandbox")
    return warning("public URL", f"{url} is not https", "set api.public_url to how the world reaches the API")


def gateway(session: Session) -> Check:
    """It must be there and know us."""
    health, base_url = _health(session), session.settings.gateway.base_url
    if not health.reachable:
        start = (
            "start it with `billing sandbox`" if session.settings.uses_the_bundled_sandbox else "check gateway.base_url"
        )
        return wrong("gateway", f"{base_url} does not answer ({health.detail})", start)
    if health.refused_scopes:
        refused = ", ".join(f"`{scope}`" for scope in health.refused_scopes)
        grant = "grant it to the access key in Checkout.com's dashboard, or take it out of gateway.scopes"
        return wrong("gateway", f"the access key may not have the scope {refused}", grant)
    if not health.authorised:
        hint = next(
            (hint for status, hint in _HINTS.items() if str(status) in health.detail), "check keys and base URL"
        )
        return wrong("gateway", f"{base_url} answers {health.detail}", hint)
    return ok("gateway", f"{base_url} answers and knows the key")


def clock_skew(session: Session) -> Check:
    """Deadlines and idempotency keys need clocks that agree."""
    skew = _health(session).clock_skew_seconds
    if skew is None:
        return warning("clock", "the gateway did not tell its time", "look again when it answers")
    told = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the gateway's"
    if abs(skew) > _SKEW_WRONG.total_seconds():
        return wrong("clock", told, "set this machine's clock by NTP")
    if abs(skew) > _SKEW_WARNED.total_seconds():
        return warning("clock", told, "set this machine's clock by NTP")
    return ok("clock", f"agrees with the gateway's within {abs(skew):.0f} s")


def open_files(_session: Session) -> Check:
    """Each connection is an open file. The API raises its own limit to the hard one when it starts."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= _FILES_WANTED:
        return ok("open files", "as many as the API needs")
    remedy = "raise it: LimitNOFILE=65536 in the unit file, or `ulimit -Hn 65536`"
    return warning("open files", f"a process may have {hard}: {most_connections(hard)} connections at most", remedy)


@lru_cache(maxsize=1)
def _health(session: Session) -> Health:
    return session.engine.gateway.check_health()


EXAMINATIONS: Final[tuple[Callable[[Session], Check], ...]] = (
    configuration,
    mode,
    webhook_key,
    public_url,
    gateway,
    clock_skew,
    open_files,
)
