"""A daemon that dies while it notices an older copy leaves the gap to the next one."""

from datetime import timedelta
from itertools import count

import pytest
from crashing import make_mortal, survive
from harness import fresh_world

from billing.operations.doubt import notice_a_gap
from billing.store.installation import keep_alive, load_installation


@pytest.fixture(params=["sqlite", "postgres"])
def world(sandbox, request):
    with fresh_world(sandbox.url, request.getfixturevalue(f"{request.param}_url")) as made:
        yield made


def test_wherever_a_daemon_dies_that_notices_a_gap_the_next_one_notices_it(world):
    boundaries = make_mortal(world)
    for at in count(1):
        world.now += timedelta(days=2)
        with world.engine.database.transaction() as tx:
            keep_alive(tx, world.now - timedelta(hours=1))
        boundaries.arm(at)
        died = survive(world, boundaries, lambda: notice_a_gap(world.engine, now=world.now, machine_now=world.now))
        boundaries.arm(None)
        notice_a_gap(world.engine, now=world.now, machine_now=world.now)
        with world.engine.database.snapshot() as tx:
            assert load_installation(tx).doubted_until == world.now, f"died at boundary {at}"
        if not died:
            break
    assert at > 5, "it died before, in and after both of its writes"
