"""A client's ``Idempotency-Key`` of a refund: written with the refund, so that a second try finds the first."""

import hashlib
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import Case
from billing.operations.enrol_subscriber import KeyUsedDifferently
from billing.store.inserts import insert_if_absent
from billing.store.tables import ApiRequest


def refund_under(tx: Connection, key: str, asked: tuple[object, ...]) -> UUID | None:
    """Return the refund that was ordered under a key by the same request, or None.

    :raises KeyUsedDifferently: the key came with another request.
    """
    query = select(col(ApiRequest.body_hash), col(ApiRequest.refund_id)).where(col(ApiRequest.key) == key)
    known = tx.execute(query).one_or_none()
    if known is None:
        return None
    if known.body_hash != _hash(asked) or known.refund_id is None:
        raise _used_differently()
    found: UUID = known.refund_id
    return found


def remember_refund(
    tx: Connection, key: str, asked: tuple[object, ...], case: Case, refund_id: UUID, now: datetime
) -> None:
    """Write a key down in the transaction that orders its refund.

    :raises KeyUsedDifferently: a request about another charge took the key at the same moment.
    """
    row = {
        "key": key,
        "body_hash": _hash(asked),
        "subscription_id": case.subscription_id,
        "refund_id": refund_id,
        "created_at": now,
    }
    if insert_if_absent(tx, ApiRequest, [row]) == 0:
        raise _used_differently()


def _hash(asked: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(("refund", *asked)).encode()).hexdigest()


def _used_differently() -> KeyUsedDifferently:
    return KeyUsedDifferently("this Idempotency-Key was used for another request")
