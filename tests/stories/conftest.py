"""Every story is told with a witness at the gateway, and the books are checked when it has been told.

Each is told on SQLite and PostgreSQL, and once more against a sandbox that demands and withholds all that the real
gateway may (``[strict]``, on SQLite); what makes no sense there is listed in :mod:`not_strict`.
"""

from dataclasses import replace

import pytest
from harness import Witness, World, fresh_world, open_inbox
from not_strict import NOT_STRICT
from soundness import assert_sound


def pytest_collection_modifyitems(config, items):
    left_out = [each for each in items if _is_strict(each) and each.originalname in NOT_STRICT]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [each for each in items if each not in left_out]


def _is_strict(item):
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return "strict" in (params.get("world"), params.get("sqlite_world"))


def _watched(made: World) -> World:
    made.engine = replace(made.engine, gateway=Witness(made.engine.gateway, made.engine.database))
    return made


@pytest.fixture(params=["sqlite", "postgres", "strict"])
def world(sandbox, request):
    strict = request.param == "strict"
    url = request.getfixturevalue("sqlite_url" if strict else f"{request.param}_url")
    yield from _told(sandbox.url, url, request, strict=strict)


@pytest.fixture(params=["sqlite", "strict"])
def sqlite_world(sandbox, sqlite_url, request):
    yield from _told(sandbox.url, sqlite_url, request, strict=request.param == "strict")


def _told(sandbox_url, database_url, request, *, strict):
    failed = request.session.testsfailed
    with fresh_world(sandbox_url, database_url, strict=strict) as made:
        yield _watched(made)
        if request.session.testsfailed == failed:
            assert_sound(made)


@pytest.fixture
def inbox(world):
    """The sandbox sends its webhooks to the world's engine."""
    with open_inbox(world) as opened:
        yield opened
