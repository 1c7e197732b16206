"""The course of a world, drawn from its seed: who subscribes to what, and what befalls whom when."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from billing.domain.cases import LateEnrolment, Policy
from billing.domain.days.renewing import CatchUp
from billing.domain.dunning import DunningPolicy, EndOfLadder
from billing.operations.engine import Reconciling, Rules
from tests.simulation.clerk import Clerk
from tests.simulation.faults import ACCOUNT_FAULTS
from tests.simulation.people import Operator, Person
from tests.simulation.wire import CHANNEL

if TYPE_CHECKING:
    from tests.simulation.world import World

# Plan, how long it is lived with under faults, and how long the healing takes.
PLANS: Final = (("daily", 6, 3), ("weekly", 30, 16), ("monthly", 110, 34), ("trial", 26, 16))
_SHORT_LADDER: Final = ((1, time(10)), (2, time(17)))
DOWNTIMES: Final = (1, 6, 31, 80, 240, 1080, 9600)
"""Hours: from one to four hundred days."""
MOST_HOURS_TO_CATCH_UP_ALL: Final = 240
"""Under ``catch_up = all`` every period missed is charged, one a day: more would outlast the healing."""


def draw_rules(rng: random.Random) -> Rules:
    """Return the configuration of a world."""
    dunning = DunningPolicy(end=rng.choice(list(EndOfLadder)), technical_tries=rng.choice((40, 40, 3)))
    if rng.random() < 0.6:
        dunning = replace(dunning, ladder=_SHORT_LADDER)
    return Rules(
        settlement=Policy(dunning=dunning, late_enrolment=rng.choice(list(LateEnrolment))),
        catch_up=rng.choice(list(CatchUp)),
        batch=rng.choice((500, 2)),
        reconciling=Reconciling(channel_id=CHANNEL),
        turn=timedelta(days=1),  # it is measured by the machine's clock, which must not steer a world
    )


def plan_course(world: "World", rng: random.Random) -> tuple[datetime, timedelta]:
    """Write the course of a world; return when its faults end and how long the healing is."""
    plan, days, heals = rng.choice(PLANS)
    start = world.clock.now
    end = start + timedelta(days=days)

    def some_day(first: float = 0.0, last: float = 1.0) -> datetime:
        return start + (end - start) * rng.uniform(first, last)

    for number in range(rng.choice((1, 1, 1, 1, 2, 3))):
        person = Person(world, number, plan, rng)
        world.people.append(person)
        world.course.at(start + timedelta(minutes=rng.choice((0, 0, 7, 900))), person.enrol)
        for _ in range(rng.randint(1, 4)):
            world.course.at(some_day(0.05), person.look_after)
        if plan == "trial":
            world.course.at(start + timedelta(days=rng.uniform(0.5, 4)), person.consent)
        if world.dice.strikes("wallet_cut"):
            world.course.at(some_day(0.1), lambda person=person: world.outcomes.cut(person.email))
    operator = Operator(world, rng)
    world.operator = operator
    if world.dice.strikes("operators"):
        _repeat(world, [some_day() for _ in range(rng.randint(3, 10))], operator.meddle)
        if rng.random() < 0.2:
            world.course.at(start + timedelta(minutes=rng.choice((1, 3, 10))), operator.meddle)
    _repeat(world, [some_day(0.1) for _ in range(rng.randint(1, 5))], operator.clear_up)
    _draw_disasters(world, rng, some_day)
    # Drawn last and by dice of its own, so that a world without a clerk stays what its seed always was.
    clerk = Clerk(world, random.Random(f"{world.seed}/clerk"))
    _repeat(world, [start + (end - start) * share for share in clerk.hours()], clerk.tidy)
    for share, act in world.foreigner.acts():
        world.course.at(start + (end - start) * share, act)
    account = random.Random(f"{world.seed}/account")
    if account.random() < ACCOUNT_FAULTS["misconfigured"]:
        length = (end - start) * account.choice((0.05, 0.3, 0.6))
        world.course.at(
            start + (end - start) * account.uniform(0.05, 0.5), lambda: world.outcomes.account_breaks(length)
        )
    return end, timedelta(days=heals)


def _draw_disasters(world: "World", rng: random.Random, some_day: Callable[..., datetime]) -> None:
    if world.dice.strikes("downtime"):
        hours = [h for h in DOWNTIMES if world.rules.catch_up is not CatchUp.ALL or h <= MOST_HOURS_TO_CATCH_UP_ALL]
        length = timedelta(hours=rng.choice(hours))
        world.course.at(some_day(0.1), lambda: world.go_down(length))
    if world.dice.strikes("outage"):
        length = timedelta(minutes=rng.choice((2, 45, 600, 2600)))
        world.course.at(some_day(), lambda: world.gateway_goes_down(length))
    if world.dice.strikes("clock_step"):
        role, minutes = rng.choice(("daemon-1", "daemon-2", "api", "operator")), rng.choice((-60, -4, 4, 60))
        at = some_day(0.0, 0.8)
        world.course.at(at, lambda: world.step_clock(role, timedelta(minutes=minutes)))
        world.course.at(at + timedelta(days=rng.uniform(0.1, 9)), lambda: world.step_clock(role, timedelta(0)))
    if world.dice.strikes("restore"):
        at, age = some_day(0.2), timedelta(minutes=rng.choice((5, 60, 600, 1200, 2000, 4400)))
        world.course.at(at - age, world.back_up)
        world.course.at(at, world.restore)


def _repeat(world: "World", instants: list[datetime], act: Callable[[], None]) -> None:
    for instant in instants:
        world.course.at(instant, act)
