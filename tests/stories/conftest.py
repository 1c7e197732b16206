"""Every story is told with a witness at the gateway, and the books are checked when it has been told."""

from dataclasses import replace

import pytest
from harness import Witness, World, fresh_world, open_inbox
from soundness import assert_sound


def _watched(made: World) -> World:
    made.engine = replace(made.engine, gateway=Witness(made.engine.gateway, made.engine.database))
    return made


@pytest.fixture
def world(sandbox, database_url, request):
    failed = request.session.testsfailed
    with fresh_world(sandbox.url, database_url) as made:
        yield _watched(made)
        if request.session.testsfailed == failed:
            assert_sound(made)


@pytest.fixture
def sqlite_world(sandbox, sqlite_url, request):
    failed = request.session.testsfailed
    with fresh_world(sandbox.url, sqlite_url) as made:
        yield _watched(made)
        if request.session.testsfailed == failed:
            assert_sound(made)


@pytest.fixture
def inbox(world):
    """The sandbox sends its webhooks to the world's engine."""
    with open_inbox(world) as opened:
        yield opened
