"""Puts into words what the engine will do with a subscription next, and why nothing if it will do nothing."""

from typing import assert_never
from uuid import UUID

from sqlalchemy import Connection, select, text
from sqlmodel import col

from billing.domain.preview import NextCharge, Preview, WhyNone
from billing.domain.states import ChargeState
from billing.store.reports import ChargeRow, SubscriptionRow, list_charges
from billing.store.sentences import moment
from billing.store.tables import LIVE_CHARGE, Charge


def what_happens_next(tx: Connection, row: SubscriptionRow, coming: Preview, why_stopped: str | None) -> str:
    """Return it as half a sentence. ``why_stopped``: why nothing may be charged at all now, or None."""
    live = _live_charge(tx, row.id)
    if live is not None and row.parked_reason is None:
        return _under_way(live, row.zone)
    if coming.charge is not None:
        return _charge(row, coming.charge)
    return _nothing(row, coming, why_stopped)


def _live_charge(tx: Connection, subscription_id: UUID) -> ChargeRow | None:
    live = select(col(Charge.id)).where(col(Charge.subscription_id) == subscription_id, text(f"charge.{LIVE_CHARGE}"))
    rows = list_charges(tx, 1, ids=list(tx.execute(live).scalars()))
    return rows[0] if rows else None


def _under_way(live: ChargeRow, zone: str) -> str:
    if live.state is ChargeState.PARKED:
        return f"nothing until charge {live.id} is released: it is parked ({live.error})"
    asked = f"; Checkout.com is asked about it on {moment(live.check_at, zone)}" if live.check_at is not None else ""
    return f"charge {live.id} is {live.state.value}{asked}"


def _charge(row: SubscriptionRow, charge: NextCharge) -> str:
    when, then = moment(charge.at, row.zone), _then(row)
    if charge.invoice_id is not None:
        return f"the open invoice is charged on {when}{then}"
    return f"renewal of {charge.amount} on {when}{then}"


def _then(row: SubscriptionRow) -> str:
    return "" if row.cancel_at is None else f"; it ends on {moment(row.cancel_at, row.zone)}"


def _nothing(row: SubscriptionRow, coming: Preview, why_stopped: str | None) -> str:  # noqa: C901, PLR0912 - a table that the types close
    until = moment(coming.until, row.zone) if coming.until is not None else None
    match coming.why_none:
        case WhyNone.PAUSED:
            return (f"it is resumed on {until}" if until else "nothing until it is resumed") + _then(row)
        case WhyNone.PAUSED_FIRST:
            resumed = f"until {moment(row.resume_at, row.zone)}" if row.resume_at is not None else "until it is resumed"
            return f"it is paused on {until}, {resumed}"
        case WhyNone.SOURCE_REQUIRED:
            by = f" by {until}" if until else ""
            return f"the subscriber must make a new KakaoPay agreement{by}{_then(row)}"
        case WhyNone.ENDED | None:
            return "nothing: it has ended"
        case WhyNone.ENDS_FIRST:
            return f"it ends on {until}"
        case WhyNone.INCOMPLETE:
            return f"the first payment must be captured by {until}, or the enrolment expires"
        case WhyNone.CONSENT_REQUIRED:
            return f"the subscriber must agree to be charged, or it ends with the trial on {until}"
        case WhyNone.PARKED:
            return f"nothing until it is released: it is parked ({row.parked_reason})"
        case WhyNone.PLAN_PAUSED:
            return f"nothing until plan {row.plan_code} is resumed: a paused plan renews nobody"
        case WhyNone.CHARGING_STOPPED:
            return f"no charge now: {why_stopped}"
        case WhyNone.CHARGE_UNDER_WAY:
            return "a charge is under way"
        case WhyNone.DECISION_REQUIRED:
            return "nothing: periods passed unbilled, and a person must say which to bill"
        case WhyNone.DUNNING_OVER:
            return "nothing by itself: retry its charge, or let the subscriber make a new agreement"
        case _:
            assert_never(coming.why_none)
