"""When a charge that has ended is looked at again: what ended may be captured late, or a second time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from billing.domain.polling import poll_again_at
from billing.domain.states import ChargeEvent, ChargeState

AFTER_A_FAILURE: Final = (
    timedelta(hours=1),
    timedelta(days=1),
    *(timedelta(weeks=week) for week in range(1, 13)),
    *(timedelta(weeks=week) for week in range(16, 53, 4)),
)
"""After a decline, an expiry, a cancellation or proven absence: the capture that follows may lose its webhook.

Weekly for twelve weeks, then every four weeks for as long as a capture may be refunded, a year.
"""
AFTER_A_RESEND: Final = (timedelta(hours=1), timedelta(days=1))
"""After a capture of a charge that was sent more than once: each send may have made a payment."""
AFTER_A_REFUSAL: Final = (timedelta(hours=1), timedelta(days=1))
"""After a refund was refused: the gateway may have made it all the same."""
MOST_TRIES: Final = 12
"""Looks that prove nothing, in a row, before the next recheck is waited for instead (about two days)."""
SETTLED_LOOKS: Final = 28
"""How often a refund that a person settled as failed is asked about, with :func:`poll_again_at`: about a week."""
_SERIES: Final[Mapping[ChargeState, tuple[timedelta, ...]]] = {
    ChargeState.DECLINED: AFTER_A_FAILURE,
    ChargeState.EXPIRED: AFTER_A_FAILURE,
    ChargeState.CANCELED: AFTER_A_FAILURE,
    ChargeState.REFUSED: AFTER_A_FAILURE,
    ChargeState.CAPTURED: AFTER_A_RESEND,
}


def first_recheck(series: tuple[timedelta, ...], now: datetime) -> dict[str, object]:
    """Return the columns that begin a series of rechecks of a charge that ends at ``now`` (UTC)."""
    return {"check_at": now + series[0], "checks": 0, "absent_looks": 0}


def after_failure(event: ChargeEvent, now: datetime) -> dict[str, object]:
    """Return the columns a failed charge is closed with. One that surely never left made no payment to look for."""
    if event is ChargeEvent.REFUSE:
        return {"check_at": None}
    return first_recheck(AFTER_A_FAILURE, now)


def next_recheck(state: ChargeState, checks: int, now: datetime) -> dict[str, object]:
    """Return the columns after a recheck that showed nothing new; ``checks`` were made before it.

    Instants of a series count from the end of the charge, so what passed already is not waited for again.
    """
    series = _SERIES[state]
    done = checks + 1
    at = now + series[done] - series[checks] if done < len(series) else None
    return {"check_at": at, "checks": done, "absent_looks": 0}


def try_again(state: ChargeState, checks: int, tries: int, now: datetime) -> dict[str, object]:
    """Return the columns after a recheck that proved nothing, the ``tries + 1``-th in a row."""
    if tries + 1 >= MOST_TRIES:
        return next_recheck(state, checks, now)
    return watch(tries, now)


def watch(looks: int, now: datetime) -> dict[str, object]:
    """Return the columns that keep an open payment of a closed charge watched, ever more slowly and without end."""
    return {"check_at": poll_again_at(now, looks), "absent_looks": looks + 1}


def next_look_at_refused(checks: int, now: datetime) -> dict[str, object]:
    """Return the columns of a refused refund after ``checks`` looks that showed nothing; at 0 it begins (UTC)."""
    waits = AFTER_A_REFUSAL[checks] if checks < len(AFTER_A_REFUSAL) else None
    return {"check_at": None if waits is None else now + waits, "checks": checks}


def next_look_at_settled(looks: int, now: datetime, *, is_open: bool) -> dict[str, object]:
    """Return the columns of a refund that was settled as failed by hand, after a look that showed no success (UTC).

    ``looks`` were made before. While the gateway says that it is open it is asked about without end, ever more slowly.
    """
    if looks >= SETTLED_LOOKS and not is_open:
        return {"check_at": None}
    return {"check_at": poll_again_at(now, looks), "checks": looks + 1}
