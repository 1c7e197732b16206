"""Subscription + now → the period to bill next, and what to do with periods that were missed."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.domain.quiet_hours import ChargeWindow, charge_slot
from plans.calendar import Interval, Period, nth_period, period_index


class CatchUp(StrEnum):
    """What to do with periods that passed while nothing could be billed (an outage)."""

    LATEST = "latest"
    """Bill the period that contains now; earlier ones are recorded as missed."""
    ALL = "all"
    """Bill every missed period, one a day, oldest first."""
    HOLD = "hold"
    """Bill nothing until a person decides."""


@dataclass(frozen=True, slots=True)
class BillingSchedule:
    """What the nth period of a subscription depends on. ``billed_index`` is -1 before the first."""

    subscription_id: UUID
    anchor: date
    interval: Interval
    zone: str
    billed_index: int


@dataclass(frozen=True, slots=True)
class Renewal:
    """Bill ``period`` now. ``next_due_at`` is the UTC instant at which the period after it is due."""

    index: int
    period: Period
    missed: tuple[Period, ...]
    next_due_at: datetime


@dataclass(frozen=True, slots=True)
class HoldForDecision:
    """More than one period has passed and the policy asks for a person."""

    missed: tuple[Period, ...]


def plan_renewal(
    schedule: BillingSchedule, *, now: datetime, catch_up: CatchUp, window: ChargeWindow
) -> Renewal | HoldForDecision | None:
    """Return what to bill at ``now`` (UTC), or None when the next period has not begun in the zone."""
    today = now.astimezone(ZoneInfo(schedule.zone)).date()
    if today < schedule.anchor:
        return None
    current = period_index(schedule.anchor, schedule.interval, today)
    following = schedule.billed_index + 1
    if current < following:
        return None
    missed = tuple(nth_period(schedule.anchor, schedule.interval, index) for index in range(following, current))
    if missed and catch_up is CatchUp.HOLD:
        return HoldForDecision(missed)
    index = following if catch_up is CatchUp.ALL else current
    return Renewal(
        index=index,
        period=nth_period(schedule.anchor, schedule.interval, index),
        missed=() if catch_up is CatchUp.ALL else missed,
        next_due_at=due_at(schedule, index + 1, window),
    )


def due_at(schedule: BillingSchedule, index: int, window: ChargeWindow) -> datetime:
    """Return the UTC instant at which period ``index`` is charged: its first day, in the window."""
    start = nth_period(schedule.anchor, schedule.interval, index).start
    return charge_slot(start, window.opens, schedule.zone, window, schedule.subscription_id)


def poll_again_at(now: datetime, checks: int) -> datetime:
    """Return when to ask the gateway again about an open payment that was asked ``checks`` times.

    A wallet charge should settle in a minute or two (Alipay+ auto-debit orders live one minute),
    so the first looks come soon; an answer may still come days later, so they never stop.
    """
    steps = (60, 120, 300, 1800, 7200, 21600)
    patient = 28  # about a week of 6-hourly looks
    seconds = steps[min(checks, len(steps) - 1)] if checks < patient else 86400
    return now + timedelta(seconds=seconds)
