"""Orders a refund once: neither a lost answer nor a second try may give the money back twice."""

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import col

from billing.entrypoints.api.desk import Desk
from billing.operations.engine import Engine, NotFound, Refusal
from billing.operations.enrol_subscriber import KeyUsedDifferently
from billing.operations.request_refund import request_refund
from billing.store.inserts import insert_if_absent
from billing.store.subscription_views import subscription_of_charge
from billing.store.tables import ApiRequest, Refund


class KeyInUse(Refusal):
    """A request with this Idempotency-Key has begun, and no refund of it is to be seen."""

    code = "idempotency_key_in_use"


def refund_once(desk: Desk, charge_id: UUID, amount_minor: int | None, *, reason: str, key: str | None) -> UUID:
    """Order a refund and return its id; with a key that was used for the same before, the id of that one.

    :raises NotFound: there is no such charge. :raises Refusal: it cannot be refunded so; the text says why.
    :raises KeyUsedDifferently: the key came with another request. :raises KeyInUse: that one is still under way.
    """
    engine, now = desk.engine, desk.now()
    if key is not None:
        begun = _claim(engine, key, charge_id, (amount_minor, reason), now)
        if begun is not None:
            return _ordered_at(engine, charge_id, begun, reason) or _still_under_way()
    try:
        return request_refund(engine, charge_id, amount_minor, reason=reason, now=now)
    except Refusal:
        _forget(engine, key)
        raise
    except Exception:
        # Only its sending may have failed. What is written down will be sent by the sweep, so it must not be
        # ordered again.
        ordered = _ordered_at(engine, charge_id, now, reason)
        if ordered is None:
            _forget(engine, key)
            raise
        return ordered


def _claim(engine: Engine, key: str, charge_id: UUID, asked: tuple[int | None, str], now: datetime) -> datetime | None:
    """Write the key down; when it is there already, return when that was."""
    body_hash = hashlib.sha256(repr(("refund", charge_id, *asked)).encode()).hexdigest()
    with engine.database.transaction() as tx:
        owner = subscription_of_charge(tx, charge_id)
        if owner is None:
            raise NotFound(f"there is no charge {charge_id}")
        row = {"key": key, "body_hash": body_hash, "subscription_id": owner, "created_at": now}
        if insert_if_absent(tx, ApiRequest, [row]) == 1:
            return None
        known = tx.execute(
            select(col(ApiRequest.body_hash), col(ApiRequest.created_at)).where(col(ApiRequest.key) == key)
        ).one()
    if known.body_hash != body_hash:
        raise KeyUsedDifferently("this Idempotency-Key was used for another request; use a new key for a new request")
    begun: datetime = known.created_at
    return begun


def _ordered_at(engine: Engine, charge_id: UUID, at: datetime, reason: str) -> UUID | None:
    """Find the refund by the instant that its request was given, which is to the microsecond."""
    with engine.database.snapshot() as tx:
        return tx.execute(
            select(col(Refund.id))
            .where(col(Refund.charge_id) == charge_id, col(Refund.created_at) == at, col(Refund.reason) == reason)
            .limit(1)
        ).scalar_one_or_none()


def _forget(engine: Engine, key: str | None) -> None:
    if key is not None:
        with engine.database.transaction() as tx:
            tx.execute(delete(ApiRequest).where(col(ApiRequest.key) == key))


def _still_under_way() -> UUID:
    raise KeyInUse(
        "a request with this Idempotency-Key has begun, and its refund is not to be seen yet: send it again in a "
        "few seconds; if that does not help, look at the charge's refunds and use a new key"
    )
