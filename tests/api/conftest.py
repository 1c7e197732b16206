"""The API over real HTTP: one server for the run, a fresh database behind it for each test."""

import shutil
from collections.abc import Iterator

import pytest
from api_world import Api, Served, served_api
from harness import fresh_world


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with served_api() as one:
        yield one


@pytest.fixture
def api(served, sqlite_world) -> Iterator[Api]:
    yield served.put(sqlite_world)
    served.app.state.key_ring.write_uses()


@pytest.fixture
def both(served, world) -> Iterator[Api]:
    """The API once on SQLite and once on PostgreSQL."""
    yield served.put(world)
    served.app.state.key_ring.write_uses()


@pytest.fixture(scope="session")
def still(sandbox, sqlite_template, tmp_path_factory) -> Iterator[Api]:
    """A second API, for requests that change nothing."""
    file = shutil.copy(sqlite_template, tmp_path_factory.mktemp("still") / "billing.db")
    with fresh_world(sandbox.url, f"sqlite:///{file}") as world, served_api() as one:
        yield one.put(world)
