"""Stories of what is written down of a charge, column by column: the books must explain each of them for years."""

from datetime import date

import pytest
from books import DUE, KIM, renew, rows_of, stays_open, told
from harness import WEB, kst

from billing.domain.charging import NotSent
from billing.domain.days.renewing import CatchUp
from billing.domain.identity import row_id
from billing.domain.quiet_hours import charge_slot
from billing.operations.consent import record_consent
from billing.operations.engine import SEND_DEADLINE
from billing.operations.manage import cancel_now, pause
from billing.operations.parking import park_subscription
from billing.operations.re_enrol import re_enrol
from billing.operations.renew_due import renew_due
from billing.operations.revoke_source import revoke_source
from billing.operations.set_up import stop
from billing.store.installation import load_installation
from billing.store.tables import Charge, Invoice, Refund, Source, Subscription


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
    assert declined.data == {
        "response_code": "20051",
        "decline_class": "retry_later",
        "next_attempt_at": rows_of(world, Invoice)[-1].next_attempt_at.isoformat(),
    }
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
    revoke_source(world.engine, source.id, reason="asked to", now=world.now)
    renew(world)
    world.live_through("2027-03-20 12:00")
    (canceled,) = rows_of(world, Subscription)
    assert canceled.state == "canceled"
    assert [(row.next_attempt_at, row.give_up_at) for row in rows_of(world, Invoice)] == [(None, None)] * 2


@pytest.mark.parametrize("agreement_is_gone", [False, True])
def test_what_a_person_voids_by_a_cancellation_is_not_tried_or_given_up_any_more(sqlite_world, agreement_is_gone):
    world = sqlite_world
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051"])
    if agreement_is_gone:
        world.live_through("2027-02-10 12:00")
        revoke_source(world.engine, rows_of(world, Source)[0].id, reason="asked to", now=world.now)
    renew(world)
    world.wait(minutes=2)
    owed = rows_of(world, Invoice)[-1]
    assert (owed.give_up_at is not None, owed.next_attempt_at is not None) == (agreement_is_gone, not agreement_is_gone)
    cancel_now(world.engine, subscription, reason="asked", now=world.now)
    void = rows_of(world, Invoice)[-1]
    assert (void.state, void.next_attempt_at, void.give_up_at) == ("void", None, None)


@pytest.fixture
def owing_two(sqlite_world):
    """A subscription whose two missed periods are both to be billed."""
    sqlite_world.subscribe()
    sqlite_world.with_rules(catch_up=CatchUp.ALL)
    sqlite_world.go_to("2027-04-01 12:00")
    for _ in range(2):
        renew_due(sqlite_world.engine, now=sqlite_world.now)
    return sqlite_world


def test_the_outcome_of_a_charge_voids_all_that_a_cancellation_had_left_to_it(owing_two):
    world = owing_two
    stays_open(world)
    world.sweep()
    assert [row.state for row in rows_of(world, Invoice)] == ["paid", "open", "open"]
    cancel_now(world.engine, rows_of(world, Subscription)[0].id, reason="asked", now=world.now)
    world.wait(hours=2)
    assert [row.state for row in rows_of(world, Invoice)] == ["paid", "void", "void"]
    world.calm()
    assert len(world.captured()) == 1


def test_what_waited_for_the_new_agreement_is_not_given_up_any_more(owing_two):
    world = owing_two
    revoke_source(world.engine, rows_of(world, Source)[0].id, reason="asked to", now=world.now)
    world.live_through("2027-04-02 12:00")
    waiting = rows_of(world, Invoice)[1:]
    assert len(waiting) == 2
    assert all(row.state == "open" and row.give_up_at is not None for row in waiting)
    subscription = rows_of(world, Subscription)[0].id
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.wait(minutes=2)
    assert [row.give_up_at for row in rows_of(world, Invoice) if row.state == "open"] == [None]
    world.live_through("2027-04-03 12:00")
    assert len(world.captured()) == 3


def test_another_amount_is_told_with_the_charge_that_it_was_taken_for(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.wallet(KIM, script=["wrong_amount:8000"])
    world.live_through("2027-02-28 12:00")
    charge = rows_of(world, Charge)[-1]
    (mismatch,) = told(world, "charge.mismatch")
    (parked,) = told(world, "charge.parked")
    assert (mismatch.subject_type, mismatch.subject_id) == ("charge", str(charge.id))
    assert parked.data == {"error": charge.error}


def test_the_subscriber_is_asked_for_a_new_agreement_until_the_ladder_would_end(sqlite_world):
    world = sqlite_world
    subscription = world.subscribe()
    world.live_through("2027-02-10 12:00")
    (source,) = rows_of(world, Source)
    revoke_source(world.engine, source.id, reason="asked to", now=world.now)
    renew(world)
    invoice = rows_of(world, Invoice)[-1]
    policy = world.engine.rules.settlement.dunning
    at = policy.ladder[-1][1]
    assert (invoice.state, invoice.attempts, invoice.next_attempt_at) == ("open", 0, None)
    assert invoice.first_failed_on == date(2027, 2, 28)
    assert invoice.give_up_at == charge_slot(date(2027, 3, 15), at, "Asia/Seoul", policy.window, subscription)
    assert world.state() == "past_due"
    asked = told(world, "subscription.re_enrolment_requested")
    assert {(each.subject_type, each.subject_id) for each in asked} == {("subscription", str(subscription))}
    whys = [{"why": "agreement_gone"}, {"why": "the source is not usable"}]  # by the revocation, and when it was due
    assert [(each.subscription_id, each.data) for each in asked] == [(subscription, why) for why in whys]


def test_a_ladder_that_has_begun_ends_when_it_would_have_ended_with_the_old_agreement(sqlite_world):
    world = sqlite_world
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051", "20051", "ok"])
    world.live_through("2027-03-01 12:00")
    (source,) = rows_of(world, Source)
    revoke_source(world.engine, source.id, reason="asked to", now=world.now)
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
    revoke_source(world.engine, source.id, reason="asked to", now=world.now)
    world.live_through("2027-03-02 12:00")
    assert world.state() == "past_due"
    assert len(told(world, "subscription.re_enrolment_requested")) == 2


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
