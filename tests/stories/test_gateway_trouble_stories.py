"""Stories of a gateway in trouble: answers lost before and after processing, lagging lists, outages, wrong amounts."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from harness import Witness, email, impatient, kst, utc
from sqlalchemy import text

from billing.bootstrap import make_gateway
from billing.config.settings import GatewaySection, Settings
from billing.operations.parking import park_subscription, release_charge, release_subscription
from billing.operations.plans import pause_plan, resume_plan
from billing.operations.run_due import run_due

KIM = email("kim")


def _renewal(world):
    return world.rows("SELECT * FROM charge WHERE kind = 'renewal' ORDER BY created_at")[-1]


def _renew(world):
    """Live to the sweep that sends the renewal of 28 February; its answer is recorded, its outcome is not known."""
    world.live_through("2027-02-28 10:00")
    due = world.next_due()
    world.sweep_at(due)
    assert len(world.rows("SELECT id FROM charge WHERE kind = 'renewal'")) >= 1


def test_a_500_after_processing_is_looked_up_by_reference_and_never_charged_again(world):
    world.subscribe()
    world.faults(processed_500=1)
    _renew(world)
    assert _renewal(world)["state"] == "unknown"
    world.faults(processed_500=0)
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=5))
    assert _renewal(world)["state"] == "captured"
    assert len(world.sent(_renewal(world)["reference"])) == 1
    assert len(world.captured()) == 2


def test_a_502_before_processing_is_sent_again_under_the_same_key_only_after_two_absent_looks_ten_minutes_apart(world):
    world.subscribe()
    world.faults(unprocessed_502=1)
    _renew(world)
    reference, began = _renewal(world)["reference"], world.now
    world.faults(unprocessed_502=0)
    world.sweep_at(began + timedelta(seconds=30))
    world.sweep_at(began + timedelta(minutes=10, seconds=20))
    assert len(world.sent(reference)) == 1  # absent once is no proof
    world.sweep_at(began + timedelta(minutes=10, seconds=30))
    posts = world.sent(reference)
    assert len(posts) == 2
    assert len({post["idempotency_key"] for post in posts}) == 1
    world.wait(minutes=5)
    assert _renewal(world)["state"] == "captured"
    assert _renewal(world)["attempt_no"] == 1
    assert len(world.captured()) == 2


def test_a_payment_that_the_list_shows_late_is_found_in_the_second_look(world):
    world.subscribe()
    world.faults(list_lag_seconds=300, processed_500=1)
    _renew(world)
    world.faults(processed_500=0)
    world.sweep_at(world.now + timedelta(seconds=31))
    assert _renewal(world)["state"] == "unknown"
    assert _renewal(world)["absent_looks"] == 1
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=5))
    assert _renewal(world)["state"] == "captured"
    assert len(world.sent(_renewal(world)["reference"])) == 1


def test_a_look_up_that_fails_proves_nothing(world):
    world.subscribe()
    world.faults(unprocessed_502=1, read_500=1)
    _renew(world)
    reference = _renewal(world)["reference"]
    world.faults(unprocessed_502=0)
    world.live_through("2027-02-28 18:00")
    assert _renewal(world)["state"] == "unknown"
    assert len(world.sent(reference)) == 1
    world.calm()
    assert _renewal(world)["state"] == "captured"
    assert len(world.captured()) == 2


def test_an_answer_that_never_comes_is_unknown_and_a_copy_that_is_replayed_charges_once(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.faults(processed_timeout=1, timeout_seconds=10)
    with impatient(world):
        _renew(world)
    assert _renewal(world)["state"] == "unknown"
    world.calm()
    assert _renewal(world)["state"] == "captured"
    assert len(world.captured()) == 2


@pytest.mark.parametrize("fault", ["garbage_json", "truncated_body"])
def test_an_answer_that_cannot_be_read_is_looked_up(sqlite_world, fault):
    world = sqlite_world
    world.subscribe()
    world.faults(**{fault: 1})
    _renew(world)
    assert _renewal(world)["state"] == "unknown"
    world.calm()
    assert len(world.captured()) == 2
    assert len(world.sent(_renewal(world)["reference"])) == 1


def test_a_429_is_sent_again_later_and_counts_nothing(world):
    world.subscribe()
    world.faults(rate_limit_429=1)
    _renew(world)
    world.calm()
    assert world.state() == "active"
    assert len(world.captured()) == 2
    assert {row["failures"] for row in world.rows("SELECT failures FROM invoice")} == {0}


def test_an_outage_of_93_minutes_at_the_peak_counts_no_decline_and_everybody_is_charged_once_afterwards(world):
    people = ("kim", "lee", "park", "choi", "jung")
    for who in people:
        world.subscribe(who)
    world.live_through("2027-02-28 09:59")
    world.faults(outage=True)
    world.live_through("2027-02-28 11:33", step=timedelta(minutes=5))
    assert {row["state"] for row in world.rows("SELECT state FROM subscription")} == {"active"}
    world.faults(outage=False)
    world.live_through("2027-02-28 23:00", step=timedelta(minutes=10))
    assert world.states("invoice") == ["paid"] * 10
    assert len(world.captured()) == 10
    assert {row["failures"] for row in world.rows("SELECT failures FROM invoice")} == {0}
    assert {row["attempts"] for row in world.rows("SELECT attempts FROM invoice")} == {1}
    assert world.events("subscription.fell_past_due") == []


def test_a_gateway_that_cannot_be_reached_at_all_holds_charging_and_counts_nothing(world):
    for who in ("kim", "lee"):
        world.subscribe(who)
    reachable = world.engine
    nowhere = make_gateway(Settings(gateway=GatewaySection(base_url="http://127.0.0.1:9", answer_seconds=1)))
    world.engine = replace(reachable, gateway=Witness(nowhere, reachable.database))
    world.live_through("2027-02-28 11:33", step=timedelta(minutes=5))
    assert world.events("installation.charging_held")
    nowhere.close()
    world.engine = reachable
    world.calm()
    assert len(world.captured()) == 4
    assert {row["failures"] for row in world.rows("SELECT failures FROM invoice")} == {0}


def test_a_capture_of_a_wrong_amount_parks_the_charge_and_nothing_more_is_charged(world):
    world.subscribe()
    world.wallet(KIM, script=["wrong_amount:8000"])
    world.live_through("2027-03-05 00:00")
    assert _renewal(world)["state"] == "parked"
    assert "8000 instead of 9900" in _renewal(world)["error"]
    assert len(world.sent()) == 2
    assert world.states("invoice") == ["paid", "open"]
    release_charge(world.engine, UUID(str(_renewal(world)["id"])), "looked at it", world.now)
    assert _renewal(world)["state"] == "unknown"
    world.wait(minutes=1)
    assert _renewal(world)["state"] == "parked"  # the gateway still tells the same
    assert len(world.sent()) == 2


def test_a_charge_that_was_parked_by_a_fault_of_ours_is_settled_when_it_is_released(world):
    world.subscribe()
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-02-28 10:00")
    _renew(world)
    _corrupt(world, "UPDATE subscription SET zone = 'Nowhere/Land'")
    world.wait(minutes=5)
    assert _renewal(world)["state"] == "parked"
    _corrupt(world, "UPDATE subscription SET zone = 'Asia/Seoul'")
    release_charge(world.engine, UUID(str(_renewal(world)["id"])), "the zone was mended", world.now)
    world.wait(minutes=1)
    assert _renewal(world)["state"] == "declined"
    world.live_through("2027-03-02 00:00")
    assert world.state() == "active"


def _corrupt(world, statement):
    with world.engine.database.transaction() as tx:
        tx.execute(text(statement))


@pytest.mark.usefixtures("inbox")
def test_a_second_payment_under_a_reference_is_refunded_and_the_subscription_is_set_aside(world):
    subscription = world.subscribe()
    _renew(world)
    extra = world.post_again(_renewal(world)["reference"])
    world.live_through("2027-02-28 14:00", step=timedelta(minutes=5))
    assert _renewal(world)["state"] == "captured"
    assert _renewal(world)["gateway_payment_id"] != extra
    twice = next(payment for payment in world.payments() if payment["id"] == extra)
    assert (twice["captured"], twice["refunded"]) == (9900, 9900)
    assert "charged twice" in world.subscription()["parked_reason"]
    world.live_through("2027-04-02 00:00")
    assert len(world.captured()) == 2
    release_subscription(world.engine, subscription, "refunded, cause found", world.now)
    world.wait(minutes=1)
    world.live_through("2027-04-03 00:00")
    assert len(world.captured()) == 3


def test_two_payments_under_a_reference_whose_answer_was_lost_are_both_found_by_the_look_up(world):
    world.subscribe()
    world.faults(processed_500=1)
    _renew(world)
    world.faults(processed_500=0)
    world.post_again(_renewal(world)["reference"])
    world.live_through("2027-02-28 18:00", step=timedelta(minutes=10))
    assert len(world.captured()) == 2
    assert world.subscription()["parked_reason"] is not None


@pytest.mark.usefixtures("inbox")
def test_two_payments_whose_webhooks_come_together_before_any_answer_are_told_apart(world):
    world.subscribe()
    world.faults(processed_500=1, settle_seconds_max=1)
    _renew(world)
    world.faults(processed_500=0)
    world.post_again(_renewal(world)["reference"])
    world.go_to(world.now + timedelta(seconds=5))  # every webhook of both has come; none was processed
    world.live_through("2027-02-28 18:00", step=timedelta(minutes=10))
    assert len(world.captured()) == 2
    assert world.subscription()["parked_reason"] is not None


def test_a_resend_waits_while_the_plan_is_paused_or_the_subscription_is_set_aside(world):
    kim = world.subscribe()
    world.faults(unprocessed_502=1)
    _renew(world)
    world.faults(unprocessed_502=0)
    reference = _renewal(world)["reference"]
    pause_plan(world.engine, "basic", now=world.now)
    world.live_through("2027-02-28 15:00")
    sent = len(world.sent(reference))
    assert _renewal(world)["state"] == "unknown"
    park_subscription(world.engine, kim, "look at it", world.now)
    resume_plan(world.engine, "basic", now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-02-28 20:00")
    assert len(world.sent(reference)) == sent == 1
    release_subscription(world.engine, kim, "looked at", world.now)
    world.wait(minutes=1)
    world.live_through("2027-02-28 23:00")
    assert _renewal(world)["state"] == "captured"


def test_a_resend_waits_for_the_end_of_the_quiet_hours(world):
    world.subscribe()
    world.sweep_at("2027-02-28 09:00")
    world.faults(unprocessed_502=1)
    world.sweep_at("2027-02-28 23:15")
    reference = _renewal(world)["reference"]
    world.faults(unprocessed_502=0)
    world.live_through("2027-03-01 00:39", step=timedelta(minutes=3))
    assert len(world.sent(reference)) == 1
    world.live_through("2027-03-01 01:00", step=timedelta(minutes=3))
    assert len(world.sent(reference)) == 2
    assert utc(world.sent(reference)[-1]["at"]) >= kst("2027-03-01 00:40")
    world.wait(minutes=2)
    assert _renewal(world)["state"] == "captured"


def test_another_lookup_of_the_same_charge_by_a_stray_webhook_changes_nothing_when_nothing_is_known(world, inbox):
    world.subscribe()
    world.faults(webhook_lost=1, processed_500=1)
    _renew(world)
    world.faults(processed_500=0)
    post = {
        "id": "evt_made_up",
        "type": "payment_captured",
        "data": {"id": "pay_unknownunknownunknownunk", "reference": _renewal(world)["reference"]},
    }
    inbox.post(world, post)
    world.sweep()
    assert _renewal(world)["state"] == "unknown"
    world.calm()
    assert len(world.captured()) == 2


class _Overtaken:
    """A gateway whose answer to a look-up arrives only after another daemon has swept."""

    def __init__(self, gateway, meanwhile):
        self._gateway = gateway
        self._meanwhile = meanwhile

    def find_by_reference(self, references, **options):
        told = self._gateway.find_by_reference(references, **options)
        if references:
            self._meanwhile()
        return told

    def __getattr__(self, name):
        return getattr(self._gateway, name)


def test_a_charge_that_another_daemon_sent_again_meanwhile_is_not_sent_once_more_on_an_old_proof(world):
    world.subscribe()
    world.faults(unprocessed_502=1)
    _renew(world)
    world.faults(unprocessed_502=0)
    began, whole = world.now, world.engine
    world.sweep_at(began + timedelta(seconds=30))

    def another_daemon_sends_it():
        world.faults(processed_500=1)  # and the key is not remembered
        run_due(whole, now=world.now)
        world.faults(processed_500=0)

    world.engine = replace(whole, gateway=_Overtaken(whole.gateway, another_daemon_sends_it))
    world.sweep_at(began + timedelta(minutes=10, seconds=30))
    world.engine = whole
    assert len(world.sent(_renewal(world)["reference"])) == 2
    world.live_through("2027-02-28 14:00", step=timedelta(minutes=5))
    assert _renewal(world)["state"] == "captured"
    assert len(world.captured()) == 2


def test_a_gateway_that_turns_many_away_for_coming_too_fast_holds_nothing(world):
    for who in ("kim", "lee", "park"):
        world.subscribe(who)
    world.go_to("2027-02-28 12:00")
    world.faults(rate_limit_429=1)
    world.sweep()
    world.sweep()
    assert [row["state"] for row in world.rows("SELECT state FROM charge WHERE kind = 'renewal'")] == ["refused"] * 3
    assert world.events("installation.charging_held") == []
    world.calm()
    assert len(world.captured()) == 6
