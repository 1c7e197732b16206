"""Stories of disputes: marked on the charge, told, and no refund goes out while one is open."""

import itertools
import json
from uuid import UUID

import pytest
from harness import email, kst

from billing.domain.disputes import DisputeState
from billing.operations.engine import BadInput, Conflict, NotFound
from billing.operations.obligations import retry_obligation
from billing.operations.request_refund import ChargeDisputed, NotRefundable, request_refund
from billing.operations.settle_dispute import settle_dispute
from billing.operations.settle_finding import settle_finding
from billing.store.disputes import disputes_of
from billing.store.invariants import INVARIANTS, Bounds, check_all


def charge(world):
    return world.rows("SELECT * FROM charge ORDER BY created_at")[0]


def dispute(world, **more):
    """Let the payer dispute the first payment, and the engine hear of it."""
    opened = world.sandbox("POST", "disputes", {"payment_id": charge(world)["gateway_payment_id"], **more})
    world.wait(minutes=1)
    return opened["id"]


def decide(world, dispute_id, status):
    world.sandbox("PUT", f"disputes/{dispute_id}", {"status": status})
    world.wait(minutes=1)


def marks(world):
    disputed = UUID(str(charge(world)["id"]))
    with world.engine.database.snapshot() as tx:
        rows = disputes_of(tx, [disputed])
    return [(row.gateway_dispute_id, row.state.value, row.amount_minor) for row in rows]


def told(world):
    return [event["type"] for event in world.events() if "dispute" in event["type"]]


def refund(world, amount=None):
    return request_refund(world.engine, UUID(str(charge(world)["id"])), amount, reason="asked for", now=world.now)


@pytest.fixture
def paid(world, inbox):
    world.subscribe()
    return inbox


@pytest.mark.usefixtures("paid")
def test_a_dispute_is_marked_on_its_charge_told_once_and_changes_no_day(world):
    until = world.subscription()["paid_through"]
    made = dispute(world, category="fraudulent")
    assert marks(world) == [(made, "open", 9900)]
    assert told(world) == ["charge.disputed", "charge.dispute_updated"]
    (opened,) = world.events("charge.disputed")
    assert "fraudulent" in str(opened["data"])
    assert (world.state(), world.subscription()["paid_through"]) == ("active", until)
    world.live_through("2027-02-28 12:00")
    assert world.states("charge") == ["captured", "captured"], "it is renewed as before"


@pytest.mark.usefixtures("paid")
def test_a_refund_of_a_disputed_charge_is_refused_and_says_why(world):
    made = dispute(world)
    with pytest.raises(ChargeDisputed, match=f"disputed.*{made}.*dashboard until 2027-02-10"):
        refund(world)
    assert world.states("refund") == []


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("status", ["won", "canceled", "resolved"])
def test_after_a_dispute_that_was_won_the_charge_can_be_refunded(world, status):
    decide(world, dispute(world), status)
    assert [state for _, state, _ in marks(world)] == ["won"]
    assert told(world)[-1] == "charge.dispute_won"
    refund(world)
    world.wait(minutes=2)
    assert world.states("refund") == ["refunded"]


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("status", ["lost", "accepted", "expired"])
def test_what_a_lost_dispute_took_is_not_left_to_refund(world, status):
    decide(world, dispute(world, amount=9000), status)
    assert told(world)[-1] == "charge.dispute_lost"
    with pytest.raises(NotRefundable, match="900 that is left"):
        refund(world, 9900)
    refund(world)
    world.wait(minutes=2)
    assert [(row["state"], row["amount_minor"]) for row in world.rows("SELECT * FROM refund")] == [("refunded", 900)]


def test_events_of_a_dispute_come_to_the_same_end_in_any_order_and_number(world, paid):
    made = dispute(world)
    decide(world, made, "won")
    bodies = [json.loads(body) for body in paid.came if made.encode() in body]
    assert len(bodies) == 3
    number = itertools.count()
    for order in itertools.permutations(bodies):
        with world.engine.database.transaction() as tx:
            tx.exec_driver_sql("DELETE FROM dispute")
        for body in (*order, *order):
            paid.post(world, {**body, "id": f"evt_{next(number)}"})
            world.wait(seconds=1)
        assert [state for _, state, _ in marks(world)] == ["won"], [body["type"] for body in order]


