"""Stories of webhooks that do not come in: nothing is lost by it, and somebody is told."""

from datetime import timedelta

from harness import open_inbox

from billing.domain.door import DoorState, state_of
from billing.operations.webhooks import keep_refusals
from billing.store.door import load_door


def door(world):
    with world.engine.database.snapshot() as tx:
        return load_door(tx, world.now)


def subscribe_all(world, *names):
    for who in names:
        world.subscribe(who)


def test_payments_that_were_settled_without_their_webhook_show_that_the_door_is_shut(world):
    subscribe_all(world, "kim", "lee", "park", "choi")
    world.wait(minutes=16)
    assert door(world).announced == (False,) * 4
    assert door(world).last_arrival is None
    assert state_of(door(world), world.now) is DoorState.SHUT
    with open_inbox(world):
        subscribe_all(world, *(f"new-{number}" for number in range(5)))
        world.wait(minutes=16)
    assert door(world).announced == (True,) * 5 + (False,) * 4
    assert state_of(door(world), world.now) is DoorState.DOUBTFUL


def test_a_webhook_that_is_not_late_yet_is_not_missed(world):
    subscribe_all(world, "kim", "lee", "park")
    assert door(world).announced == ()
    assert state_of(door(world), world.now) is DoorState.UNTRIED


def test_that_a_payment_began_is_not_that_it_ended(world):
    with open_inbox(world):
        world.sandbox("PUT", "webhooks", {"events": ["payment_pending"]})
        world.subscribe()
    world.wait(minutes=16)
    assert world.rows("SELECT * FROM webhook") != []
    assert door(world).announced == (False,)


def test_what_is_a_week_old_says_nothing_about_today(world):
    world.subscribe()
    world.go_to(world.now + timedelta(days=8))
    assert door(world).announced == ()


def test_refusals_are_added_up_in_one_row_for_each_reason(world):
    keep_refusals(world.engine, {"wrong_signature": 2, "no_signature": 1}, now=world.now)
    began = world.now
    world.wait(hours=1)
    keep_refusals(world.engine, {"wrong_signature": 40}, now=world.now)
    told = {each.why: (each.number, each.first_at, each.last_at) for each in door(world).refused}
    assert told == {"wrong_signature": (42, began, world.now), "no_signature": (1, began, began)}
