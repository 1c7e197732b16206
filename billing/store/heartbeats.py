"""Daemons' signs of life, by which people and the test clock see what they have done."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlmodel import col

from billing.store.installation_tables import Daemon
from billing.store.writes import insert_rows


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """``swept_at`` is engine time, ``seen_at`` machine time; ``acts`` is what the last sweep did."""

    name: str
    started_at: datetime
    swept_at: datetime
    seen_at: datetime
    sweeps: int
    acts: int


def announce_daemon(tx: Connection, name: str, engine_now: datetime, machine_now: datetime) -> None:
    """Write down that a daemon has started and has not swept yet."""
    tx.execute(delete(Daemon).where(col(Daemon.name) == name))
    row = {"name": name, "started_at": machine_now, "swept_at": engine_now, "seen_at": machine_now}
    insert_rows(tx, Daemon, [row])


def beat(tx: Connection, name: str, engine_now: datetime, machine_now: datetime, acts: int) -> None:
    """Write down that a sweep at ``engine_now`` has ended."""
    tx.execute(
        update(Daemon)
        .where(col(Daemon.name) == name)
        .values(swept_at=engine_now, seen_at=machine_now, sweeps=col(Daemon.sweeps) + 1, acts=acts)
    )


def has_swept(tx: Connection, engine_now: datetime) -> bool:
    """Say whether a daemon has ended a sweep at ``engine_now`` (UTC) or later that found nothing more to do."""
    swept = select(col(Daemon.name)).where(col(Daemon.swept_at) >= engine_now, col(Daemon.acts) == 0).limit(1)
    return tx.execute(swept).first() is not None


def retire_daemon(tx: Connection, name: str) -> None:
    """Remove a daemon that ends in good order."""
    tx.execute(delete(Daemon).where(col(Daemon.name) == name))


def load_heartbeats(tx: Connection) -> list[Heartbeat]:
    """Return every daemon that was announced and not retired."""
    rows = tx.execute(
        select(
            col(Daemon.name),
            col(Daemon.started_at),
            col(Daemon.swept_at),
            col(Daemon.seen_at),
            col(Daemon.sweeps),
            col(Daemon.acts),
        ).order_by(col(Daemon.name))
    )
    return [Heartbeat(*row) for row in rows]
