"""The one row that says whose database this is, whether charging is allowed, and what time it is."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import Connection, Select, select, update
from sqlmodel import col

from billing.store.installation_tables import Installation
from billing.store.tables import Event
from billing.store.writes import insert_rows

_ZONES_AHEAD: Final = timedelta(days=1)
"""A period begins by its own zone's calendar, which may be a day ahead of UTC's."""
GAP: Final = timedelta(minutes=2)
"""Daemons give a sign of life every few seconds; longer silence is a downtime, or a copy that is so much older."""


@dataclass(frozen=True, slots=True)
class InstallationRow:
    """What the row says. ``stopped_because`` and ``held_until`` keep charges from being sent."""

    id: UUID
    secret: bytes
    fingerprint: str | None
    stopped_because: str | None
    held_until: datetime | None
    held_because: str | None
    allowed_at: datetime | None
    is_careful: bool
    clock: datetime | None
    alive_at: datetime | None
    doubted_until: datetime | None
    doubted_since: datetime | None

    @property
    def why_stopped(self) -> str | None:
        """Say why charging is stopped until somebody allows it again, or None. It is told to whoever would charge."""
        return None if self.stopped_because is None else f"charging is stopped: {self.stopped_because}"

    def why_not_charge(self, now: datetime) -> str | None:
        """Say why no charge may be sent at ``now`` (UTC), or None."""
        if self.why_stopped is not None:
            return self.why_stopped
        if self.held_until is not None and now < self.held_until:
            return f"charging is held until {self.held_until.isoformat()}: {self.held_because}"
        return None

    def as_of(self, now: datetime) -> Self:
        """Return the row as a daemon would leave it that noticed, at ``now`` (UTC), that no daemon has been seen.

        Doors other than the daemon's may be the first to act on an older copy. Signs of life are of the machine's time,
        so that a test clock shows no silence; a daemon that starts compares that clock with the gateway's.
        """
        gap = self.gap_at(now) if self.clock is None else None
        if gap is None:
            return self
        since, until = self.doubt_with(now - gap, now)
        return replace(self, doubted_since=since, doubted_until=until)

    def gap_at(self, machine_now: datetime) -> timedelta | None:
        """Return how far the last sign of life is from an instant of the machine (UTC); None: no further than usual."""
        if self.alive_at is None or abs(machine_now - self.alive_at) <= GAP:
            return None
        return abs(machine_now - self.alive_at)

    def doubt_with(self, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        """Return from when until when (UTC) there is doubt, if there is from ``since`` until ``until``, too."""
        return min(since, self.doubted_since or since), max(until, self.doubted_until or until)

    def is_doubted(self, period_start: date, paid_through: date | None = None) -> bool:
        """Say whether charges of a period may have been sent by a later state of this database, which was lost.

        So may those of another period that begins behind ``paid_through``, the end of the days that are known as paid.
        """
        if self.doubted_until is None:
            return False
        last = self.doubted_until.date() + _ZONES_AHEAD
        return period_start <= last or (paid_through is not None and paid_through <= last)

    def __repr__(self) -> str:
        return f"InstallationRow({self.id})"  # never the secret


# Built once: every sweep and every request reads it, and to build it costs more than to run it.
_THE_ROW: Final[Select[*tuple[Any, ...]]] = select(
    col(Installation.id),
    col(Installation.secret),
    col(Installation.fingerprint),
    col(Installation.stopped_because),
    col(Installation.held_until),
    col(Installation.held_because),
    col(Installation.allowed_at),
    col(Installation.is_careful),
    col(Installation.clock),
    col(Installation.alive_at),
    col(Installation.doubted_until),
    col(Installation.doubted_since),
)


class NoInstallation(LookupError):
    """The database is not set up; run `billing migrate`."""


def load_installation(tx: Connection) -> InstallationRow:
    """Return the installation.

    :raises NoInstallation: the database is not set up.
    """
    row = tx.execute(_THE_ROW).one_or_none()
    if row is None:
        raise NoInstallation(str(NoInstallation.__doc__))
    return InstallationRow(*row)


def create_installation(tx: Connection, *, id_: UUID, secret: bytes, now: datetime) -> None:
    """Set the database up, once."""
    insert_rows(tx, Installation, [{"singleton": 1, "id": id_, "secret": secret, "created_at": now}])


def stop_charging(tx: Connection, because: str) -> None:
    """Throw the stop switch: nothing is charged until :func:`allow_charging`."""
    tx.execute(update(Installation).values(stopped_because=because[:500]))


def hold_charging(tx: Connection, until: datetime, because: str) -> None:
    """Send no charge before ``until`` (UTC)."""
    tx.execute(update(Installation).values(held_until=until, held_because=because[:500]))


def stop_charging_on_evidence(tx: Connection, because: str) -> bool:
    """Throw the stop switch unless it is thrown, and be careful once charging is allowed. Say whether it was thrown."""
    thrown = update(Installation).where(col(Installation.stopped_because).is_(None))
    return tx.execute(thrown.values(stopped_because=because[:500], is_careful=True)).rowcount == 1


def allow_charging(tx: Connection, now: datetime) -> None:
    """Release the stop switch and any hold, at an instant (UTC)."""
    tx.execute(update(Installation).values(stopped_because=None, held_until=None, held_because=None, allowed_at=now))


def end_caution(tx: Connection) -> None:
    """Charge as fast as ever again: somebody was captured since charging was allowed."""
    tx.execute(update(Installation).values(is_careful=False))


def was_allowed_since(tx: Connection, since: datetime) -> bool:
    """Say whether a person released the stop switch at or after an instant (UTC)."""
    allowed = select(col(Event.id)).where(col(Event.type) == "installation.charging_allowed", col(Event.at) >= since)
    return tx.execute(allowed.limit(1)).first() is not None


def set_clock(tx: Connection, clock: datetime | None) -> None:
    """Move the test clock, or give time back to the machine with None."""
    tx.execute(update(Installation).values(clock=clock))


def keep_alive(tx: Connection, machine_now: datetime) -> None:
    """Write down that a daemon worked on this database at an instant of the machine's time (UTC)."""
    tx.execute(update(Installation).values(alive_at=machine_now))


def doubt(tx: Connection, since: datetime, until: datetime) -> None:
    """Look up every charge of a period that began by ``until`` before it is sent for the first time.

    Attempts may be forgotten that were made from ``since`` on; both are UTC, engine time.
    """
    tx.execute(update(Installation).values(doubted_since=since, doubted_until=until))
