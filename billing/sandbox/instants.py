"""Instants are whole microseconds since 1970 UTC; on the wire they are ISO 8601."""

from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

Instant: TypeAlias = int

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def seconds(amount: float) -> int:
    """Microseconds in so many seconds."""
    return round(amount * SECOND)


def render(instant: Instant, digits: int = 7, *, zone: str = "Z") -> str:
    """ISO 8601 with 0 to 7 fractional digits: Checkout.com's own pages show all of these."""
    moment = _EPOCH + timedelta(microseconds=instant)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{moment.microsecond:06d}0"[:digits]
    return f"{text}.{fraction}{zone}" if digits else f"{text}{zone}"


def parse(text: str) -> Instant:
    """Read an ISO instant that names its zone.

    :raises ValueError: it is not one, or its zone is missing.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant needs its zone, as in 2026-01-31T09:00:00Z")
    return (moment - _EPOCH) // _MICROSECOND
