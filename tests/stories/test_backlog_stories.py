"""Stories of many renewals that are due at once: batches that overlap, take turns, and leave off when told to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.operations.renew_due import renew_due

NAMES = ("kim", "lee", "park", "choi", "jung", "kang", "yoon")
DUE = "2027-02-28 12:00"


@pytest.fixture
def backlog(world):
    """Seven subscribers whose second month is due, and batches of two."""
    for name in NAMES:
        world.subscribe(name)
    world.with_rules(batch=2)
    world.go_to(DUE)
    return world


def renewals(world):
    return world.scalar("SELECT count(*) FROM charge WHERE kind = 'renewal'")


def test_batches_that_overlap_charge_everybody_once(backlog):
    backlog.with_rules(batches_at_once=3)
    tally = backlog.sweep()
    backlog.wait(minutes=5)
    assert tally.problems == []
    assert backlog.states("invoice") == ["paid"] * 14
    assert renewals(backlog) == 7
    assert len(backlog.captured()) == 14


def test_what_is_left_when_a_turn_is_over_is_charged_by_the_sweeps_that_follow(backlog):
    backlog.with_rules(turn=timedelta(0))
    charged = []
    for _ in range(6):
        backlog.sweep()
        charged.append(renewals(backlog))
    backlog.wait(minutes=5)
    assert charged == [2, 4, 6, 7, 7, 7]
    assert len(backlog.captured()) == 14


def test_charges_take_turns_too_when_all_their_invoices_are_written(backlog):
    renew_due(backlog.engine, now=backlog.now)
    backlog.with_rules(turn=timedelta(0))
    charged = []
    for _ in range(5):
        backlog.sweep()
        charged.append(renewals(backlog))
    backlog.wait(minutes=5)
    assert charged == [2, 4, 6, 7, 7]
    assert len(backlog.captured()) == 14


def test_an_engine_that_is_told_to_stop_finishes_its_batch_and_leaves_the_rest(backlog):
    working = backlog.engine
    backlog.engine = replace(working, stopping=lambda: renewals(backlog) > 0)
    backlog.sweep()
    assert renewals(backlog) == 2
    assert "sending" not in backlog.states("charge")
    backlog.engine = working
    backlog.sweep()
    backlog.wait(minutes=5)
    assert len(backlog.captured()) == 14


def test_a_batch_is_no_larger_than_what_the_gateways_limit_lets_out_in_time(backlog, monkeypatch):
    backlog.with_rules(batch=500)
    asked = []

    def a_few(_gateway, seconds):
        asked.append(seconds)
        return 3

    monkeypatch.setattr("billing.gateway.client.CheckoutGateway.payments_in", a_few)
    sizes = []
    created = backlog.engine.gateway.create_payments

    def counted(requests, **when):
        sizes.append(len(requests))
        return created(requests, **when)

    monkeypatch.setattr(backlog.engine.gateway, "create_payments", counted)
    backlog.sweep()
    assert sizes == [3, 3, 1]
    assert set(asked) == {10}
