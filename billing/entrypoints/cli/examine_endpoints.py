"""What the doctor finds about webhook endpoints: are they signed for, do they take what they are sent, what waits."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from billing.bootstrap import make_vault
from billing.domain.deliveries import EndpointState
from billing.domain.public_ids import Kind, public_id
from billing.entrypoints.cli.checks import Check, ok, warning, wrong
from billing.entrypoints.cli.context import Session
from billing.entrypoints.cli.output import moment
from billing.entrypoints.clock import machine_now
from billing.outbox.vault import CannotOpen, Vault
from billing.store.deliveries import MOST_IN_LINE, in_line, overdue_since
from billing.store.endpoints import EndpointRow, list_endpoints

_SENT_WITHIN: Final = timedelta(minutes=10)
"""A daemon that lives sends what is due within seconds; one that died leaves what it was sending for some minutes."""
_KEYS: Final = "BILLING_SECRETS__ENDPOINT_KEYS"


def endpoint_keys(session: Session) -> Check:
    """Secrets of endpoints are kept under these keys: none can be made, and none signed for, without.

    Whoever asks for events instead needs neither keys nor endpoints, so only an endpoint that stays unsigned is wrong.
    """
    vault = make_vault(session.settings)
    now = machine_now()
    unsigned = [row for row in _endpoints(session) if not _can_sign(vault, row.sealed(now))]
    if unsigned:
        told = f"the secret of {_each(unsigned)} cannot be read: nothing is sent there"
        return wrong("endpoint keys", told, f"put the key that it was made under back into {_KEYS}, or rotate it")
    if not vault.has_keys:
        told = f"{_KEYS} is not set: no webhook endpoint can be made"
        return warning("endpoint keys", told, "set it to `openssl rand -hex 32` of your own, unless you ask for events")
    return ok("endpoint keys", "secrets of endpoints can be kept")


def webhook_endpoints(session: Session) -> Check:
    """An endpoint that is switched off is told nothing; one that fails will be."""
    rows = _endpoints(session)
    with session.engine.database.snapshot() as tx:
        number, due_since = in_line(tx), overdue_since(tx, now := machine_now())
    waits = f"deliveries that wait: {number}{' or more' if number >= MOST_IN_LINE else ''}"
    given_up = [row for row in rows if row.disabled_because not in (None, "requested")]
    if given_up:
        told = f"{_each(given_up)} took nothing and is switched off; {waits}"
        return wrong(
            "webhook endpoints", told, "mend it, then `billing webhooks endpoints enable ID`: it is sent what it missed"
        )
    failing = [row for row in rows if row.state is EndpointState.ENABLED and row.failing_since is not None]
    if failing:
        since = moment(min(row.failing_since for row in failing if row.failing_since), session.zone)
        told = f"{_each(failing)} fails since {since}; {waits}"
        return warning("webhook endpoints", told, "`billing webhooks deliveries` shows what it answers")
    if due_since is not None and now - due_since > _SENT_WITHIN:
        told = f"nobody sends: what waits longest is due since {moment(due_since, session.zone)}; {waits}"
        return wrong("webhook endpoints", told, "start `billing daemon`, which sends them; if it runs, read its log")
    by_hand = sum(row.state is EndpointState.DISABLED for row in rows)
    off = f", {by_hand} of them switched off by hand" if by_hand else ""
    return ok("webhook endpoints", f"{len(rows)}{off}; {waits}" if rows else "there are none")


def _endpoints(session: Session) -> list[EndpointRow]:
    with session.engine.database.snapshot() as tx:
        return list_endpoints(tx)


def _can_sign(vault: Vault, sealed: list[str]) -> bool:
    try:
        return bool([vault.open(each) for each in sealed])
    except CannotOpen:
        return False


def _each(rows: list[EndpointRow]) -> str:
    """Name the endpoints by id and host: the rest of a URL may be a secret."""
    first = f"{public_id(Kind.WEBHOOK_ENDPOINT, rows[0].id)} at {urlsplit(rows[0].url).hostname}"
    return first if len(rows) == 1 else f"{first} (and {len(rows) - 1} more)"


EXAMINATIONS: Final[tuple[Callable[[Session], Check], ...]] = (endpoint_keys, webhook_endpoints)
