"""A payment that the gateway tells otherwise than it stands here: said once, and parked for a person."""

from datetime import datetime

from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.domain.states import ENDED_SUBSCRIPTIONS
from billing.operations.engine import Engine
from billing.store.cases import lock_subscriptions
from billing.store.reconciliation import AskedCharge
from billing.store.tables import Event, Subscription
from billing.store.writes import Author, Change, change, note

_TYPE = EventType.CHARGE_MISMATCH


def name_mismatch(engine: Engine, charge: AskedCharge, difference: str, *, park: bool, now: datetime) -> bool:
    """Write down how a charge's payment differs (``now``: UTC), and park its subscription; say whether it is news.

    What a person has seen and released is not parked again for the same difference.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [charge.subscription_id])
        if _was_named(tx, charge, difference):
            return False
        data = {"gateway_payment_id": charge.gateway_payment_id, "difference": difference}
        note(tx, charge.subscription_id, Note(_TYPE, data), author, subject=("charge", str(charge.id)))
        if park:
            _park(tx, charge, f"payment {charge.gateway_payment_id}: {difference}"[:500], author)
    return True


def _was_named(tx: Connection, charge: AskedCharge, difference: str) -> bool:
    told = select(col(Event.data)).where(
        col(Event.subject_type) == "charge", col(Event.subject_id) == str(charge.id), col(Event.type) == _TYPE
    )
    return any(data.get("difference") == difference for data in tx.execute(told).scalars())


def _park(tx: Connection, charge: AskedCharge, why: str, author: Author) -> None:
    query = select(col(Subscription.state), col(Subscription.parked_reason))
    row = tx.execute(query.where(col(Subscription.id) == charge.subscription_id)).one()
    if row.state in ENDED_SUBSCRIPTIONS or row.parked_reason is not None:
        return
    change(tx, Subscription, [Change(charge.subscription_id, row.state, {"parked_reason": why})])
    subject = ("subscription", str(charge.subscription_id))
    note(tx, charge.subscription_id, Note(EventType.SUBSCRIPTION_PARKED, {"reason": why}), author, subject=subject)
