"""Stories of refunds that the engine owes: tried until the money went back, parked, or settled by a person."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from harness import email, kst, utc
from soundness import assert_sound

from billing.domain.charging import Refused
from billing.operations.engine import BadInput, NotFound, Refusal
from billing.operations.erase_customer import erase_customer
from billing.operations.manage import cancel_now
from billing.operations.obligations import (
    NotOwed,
    park_obligations,
    release_obligations,
    retry_obligation,
    settle_obligation,
)
from billing.operations.parking import release_refund
from billing.operations.reconcile import reconcile
from billing.operations.refund_parked import refund_parked
from billing.operations.request_refund import request_refund
from billing.store.invariants import check_all
from billing.store.obligation_reports import list_obligations, owed_refunds
from billing.store.report_log import list_parked
from billing.store.vital_signs import load_vital_signs
from billing.store.writes import Author

KIM = email("kim")


@pytest.fixture
def surplus(world, inbox):
    """28 February is declined and captured after all a day later, as is its retry: one of two captures must go back."""
    world.inbox = inbox
    world.subscribe()
    world.wallet(KIM, script=["late:30:20051", "ok"])
    return world


def _owed(world):
    (row,) = world.rows("SELECT * FROM refund_obligation")
    return row


def _id(world):
    return UUID(str(_owed(world)["id"]))


def _named(world):
    """Return what verify names of what is owed; nothing else may be wrong."""
    with world.engine.database.snapshot() as tx:
        breaches = check_all(tx, world.now)
    assert {breach.number for breach in breaches} <= {40}, breaches
    return [breach.detail for breach in breaches]


def _kept(world):
    return sum(payment["captured"] - payment["refunded"] for payment in world.captured())


def _refund_days(world):
    """Return the days in Seoul on which refunds were asked for."""
    rows = world.rows("SELECT created_at FROM refund ORDER BY created_at")
    return [f"{utc(row['created_at']).astimezone(kst('2027-01-01 00:00').tzinfo):%m-%d}" for row in rows]


def _vitals(world):
    with world.engine.database.snapshot() as tx:
        return load_vital_signs(tx, world.now)


def test_a_surplus_goes_back_by_the_first_refund_and_nothing_is_named(surplus):
    surplus.live_through("2027-03-03 00:00")
    row = _owed(surplus)
    assert (row["state"], row["amount_minor"], row["reason"]) == ("refunded", 9900, "the invoice was already paid")
    assert row["ended_at"] is not None
    assert surplus.states("refund") == ["refunded"]
    assert _named(surplus) == []
    types = [event["type"] for event in surplus.events() if event["subject_type"] == "refund_obligation"]
    assert types == [f"refund_obligation.{each}" for each in ("created", "tried", "refunded")]
    assert _kept(surplus) == 2 * 9900
    assert_sound(surplus, at_rest=True)


def test_a_declined_refund_of_a_surplus_is_made_again_within_hours(surplus):
    surplus.wallet(KIM, refunds=["20006", "20006"])
    surplus.live_through("2027-03-01 19:00")
    assert _owed(surplus)["state"] == "owed"
    assert _named(surplus) == ["₩9,900 is owed for 0 days (the invoice was already paid): 2 refunds of it failed"]
    assert _vitals(surplus).owed_refunds == 1
    surplus.live_through("2027-03-04 00:00")
    row = _owed(surplus)
    assert (row["state"], row["tries"], row["failures"]) == ("refunded", 3, 2)
    assert surplus.states("refund") == ["declined", "declined", "refunded"]
    keys = {each["idempotency_key"] for each in surplus.rows("SELECT idempotency_key FROM refund")}
    assert len(keys) == 3
    assert _named(surplus) == []
    assert _kept(surplus) == 2 * 9900
    assert _vitals(surplus).owed_refunds == 0
    assert_sound(surplus, at_rest=True)


def test_while_our_balance_is_short_a_refund_is_made_every_day_until_it_is_not(surplus):
    surplus.wallet(KIM, refunds=["50003"] * 9)
    surplus.live_through("2027-03-05 00:00")
    assert _owed(surplus)["state"] == "owed"
    days = _refund_days(surplus)
    assert len(set(days)) == len(days)
    assert len(_named(surplus)) == 1
    surplus.live_through("2027-03-14 00:00")
    assert len(_refund_days(surplus)) == 10
    assert _owed(surplus)["state"] == "refunded"
    assert _named(surplus) == []
    assert_sound(surplus, at_rest=True)


def test_a_balance_that_stays_short_for_thirty_days_is_a_person_s_business(surplus):
    surplus.wallet(KIM, refunds=["50003"] * 60)
    surplus.live_through("2027-04-20 00:00")
    row = _owed(surplus)
    assert (row["state"], row["tries"]) == ("parked", 30)
    assert "short 30 times" in row["parked_reason"]
    surplus.wallet(KIM, refunds=[])
    retry_obligation(surplus.engine, _id(surplus), reason="the balance is topped up", now=surplus.now)
    surplus.calm(hours=2)
    assert _owed(surplus)["state"] == "refunded"
    assert _named(surplus) == []


def test_after_six_failures_it_is_parked_listed_and_named_until_a_person_settles_it(surplus):
    surplus.wallet(KIM, refunds=["20006"] * 99)
    surplus.live_through("2027-03-20 00:00")
    row = _owed(surplus)
    assert (row["state"], row["tries"]) == ("parked", 6)
    ident = _id(surplus)
    with surplus.engine.database.snapshot() as tx:
        (parked,) = list_parked(tx, 10)
        assert (parked.kind, parked.id, parked.customer_reference) == ("refund_obligation", str(ident), "cust-kim")
        assert [line.id for line in list_obligations(tx, 10, ended_too=False)] == [ident]
        assert owed_refunds(tx) == (1, utc(row["created_at"]))
    signs = _vitals(surplus)
    assert (signs.owed_refunds, signs.parked["refund_obligation"]) == (1, 1)
    (named,) = _named(surplus)
    assert named.startswith("₩9,900 is owed for 18 days")
    assert "and parked: 6 refunds failed, the last with: 20006" in named

    told = {"how": "bank transfer of 20 March, no. 4711", "reason": "KakaoPay takes no refund of it"}
    settle_obligation(surplus.engine, _id(surplus), **told, now=surplus.now)
    row = _owed(surplus)
    assert (row["state"], row["settled_minor"], row["settled_how"]) == ("settled", 9900, told["how"])
    assert (row["settled_reason"], row["settled_by"]) == (told["reason"], "test")
    assert _named(surplus) == []
    assert _vitals(surplus).owed_refunds == 0
    with surplus.engine.database.snapshot() as tx:
        assert list_parked(tx, 10) == []
    settle_obligation(surplus.engine, _id(surplus), **told, now=surplus.now)  # said again: nothing changes
    assert len(surplus.events("refund_obligation.settled")) == 1
    with pytest.raises(NotOwed, match="is settled"):
        settle_obligation(surplus.engine, _id(surplus), how="cash", reason=told["reason"], now=surplus.now)
    with pytest.raises(Refusal, match="nothing"):
        request_refund(surplus.engine, UUID(str(row["charge_id"])), None, reason="x", now=surplus.now)
    surplus.live_through("2027-03-27 00:00")
    assert len(surplus.rows("SELECT id FROM refund")) == 6
    assert_sound(surplus, at_rest=True)


@pytest.mark.parametrize("code", ["20158", "30046", "20101"])
def test_an_answer_that_is_final_parks_at_once(surplus, code):
    surplus.wallet(KIM, refunds=[code])
    surplus.live_through("2027-03-02 12:00")
    row = _owed(surplus)
    assert (row["state"], row["tries"]) == ("parked", 1)
    assert code in row["parked_reason"]
    assert "by other means" in row["parked_reason"]
    assert len(_named(surplus)) == 1
    surplus.live_through("2027-04-20 00:00")
    assert len(surplus.rows("SELECT id FROM refund")) == 1


def test_what_is_owed_is_named_for_longer_than_the_wallet_refunds(surplus):
    surplus.wallet(KIM, refunds=["20158"])
    surplus.live_through("2027-03-05 00:00")
    cancel_now(surplus.engine, UUID(str(surplus.subscription()["id"])), reason="enough", now=surplus.now)
    surplus.live_through("2028-04-10 00:00", step=timedelta(days=5))
    (named,) = _named(surplus)
    assert "is owed for 40" in named
    with pytest.raises(NotOwed, match="365 days"):
        retry_obligation(surplus.engine, _id(surplus), reason="try", now=surplus.now)
    with pytest.raises(Refusal, match=r"ro_\w+ is parked \(give"):
        erase_customer(surplus.engine, UUID(str(surplus.subscription()["customer_id"])), reason="x", now=surplus.now)
    settle_obligation(surplus.engine, _id(surplus), how="transfer", reason="too old", now=surplus.now)
    assert _named(surplus) == []
    erase_customer(surplus.engine, UUID(str(surplus.subscription()["customer_id"])), reason="x", now=surplus.now)


def test_a_token_amount_that_is_kept_is_told_and_goes_back(world, inbox):  # noqa: ARG001 - webhooks come in
    world.wallet(KIM, refunds=["20006"])
    world.subscribe(plan="trial")
    world.live_through("2027-01-31 13:00")
    row = _owed(world)
    assert (row["amount_minor"], row["reason"], row["state"]) == (100, "it only made the agreement", "owed")
    assert _named(world) == ["₩100 is owed for 0 days (it only made the agreement): a refund of it failed"]
    world.live_through("2027-02-02 00:00")
    assert _kept(world) == 0
    assert _named(world) == []


def test_a_capture_after_the_cancellation_goes_back_however_often_its_refund_fails(world, inbox):  # noqa: ARG001
    subscription = world.subscribe()
    world.wallet(KIM, script=["late:5:20051"], refunds=["20006", "50003"])
    world.live_through("2027-02-28 12:00")
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    world.live_through("2027-02-28 18:00")
    assert len(_named(world)) == 1
    world.live_through("2027-03-04 00:00")
    assert [payment["refunded"] for payment in world.payments()] == [0, 9900]
    assert _named(world) == []
    assert_sound(world, at_rest=True)


def test_a_second_payment_beside_a_charge_is_owed_whole(world, inbox):  # noqa: ARG001 - webhooks come in
    world.subscribe()
    world.live_through("2027-02-28 12:00")
    charge = world.rows("SELECT * FROM charge WHERE kind = 'renewal'")[0]
    world.wallet(KIM, refunds=["20006"])
    second = world.post_again(charge["reference"])
    world.live_through("2027-02-28 13:00")
    row = _owed(world)
    assert (row["gateway_payment_id"], row["amount_minor"]) == (second, 9900)
    world.live_through("2027-03-02 12:00")
    assert _owed(world)["state"] == "refunded"
    assert next(each for each in world.payments() if each["id"] == second)["refunded"] == 9900
    assert _named(world) == []


def test_a_parked_charge_of_another_amount_is_owed_by_what_it_captured(world, inbox):  # noqa: ARG001
    world.subscribe()
    world.wallet(KIM, script=["wrong_amount:8000", "ok"], refunds=["20006"])
    world.live_through("2027-02-28 12:00")
    charge = world.rows("SELECT * FROM charge WHERE state = 'parked'")[0]
    given = refund_parked(world.engine, UUID(str(charge["id"])), reason="looked at it", now=world.now)
    assert (given.refund_id is not None, given.amount.minor) == (True, 8000)
    world.live_through("2027-03-03 12:00")
    assert (_owed(world)["state"], _owed(world)["amount_minor"], _owed(world)["tries"]) == ("refunded", 8000, 2)
    assert _named(world) == []
    assert reconcile(world.engine, now=world.now).differences == []


def test_what_was_given_back_of_a_parked_charge_in_the_dashboard_counts(world):
    world.subscribe()
    world.wallet(KIM, script=["wrong_amount:8000", "ok"])
    world.live_through("2027-02-28 12:00")
    charge = world.rows("SELECT * FROM charge WHERE state = 'parked'")[0]
    world.post(f"/payments/{charge['gateway_payment_id']}/refunds", {"amount": 3000})
    world.go_to("2027-02-28 12:10")
    given = refund_parked(world.engine, UUID(str(charge["id"])), reason="looked at it", now=world.now)
    assert given.amount.minor == 5000
    world.live_through("2027-03-01 12:00")
    assert _owed(world)["state"] == "refunded"
    assert sorted(row["amount_minor"] for row in world.rows("SELECT amount_minor FROM refund")) == [3000, 5000]
    assert _named(world) == []


def test_a_refund_made_in_the_dashboard_ends_it_although_its_webhook_is_lost(surplus):
    surplus.wallet(KIM, refunds=["20158"])
    surplus.live_through("2027-03-02 12:00")
    assert _owed(surplus)["state"] == "parked"
    surplus.faults(webhook_lost=1)
    surplus.post(f"/payments/{_owed(surplus)['gateway_payment_id']}/refunds", {"amount": 9900})
    surplus.live_through("2027-03-12 00:00")
    assert _owed(surplus)["state"] == "refunded"
    assert _named(surplus) == []
    assert _kept(surplus) == 2 * 9900


def test_a_part_that_a_person_refunds_meanwhile_is_not_given_back_twice(surplus):
    surplus.wallet(KIM, refunds=["50003"])
    surplus.live_through("2027-03-01 19:00")
    charge = UUID(str(_owed(surplus)["charge_id"]))
    request_refund(surplus.engine, charge, 4900, reason="asked to", now=surplus.now)
    surplus.live_through("2027-03-04 00:00")
    amounts = [row["amount_minor"] for row in surplus.rows("SELECT amount_minor FROM refund ORDER BY created_at")]
    assert amounts == [9900, 4900, 5000]
    assert _owed(surplus)["state"] == "refunded"
    assert _kept(surplus) == 2 * 9900
    assert_sound(surplus, at_rest=True)


def test_nothing_is_settled_or_made_again_while_a_refund_is_under_way(surplus):
    surplus.faults(refund_seconds_min=7200, refund_seconds_max=7200)
    surplus.live_through("2027-03-01 16:40")
    assert _owed(surplus)["state"] == "refunding"
    told = {"how": "transfer", "reason": "in a hurry"}
    with pytest.raises(NotOwed, match="is under way"):
        settle_obligation(surplus.engine, _id(surplus), **told, now=surplus.now)
    with pytest.raises(NotOwed, match="is under way"):
        retry_obligation(surplus.engine, _id(surplus), reason="x", now=surplus.now)
    with pytest.raises(NotFound):
        settle_obligation(surplus.engine, UUID(int=7), **told, now=surplus.now)
    with pytest.raises(BadInput, match="how must say something"):
        settle_obligation(surplus.engine, _id(surplus), how=" ", reason="x", now=surplus.now)
    with pytest.raises(BadInput, match="reason must have at most 500"):
        settle_obligation(surplus.engine, _id(surplus), how="x", reason="x" * 501, now=surplus.now)
    surplus.live_through("2027-03-02 12:00")
    with pytest.raises(NotOwed, match="is refunded"):
        settle_obligation(surplus.engine, _id(surplus), **told, now=surplus.now)


def test_settling_asks_first_whether_the_dashboard_refunded_it(surplus):
    surplus.wallet(KIM, refunds=["20158"])
    surplus.live_through("2027-03-02 12:00")
    surplus.faults(webhook_lost=1)
    surplus.post(f"/payments/{_owed(surplus)['gateway_payment_id']}/refunds", {"amount": 9900})
    surplus.go_to("2027-03-02 12:10")
    with pytest.raises(NotOwed, match="is refunded"):
        settle_obligation(surplus.engine, _id(surplus), how="transfer", reason="x", now=surplus.now)
    assert _owed(surplus)["state"] == "refunded"
    assert _named(surplus) == []


def test_a_gateway_that_cannot_be_read_keeps_nobody_from_settling(surplus):
    surplus.wallet(KIM, refunds=["20158"])
    surplus.live_through("2027-03-02 12:00")
    surplus.faults(read_500=1)
    settle_obligation(surplus.engine, _id(surplus), how="transfer", reason="x", now=surplus.now)
    assert _owed(surplus)["state"] == "settled"


class _Refusing:
    """A gateway that refuses refunds, and with ``lies`` makes them all the same."""

    def __init__(self, gateway, *, lies):
        self._gateway = gateway
        self._lies = lies

    def create_refunds(self, requests, **when):
        if self._lies:
            self._gateway.create_refunds(requests, **when)
        return [Refused(422, ("velocity_count_limit_exceeded",)) for _ in requests]

    def __getattr__(self, name):
        return getattr(self._gateway, name)


def test_a_refund_that_was_refused_and_made_all_the_same_is_not_made_again(surplus):
    whole = surplus.engine
    surplus.engine = replace(whole, gateway=_Refusing(whole.gateway, lies=True))
    surplus.live_through("2027-03-03 12:00")
    surplus.engine = whole
    surplus.live_through("2027-03-05 12:00")
    assert surplus.states("refund") == ["refunded"]
    assert (_owed(surplus)["state"], _owed(surplus)["tries"]) == ("refunded", 1)
    assert _kept(surplus) == 2 * 9900


def test_a_refund_of_it_that_is_parked_parks_it_and_settling_closes_both(surplus):
    surplus.live_through("2027-03-01 16:00")  # both were sent: only refunds go out from here
    surplus.faults(unprocessed_502=1)
    surplus.live_through("2027-03-04 12:00")
    assert surplus.states("refund") == ["parked"]
    row = _owed(surplus)
    assert row["state"] == "parked"
    assert "is parked: sent 8 times" in row["parked_reason"]
    with pytest.raises(NotOwed, match="release that one"):
        retry_obligation(surplus.engine, _id(surplus), reason="x", now=surplus.now)
    settle_obligation(surplus.engine, _id(surplus), how="transfer", reason="x", now=surplus.now)
    surplus.faults(unprocessed_502=0)
    assert surplus.states("refund") == ["declined"]
    refund = UUID(str(surplus.rows("SELECT id FROM refund")[0]["id"]))
    with pytest.raises(Refusal, match="not parked"):
        release_refund(surplus.engine, refund, "x", surplus.now)
    surplus.calm(days=3)
    assert _kept(surplus) == 3 * 9900  # the third went back by the transfer
    assert _named(surplus) == []
    assert_sound(surplus, at_rest=True)


def test_another_act_parks_what_is_owed_and_lets_it_go_on(surplus):
    surplus.wallet(KIM, refunds=["20006"])
    surplus.live_through("2027-03-01 17:00")
    payment, ident = _owed(surplus)["gateway_payment_id"], _id(surplus)
    with surplus.engine.database.transaction() as tx:
        assert park_obligations(tx, [payment], "a dispute is open", Author("test", surplus.now)) == [ident]
    surplus.live_through("2027-03-10 12:00")
    assert (_owed(surplus)["state"], _owed(surplus)["parked_reason"]) == ("parked", "a dispute is open")
    assert len(surplus.rows("SELECT id FROM refund")) == 1
    with surplus.engine.database.transaction() as tx:
        author = Author("test", surplus.now)
        assert release_obligations(tx, [payment], "the dispute was won", author) == [ident]
    surplus.calm(hours=2)
    assert _owed(surplus)["state"] == "refunded"
    assert _named(surplus) == []


def test_an_amount_under_the_smallest_refund_is_parked_at_once(surplus):
    surplus.with_rules(refund_minimum={"KRW": 10_000})
    surplus.live_through("2027-03-02 12:00")
    row = _owed(surplus)
    assert (row["state"], row["tries"]) == ("parked", 0)
    assert "under the smallest refund" in row["parked_reason"]
    assert surplus.rows("SELECT id FROM refund") == []
    assert len(_named(surplus)) == 1
