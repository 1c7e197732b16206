"""Stories of agreements that are revoked from our side, because the subscriber or the shop wants it."""

from uuid import UUID

import pytest
from harness import WEB, email

from billing.operations.engine import Conflict, NotFound
from billing.operations.manage import cancel_now, pause
from billing.operations.re_enrol import re_enrol
from billing.operations.revoke_source import revoke_source
from billing.store.invariants import check_all
from billing.store.source_reports import list_sources

KIM = email("kim")


def _source(world, number=0):
    return UUID(str(world.rows("SELECT id FROM source ORDER BY created_at")[number]["id"]))


def _revoke(world, number=0):
    return revoke_source(world.engine, _source(world, number), reason="cut in the app", now=world.now)


def _asked(world):
    return [(row["subject_type"], row["data"]) for row in world.events("subscription.re_enrolment_requested")]


def test_a_revocation_asks_for_a_new_wallet_at_once_and_takes_no_paid_day_away(world):
    subscription = world.subscribe()
    told = _revoke(world)
    assert (told.state.value, told.subscriptions) == ("revoked", (subscription,))
    assert "Checkout.com revoked it" in told.gateway
    assert world.state() == "active"
    assert len(_asked(world)) == 1
    assert _asked(world)[0][0] == "subscription"
    assert "agreement_gone" in str(_asked(world)[0][1])
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.live_through("2027-03-01 00:00")
    assert world.state() == "active"
    assert sorted(world.states("source")) == ["active", "replaced"]
    assert [payment["amount"] for payment in world.captured()] == [9900, 9900]


def test_what_is_owed_is_not_tried_any_more_and_is_given_up_at_the_end_of_the_ladder(world):
    world.subscribe()
    world.wallet(KIM, default="20051")
    world.live_through("2027-02-28 12:00")
    _revoke(world)
    invoice = world.rows("SELECT * FROM invoice ORDER BY period_start")[-1]
    assert (invoice["next_attempt_at"], invoice["state"]) == (None, "open")
    assert len(_asked(world)) == 1
    world.live_through("2027-03-14 12:00")
    assert (world.state(), len(world.sent())) == ("past_due", 2)
    world.live_through("2027-03-16 12:00")
    assert (world.state(), len(world.sent())) == ("canceled", 2)
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []


def test_an_active_subscription_whose_invoice_waits_to_be_tried_falls_past_due(world):
    world.subscribe()
    world.wallet(KIM, script=["20096"])
    world.live_through("2027-02-28 09:59")
    world.sweep_at(world.next_due())
    world.wait(minutes=3)
    assert (world.state(), world.states("charge")[-1]) == ("active", "declined")
    _revoke(world)
    assert world.state() == "past_due"
    world.live_through("2027-03-01 12:00")
    assert len(world.sent()) == 2


def test_a_new_agreement_after_a_revocation_pays_what_is_owed(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-02-28 12:00")
    _revoke(world)
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.wait(minutes=2)
    assert (world.state(), world.states("invoice")) == ("active", ["paid", "paid"])


def test_an_agreement_that_is_being_charged_is_not_revoked(world):
    world.subscribe()
    world.live_through("2027-02-28 09:59")
    world.sweep_at(world.next_due())
    with pytest.raises(Conflict, match="under way"):
        _revoke(world)
    assert world.states("source") == ["active"]
    world.wait(minutes=5)
    assert _revoke(world).state.value == "revoked"


def test_a_second_revocation_changes_nothing_here(world):
    world.subscribe()
    _revoke(world)
    assert _revoke(world).subscriptions == ()
    assert len(world.events("source.revoked")) == 1
    assert len(_asked(world)) == 1
    with pytest.raises(NotFound):
        revoke_source(world.engine, UUID(int=1), reason="x", now=world.now)


def test_a_pause_is_told_that_it_needs_a_wallet_and_what_has_ended_is_not(world):
    paused, ended = world.subscribe(), world.subscribe("lee")
    pause(world.engine, paused, resume_at=None, now=world.now)
    cancel_now(world.engine, ended, reason="enough", now=world.now)
    assert {told for number in (0, 1) for told in _revoke(world, number).subscriptions} == {paused}
    assert (world.state(paused), world.state(ended)) == ("paused", "canceled")


def test_agreements_are_listed_with_how_many_subscriptions_use_them(world):
    world.subscribe()
    world.subscribe("lee")
    _revoke(world)
    with world.engine.database.snapshot() as tx:
        assert {row.customer_reference: row.subscriptions for row in list_sources(tx, 9)} == {
            "cust-kim": 1,
            "cust-lee": 1,
        }
        (revoked,) = list_sources(tx, 9, states=["revoked"])
        assert [row.id for row in list_sources(tx, 9, customer_reference=revoked.customer_reference)] == [revoked.id]
        assert list_sources(tx, 9, ids=[revoked.id]) == [revoked]
