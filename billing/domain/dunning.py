"""Failures so far + policy + now → retry at an instant, give up, or ask the subscriber.

Korean practice: D+1, 3, 5, 10 and 14 at 10:00 and 17:00 KST (StepPay, Cafe24).
A technical failure is nobody's fault, so it is retried soon and never counted.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Literal, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.domain.decline_classes import DeclineClass, RetryRule, row_of
from billing.domain.quiet_hours import ChargeWindow, charge_slot, outside_quiet_hours


class EndOfLadder(StrEnum):
    """What becomes of a subscription whose last retry failed."""

    CANCEL = "cancel"
    PAUSE = "pause"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"


@dataclass(frozen=True, slots=True)
class DunningPolicy:
    """The plan of retries. ``ladder`` holds days after the first failure, each with its hour in the zone."""

    ladder: tuple[tuple[int, time], ...] = (
        (1, time(10)),
        (3, time(17)),
        (5, time(10)),
        (10, time(17)),
        (14, time(10)),
    )
    technical_delays: tuple[timedelta, ...] = (
        timedelta(minutes=10),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=6),
    )
    technical_tries: int = 40
    unknown_tries: int = 3
    """After so many failures of an invoice, one without a known reason is not tried again: the subscriber is asked."""
    end: EndOfLadder = EndOfLadder.CANCEL
    window: ChargeWindow = field(default_factory=ChargeWindow)

    @property
    def days(self) -> int:
        """How many days after the first failure the last retry is made."""
        return self.ladder[-1][0]

    def failures_after(self, failures: int, first_failed_on: date, today: date) -> int:
        """Return how many failures count after one more on ``today``, of which ``failures`` counted before.

        The first counts, and after it each step of the ladder whose day has come. An attempt between two steps, as the
        day after a wallet's daily limit, uses up none of them: access was promised until the last one. Nor does one
        behind the last step, as when a subscription is resumed whose ladder is over.
        """
        if failures == 0:
            return 1
        if failures > len(self.ladder):
            return failures
        days, _ = self.ladder[failures - 1]
        return failures + (1 if today >= first_failed_on + timedelta(days=days) else 0)

    def failures_put_off(self, failures: int, first_failed_on: date, until: date) -> int:
        """Return how many failures count once the next attempt is put off to ``until``, as by a monthly limit.

        That attempt stands for every step whose day passes before it, and is the last one if no step is left.
        """
        passed = sum(first_failed_on + timedelta(days=days) < until for days, _ in self.ladder)
        return max(failures, min(1 + passed, len(self.ladder)))


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at this UTC instant."""

    at: datetime
    counted: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The ladder has no step left."""


@dataclass(frozen=True, slots=True)
class AskTheSubscriber:
    """Only the subscriber can help: a new agreement is needed."""


@dataclass(frozen=True, slots=True)
class HoldForPerson:
    """It failed too often through nobody's fault: an operator must look, and no step is counted."""

    reason: str


_Counted = Literal[RetryRule.LADDER, RetryRule.LADDER_THEN_ASK, RetryRule.NEXT_DAY, RetryRule.NEXT_MONTH]
"""Rules whose retry uses up a step of the ladder."""
NextStep = RetryAt | GiveUp | AskTheSubscriber | HoldForPerson


@dataclass(frozen=True, slots=True)
class Failures:
    """What an invoice has been through, the present failure included."""

    counted: int
    technical: int
    first_failed_on: date


def next_step(
    decline: DeclineClass,
    failures: Failures,
    *,
    now: datetime,
    zone: str,
    spread_by: UUID,
    policy: DunningPolicy,
) -> NextStep:
    """Return what follows a failed charge.

    ``now`` is a UTC instant. A step whose day has passed (the engine was down)
    moves to the next day, so that an invoice is tried at most once a day.
    """
    rule = row_of(decline).retry
    match rule:
        case RetryRule.ASK_SUBSCRIBER:
            return AskTheSubscriber()
        case RetryRule.LADDER_THEN_ASK if failures.counted >= policy.unknown_tries:
            return AskTheSubscriber()
        case RetryRule.SOON:
            return _technical_retry(failures, now, policy)
        case RetryRule.LADDER | RetryRule.LADDER_THEN_ASK | RetryRule.NEXT_DAY | RetryRule.NEXT_MONTH:
            if failures.counted > len(policy.ladder):
                return GiveUp()
            day, at = _day_of_retry(rule, failures, now.astimezone(ZoneInfo(zone)).date(), policy)
            return RetryAt(charge_slot(day, at, zone, policy.window, spread_by), counted=True)
        case _:
            assert_never(rule)


def _day_of_retry(rule: _Counted, failures: Failures, today: date, policy: DunningPolicy) -> tuple[date, time]:
    match rule:
        case RetryRule.LADDER | RetryRule.LADDER_THEN_ASK:
            days, at = policy.ladder[failures.counted - 1]
            return max(failures.first_failed_on + timedelta(days=days), today + timedelta(days=1)), at
        case RetryRule.NEXT_DAY:
            return today + timedelta(days=1), policy.window.opens
        case RetryRule.NEXT_MONTH:
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1), policy.window.opens
        case _:
            assert_never(rule)


def _technical_retry(failures: Failures, now: datetime, policy: DunningPolicy) -> NextStep:
    if failures.technical > policy.technical_tries:
        return HoldForPerson(f"{failures.technical} technical failures in a row")
    delay = policy.technical_delays[min(failures.technical, len(policy.technical_delays)) - 1]
    return RetryAt(outside_quiet_hours(now + delay, policy.window), counted=False)
