"""Turns whatever goes wrong into one clear sentence."""

from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

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

_NEXT_STEPS = (
    ("unable to open", "see that the folder of database.url exists and that this user may write there"),
    ("readonly", "let this user write the database file and its folder: `ls -l` them"),
    ("read-only", "the server takes no writes: point database.url at the primary"),
    ("disk is full", "make room on the disk of the database, then run it again"),
    ("no space left", "make room on the disk of the database, then run it again"),
    ("malformed", "the file is damaged: stop every process, and restore the newest backup"),
    ("not a database", "database.url names a file that is no database: correct it"),
    ("connection refused", "start PostgreSQL, or correct host and port in database.url"),
    ("could not translate host", "correct the host in database.url"),
    ("resolve host", "correct the host in database.url"),
    ("password", "correct user and password: BILLING_DATABASE__URL, or PGPASSFILE"),
    ("too many", "the server has no connection left: lower database.pool_size, or raise its max_connections"),
    ("does not exist", "correct the name in database.url, or make it: `createdb`"),
    ("timeout", "see that the server runs and that no firewall is in between"),
    ("permission denied", "grant this user the tables: make it the owner of the database"),
)
_ELSE = "see that the server runs and that database.url names it; its own log says more"


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
    step = next((step for words, step in _NEXT_STEPS if words in first.lower()), _ELSE)
    return f"the database cannot be used ({first}); {step}"