def test_a_chargeback_without_a_dispute_is_one_until_its_dispute_is_told(world, paid):
    payment = charge(world)["gateway_payment_id"]
    paid.post(world, {"id": "evt_cb", "type": "payment_chargeback", "data": {"id": payment, "amount": 9900}})
    world.wait(minutes=1)
    assert marks(world) == [(payment, "open", 9900)]
    with pytest.raises(ChargeDisputed):
        refund(world)
    made = dispute(world)
    assert marks(world) == [(made, "open", 9900)]
    decide(world, made, "lost")
    paid.post(world, {"id": "evt_cb2", "type": "payment_chargeback", "data": {"id": payment, "amount": 9900}})
    world.wait(minutes=1)
    assert marks(world) == [(made, "lost", 9900)]


def test_an_event_of_tomorrow_and_an_impossible_date_open_a_dispute_and_decide_nothing(world, paid):
    payment = charge(world)["gateway_payment_id"]
    data = {"id": "dsp_1", "payment_id": payment, "amount": "lots", "evidence_required_by": "2027-02-30T99:00:00Z"}
    paid.post(world, {"id": "evt_1", "type": "dispute_of_tomorrow", "data": data})
    world.wait(minutes=1)
    assert marks(world) == [("dsp_1", "open", 9900)]
    assert {row["state"] for row in world.rows("SELECT state FROM webhook WHERE type LIKE 'dispute%'")} == {"processed"}


def test_a_dispute_of_another_systems_payment_marks_nothing(world, paid):
    data = {"id": "dsp_1", "payment_id": "pay_other", "payment_reference": "another-shop-7"}
    paid.post(world, {"id": "evt_1", "type": "dispute_received", "data": data})
    world.wait(minutes=1)
    assert marks(world) == []
    assert told(world) == []
    assert world.scalar("SELECT why FROM webhook WHERE event_id = 'evt_1'") == "a payment of another system"


def test_a_dispute_that_names_neither_a_known_payment_nor_its_reference_waits_for_a_person(world, paid):
    paid.post(world, {"id": "evt_1", "type": "dispute_received", "data": {"id": "dsp_1", "payment_id": "pay_unknown"}})
    world.live_through(kst("2027-02-02 12:00"))
    assert world.scalar("SELECT state FROM webhook WHERE event_id = 'evt_1'") == "parked"


@pytest.fixture
def owed(world, inbox):
    """Of two captures of one invoice one must go back; its first refund failed, and then the payer disputes it."""
    world.subscribe()
    world.wallet(email("kim"), script=["late:30:20051", "ok"], refunds=["50003"])
    world.live_through("2027-03-02 00:00")
    (row,) = world.rows("SELECT state, gateway_payment_id FROM refund_obligation")
    assert row["state"] == "owed"
    world.sandbox("POST", "disputes", {"payment_id": row["gateway_payment_id"]})
    world.wait(minutes=1)
    return inbox


def obligation(world):
    (row,) = world.rows("SELECT state, parked_reason FROM refund_obligation")
    return row


def decide_the_only_one(world, status):
    decide(world, world.sandbox("GET", "disputes")[0]["id"], status)


def named(world):
    with world.engine.database.snapshot() as tx:
        return [breach.detail for breach in check_all(tx, world.now)]


@pytest.mark.usefixtures("owed")
def test_a_refund_that_is_owed_is_parked_while_its_charge_is_disputed_with_its_clock(world):
    world.live_through("2027-03-10 00:00")
    row = obligation(world)
    assert row["state"] == "parked"
    assert "the charge is disputed (dsp_" in row["parked_reason"]
    assert "to be answered by 2027-03-11" in row["parked_reason"]
    assert world.states("refund") == ["declined"], "nothing more was sent"
    assert any("disputed" in each for each in named(world)), "verify names it until it is decided"
    decide_the_only_one(world, "won")
    world.wait(days=1)


