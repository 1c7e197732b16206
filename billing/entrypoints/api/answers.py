"""What answers hold. Amounts are in minor units; dates are days in the subscription's zone, ends exclusive."""

from datetime import date, datetime, timedelta
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from billing.domain.states import SourceState, SubscriptionState
from billing.operations.renew_due import CONSENT_WINDOW
from billing.store.columns import AnyRow
from plans.calendar import Interval, IntervalUnit, nth_period

_S = SubscriptionState
_LIVE = (_S.TRIALING, _S.ACTIVE, _S.PAST_DUE, _S.PAUSED, _S.UNPAID)


class PriceAnswer(BaseModel):
    version: int
    amount_minor: int
    currency: str
    interval: IntervalUnit
    interval_count: int


class PeriodAnswer(BaseModel):
    start: date
    end: date


class ConsentAnswer(BaseModel):
    """The days on which consent to the end of the trial counts, and when it was given."""

    opens: date
    closes: date
    given_at: datetime | None


class SubscriptionAnswer(BaseModel):
    """``paid_through`` is the first day that is not paid for; ``next_due_at`` is null when no renewal will come."""

    id: UUID
    customer_reference: str
    plan: str
    plan_name: str
    price: PriceAnswer
    state: SubscriptionState
    current_period: PeriodAnswer | None
    paid_through: date | None
    next_due_at: datetime | None
    next_attempt_at: datetime | None
    consent: ConsentAnswer | None
    cancel_at: datetime | None
    canceled_at: datetime | None
    cancel_reason: str | None
    resume_at: datetime | None
    source_state: SourceState | None
    needs_re_enrolment: bool
    parked_reason: str | None
    zone: str
    created_at: datetime

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        """Return the answer for a row of :mod:`billing.store.subscription_views`."""
        stops = [at for at in (row.cancel_at, row.pause_at) if at is not None]
        renews = row.state in (_S.TRIALING, _S.ACTIVE) and all(row.next_due_at < at for at in stops)
        return cls(
            id=row.id,
            customer_reference=row.customer,
            plan=row.plan_code,
            plan_name=row.plan_name,
            price=PriceAnswer(
                version=row.version,
                amount_minor=row.amount_minor,
                currency=row.currency,
                interval=row.interval_unit,
                interval_count=row.interval_count,
            ),
            state=row.state,
            current_period=_period(row),
            paid_through=row.paid_through,
            next_due_at=row.next_due_at if renews else None,
            next_attempt_at=row.next_attempt_at,
            consent=_consent(row) if row.state is _S.TRIALING else None,
            cancel_at=row.cancel_at,
            canceled_at=row.canceled_at,
            cancel_reason=row.cancel_reason,
            resume_at=row.resume_at,
            source_state=row.source_state,
            needs_re_enrolment=row.state in _LIVE
            and (row.source_state is not SourceState.ACTIVE or bool(row.waits_for_agreement)),
            parked_reason=row.parked_reason,
            zone=row.zone,
            created_at=row.created_at,
        )


def _period(row: AnyRow) -> PeriodAnswer | None:
    """Return the period that was billed last, or the trial."""
    if row.billed_index >= 0:
        period = nth_period(row.anchor, Interval(row.interval_unit, row.interval_count), row.billed_index)
        return PeriodAnswer(start=period.start, end=period.end)
    start = row.created_at.astimezone(ZoneInfo(row.zone)).date()
    in_trial = row.state in (_S.INCOMPLETE, _S.TRIALING) and start < row.anchor
    return PeriodAnswer(start=start, end=row.anchor) if in_trial else None


def _consent(row: AnyRow) -> ConsentAnswer:
    closes = row.anchor - timedelta(days=1)
    return ConsentAnswer(opens=row.anchor - CONSENT_WINDOW, closes=closes, given_at=row.consented_at)
