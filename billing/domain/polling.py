"""When an open payment of the gateway is asked about again."""

from datetime import datetime, timedelta


def poll_again_at(now: datetime, checks: int) -> datetime:
    """Return when to ask the gateway again about an open payment that was asked ``checks`` times.

    A wallet charge should settle in a minute or two (Alipay+ auto-debit orders live one minute),
    so the first looks come soon; an answer may still come days later, so they never stop.
    """
    steps = (60, 120, 300, 1800, 7200, 21600)
    patient = 28  # about a week of 6-hourly looks
    seconds = steps[min(checks, len(steps) - 1)] if checks < patient else 86400
    return now + timedelta(seconds=seconds)
