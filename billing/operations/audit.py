"""Enters what a person decided that no event tells of, and checks the trail."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from billing.domain.audit import Break, Decision, Entry, first_break
from billing.operations.engine import Engine
from billing.store.audit import enter, walk_entries
from billing.store.audit_guards import made_by_people, missing_guards
from billing.store.database import Database
from billing.store.installation import load_installation


@dataclass(frozen=True, slots=True)
class Head:
    """The number and hash of an entry, as somebody noted them down: ``12:9f86d0…``, at least 8 digits of it."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How many entries hold, the last of them, and where the trail does not hold."""

    entries: int
    head: Entry | None
    broken: Break | None
    missing_guards: list[str]
    """Triggers of the database that refuse changes, and are not there."""


def decided(
    tx: Connection,
    engine: Engine,
    act: str,
    subject: tuple[str, str],
    now: datetime,
    *,
    reason: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """Enter a decision in the trail, if it is a person's engine (``now``: UTC)."""
    enter(tx, Decision(now, engine.actor, act, *subject, reason[:500], dict(details or {})))


def verify_trail(database: Database, noted: Head | None = None) -> Verified:
    """Walk the trail from its beginning. With a ``noted`` head it must still hold that entry: none was cut off."""
    noted_hash: str | None = None
    entered: set[tuple[str, str]] = set()
    with database.snapshot() as tx:
        installation = load_installation(tx).id

        def seen() -> Any:
            nonlocal noted_hash
            for entry in walk_entries(tx):
                if noted is not None and entry.number == noted.number:
                    noted_hash = entry.hash
                entered.add((entry.decision.act, entry.decision.subject_id))
                yield entry

        broken, last = first_break(installation, seen())
        guards, made = missing_guards(tx), made_by_people(tx)
    if broken is None:
        broken = _unexplained(last, {about: by for about, by in made.items() if about not in entered})
    if broken is None and noted is not None:
        broken = _compared(noted, noted_hash)
    return Verified(last.number if last is not None else 0, last, broken, guards)


def _unexplained(last: Entry | None, made: Mapping[tuple[str, str], str]) -> Break | None:
    """Return what is wrong if something is there that only a decision can have made, and no entry says so."""
    if not made:
        return None
    (act, subject), by = min(made.items())
    number = last.number + 1 if last is not None else 1
    return Break(number, f"{by} did {act} {subject}, and no entry says so: entries were cut off")


def _compared(noted: Head, found: str | None) -> Break | None:
    if found is None:
        return Break(noted.number, f"entry {noted.number} was noted, and is not there: the end was cut off")
    if not found.startswith(noted.hash):
        return Break(noted.number, f"entry {noted.number} is another one than was noted: the trail was written anew")
    return None
