"""What must hold between settings that are each good by themselves."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from billing.config.kinds import settings_in
from billing.config.problems import Problem
from billing.config.settings import Settings
from billing.domain.quiet_hours import WALLET_ZONE, ChargeWindow

_BY_KEY: Final = {setting.key: setting for setting in settings_in(Settings)}
_DAYS: Final = (datetime(2027, 1, 15, tzinfo=UTC), datetime(2027, 7, 15, tzinfo=UTC))
"""One in winter and one in summer: a zone may have both times."""


def relation_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what does not hold between settings."""
    yield from _hours(settings)
    yield from _amounts(settings)
    yield from _spans(settings)


def _hours(settings: Settings) -> Iterator[Problem]:
    window = settings.window
    quiet = f"the quiet hours, {window.quiet_from} to {window.quiet_until} in {WALLET_ZONE}"
    if _is_quiet(window.opens, settings):
        told = f"window.opens = {window.opens} in {window.zone} lies in {quiet}; choose an hour outside them"
        yield Problem(_BY_KEY["window.opens"], told)
    elif _is_quiet(window.opens, settings, behind=timedelta(minutes=window.jitter_minutes)):
        told = (
            f"window.jitter_minutes = {window.jitter_minutes} from {window.opens} on reaches into {quiet}; "
            "make it shorter, or open earlier"
        )
        yield Problem(_BY_KEY["window.jitter_minutes"], told)
    for step in settings.dunning.ladder:
        if _is_quiet(step.at, settings):
            told = f"dunning.ladder: day {step.day} at {step.at} in {window.zone} lies in {quiet}; choose another hour"
            yield Problem(_BY_KEY["dunning.ladder"], told)


def _is_quiet(at: str, settings: Settings, *, behind: timedelta = timedelta()) -> bool:
    """Say whether an hour of the billing zone lies in the quiet hours, or they begin within ``behind`` of it."""
    window = settings.window
    hours = ChargeWindow(
        quiet_from=time.fromisoformat(window.quiet_from), quiet_until=time.fromisoformat(window.quiet_until)
    )
    for day in _DAYS:
        begins = datetime.combine(day, time.fromisoformat(at), ZoneInfo(window.zone))
        steps = range(int(behind / timedelta(minutes=1)) + 1)
        times = ((begins + timedelta(minutes=each)).astimezone(ZoneInfo(WALLET_ZONE)).time() for each in steps)
        if any(hours.is_quiet(each) for each in times):
            return True
    return False


def _amounts(settings: Settings) -> Iterator[Problem]:
    limits, agreed = settings.limits, settings.enrolment.agreement_amount
    for currency in limits.currencies:
        amount = agreed.get(currency)
        if amount is None:
            continue
        least = max(limits.minimum.get(currency, 1), limits.refund_minimum.get(currency, 1))
        most = limits.maximum.get(currency, amount)
        if not least <= amount <= most:
            told = f"enrolment.agreement_amount.{currency} = {amount} cannot be charged and given back"
            yield Problem(_BY_KEY["enrolment.agreement_amount"], f"{told}: [limits] allows {least} to {most}")


def _spans(settings: Settings) -> Iterator[Problem]:
    daemon, webhooks = settings.daemon, settings.webhooks
    if daemon.stalled_after_seconds <= daemon.tick_seconds:
        told = (
            f"daemon.stalled_after_seconds = {daemon.stalled_after_seconds:g} is not longer than "
            f"daemon.tick_seconds = {daemon.tick_seconds:g}: a daemon that waits would count as stalled"
        )
        yield Problem(_BY_KEY["daemon.stalled_after_seconds"], told)
    if webhooks.keep_days < webhooks.disable_after_days:
        told = (
            f"webhooks.keep_days = {webhooks.keep_days} is shorter than webhooks.disable_after_days = "
            f"{webhooks.disable_after_days}: what an endpoint missed would be forgotten before it is switched off"
        )
        yield Problem(_BY_KEY["webhooks.keep_days"], told)
