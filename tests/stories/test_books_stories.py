"""Stories of what is written down of a charge, column by column: the books must explain each of them for years."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from harness import WEB, email, kst
from sqlalchemy import select

from billing.domain.charging import Accepted, Found, GatewayPayment, NotSent, PaymentStatus, Unknown
from billing.domain.identity import row_id
from billing.domain.quiet_hours import charge_slot
from billing.operations.consent import record_consent
from billing.operations.engine import SEND_DEADLINE
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.manage import pause
from billing.operations.parking import park_subscription
from billing.operations.re_enrol import re_enrol
from billing.operations.record_outcomes import record_outcomes
from billing.operations.renew_due import renew_due
from billing.operations.revoke_source import revoke_source
from billing.operations.set_up import stop
from billing.store.installation import load_installation
from billing.store.tables import Charge, Event, Invoice, Refund, Source, StrayPayment, Subscription
from billing.store.writes import table_of

KIM = email("kim")
DUE = "2027-02-28 10:40"


def rows_of(world, model):
    """Return a table's rows with their types, oldest first."""
    table = table_of(model)
    order = table.c.get("created_at", next(iter(table.primary_key)))
    with world.engine.database.snapshot() as tx:
        return tx.execute(select(table).order_by(order)).all()


def told(world, kind):
    """Return the events of a type, oldest first."""
    return [event for event in rows_of(world, Event) if event.type == kind]


def renew(world, *, at=DUE):
    """Sweep once at an instant at which every renewal of 28 February is due."""
    return world.sweep_at(at)


def stays_open(world):
    """Let payments stay pending until they are looked at again."""
    world.wallet(KIM, script=["pending:1"])


def test_a_charge_is_written_down_whole_before_it_is_sent(sqlite_world):
    world = sqlite_world
    world.subscribe()
    seen = []
    world.engine.gateway.after_create = lambda: seen.append((rows_of(world, Charge)[-1], rows_of(world, Invoice)[-1]))
    tally = renew(world)
    ((charge, invoice),) = seen
    assert tally.acts["charges_started"] == 1
    assert charge.id == row_id(invoice.id, "charge", 1)
    assert (charge.created_at, charge.sent_at, charge.check_at) == (world.now, world.now, world.now + SEND_DEADLINE)
    assert (invoice.next_attempt_at, invoice.attempts) == (None, 1)
    started = told(world, "charge.started")[-1]
    assert (started.subscription_id, started.from_state, started.to_state) == (charge.subscription_id, None, "sending")
    assert (started.subject_id, started.at, started.actor) == (str(charge.id), world.now, "test")
    assert started.data == {
        "amount_minor": 9900,
        "currency": "KRW",
        "attempt_no": 1,
        "reference": charge.reference,
        "automatic": True,
    }


