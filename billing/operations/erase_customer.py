"""Erases the personal data of a customer who asks for it (PIPA art. 36); what was paid stays in the books."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from billing.domain.cases import Note
from billing.gateway.port import Done
from billing.operations.customers import lock_customer
from billing.operations.engine import Conflict, Engine, NotFound
from billing.store.cases import lock_subscriptions
from billing.store.erasure import (
    blank,
    end_sources,
    in_the_way,
    sources_of,
    subscriptions_of,
    void_what_could_be_paid_late,
)
from billing.store.writes import Author, note


@dataclass(frozen=True, slots=True)
class ErasedCustomer:
    """``untold_sources``: agreements that Checkout.com did not confirm as revoked; erasing again tells it again."""

    customer_id: UUID
    erased_at: datetime
    untold_sources: tuple[UUID, ...]


def erase_customer(engine: Engine, customer_id: UUID, *, reason: str, now: datetime) -> ErasedCustomer:
    """Blank what is personal of a customer at ``now`` (UTC), and end their agreements, here and at the gateway.

    The row stays with its reference, so that invoices and charges, which the law keeps for five years, belong to
    somebody; nobody can be enrolled under it again. Asked again, agreements are ended and the gateway is told again.

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
        if row.erased_at is None:
            obstacles = in_the_way(tx, customer_id)
            if obstacles:
                raise Conflict(f"customer {row.reference} cannot be erased yet: {'; '.join(obstacles)}")
            void_what_could_be_paid_late(tx, customer_id, author)
            blank(tx, customer_id, author)
            told = Note("customer.erased", {"reason": reason[:200]})
            note(tx, None, told, author, subject=("customer", str(customer_id)))
    untold_sources = [
        source.id for source in sources if not isinstance(engine.gateway.revoke_source(source.gateway_source_id), Done)
    ]
    return ErasedCustomer(customer_id, row.erased_at or now, tuple(untold_sources))
