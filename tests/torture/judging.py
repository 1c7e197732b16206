"""What must be true after a torture, by the sandbox's ledger and a plain calendar, not by what the engine says."""

import base64
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from enrolling import Person
from harness import KST
from sqlalchemy import Connection

from billing.store.public_facts import list_recorded, told_outside


def captured_periods(ledger: Sequence[dict[str, Any]]) -> Counter[tuple[str, date]]:
    """Return how often each (subscription, first day of a period) was captured, net of what was given back."""
    counted: Counter[tuple[str, date]] = Counter()
    for payment in ledger:
        if payment["captured"] > payment["refunded"]:
            _installation, subscription, day, _attempt = payment["reference"].split("-")
            counted[_uuid(subscription), datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()] += 1
    return counted


def told_outside_since(tx: Connection, event: int) -> dict[str, dict[str, Any]]:
    """Return what the feed tells behind an event, by ids."""
    recorded = list_recorded(tx, after=event, up_to=2**62, limit=1_000_000)
    return {str(told["id"]): told for told in told_outside(tx, recorded).values()}


def due_periods(person: Person, anchor: date, until: datetime) -> list[date]:
    """Return the first day of each period that was due, at 10:30 in Seoul at the latest, before ``until`` (UTC)."""
    days = _months(anchor) if person.plan == "basic" else (anchor + timedelta(weeks=number) for number in range(10_000))
    found = []
    for day in days:
        latest = datetime(day.year, day.month, day.day, 10, 30, tzinfo=KST)
        if day != anchor and latest >= until:
            return found
        found.append(day)
    raise AssertionError("unreachable: periods have no end")


def _months(anchor: date) -> Iterator[date]:
    for number in range(1200):
        year, month = divmod(anchor.year * 12 + anchor.month - 1 + number, 12)
        yield date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def _uuid(text: str) -> str:
    padded = text.upper() + "=" * (-len(text) % 8)
    return str(UUID(bytes=base64.b32decode(padded)))
