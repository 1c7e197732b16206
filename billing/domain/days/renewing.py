"""Subscription + today → the period to bill now, and what becomes of periods that an outage left unbilled."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from billing.domain.days.records import DayKind, DayRecord, UnbilledReason, forgiven_between
from billing.domain.days.schedule import BillingSchedule, due_at
from billing.domain.quiet_hours import ChargeWindow
from plans.calendar import Period, period_index


class CatchUp(StrEnum):
    """What becomes of periods that passed in an outage: the engine was down, charging stopped, or the plan paused."""

    LATEST = "latest"
    """Bill the period that contains today; the earlier ones are forgiven."""
    ALL = "all"
    """Bill the last few missed periods, too, oldest first, one a day. A daily plan is billed as by LATEST."""
    HOLD = "hold"
    """Bill nothing until a person decides."""


@dataclass(frozen=True, slots=True)
class CatchUpPolicy:
    """``most_missed`` periods, at most, are billed late by ALL."""

    catch_up: CatchUp = CatchUp.LATEST
    most_missed: int = 3


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An open invoice for a period.

    ``is_untried``: no charge was ever made for it, so that it is nobody's debt yet. ``is_billed_late``: its days are
    recorded as days of an outage that are billed, by policy or because a person decided so. ``lost_spans``: its days
    that gave no access, oldest first.
    """

    id: UUID
    period: Period
    is_untried: bool
    is_billed_late: bool = False
    lost_spans: tuple[DayRecord, ...] = ()


def waits_for_debt(schedule: BillingSchedule, owed: Sequence[OpenInvoice]) -> bool:
    """Say whether the last period that has an invoice is a debt, so that none is billed before that is paid."""
    last = (each for each in owed if each.period.end == schedule.next_start)
    return any(not each.is_untried or each.is_billed_late for each in last)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Bill ``period`` now, and ``late`` before it, oldest first, one a day. ``next_due_at`` (UTC): the one after it.

    ``forgiven_invoices`` are open invoices that are not charged any more. ``records``: what the days of an outage are.
    """

    index: int
    period: Period
    next_due_at: datetime
    late: tuple[Period, ...] = ()
    forgiven_invoices: tuple[UUID, ...] = ()
    records: tuple[DayRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldForDecision:
    """More than one period has passed and the policy asks for a person. Access ends with the first of them."""

    missed: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class WaitForTheDebt:
    """The last period is still being charged for: none is billed after it until that has come to an end."""


def plan_renewal(
    schedule: BillingSchedule,
    *,
    today: date,
    owed: Sequence[OpenInvoice] = (),
    policy: CatchUpPolicy,
    window: ChargeWindow,
) -> Renewal | HoldForDecision | WaitForTheDebt | None:
    """Return what to bill on ``today``, or None when the next period has not begun. ``owed``: the open invoices."""
    if today < schedule.next_start:
        return None
    if waits_for_debt(schedule, owed):
        return WaitForTheDebt()
    untried = sorted((each for each in owed if each.is_untried), key=lambda each: each.period.start)
    following, current = schedule.billed_index + 1, period_index(schedule.anchor, schedule.interval, today)
    unissued = tuple(schedule.period(index) for index in range(following, current))
    missed = (*(each.period for each in untried), *unissued)
    if missed and policy.catch_up is CatchUp.HOLD:
        return HoldForDecision(missed)
    bills_late = policy.catch_up is CatchUp.ALL and not schedule.is_daily
    late = missed[-policy.most_missed :] if bills_late and policy.most_missed > 0 else ()
    forgiven = missed[: len(missed) - len(late)]
    recorded = [each.period for each in untried if each.is_billed_late]
    return Renewal(
        index=current,
        period=schedule.period(current),
        next_due_at=due_at(schedule, current + 1, window),
        late=tuple(each for each in late if each in unissued),
        forgiven_invoices=tuple(each.id for each in untried if each.period in forgiven),
        records=(
            *(each for span in _spans(forgiven) for each in forgiven_in_outage(*span, untried)),
            *(_late(*span) for span in _spans([each for each in late if each not in recorded])),
        ),
    )


def owed_on(
    schedule: BillingSchedule,
    today: date,
    *,
    owed: Sequence[OpenInvoice] = (),
    policy: CatchUpPolicy,
    is_set_aside: bool = False,
) -> Period | None:
    """Return the period that is owed on ``today`` though it has no invoice yet, or None: what the next sweep will bill.

    Of one that waits for a person's decision (``is_set_aside``, or by policy) that is the first unbilled period only.
    """
    if today < schedule.next_start or waits_for_debt(schedule, owed):
        return None
    current = schedule.period(period_index(schedule.anchor, schedule.interval, today))
    if not is_set_aside and policy.catch_up is not CatchUp.HOLD:
        return current
    is_first = not owed and current.start == schedule.next_start
    return current if is_first else None


def forgiven_in_outage(start: date, end: date, untried: Sequence[OpenInvoice]) -> Iterator[DayRecord]:
    """Yield what days are that an outage left unbilled: forgiven, but for those on which an invoice gave no access.

    ``untried``: the open invoices for these days, or for others beside them, that nobody was charged for.
    """
    lost = tuple(sorted((lost for each in untried for lost in each.lost_spans), key=lambda lost: lost.start))
    return forgiven_between(start, end, UnbilledReason.OUTAGE, lost=lost)


def _late(start: date, end: date) -> DayRecord:
    return DayRecord(start, end, DayKind.OWED, UnbilledReason.OUTAGE)


def _spans(periods: Sequence[Period]) -> Iterator[tuple[date, date]]:
    """Yield the first day of these periods and the day after the last, once for those that follow each other."""
    start = end = None
    for period in periods:
        if start is not None and end is not None and period.start != end:
            yield start, end
            start = None
        start, end = start or period.start, period.end
    if start is not None and end is not None:
        yield start, end
