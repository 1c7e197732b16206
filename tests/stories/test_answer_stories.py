"""Stories of what an answer of the gateway changes: in what order, about which send, and beside which payment."""

from dataclasses import replace
from datetime import timedelta

import pytest
from books import KIM, found, renew, rows_of, stays_open, told, transactions_of
from harness import email

from billing.domain.charging import Accepted, GatewayPayment, NotSent, PaymentStatus, Unknown
from billing.domain.decline_classes import DeclineClass
from billing.domain.identity import row_id
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.record_outcomes import record_outcomes
from billing.operations.strays import keep_strays
from billing.store.obligation_tables import RefundObligation
from billing.store.sentences import decline
from billing.store.tables import Charge, Source, StrayPayment


@pytest.mark.parametrize(("batch", "transactions"), [(1, 4), (2, 2)])
def test_of_several_answers_to_one_charge_each_is_recorded_on_what_the_one_before_it_left(
    sqlite_world, monkeypatch, batch, transactions
):
    world = sqlite_world
    for who in ("kim", "lee", "park"):
        world.subscribe(who)
        world.wallet(email(who), script=["pending:1"])
    renew(world)
    live = [row for row in rows_of(world, Charge) if row.state == "pending"]
    world.go_to(world.now + timedelta(hours=2))
    answers = [(row.id, Accepted(found(world, row.gateway_payment_id))) for row in live]
    world.with_rules(batch=batch)
    begun = transactions_of(world, monkeypatch)
    late = (live[0].id, Unknown("the line was cut"))
    tally = record_outcomes(world.engine, [answers[0], late, *answers[1:]], now=world.now)
    assert tally.acts == {"charges_captured": 3}
    assert tally.problems == []
    assert {row.state for row in rows_of(world, Charge)} == {"captured"}
    assert len(begun) == transactions


def test_two_charges_of_one_subscription_that_end_at_once_end_one_after_the_other(sqlite_world, monkeypatch):
    world = sqlite_world
    world.subscribe()
    world.wallet(KIM, script=["late:26", "pending:3"])
    world.live_through("2027-03-01 10:45")
    world.go_to("2027-03-01 14:30")
    first, second = rows_of(world, Charge)[-2:]
    assert (first.state, second.state) == ("expired", "pending")
    ended = [(each.id, Accepted(found(world, each.gateway_payment_id))) for each in (first, second)]
    begun = transactions_of(world, monkeypatch)
    tally = record_outcomes(world.engine, ended, now=world.now)
    assert len(begun) == 1
    assert tally.acts == {"charges_captured": 2}
    assert [row.state for row in rows_of(world, Charge)[-2:]] == ["captured", "captured"]
    assert [(row.charge_id, row.state) for row in rows_of(world, RefundObligation)] == [(second.id, "owed")]
    world.calm()


def test_a_payment_that_tells_of_no_agreement_makes_none(sqlite_world):
    world = sqlite_world
    world.faults(processed_500=1)
    with pytest.raises(GatewayUnavailable):
        world.enrol()
    world.faults(processed_500=0)
    (charge,) = rows_of(world, Charge)
    made = found(world, world.payments(reference=charge.reference)[-1]["id"])
    record_outcomes(world.engine, [(charge.id, Accepted(replace(made, source_id=None)))], now=world.now)
    (pending,) = rows_of(world, Charge)
    assert (pending.state, pending.source_id) == ("pending", None)
    assert rows_of(world, Source) == []
    record_outcomes(world.engine, [(charge.id, Accepted(made))], now=world.now)
    assert [row.source_id for row in rows_of(world, Charge)] == [row.id for row in rows_of(world, Source)]
    world.live_through("2027-02-01 12:00")


def test_an_answer_that_says_nothing_new_is_counted_as_nothing(sqlite_world):
    world = sqlite_world
    world.subscribe()
    stays_open(world)
    renew(world)
    charge = rows_of(world, Charge)[-1]
    still_open = Accepted(found(world, charge.gateway_payment_id))
    assert record_outcomes(world.engine, [(charge.id, still_open)], now=world.now).acts == {}
    assert record_outcomes(world.engine, [(row_id(charge.id, "none"), still_open)], now=world.now).acts == {}


