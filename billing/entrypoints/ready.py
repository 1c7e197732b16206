"""Refuses to work on a database that is not ready, with what to do about it."""

from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from billing.bootstrap import facts_of
from billing.config.settings import Settings
from billing.operations.engine import Engine
from billing.operations.set_up import Readiness, readiness, what_differs
from billing.store.binding import Differences

log = structlog.get_logger()


class NotReady(RuntimeError):
    """The database is not one this daemon may work on; the text says what to do."""


REMEDIES: Final = {
    Readiness.EMPTY: "the database is empty; run `billing migrate`",
    Readiness.OLD_SCHEMA: "the database has an older schema; run `billing migrate`",
    Readiness.ANOTHER_SCHEMA: "the database has a newer schema than this program; install the newer version",
    Readiness.COPIED: (
        "the database belongs to another installation (it was copied, or the configuration changed): nothing is "
        "charged. If it was moved on purpose, and the old one is gone, run `billing go --adopt`"
    ),
}


def require_ready(settings: Settings, engine: Engine) -> None:
    """Do nothing on a database that is ready.

    :raises NotReady: it is not; the text names the remedy.
    """
    facts = facts_of(settings)
    state = readiness(engine.database, facts)
    if state is Readiness.COPIED:
        raise NotReady(f"{REMEDIES[state]}. {in_words(what_differs(engine.database, facts))}")
    if state is not Readiness.READY:
        raise NotReady(REMEDIES[state])


def in_words(differing: Differences) -> str:
    """Return what differs from what a database was bound to, in a sentence each."""
    if all(was is None for was, _ in differing.values()):
        return "It was not bound to anything by this version: run `billing migrate`"
    told = (
        f"the {name} was {was or 'not known'}, and is {now or 'not told'}" for name, (was, now) in differing.items()
    )
    return "; ".join(told)


def why_not_ready(settings: Settings, engine: Engine) -> str | None:
    """Say in words why the database cannot be worked on now, or None when it can."""
    database = engine.database
    try:
        state = readiness(database, facts_of(settings))
    except SQLAlchemyError as error:
        log.error("database_unavailable", error=type(error).__name__)
        return "the database cannot be reached"
    return None if state is Readiness.READY else REMEDIES[state]
