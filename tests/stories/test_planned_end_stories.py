"""Stories of planned ends and pauses whose day came while no daemon ran: they hold at every door."""

from datetime import date
from uuid import UUID

import pytest
from harness import WEB, email

from billing.operations.consent import record_consent
from billing.operations.engine import Conflict
from billing.operations.manage import (
    cancel_at,
    cancel_at_period_end,
    cancel_now,
    pause,
    pause_at_period_end,
    resume,
    undo_cancel,
    undo_pause,
)
from billing.operations.parking import park_subscription, release_subscription
from billing.operations.re_enrol import re_enrol
from billing.operations.retry_charge import retry_invoice

KIM = email("kim")
ACTS = {
    "undo": lambda world, ident: undo_cancel(world.engine, ident, now=world.now),
    "a later day": lambda world, ident: cancel_at(world.engine, ident, on=date(2027, 5, 1), reason=None, now=world.now),
    "period end": lambda world, ident: cancel_at_period_end(world.engine, ident, reason=None, now=world.now),
    "pause": lambda world, ident: pause(world.engine, ident, resume_at=None, now=world.now),
    "pause later": lambda world, ident: pause_at_period_end(world.engine, ident, resume_at=None, now=world.now),
    "new source": lambda world, ident: re_enrol(world.engine, ident, WEB, now=world.now),
}


def _records(world):
    rows = world.rows("SELECT starts_on, ends_on, kind, reason FROM day_record ORDER BY starts_on")
    return [tuple(str(value) for value in row.values()) for row in rows]


def _its_end_came_while_no_daemon_ran(world):
    subscription = world.subscribe()
    cancel_at_period_end(world.engine, subscription, reason="moving", now=world.now)
    world.go_to("2027-03-20 12:00")
    return subscription


@pytest.mark.parametrize("act", ACTS)
def test_an_end_whose_day_has_come_is_an_end(world, act):
    subscription = _its_end_came_while_no_daemon_ran(world)
    with pytest.raises(Conflict, match="canceled"):
        ACTS[act](world, subscription)
    world.live_through("2027-04-02 12:00")
    assert (world.state(), len(world.captured())) == ("canceled", 1)


def test_a_trial_whose_end_has_come_takes_no_consent(world):
    subscription = world.subscribe(plan="trial")
    cancel_at(world.engine, subscription, on=date(2027, 2, 10), reason=None, now=world.now)
    world.go_to("2027-02-12 12:00")
    with pytest.raises(Conflict, match="canceled"):
        record_consent(world.engine, subscription, now=world.now)
    world.live_through("2027-03-12 12:00")
    assert world.state() == "canceled"


def test_a_debt_is_not_charged_behind_the_end(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-02-28 14:00")
    cancel_at(world.engine, subscription, on=date(2027, 3, 2), reason=None, now=world.now)
    world.go_to("2027-03-05 12:00")
    debt = UUID(str(world.rows("SELECT id FROM invoice WHERE state = 'open'")[0]["id"]))
    with pytest.raises(Conflict):
        retry_invoice(world.engine, debt, now=world.now)
    assert len(world.captured()) == 1


def test_what_is_set_aside_ends_on_its_day_and_is_not_released(world):
    subscription = world.subscribe()
    park_subscription(world.engine, subscription, "looked into", world.now)
    cancel_at_period_end(world.engine, subscription, reason=None, now=world.now)
    world.go_to("2027-03-05 12:00")
    with pytest.raises(Conflict, match="ended"):
        release_subscription(world.engine, subscription, "done", world.now)


def _its_pause_came_while_no_daemon_ran(world):
    subscription = world.subscribe()
    pause_at_period_end(world.engine, subscription, resume_at=None, now=world.now)
    world.go_to("2027-03-20 12:00")
    return subscription


@pytest.mark.parametrize(
    "act",
    [
        lambda world, ident: undo_pause(world.engine, ident, now=world.now),
        lambda world, ident: pause(world.engine, ident, resume_at=None, now=world.now),
        lambda world, ident: pause_at_period_end(world.engine, ident, resume_at=None, now=world.now),
    ],
)
def test_a_pause_whose_day_has_come_is_a_pause(world, act):
    subscription = _its_pause_came_while_no_daemon_ran(world)
    with pytest.raises(Conflict, match="paused"):
        act(world, subscription)
    world.sweep()
    assert (world.state(), _records(world)) == ("paused", [])


def test_who_resumes_from_a_pause_that_no_daemon_began_is_billed_from_that_day(world):
    subscription = _its_pause_came_while_no_daemon_ran(world)
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-22 12:00")
    assert _records(world) == [("2027-02-28", "2027-03-20", "none", "paused")]
    paid = world.rows("SELECT period_start FROM invoice WHERE state = 'paid' ORDER BY period_start")
    assert [str(row["period_start"]) for row in paid] == ["2027-01-31", "2027-03-20"]


def test_who_leaves_in_a_pause_that_no_daemon_began_owes_nothing(world):
    subscription = _its_pause_came_while_no_daemon_ran(world)
    cancel_now(world.engine, subscription, reason=None, now=world.now)
    world.live_through("2027-04-02 12:00")
    assert (world.state(), len(world.captured()), _records(world)) == ("canceled", 1, [])
