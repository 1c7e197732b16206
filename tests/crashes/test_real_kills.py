"""The same with a real process that really dies: SIGKILL at a boundary of a sweep or of a refund."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from crashing import heal
from flows import FLOWS, leave, outcome_of
from harness import email, fresh_world
from soundness import assert_sound

KILLING = Path(__file__).with_name("killing.py")


@pytest.fixture(scope="module")
def executioner():
    """Start the process whose children are killed; return what hands it a job."""
    command = [sys.executable, str(KILLING)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def execute(**job):
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield execute
        process.stdin.close()


@pytest.mark.parametrize(
    ("name", "act", "kills"), [("renewal", "sweep", 5), ("look_up_and_resend", "sweep", 3), ("refund", "refund", 3)]
)
def test_a_process_killed_by_the_system_leaves_nothing_that_the_next_one_does_not_finish(
    sandbox, database_url, executioner, name, act, kills
):
    flow = next(each for each in FLOWS if each.name == name)
    with fresh_world(sandbox.url, database_url) as world:

        def live_through(who, at):
            flow.prepare(world, who)
            world.engine.database.dispose()
            reference = next(p["reference"] for p in world.payments() if p["wallet"] == email(who))
            charge = world.scalar("SELECT id FROM charge WHERE reference = :reference", reference=reference)
            job = {"database": database_url, "sandbox": sandbox.url, "now": world.now.isoformat(), "at": at}
            code = executioner(**job, act=act, subject=str(charge))
            flow.afterwards(world, who)
            heal(world)
            told = outcome_of(world, who)
            leave(world, who)
            return code, told

        boundaries, expected = live_through("nobody", None)
        assert boundaries > 10
        for kill in range(kills):
            at = (2 * kill + 1) * boundaries // (2 * kills)
            assert live_through(f"u{at}", at) == (-9, expected), f"killed at boundary {at} of {boundaries}"
        assert_sound(world, at_rest=True)
