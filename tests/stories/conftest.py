"""Every story is told with a witness at the gateway, and the books are checked when it has been told.

Each is told on SQLite and PostgreSQL, and once more against a sandbox that demands and withholds all that the real
gateway may (``[strict]``, on SQLite); what makes no sense there is listed in :mod:`not_strict`.

Engines are kept from story to story, each of which finds a fresh database under the same URL: to compile their
statements anew would take a fifth of the time.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from databases import IN_MEMORY, fresh_postgres
from harness import Witness, World, fresh_world, open_inbox
from not_strict import NOT_STRICT
from soundness import assert_sound

from billing.store.database import Database


@pytest.hookimpl(tryfirst=True)  # before those with another mark are left out
def pytest_collection_modifyitems(config, items):
    for each in items:
        if _database_of(each) in ("postgres", "strict"):
            each.add_marker("untraced")  # it is traced on SQLite
    left_out = [each for each in items if _database_of(each) == "strict" and each.originalname in NOT_STRICT]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [each for each in items if each not in left_out]


def _database_of(item):
    """Return where a story is told: sqlite, postgres or strict; None: it has no world."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return params.get("world", params.get("sqlite_world"))


@pytest.fixture(scope="session")
def kept_databases():
    kept = {}
    yield kept
    for database in kept.values():
        database.dispose()


@pytest.fixture(scope="session")
def stories_file():
    """Where the SQLite file of each story is: in memory, for nothing of it survives the story."""
    with tempfile.TemporaryDirectory(prefix="stories-", dir=IN_MEMORY) as folder:
        yield Path(folder) / "billing.db"


@pytest.fixture
def sqlite_url(sqlite_template, stories_file):
    """A fresh, migrated SQLite file, in the place of the last one."""
    for left in stories_file.parent.glob(f"{stories_file.name}*"):
        left.unlink()
    shutil.copy(sqlite_template, stories_file)
    return f"sqlite:///{stories_file}"


@pytest.fixture
def postgres_url(postgres):
    """A fresh, migrated database on PostgreSQL, in the place of the last one."""
    with fresh_postgres(postgres, "stories") as url:
        yield url


def _watched(made: World) -> World:
    made.engine = replace(made.engine, gateway=Witness(made.engine.gateway, made.engine.database))
    return made


@pytest.fixture(params=["sqlite", "postgres", "strict"])
def world(sandbox, kept_databases, request):
    strict = request.param == "strict"
    url = request.getfixturevalue("sqlite_url" if strict else f"{request.param}_url")
    yield from _told(sandbox.url, _kept(kept_databases, url), request, strict=strict)


@pytest.fixture(params=["sqlite", "strict"])
def sqlite_world(sandbox, kept_databases, sqlite_url, request):
    yield from _told(sandbox.url, _kept(kept_databases, sqlite_url), request, strict=request.param == "strict")


def _kept(databases, url):
    if url not in databases:
        databases[url] = Database(url)
    return databases[url]


def _told(sandbox_url, database, request, *, strict):
    failed = request.session.testsfailed
    with fresh_world(sandbox_url, database, strict=strict) as made:
        yield _watched(made)
        if request.session.testsfailed == failed:
            assert_sound(made)


@pytest.fixture
def inbox(world):
    """The sandbox sends its webhooks to the world's engine."""
    with open_inbox(world) as opened:
        yield opened
