"""A client's ``Idempotency-Key``: a request that is sent again is done once, and answered as it was.

A row is committed before the act and gets the answer after it. The act marks the row in its own transaction, with the
name of what it made. A process that dies leaves a row without an answer: when its time is up, the next one who asks
does the act if there is no mark, and answers with what was made if there is one.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, delete, select, update
from sqlmodel import col

from billing.domain.identity import row_id
from billing.domain.public_ids import Kind, NotAnId, uuid_of
from billing.operations.engine import Claim, Engine, Refusal
from billing.store.database import Database
from billing.store.erasure import any_erased
from billing.store.inserts import insert_if_absent
from billing.store.request_tables import KeyedRequest

KEPT: Final = timedelta(days=30)
LEASE: Final = timedelta(seconds=30)
"""Longer than an act takes. Should one take longer, it is undone if another process has taken the request up."""
_CUSTOMER_IDS: Final = re.compile(rf"\b{Kind.CUSTOMER}_[a-z2-7]{{26}}\b")
_REQUESTS: Final = UUID("0c8f3a52-60f1-5f8e-8d2d-5f6b7b0a1c11")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is recognised: whose, under which key, and the digest of what it asks for."""

    holder: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, as it went over the wire; without a body when it was about a customer who was erased."""

    status: int
    media_type: str
    body: str


class KeyUsedDifferently(Refusal):
    """The Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class KeyInUse(Refusal):
    """The first request with this Idempotency-Key is still being dealt with."""

    code = "idempotency_key_in_use"


def claim_request(database: Database, asked: Asked, *, now: datetime, machine_now: datetime) -> Claim | Answer:
    """Claim a request, or return what was answered to it (``now``: the engine's time, both UTC).

    :raises KeyUsedDifferently: the key came with another request. :raises KeyInUse: it is being dealt with.
    """
    busy_until = machine_now + LEASE
    claim = Claim(row_id(_REQUESTS, asked.holder, asked.key, now.isoformat()), busy_until)
    row = {
        "id": claim.id,
        "holder": asked.holder,
        "key": asked.key,
        "fingerprint": asked.fingerprint,
        "forget_at": now + KEPT,
        "busy_until": busy_until,
    }
    with database.transaction() as tx:
        if insert_if_absent(tx, KeyedRequest, [row]):
            return claim
        return _take_up(tx, asked, busy_until, machine_now)


def done(tx: Connection, engine: Engine, made: object = "") -> None:
    """Mark, in the transaction of an act, that its request is done; ``made`` names what came of it.

    Every act that the API does on a POST says so once, unless doing it again does nothing.

    :raises KeyInUse: another process has taken the request up, because this one was slow: it is not done here.
    """
    if engine.claim is None:
        return
    if tx.execute(update(KeyedRequest).where(*_mine(engine.claim)).values(made=str(made))).rowcount != 1:
        raise KeyInUse("another process has taken this request up")


def secret_lost(made: str) -> tuple[UUID, str]:
    """Return whose secret an act had drawn, and the digest of that secret, from the name of what was made."""
    holder, digest = made.split()
    return UUID(holder), digest


def made_under(database: Database, claim: Claim) -> str | None:
    """Return the name of what the act of a claim has made, or None: it was not done yet."""
    with database.snapshot() as tx:
        return tx.execute(select(col(KeyedRequest.made)).where(*_mine(claim))).scalar_one_or_none()


def keep_answer(database: Database, claim: Claim, answer: Answer) -> None:
    """Write down what was answered: the same request will be answered so again.

    What tells of a customer who was erased meanwhile is kept without its body.
    """
    told = {"busy_until": None, "status": answer.status, "media_type": answer.media_type}
    customers = _customers_in(answer.body)
    with database.transaction() as tx:
        body = "" if customers and any_erased(tx, customers) else answer.body
        _end(tx, claim, told | {"body": body})


def let_go(database: Database, claim: Claim, *, machine_now: datetime) -> None:
    """Let the same request, sent again, be dealt with again: nobody knows yet how it ended."""
    with database.transaction() as tx:
        _end(tx, claim, {"busy_until": machine_now})


def forget_claim(database: Database, claim: Claim) -> None:
    """Let the key be used for any request: this one was not even looked at."""
    with database.transaction() as tx:
        tx.execute(delete(KeyedRequest).where(*_mine(claim)))


def _customers_in(body: str) -> list[UUID]:
    found = []
    for text in set(_CUSTOMER_IDS.findall(body)):
        with suppress(NotAnId):  # somebody wrote what only looks like one
            found.append(uuid_of(Kind.CUSTOMER, text))
    return found


def _take_up(tx: Connection, asked: Asked, busy_until: datetime, machine_now: datetime) -> Claim | Answer:
    known = (col(KeyedRequest.holder) == asked.holder, col(KeyedRequest.key) == asked.key)
    row = tx.execute(
        select(
            col(KeyedRequest.id),
            col(KeyedRequest.fingerprint),
            col(KeyedRequest.busy_until),
            col(KeyedRequest.status),
            col(KeyedRequest.media_type),
            col(KeyedRequest.body),
        ).where(*known)
    ).one_or_none()
    if row is None:
        raise KeyInUse("a request with this Idempotency-Key has just ended")
    if row.fingerprint != asked.fingerprint:
        raise KeyUsedDifferently("this Idempotency-Key was used for another request")
    if row.busy_until is None:
        return Answer(row.status, row.media_type, row.body)
    if machine_now < row.busy_until:
        raise KeyInUse("the first request with this Idempotency-Key is still being dealt with")
    # Whoever was at it has died, or let it go. One of those who ask now takes it up.
    as_it_was = (col(KeyedRequest.id) == row.id, col(KeyedRequest.busy_until) == row.busy_until)
    if tx.execute(update(KeyedRequest).where(*as_it_was).values(busy_until=busy_until)).rowcount != 1:
        raise KeyInUse("a request with this Idempotency-Key is being dealt with")
    return Claim(row.id, busy_until)


def _mine(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (col(KeyedRequest.id) == claim.id, col(KeyedRequest.busy_until) == claim.busy_until)


def _end(tx: Connection, claim: Claim, written: Mapping[str, object]) -> None:
    # If another has taken it up since, the answer is its to give.
    tx.execute(update(KeyedRequest).where(*_mine(claim)).values(**written))
