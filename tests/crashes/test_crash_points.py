"""Kill anywhere: every flow dies at every statement, commit and gateway call, and ends as if it had not."""

from collections.abc import Iterable
from itertools import count
from typing import Any

import pytest
from crashing import Boundaries, heal, make_mortal, survive
from flows import FLOWS, Flow, leave, outcome_of
from harness import World, fresh_world
from soundness import assert_sound

pytestmark = pytest.mark.timeout(1800)  # many deaths in one test; each takes a tenth of a second


def _die(world: World, boundaries: Boundaries, flow: Flow, who: str, at: int | None) -> bool:
    """Live through a flow that dies at its ``at``-th boundary; return whether it got that far."""
    flow.prepare(world, who)
    boundaries.arm(at)
    died = survive(world, boundaries, lambda: flow.act(world, who))
    boundaries.arm(None)
    return died


def _live_on(world: World, flow: Flow, who: str) -> None:
    flow.afterwards(world, who)
    heal(world)


def _without_a_crash(world: World, boundaries: Boundaries, flow: Flow) -> tuple[dict, list[str]]:
    flow.prepare(world, "nobody")
    boundaries.arm(None)
    flow.act(world, "nobody")
    passed = boundaries.passed
    boundaries.arm(None)
    _live_on(world, flow, "nobody")
    expected = outcome_of(world, "nobody")
    leave(world, "nobody")
    return expected, passed


def _crash_at(world: World, boundaries: Boundaries, flow: Flow, places: Iterable[int], expected: dict) -> int:
    """Die at each of these boundaries, once; return how often it died, up to the first time it did not."""
    deaths = 0
    for at in places:
        who = f"u{at}"
        died = _die(world, boundaries, flow, who, at)
        _live_on(world, flow, who)
        assert outcome_of(world, who) == expected, f"{flow.name} died at boundary {at}"
        leave(world, who)
        if deaths % 12 == 0:
            assert_sound(world, at_rest=True)
        if not died:
            break
        deaths += 1
    assert_sound(world, at_rest=True)
    return deaths


def _die_everywhere(sandbox: Any, database_url: str, flow: Flow) -> None:
    with fresh_world(sandbox.url, database_url) as world:
        boundaries = make_mortal(world)
        expected, passed = _without_a_crash(world, boundaries, flow)
        deaths = _crash_at(world, boundaries, flow, count(1), expected)
        assert abs(deaths - len(passed)) <= 5  # every boundary there is, until the act ran through


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_process_that_dies_anywhere_leaves_nothing_that_the_next_one_does_not_finish(sandbox, sqlite_url, flow):
    _die_everywhere(sandbox, sqlite_url, flow)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_nor_does_one_that_dies_anywhere_on_postgresql(sandbox, postgres_url, flow):
    _die_everywhere(sandbox, postgres_url, flow)


@pytest.mark.parametrize(
    "name", ["renewal", "look_up_and_resend", "refund", "refund_resent", "look_up_of_two_payments"]
)
def test_a_process_that_dies_again_while_it_heals_what_the_first_death_left_heals_all_the_same(
    sandbox, sqlite_url, name
):
    flow = next(each for each in FLOWS if each.name == name)
    with fresh_world(sandbox.url, sqlite_url) as world:
        boundaries = make_mortal(world)
        expected, passed = _without_a_crash(world, boundaries, flow)
        deaths = 0
        for first in range(2, len(passed), 5):
            for second in range(3 + first % 7, 90, 19):
                who = f"u{first}-{second}"
                _die(world, boundaries, flow, who, first)
                boundaries.arm(second)
                deaths += survive(world, boundaries, lambda who=who: _live_on(world, flow, who))
                boundaries.arm(None)
                _live_on(world, flow, who)
                assert outcome_of(world, who) == expected, f"{name} died at {first} and healing at {second}"
                leave(world, who)
        assert_sound(world, at_rest=True)
        assert deaths > 10