@pytest.mark.usefixtures("owed")
def test_a_person_who_retries_what_is_owed_of_a_disputed_charge_sends_nothing(world):
    identity = UUID(str(world.scalar("SELECT id FROM refund_obligation")))
    retry_obligation(world.engine, identity, reason="try", now=world.now)
    world.wait(hours=2)
    assert obligation(world)["state"] == "parked"
    assert world.states("refund") == ["declined"]
    decide_the_only_one(world, "won")
    world.wait(days=1)


@pytest.mark.usefixtures("owed")
def test_a_dispute_that_is_won_lets_what_is_owed_go_back(world):
    decide_the_only_one(world, "won")
    world.live_through("2027-03-04 00:00")
    assert obligation(world)["state"] == "refunded"
    assert world.states("refund") == ["declined", "refunded"]
    assert named(world) == []


@pytest.mark.usefixtures("owed")
def test_what_went_back_by_chargeback_is_not_owed_any_more(world):
    decide_the_only_one(world, "lost")
    world.live_through("2027-03-04 00:00")
    assert obligation(world)["state"] == "refunded"
    assert world.states("refund") == ["declined"], "it did not go back twice"
    assert named(world) == []


def settle(world, dispute_id, outcome, **changes):
    asked = {"reason": "the dashboard shows it", "now": world.now, **changes}
    return settle_dispute(world.engine, dispute_id, outcome, **asked)


@pytest.mark.usefixtures("paid")
def test_a_dispute_whose_end_was_never_told_is_settled_by_hand_and_refunds_go_on(world):
    made = dispute(world)
    world.live_through("2027-02-27 12:00")
    with pytest.raises(ChargeDisputed):
        refund(world, 4000)
    settle(world, made, DisputeState.WON)
    assert marks(world) == [(made, "won", 9900)]
    assert told(world)[-1] == "charge.dispute_won"
    refund(world, 4000)
    world.wait(minutes=2)
    assert world.states("refund") == ["refunded"]
    before = len(world.events())
    settle(world, made, DisputeState.WON)
    assert len(world.events()) == before, "said again, it changes nothing"
    with pytest.raises(Conflict, match="is won already"):
        settle(world, made, DisputeState.LOST)


@pytest.mark.usefixtures("paid")
def test_what_a_dispute_that_is_settled_as_lost_took_is_not_left_to_refund(world):
    settle(world, dispute(world), DisputeState.LOST)
    with pytest.raises(NotRefundable, match="nothing of charge"):
        refund(world)
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []


def test_only_a_decision_says_more_than_what_a_person_settled(world, paid):
    made = dispute(world)
    settle(world, made, DisputeState.WON)
    opened = next(json.loads(body) for body in paid.came if made.encode() in body)
    for number, type_ in enumerate(("dispute_received", "dispute_evidence_submitted")):
        paid.post(world, {**opened, "id": f"evt_late_{number}", "type": type_})
        world.wait(minutes=1)
    assert marks(world) == [(made, "won", 9900)]
    paid.post(world, {**opened, "id": "evt_decided", "type": "dispute_lost"})
    world.wait(minutes=1)
    assert marks(world) == [(made, "lost", 9900)]


@pytest.mark.usefixtures("paid")
def test_what_is_no_dispute_or_no_end_cannot_be_settled(world):
    made = dispute(world)
    with pytest.raises(NotFound, match="no dispute dsp_nobody"):
        settle(world, "dsp_nobody", DisputeState.WON)
    with pytest.raises(BadInput, match="won or lost"):
        settle(world, made, DisputeState.OPEN)


@pytest.mark.usefixtures("paid")
def test_what_went_back_by_refund_and_then_by_chargeback_is_named_until_a_person_settles_it(world):
    refund(world)
    world.wait(minutes=2)
    decide(world, dispute(world, amount=4000), "lost")
    assert [(each.number, each.detail.split(":")[0]) for each in _breaches(world)] == [
        (58, "of 9900 captured 9900 was refunded and 4000 was charged back")
    ]
    invoice = UUID(str(charge(world)["invoice_id"]))
    settle_finding(world.engine, 58, invoice, reason="Checkout.com paid it back", bounds=Bounds(), now=world.now)
    assert _breaches(world) == []


def _breaches(world):
    with world.engine.database.snapshot() as tx:
        return [breach for rule in INVARIANTS for breach in rule.check(tx, world.now, Bounds())]
