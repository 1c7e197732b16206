"""Invariants about set-up classes: no wallet is tried for ever, and nobody is ended for what may be our own account."""
# ruff: noqa: S608 - what is put into the queries are constants of our own

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.failing import NO_NEW_AGREEMENT
from billing.store.invariants.model import Bounds, Found, ask, instant_of, invariant, text_of
from billing.store.set_up_evidence import asked_for_set_up_since, count_tries, was_captured_since
from billing.store.tables import SET_UP_FAILURE


@invariant(45, "An invoice that meets a set-up class is tried a few times, and no more until there is reason to.")
def set_up_budget(tx: Connection, _now: datetime, bounds: Bounds) -> Iterator[Found]:
    most = bounds.set_up_tries
    often = ask(
        tx,
        f"SELECT invoice_id FROM charge WHERE {SET_UP_FAILURE} AND automatic"
        " GROUP BY invoice_id HAVING COUNT(*) > :most ORDER BY invoice_id",
        most=most,
    )
    ids = [UUID(text_of(row[0])) for row in often]
    for ident, tries in count_tries(tx, ids).items():
        if tries > most:
            yield "invoice", ident, f"it met an error of our set-up {tries} times, but {most} are the most there may be"


@invariant(46, "Nobody is ended for an error of our set-up while nobody is captured.")
def set_up_ends_nobody(tx: Connection, _now: datetime, _bounds: Bounds) -> Iterator[Found]:
    for row in ask(
        tx,
        "SELECT i.id, s.id, s.canceled_at FROM invoice i JOIN subscription s ON s.id = i.subscription_id"
        " WHERE i.state = 'uncollectible' AND s.state = 'canceled' AND s.cancel_reason = :reason"
        f" AND EXISTS (SELECT 1 FROM charge c WHERE c.invoice_id = i.id AND c.{SET_UP_FAILURE})",
        reason=NO_NEW_AGREEMENT,
    ):
        since = asked_for_set_up_since(tx, UUID(text_of(row[1])), UUID(text_of(row[0])))
        if since is not None and not was_captured_since(tx, since, until=instant_of(row[2])):
            yield "subscription", row[1], "it was ended for an error of our set-up, and nobody was captured since"
