"""A dispute whose end Checkout.com never told, ended by a person, where the key may not see disputes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from billing.domain.disputes import SETTLED_BY_HAND, DisputeState, rank_when_settled
from billing.operations.audit import decided
from billing.operations.disputes import let_refunds_go_on, tell_dispute
from billing.operations.engine import BadInput, Conflict, Engine, NotFound
from billing.operations.request_keys import done
from billing.store.cases import lock_subscriptions
from billing.store.dispute_tables import Dispute
from billing.store.disputes import owner_of_payment
from billing.store.writes import Author


def settle_dispute(engine: Engine, dispute_id: str, outcome: DisputeState, *, reason: str, now: datetime) -> UUID:
    """Write down how a dispute ended, as Checkout.com's dashboard shows it (``now``: UTC); return its charge.

    What the dispute held goes on as if Checkout.com had told it. A decision that it tells later corrects it. Said again
    with the same outcome it changes nothing.

    :raises NotFound: there is no such dispute. :raises Conflict: it ended otherwise.
    :raises BadInput: the outcome is not an end.
    """
    if outcome is DisputeState.OPEN:
        raise BadInput("as", "must be won or lost")
    author = Author(engine.actor, now)
    named = select(Dispute.__table__).where(col(Dispute.gateway_dispute_id) == dispute_id)  # type: ignore[attr-defined]
    with engine.database.transaction() as tx:
        row = tx.execute(named).one_or_none()
        owner = owner_of_payment(tx, row.gateway_payment_id) if row is not None else None
        if row is None or owner is None:
            raise NotFound(f"there is no dispute {dispute_id[:100]}")
        lock_subscriptions(tx, [owner.subscription_id])
        row = tx.execute(named).one()
        if row.state is not DisputeState.OPEN and row.state is not outcome:
            raise Conflict(f"dispute {dispute_id} is {row.state.value} already")
        if row.state is DisputeState.OPEN:
            written = {
                "state": outcome,
                "status": SETTLED_BY_HAND,
                "rank": rank_when_settled(row.rank),
                "ended_at": now,
            }
            tx.execute(update(Dispute).where(col(Dispute.gateway_dispute_id) == dispute_id).values(**written))
            let_refunds_go_on(tx, row.gateway_payment_id, dispute_id, outcome, author)
            tell_dispute(tx, owner, dispute_id, row._asdict() | written, is_new=False, author=author)
            told = {"dispute": dispute_id, "as": outcome.value}
            decided(tx, engine, "charge.dispute_settled", ("charge", str(owner.id)), now, reason=reason, details=told)
        done(tx, engine)
        charge_id: UUID = owner.id
        return charge_id