def test_an_answer_to_an_older_send_counts_only_if_it_shows_a_payment(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.faults(processed_500=1)
    renew(world)
    world.faults(processed_500=0)
    charge = rows_of(world, Charge)[-1]
    assert charge.state == "unknown"
    older = {charge.id: charge.sends - 1}
    record_outcomes(world.engine, [(charge.id, NotSent("it never left"))], now=world.now, sends=older)
    assert rows_of(world, Charge)[-1].state == "unknown"
    made = world.payments(reference=charge.reference)[-1]["id"]
    world.go_to(world.now + timedelta(minutes=3))
    record_outcomes(world.engine, [(charge.id, Accepted(found(world, made)))], now=world.now, sends=older)
    assert rows_of(world, Charge)[-1].state == "captured"


def test_a_second_payment_in_an_answer_is_written_down_beside_the_first_and_moves_nothing(sqlite_world):
    world = sqlite_world
    world.subscribe()
    renew(world)
    world.wait(minutes=2)
    charge = rows_of(world, Charge)[-1]
    second = world.post_again(charge.reference)
    world.go_to(world.now + timedelta(minutes=2))
    tally = record_outcomes(world.engine, [(charge.id, Accepted(found(world, second)))], now=world.now)
    assert tally.acts == {}
    assert [(row.gateway_payment_id, row.charge_id) for row in rows_of(world, StrayPayment)] == [(second, charge.id)]
    assert rows_of(world, Charge)[-1] == charge
    world.live_through("2027-03-02 12:00")  # it is given back


def test_a_payment_that_was_found_astray_is_taken_up_by_the_live_charge_it_was_made_for(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.faults(processed_500=1)
    renew(world)
    world.faults(processed_500=0)
    charge = rows_of(world, Charge)[-1]
    world.go_to(world.now + timedelta(minutes=3))
    made = found(world, world.payments(reference=charge.reference)[-1]["id"])
    keep_strays(world.engine, [(charge.id, made)], world.now)
    record_outcomes(world.engine, [(charge.id, Accepted(made))], now=world.now)
    assert (rows_of(world, Charge)[-1].state, rows_of(world, Charge)[-1].gateway_payment_id) == ("captured", made.id)


def test_an_agreement_that_is_known_already_is_tied_to_the_charge_that_tells_of_it_again(sqlite_world):
    world = sqlite_world
    world.subscribe()
    (source,) = rows_of(world, Source)
    world.faults(processed_500=1)
    with pytest.raises(GatewayUnavailable):
        world.enrol("kim", "yearly")
    world.faults(processed_500=0)
    charge = rows_of(world, Charge)[-1]
    assert (charge.state, charge.source_id) == ("unknown", None)
    made = world.payments(reference=charge.reference)[-1]["id"]
    again = replace(found(world, made), source_id=source.gateway_source_id)
    record_outcomes(world.engine, [(charge.id, Accepted(again))], now=world.now)
    assert rows_of(world, Charge)[-1].source_id == source.id
    assert rows_of(world, Source) == [source]
    world.live_through("2027-02-01 12:00")


def test_a_payment_without_a_link_does_not_replace_one_that_the_subscriber_can_complete(sqlite_world):
    world = sqlite_world
    made = world.enrol()
    (charge,) = rows_of(world, Charge)
    same = found(world, charge.gateway_payment_id)
    record_outcomes(
        world.engine, [(charge.id, Accepted(replace(same, redirect_url="http://127.0.0.1/l")))], now=world.now
    )
    other = GatewayPayment("pay_other", PaymentStatus.OPEN, "Pending", charge.reference, 9900, "KRW")
    record_outcomes(world.engine, [(charge.id, Accepted(other))], now=world.now)
    (kept,) = rows_of(world, Charge)
    assert kept.gateway_payment_id == charge.gateway_payment_id
    assert [row.gateway_payment_id for row in rows_of(world, StrayPayment)] == ["pay_other"]
    world.agree(made.redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"


def test_a_link_that_was_lost_gives_way_to_the_new_one_and_is_watched(sqlite_world):
    world = sqlite_world
    world.enrol()
    (charge,) = rows_of(world, Charge)
    new = GatewayPayment(
        "pay_new", PaymentStatus.OPEN, "Pending", charge.reference, 9900, "KRW", redirect_url="http://l"
    )
    record_outcomes(world.engine, [(charge.id, Accepted(new))], now=world.now)
    (now_new,) = rows_of(world, Charge)
    (lost,) = rows_of(world, StrayPayment)
    assert now_new.gateway_payment_id == "pay_new"
    assert (lost.gateway_payment_id, lost.charge_id, lost.status) == (charge.gateway_payment_id, charge.id, "Pending")
    assert (lost.reference, lost.resolved_at) == (charge.reference, None)
    world.live_through("2027-02-01 12:00")


@pytest.mark.parametrize("is_renewal", [False, True])
def test_a_link_takes_the_place_of_no_payment_that_needs_none(sqlite_world, is_renewal):
    world = sqlite_world
    world.subscribe()
    if is_renewal:
        stays_open(world)
        renew(world)
    charge = rows_of(world, Charge)[-1]
    assert charge.state == ("pending" if is_renewal else "captured")
    other = GatewayPayment(
        "pay_o", PaymentStatus.OPEN, "Pending", charge.reference, 9900, "KRW", redirect_url="http://l"
    )
    record_outcomes(world.engine, [(charge.id, Accepted(other))], now=world.now)
    assert rows_of(world, Charge)[-1] == charge
    assert [row.gateway_payment_id for row in rows_of(world, StrayPayment)] == ["pay_o"]


def test_a_charge_that_cannot_be_settled_is_parked_with_the_reason_and_asked_about_no_more(sqlite_world, monkeypatch):
    world = sqlite_world
    world.subscribe()
    stays_open(world)
    renew(world)
    charge = rows_of(world, Charge)[-1]
    seen = found(world, charge.gateway_payment_id)

    def never(*_asked, **_how):
        raise ValueError("nobody thought of this")

    monkeypatch.setattr("billing.operations.record_outcomes.settle", never)
    tally = record_outcomes(world.engine, [(charge.id, Accepted(seen))], now=world.now)
    parked = rows_of(world, Charge)[-1]
    why = "ValueError: nobody thought of this"
    assert (parked.state, parked.error, parked.check_at) == ("parked", why, None)
    (event,) = told(world, "charge.parked")
    assert (event.subscription_id, event.data) == (charge.subscription_id, {"error": why})
    assert len(tally.problems) == 1
    record_outcomes(world.engine, [(charge.id, Accepted(seen))], now=world.now)
    assert rows_of(world, Charge)[-1] == parked
    monkeypatch.undo()
    world.go_to(world.now + timedelta(hours=2))
    captured = Accepted(found(world, charge.gateway_payment_id))
    record_outcomes(world.engine, [(charge.id, captured)], now=world.now)
    assert rows_of(world, Charge)[-1].state == "captured"


@pytest.mark.parametrize("refused", [0, 1])
def test_a_fault_of_our_set_up_in_one_of_many_answers_stops_the_run(sqlite_world, monkeypatch, refused):
    world = sqlite_world
    for who in ("kim", "lee"):
        world.subscribe(who)
    gateway = world.engine.gateway
    send = gateway.create_payments

    def one_is_refused(requests, **when):
        left = list(requests)
        del left[refused]
        outcomes = send(left, **when)
        outcomes.insert(refused, NotSent("the key was refused", stop_the_run=True))
        return outcomes

    monkeypatch.setattr(gateway, "create_payments", one_is_refused)
    assert renew(world).stop_the_run == "the key was refused"
    monkeypatch.undo()
    world.calm()


def test_another_amount_on_a_closed_charge_is_told_once_however_often_it_is_seen(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.wallet(KIM, script=["20051"])
    renew(world)
    world.wait(minutes=2)
    charge = rows_of(world, Charge)[-1]
    assert charge.state == "declined"
    declined = found(world, charge.gateway_payment_id)
    other = replace(declined, status=PaymentStatus.CAPTURED, amount_minor=8000, captured_minor=8000)
    for _ in range(2):
        record_outcomes(world.engine, [(charge.id, Accepted(other))], now=world.now)
    (mismatch,) = told(world, "charge.mismatch")
    assert mismatch.data["gateway_payment_id"] == declined.id
    assert [row.gateway_payment_id for row in rows_of(world, StrayPayment)] == [declined.id]
    assert rows_of(world, Charge)[-1].gateway_payment_id is None
    world.calm()


@pytest.mark.parametrize(
    ("code", "told"), [("20017", "the subscriber rejected it in the wallet"), ("20059", "blocked")]
)
def test_a_rejection_by_the_subscriber_is_told_apart_from_a_blocked_wallet(code, told):
    assert told in decline(code, DeclineClass.STOP, None)
    assert ("blocked" in decline(code, DeclineClass.STOP, None)) is (code == "20059")
