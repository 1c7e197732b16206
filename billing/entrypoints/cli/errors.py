"""Turns whatever goes wrong into one clear sentence."""

from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from billing.config.source import BadConfig
from billing.domain.states import IllegalMove
from billing.entrypoints.cli.exits import TRACE_VARIABLE
from billing.entrypoints.ready import NotReady
from billing.operations.engine import Refusal
from billing.store.database import is_conflict
from billing.store.database_url import BadDatabaseUrl
from billing.store.installation import NoInstallation
from billing.store.lookups import NoSuchThing
from billing.store.writes import StaleRow
from plans.catalog import CatalogError

_AS_IT_IS = (BadConfig, BadDatabaseUrl, CatalogError, NoInstallation, NoSuchThing, NotReady, Refusal)


def sentence_of(error: Exception) -> str:
    """Return what a person should read about an error."""
    if isinstance(error, _AS_IT_IS):
        return str(error)
    if isinstance(error, (StaleRow, IllegalMove)) or is_conflict(error):
        return "somebody else changed it at the same moment, so nothing was done; run it again"
    if isinstance(error, SQLAlchemyError):
        return _of_database(error)
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    told = f"{type(error).__name__}: {str(error)[:300]}"
    return f"unexpected: {told} (this is a bug; {TRACE_VARIABLE}=1 shows where it happened)"


def _of_database(error: SQLAlchemyError) -> str:
    first = (str(getattr(error, "orig", None) or error).strip().splitlines() or ["no reason told"])[0][:300]
    if isinstance(error, ProgrammingError) or "no such table" in first:
        return f"the database has another schema than this program ({first}); run `billing migrate`"
    if isinstance(error, IntegrityError):
        return f"the database refused it, so nothing was done ({first})"
    if isinstance(error, OperationalError):
        return f"the database cannot be used ({first}); check database.url, or run `billing doctor`"
    return f"the database failed ({first}); run `billing doctor`"
