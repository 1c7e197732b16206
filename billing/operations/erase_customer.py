"""Erases the personal data of a customer who asks for it (PIPA art. 36); what was paid stays in the books."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.operations.customers import lock_customer
from billing.operations.engine import Conflict, Engine, NotFound
from billing.operations.revocations import send_revocations
from billing.store.cases import lock_subscriptions
from billing.store.erasure import (
    blank,
    end_sources,
    in_the_way,
    sources_of,
    subscriptions_of,
    void_what_could_be_paid_late,
)
from billing.store.revocations import request_revocations, unconfirmed_revocations
from billing.store.writes import Author, note


@dataclass(frozen=True, slots=True)
class ErasedCustomer:
    """``untold_sources``: agreements that Checkout.com did not confirm as revoked yet; the daemon tells it again.

    ``gateway_customer_id``: the customer's profile at Checkout.com, which is not deleted by this; None: none is known.
    """

    customer_id: UUID
    erased_at: datetime
    untold_sources: tuple[UUID, ...]
    gateway_customer_id: str | None = None


def erase_customer(engine: Engine, customer_id: UUID, *, reason: str, now: datetime) -> ErasedCustomer:
    """Blank what is personal of a customer at ``now`` (UTC), and end their agreements, here and at the gateway.

    The row stays with its reference, so that invoices and charges, which the law keeps for five years, belong to
    somebody; nobody can be enrolled under it again. Asked again, agreements are ended, and the gateway is told of those
    that it has not confirmed.

    :raises NotFound: there is no such customer. :raises Conflict: something of theirs is under way; the text says what.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        row = lock_customer(tx, customer_id)
        if row is None:
            raise NotFound(f"there is no customer {customer_id}")
        lock_subscriptions(tx, subscriptions_of(tx, customer_id))
        sources = sources_of(tx, customer_id)
        # One may be new although the customer was erased before: the agreement of a payment that was captured late.
        end_sources(tx, sources, author)
        ids = [source.id for source in sources]
        request_revocations(tx, ids, author)
        if row.erased_at is None:
            obstacles = in_the_way(tx, customer_id)
            if obstacles:
                raise Conflict(f"customer {row.reference} cannot be erased yet: {'; '.join(obstacles)}")
            void_what_could_be_paid_late(tx, customer_id, author)
            blank(tx, customer_id, author)
            told = Note(EventType.CUSTOMER_ERASED, {"reason": reason[:200]})
            note(tx, None, told, author, subject=("customer", str(customer_id)))
    engine.database.leave_no_traces()
    send_revocations(engine, ids, now=now)
    with engine.database.snapshot() as tx:
        untold_sources = unconfirmed_revocations(tx, ids)
    return ErasedCustomer(customer_id, row.erased_at or now, tuple(untold_sources), row.gateway_customer_id)
