"""When a wallet may be charged: at an hour of the billing zone, and never in the quiet hours of the wallet's own.

KakaoPay tops up its money from a bank account at charge time, and banks close
around midnight KST (KakaoPay code list: 23:30-00:35), so nothing is sent then.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

WALLET_ZONE: Final = "Asia/Seoul"
"""Where the banks behind a wallet close, whatever zone a subscription is billed in."""
_WALLET: Final = ZoneInfo(WALLET_ZONE)


@dataclass(frozen=True, slots=True)
class ChargeWindow:
    """``opens`` is a time in the billing zone, the quiet hours in :data:`WALLET_ZONE`.

    The quiet hours may cross midnight; their end is exclusive.
    """

    opens: time = time(10, 0)
    jitter: timedelta = timedelta(minutes=30)
    quiet_from: time = time(23, 20)
    quiet_until: time = time(0, 40)

    def is_quiet(self, at: time) -> bool:
        """Say whether a wallet must be left alone at this wall-clock time of :data:`WALLET_ZONE`."""
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= at < self.quiet_until
        return at >= self.quiet_from or at < self.quiet_until


def outside_quiet_hours(instant: datetime, window: ChargeWindow) -> datetime:
    """Return ``instant``, or the UTC instant at which the quiet hours around it end."""
    local = instant.astimezone(_WALLET)
    if not window.is_quiet(local.time()):
        return instant
    day = local.date()
    if local.time() >= window.quiet_until:
        day += timedelta(days=1)
    return _at(day, window.quiet_until, _WALLET)


def charge_slot(day: date, at: time, zone: str, window: ChargeWindow, spread_by: UUID) -> datetime:
    """Return the UTC instant on ``day`` at which to charge: ``at`` in ``zone`` plus this subscription's own jitter.

    An hour that lies in the quiet hours is moved behind them first, so that the jitter spreads those slots, too; or
    before them, if they last into the next day: a slot is on its day, so that a daily plan is charged every day.
    The jitter is a function of the subscription, so a slot computed twice is the same slot.
    """
    local, tomorrow = ZoneInfo(zone), _at(day + timedelta(days=1), time(), ZoneInfo(zone))
    share = int.from_bytes(hashlib.sha256(spread_by.bytes).digest()[:4], "big") / 2**32
    opens = outside_quiet_hours(_at(day, at, local), window)
    if opens >= tomorrow:
        opens = _before_quiet_hours(opens, window) - window.jitter
    spread = min(window.jitter, tomorrow - opens)
    slot = outside_quiet_hours(opens + timedelta(seconds=int(spread.total_seconds() * share)), window)
    return slot if slot < tomorrow else _before_quiet_hours(slot, window)


def _before_quiet_hours(end: datetime, window: ChargeWindow) -> datetime:
    """Return the last second before the quiet hours that end at ``end`` (UTC)."""
    local = end.astimezone(_WALLET)
    day = local.date() if window.quiet_from <= window.quiet_until else local.date() - timedelta(days=1)
    return _at(day, window.quiet_from, _WALLET) - timedelta(seconds=1)


def _at(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
