"""The schema's versions: which one a database has, and how it gets the newest."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from billing.store.database import Database

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def newest_version() -> str:
    """Return the version this program works with."""
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def version_of(database: Database) -> str | None:
    """Return the version a database has, or None when it is empty."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database, version: str = "head") -> None:
    """Bring a database to a version, the newest by default. Doing it again changes nothing."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.transaction() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