def test_a_decline_is_told_with_its_code_and_class_and_ends_nothing(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.wallet(KIM, script=["20051", "ok"])
    renew(world)
    tally = world.wait(minutes=2)
    assert tally.acts["charges_declined"] == 1
    (declined,) = told(world, "charge.declined")
    assert declined.data == {"response_code": "20051", "decline_class": "retry_later"}
    (accepted, *_) = told(world, "charge.accepted")
    assert accepted.data == {}
    (past_due,) = rows_of(world, Subscription)
    assert (past_due.state, past_due.canceled_at, past_due.cancel_reason) == ("past_due", None, None)
    world.live_through("2027-03-01 12:00")
    (recovered,) = rows_of(world, Subscription)
    assert (recovered.state, recovered.canceled_at, recovered.cancel_reason) == ("active", None, None)


def test_a_ladder_that_ends_cancels_with_its_reason_and_leaves_nothing_to_try(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.wallet(KIM, script=["20051"] * 6)
    world.live_through("2027-03-20 12:00")
    (canceled,) = rows_of(world, Subscription)
    (event,) = told(world, "subscription.canceled")
    assert (canceled.state, canceled.canceled_at) == ("canceled", event.at)
    assert canceled.cancel_reason == "the last retry failed"
    assert [(row.state, row.next_attempt_at, row.give_up_at) for row in rows_of(world, Invoice)] == [
        ("paid", None, None),
        ("uncollectible", None, None),
    ]


def test_what_a_cancellation_voids_is_not_tried_or_given_up_any_more(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.live_through("2027-02-10 12:00")
    (source,) = rows_of(world, Source)
    revoke_source(world.engine, source.id, now=world.now)
    renew(world)
    world.live_through("2027-03-20 12:00")
    (canceled,) = rows_of(world, Subscription)
    assert canceled.state == "canceled"
    assert [(row.next_attempt_at, row.give_up_at) for row in rows_of(world, Invoice)] == [(None, None)] * 2


def test_the_subscriber_is_asked_for_a_new_agreement_until_the_ladder_would_end(sqlite_world):
    world = sqlite_world
    subscription = world.subscribe()
    world.live_through("2027-02-10 12:00")
    (source,) = rows_of(world, Source)
    revoke_source(world.engine, source.id, now=world.now)
    renew(world)
    invoice = rows_of(world, Invoice)[-1]
    policy = world.engine.rules.settlement.dunning
    at = policy.ladder[-1][1]
    assert (invoice.state, invoice.attempts, invoice.next_attempt_at) == ("open", 0, None)
    assert invoice.first_failed_on == date(2027, 2, 28)
    assert invoice.give_up_at == charge_slot(date(2027, 3, 15), at, "Asia/Seoul", policy.window, subscription)
    assert world.state() == "past_due"
    (asked,) = told(world, "subscription.re_enrolment_requested")
    assert (asked.subject_type, asked.subject_id) == ("invoice", str(invoice.id))
    assert (asked.subscription_id, asked.data) == (subscription, {"why": "the source is not usable"})


def test_a_ladder_that_has_begun_ends_when_it_would_have_ended_with_the_old_agreement(sqlite_world):
    world = sqlite_world
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051", "20051", "ok"])
    world.live_through("2027-03-01 12:00")
    (source,) = rows_of(world, Source)
    revoke_source(world.engine, source.id, now=world.now)
    world.live_through("2027-03-04 12:00")
    invoice = rows_of(world, Invoice)[-1]
    policy = world.engine.rules.settlement.dunning
    at = policy.ladder[-1][1]
    assert (invoice.attempts, invoice.next_attempt_at, invoice.first_failed_on) == (2, None, date(2027, 2, 28))
    assert invoice.give_up_at == charge_slot(date(2027, 3, 15), at, "Asia/Seoul", policy.window, subscription)


def test_a_trial_that_ends_with_its_agreement_gone_falls_past_due(sqlite_world):
    world = sqlite_world
    trial = world.subscribe(plan="trial")
    world.live_through("2027-02-20 09:00")
    record_consent(world.engine, trial, now=world.now)
    (source,) = rows_of(world, Source)
    revoke_source(world.engine, source.id, now=world.now)
    world.live_through("2027-03-02 12:00")
    assert world.state() == "past_due"
    assert len(told(world, "subscription.re_enrolment_requested")) == 1


def test_an_invoice_that_waits_for_the_bank_is_tried_when_it_opens_again(sqlite_world):
    world = sqlite_world
    world.subscribe()
    renew_due(world.engine, now=kst(DUE))
    world.sweep_at("2027-02-28 23:30")
    invoice = rows_of(world, Invoice)[-1]
    assert (invoice.state, invoice.attempts, invoice.next_attempt_at) == ("open", 0, kst("2027-03-01 00:40"))


def test_agreements_say_which_charge_made_them_and_whose_they_were(sqlite_world):
    world = sqlite_world
    subscription = world.subscribe()
    world.go_to("2027-02-10 12:00")
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.wait(minutes=2)
    first, second = rows_of(world, Source)
    charges = rows_of(world, Charge)
    confirmed, replaced = told(world, "source.confirmed"), told(world, "source.replaced")
    assert [(each.subject_id, each.subscription_id, each.data) for each in confirmed] == [
        (str(source.id), subscription, {"charge": str(charge.id)})
        for source, charge in zip((first, second), charges, strict=True)
    ]
    assert [(each.subject_id, each.subscription_id) for each in replaced] == [(str(first.id), subscription)]
    assert [source.id for source in (first, second)] == [
        row_id(source.customer_id, "source", source.gateway_source_id) for source in (first, second)
    ]
    (refund,) = rows_of(world, Refund)
    assert refund.id == row_id(charges[1].id, "refund", refund.reference)


def test_of_several_answers_to_one_charge_each_is_recorded_on_what_the_one_before_it_left(sqlite_world, monkeypatch):
    world = sqlite_world
    for who in ("kim", "lee", "park"):
        world.subscribe(who)
        world.wallet(email(who), script=["pending:1"])
    renew(world)
    live = [row for row in rows_of(world, Charge) if row.state == "pending"]
    world.go_to(world.now + timedelta(hours=2))
    answers = [(row.id, Accepted(_found(world, row.gateway_payment_id))) for row in live]
    world.with_rules(batch=1)
    database, transactions = world.engine.database, []
    begin = database.transaction
    monkeypatch.setattr(database, "transaction", lambda: transactions.append("one") or begin())
    late = (live[0].id, Unknown("the line was cut"))
    tally = record_outcomes(world.engine, [answers[0], late, *answers[1:]], now=world.now)
    assert tally.acts == {"charges_captured": 3}
    assert tally.problems == []
    assert {row.state for row in rows_of(world, Charge)} == {"captured"}
    assert len(transactions) == 4


def test_two_charges_of_one_subscription_that_end_at_once_end_one_after_the_other(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.wallet(KIM, script=["late:26", "pending:3"])
    world.live_through("2027-03-01 10:45")
    world.go_to("2027-03-01 14:30")
    first, second = rows_of(world, Charge)[-2:]
    assert (first.state, second.state) == ("expired", "pending")
    ended = [(each.id, Accepted(_found(world, each.gateway_payment_id))) for each in (first, second)]
    tally = record_outcomes(world.engine, ended, now=world.now)
    assert tally.acts == {"charges_captured": 2}
    assert [row.state for row in rows_of(world, Charge)[-2:]] == ["captured", "captured"]
    assert [(row.charge_id, row.state) for row in rows_of(world, Refund)] == [(second.id, "requested")]
    world.calm()


def test_a_payment_that_tells_of_no_agreement_makes_none(sqlite_world):
    world = sqlite_world
    world.faults(processed_500=1)
    with pytest.raises(GatewayUnavailable):
        world.enrol()
    world.faults(processed_500=0)
    (charge,) = rows_of(world, Charge)
    made = _found(world, world.payments(reference=charge.reference)[-1]["id"])
    record_outcomes(world.engine, [(charge.id, Accepted(replace(made, source_id=None)))], now=world.now)
    (pending,) = rows_of(world, Charge)
    assert (pending.state, pending.source_id) == ("pending", None)
    assert rows_of(world, Source) == []
    world.live_through("2027-02-01 12:00")


def test_an_answer_that_says_nothing_new_is_counted_as_nothing(sqlite_world):
    world = sqlite_world
    world.subscribe()
    stays_open(world)
    renew(world)
    charge = rows_of(world, Charge)[-1]
    still_open = Accepted(_found(world, charge.gateway_payment_id))
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
    record_outcomes(world.engine, [(charge.id, Accepted(_found(world, made)))], now=world.now, sends=older)
    assert rows_of(world, Charge)[-1].state == "captured"


def test_a_second_payment_in_an_answer_is_written_down_beside_the_first_and_moves_nothing(sqlite_world):
    world = sqlite_world
    world.subscribe()
    renew(world)
    world.wait(minutes=2)
    charge = rows_of(world, Charge)[-1]
    second = world.post_again(charge.reference)
    world.go_to(world.now + timedelta(minutes=2))
    tally = record_outcomes(world.engine, [(charge.id, Accepted(_found(world, second)))], now=world.now)
    assert tally.acts == {}
    assert [(row.gateway_payment_id, row.charge_id) for row in rows_of(world, StrayPayment)] == [(second, charge.id)]
    assert rows_of(world, Charge)[-1] == charge
    world.live_through("2027-03-02 12:00")  # it is given back


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
    again = replace(_found(world, made), source_id=source.gateway_source_id)
    record_outcomes(world.engine, [(charge.id, Accepted(again))], now=world.now)
    assert rows_of(world, Charge)[-1].source_id == source.id
    assert rows_of(world, Source) == [source]
    world.live_through("2027-02-01 12:00")


def test_a_payment_without_a_link_does_not_replace_one_that_the_subscriber_can_complete(sqlite_world):
    world = sqlite_world
    made = world.enrol()
    (charge,) = rows_of(world, Charge)
    same = _found(world, charge.gateway_payment_id)
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


def test_a_charge_that_cannot_be_settled_is_parked_with_the_reason_and_asked_about_no_more(sqlite_world, monkeypatch):
    world = sqlite_world
    world.subscribe()
    stays_open(world)
    renew(world)
    charge = rows_of(world, Charge)[-1]
    found = _found(world, charge.gateway_payment_id)

    def never(*_asked, **_how):
        raise ValueError("nobody thought of this")

    monkeypatch.setattr("billing.operations.record_outcomes.settle", never)
    tally = record_outcomes(world.engine, [(charge.id, Accepted(found))], now=world.now)
    parked = rows_of(world, Charge)[-1]
    why = "ValueError: nobody thought of this"
    assert (parked.state, parked.error, parked.check_at) == ("parked", why, None)
    (event,) = told(world, "charge.parked")
    assert (event.subscription_id, event.data) == (charge.subscription_id, {"error": why})
    assert len(tally.problems) == 1
    record_outcomes(world.engine, [(charge.id, Accepted(found))], now=world.now)
    assert rows_of(world, Charge)[-1] == parked
    monkeypatch.undo()
    world.go_to(world.now + timedelta(hours=2))
    captured = Accepted(_found(world, charge.gateway_payment_id))
    record_outcomes(world.engine, [(charge.id, captured)], now=world.now)
    assert rows_of(world, Charge)[-1].state == "captured"


def test_a_run_that_is_held_says_why_in_the_books(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.faults(unauthorized_401_empty=1)
    renew(world)
    world.faults(unauthorized_401_empty=0)
    with world.engine.database.snapshot() as tx:
        installation = load_installation(tx)
    (held,) = told(world, "installation.charging_held")
    assert installation.held_because == "the gateway answered HTTP 401: check keys, scopes and base URL"
    assert (held.subject_type, held.subject_id, held.data) == (
        "installation",
        "1",
        {"because": installation.held_because},
    )
    world.live_through("2027-03-01 12:00")


@pytest.mark.parametrize(("unsent", "is_held"), [(1, False), (2, True)])
def test_charging_is_held_when_more_than_half_of_a_batch_never_left(sqlite_world, monkeypatch, unsent, is_held):
    world = sqlite_world
    for who in ("kim", "lee") if unsent == 1 else ("kim", "lee", "park"):
        world.subscribe(who)
    gateway = world.engine.gateway
    sent = gateway.create_payments

    def some_leave(requests, **when):
        left = sent(requests[unsent:], **when) if requests[unsent:] else []
        return [NotSent(f"no line {number}") for number in range(unsent)] + left

    monkeypatch.setattr(gateway, "create_payments", some_leave)
    tally = renew(world)
    monkeypatch.undo()
    why = f"{unsent} of {unsent + 1} not sent: no line 0"
    assert tally.stop_the_run == (why if is_held else None)
    assert [each.data for each in told(world, "installation.charging_held")] == ([{"because": why}] if is_held else [])
    world.calm()
    assert len(world.captured()) == 2 * (unsent + 1)


def _stop(world, _subscription):
    stop(world.engine, "a person saw it", now=world.now)


def _pause(world, subscription):
    pause(world.engine, subscription, resume_at=None, now=world.now)


def _park(world, subscription):
    park_subscription(world.engine, subscription, "a person looks at it", world.now)


@pytest.mark.parametrize("act", [_stop, _pause, _park])
def test_what_a_person_does_while_a_batch_is_taken_up_keeps_it_from_being_charged(sqlite_world, monkeypatch, act):
    world = sqlite_world
    subscription = world.subscribe()
    renew_due(world.engine, now=kst(DUE))
    gateway = world.engine.gateway

    def the_last_moment_before_the_lock():
        act(world, subscription)
        monkeypatch.undo()
        return gateway.moment()

    monkeypatch.setattr(gateway, "moment", the_last_moment_before_the_lock, raising=False)
    tally = renew(world)
    assert tally.problems == []
    assert tally.acts["charges_started"] == 0
    assert len(world.sent()) == 1
    assert rows_of(world, Invoice)[-1].attempts == 0


def _found(world, payment_id):
    (look_up,) = world.engine.gateway.find_by_id([payment_id])
    assert isinstance(look_up, Found)
    (payment,) = look_up.payments
    return payment
