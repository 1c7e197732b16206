"""A retry that a person asks for. It is no step of the ladder and does not move it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from billing.domain.quiet_hours import outside_quiet_hours
from billing.domain.states import SourceState, SubscriptionState
from billing.operations.engine import Engine, NotFound, Refusal, Tally
from billing.operations.send_charges import send_charges
from billing.operations.start_charges import start_charges
from billing.store.billable import load_chargeable
from billing.store.installation import load_installation
from billing.store.tables import Charge
from billing.store.writes import Author

_RETRYABLE = (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE, SubscriptionState.UNPAID)


def retry_charge(engine: Engine, charge_id: UUID, *, now: datetime) -> Tally:
    """Charge the invoice of a failed charge again, now (UTC).

    :raises NotFound: there is no such charge. :raises Refusal: it cannot be charged now; the text says why.
    """
    since = engine.gateway.moment()
    with engine.database.transaction() as tx:
        invoice_id = tx.execute(select(col(Charge.invoice_id)).where(col(Charge.id) == charge_id)).scalar_one_or_none()
        if invoice_id is None:
            raise NotFound(f"there is no charge {charge_id}")
        installation = load_installation(tx)
        why_not = installation.why_not_charge(now)
        if why_not is not None:
            raise Refusal(why_not)
        rows = load_chargeable(tx, [invoice_id], skip_locked=False)
        if not rows:
            raise Refusal(
                "its invoice cannot be charged: it is not open, another charge is under way, "
                "or its subscription or plan is set aside"
            )
        row = rows[0]
        if row.subscription_state not in _RETRYABLE:
            raise Refusal(f"subscription {row.subscription_id} is {row.subscription_state.value}")
        if row.source_state is not SourceState.ACTIVE:
            state = row.source_state.value if row.source_state else "missing"
            raise Refusal(f"its KakaoPay agreement is {state}: the subscriber must re-enrol")
        allowed = outside_quiet_hours(now, row.zone, engine.rules.window)
        if allowed != now:
            raise Refusal(f"wallets are not charged now (bank maintenance); try again after {allowed.isoformat()}")
        started = start_charges(tx, installation, rows, Author(engine.actor, now), automatic=False)
    return send_charges(engine, started, now, since=since)
