"""Stories of invoices that are voided, written off or tried again by a person."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from harness import WEB, email, kst

from billing.domain.access import Access, Why, access_on
from billing.domain.days.renewing import CatchUp
from billing.domain.dunning import EndOfLadder
from billing.domain.preview import WhyNone
from billing.operations.consent import record_consent
from billing.operations.engine import Conflict, NotFound, Refusal
from billing.operations.forgive_invoice import mark_uncollectible, void_invoice
from billing.operations.manage import cancel_at_period_end, cancel_now, pause, pause_at_period_end, resume
from billing.operations.preview_charge import preview_charge
from billing.operations.re_enrol import re_enrol
from billing.operations.retry_charge import retry_invoice
from billing.operations.set_up import go, stop
from billing.store.access import standings_of_customer
from billing.store.invariants import check_all
from plans.calendar import billing_day

KIM = email("kim")
forgive = pytest.mark.parametrize(
    ("act", "reached"), [(void_invoice, "void"), (mark_uncollectible, "uncollectible")], ids=["void", "write_off"]
)


@pytest.fixture(autouse=True)
def verified(world):
    """`billing verify` finds nothing when a story has been told."""
    yield
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []


def _invoices(world, state=None):
    rows = world.rows("SELECT id, state FROM invoice ORDER BY period_start, created_at")
    return [UUID(str(row["id"])) for row in rows if state in (None, row["state"])]


def _access(world):
    with world.engine.database.snapshot() as tx:
        (found,) = standings_of_customer(tx, "cust-kim").standings
    return access_on(billing_day(world.now, found.zone), found.standing)


def _declined(world, **wallet):
    """Live to the afternoon of a renewal that was declined for want of money."""
    subscription = world.subscribe()
    world.wallet(KIM, **(wallet or {"script": ["20051"]}))
    world.live_through("2027-02-28 14:00")
    assert world.state() == "past_due"
    return subscription


@forgive
def test_a_debt_that_is_forgiven_is_tried_no_more_and_the_next_period_is_charged_as_ever(world, act, reached):
    subscription = _declined(world)
    done = act(world.engine, _invoices(world)[-1], reason="our fault", now=world.now)
    assert (done.state.value, done.subscription_id, done.subscription_state.value) == (reached, subscription, "active")
    assert world.states("invoice") == ["paid", reached]
    assert world.events("subscription.forgiven")[0]["data"]
    world.live_through("2027-04-01 00:00")
    assert world.states("invoice") == ["paid", reached, "paid"]
    assert len(world.sent()) == 3
    assert str(world.subscription()["paid_through"]) == "2027-04-30"


@forgive
def test_one_that_is_canceled_at_the_end_of_a_forgiven_period_may_be_used_to_its_end_and_is_charged_no_more(
    world, act, reached
):
    subscription = _declined(world)
    act(world.engine, _invoices(world)[-1], reason="our fault", now=world.now)
    made = cancel_at_period_end(world.engine, subscription, reason="enough", now=world.now)
    assert (made.state.value, made.cancel_at) == ("active", kst("2027-03-31 00:00"))
    coming = preview_charge(world.engine, subscription, now=world.now)
    assert (coming.charge, coming.why_none, coming.until) == (None, WhyNone.ENDS_FIRST, made.cancel_at)
    world.live_through("2027-03-30 23:50")
    assert (world.state(), _access(world)) == ("active", Access(True, date(2027, 3, 31), Why.FORGIVEN))
    world.live_through("2027-03-31 12:00")
    assert (world.state(), _access(world).allowed) == ("canceled", False)
    assert world.states("invoice") == ["paid", reached]


@forgive
def test_one_that_is_paused_at_the_end_of_a_forgiven_period_may_be_used_to_its_end(world, act, reached):
    subscription = _declined(world)
    act(world.engine, _invoices(world)[-1], reason="our fault", now=world.now)
    made = pause_at_period_end(world.engine, subscription, resume_at=None, now=world.now)
    assert (made.state.value, made.pause_at) == ("active", kst("2027-03-31 00:00"))
    world.live_through("2027-03-30 23:50")
    assert (world.state(), _access(world)) == ("active", Access(True, date(2027, 3, 31), Why.FORGIVEN))
    world.live_through("2027-03-31 12:00")
    assert (world.state(), _access(world).allowed) == ("paused", False)
    assert world.states("invoice") == ["paid", reached]


def test_a_subscription_with_a_period_forgiven_long_ago_ends_with_the_one_that_is_paid(world):
    subscription = _declined(world)
    void_invoice(world.engine, _invoices(world)[-1], reason="our fault", now=world.now)
    world.live_through("2027-04-02 12:00")
    made = cancel_at_period_end(world.engine, subscription, reason="enough", now=world.now)
    assert made.cancel_at == kst("2027-04-30 00:00")


@forgive
def test_an_unpaid_subscription_whose_debt_is_forgiven_is_renewed_again(world, act, reached):
    dunning = replace(world.engine.rules.settlement.dunning, end=EndOfLadder.UNPAID)
    world.with_rules(settlement=replace(world.engine.rules.settlement, dunning=dunning))
    _declined(world, default="20051")
    world.live_through("2027-03-20 12:00")
    assert world.state() == "unpaid"
    world.wallet(KIM, default="ok")
    act(world.engine, _invoices(world)[-1], reason="goodwill", now=world.now)
    assert world.state() == "active"
    world.live_through("2027-04-01 00:00")
    assert world.states("invoice") == ["paid", reached, "paid"]


@forgive
def test_a_debt_that_is_forgiven_while_another_is_owed_leaves_the_subscription_past_due(world, act, reached):
    world.with_rules(catch_up=CatchUp.ALL)
    world.subscribe()
    world.wallet(KIM, default="20051")
    world.sweep_at("2027-04-10 11:00")  # after an outage both the missed period and the present one are charged
    world.live_through("2027-04-11 14:00")
    assert (world.state(), world.states("invoice")) == ("past_due", ["paid", "open", "open"])
    act(world.engine, _invoices(world)[1], reason="our fault", now=world.now)
    assert (world.state(), world.states("invoice")) == ("past_due", ["paid", reached, "open"])
    act(world.engine, _invoices(world)[2], reason="our fault", now=world.now)
    assert world.state() == "active"


def test_what_a_void_invoice_captures_late_goes_back_and_what_a_written_off_one_captures_pays_it(world):
    for who in ("kim", "lee"):
        world.subscribe(who)
        world.wallet(email(who), script=["late:5:expire"])
    world.live_through("2027-02-28 14:00")
    rows = world.rows(
        "SELECT i.id, c.reference FROM invoice i JOIN customer c ON TRUE JOIN subscription s"
        " ON s.id = i.subscription_id AND s.customer_id = c.id WHERE i.state = 'open' ORDER BY c.reference"
    )
    void_invoice(world.engine, UUID(str(rows[0]["id"])), reason="our fault", now=world.now)
    mark_uncollectible(world.engine, UUID(str(rows[1]["id"])), reason="let it be", now=world.now)
    world.calm(days=2)
    assert sorted(world.states("invoice")) == ["paid", "paid", "paid", "void"]
    assert world.states("refund") == ["refunded"]


def test_a_void_period_is_not_charged_again_when_a_pause_inside_it_ends(world):
    subscription = _declined(world)
    void_invoice(world.engine, _invoices(world)[-1], reason="our fault", now=world.now)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    world.live_through("2027-03-10 12:00")
    resume(world.engine, subscription, now=world.now)
    world.live_through("2027-03-30 00:00")
    assert (world.state(), len(world.sent())) == ("active", 2)
    world.live_through("2027-04-01 00:00")
    assert [str(row["period_start"]) for row in world.rows("SELECT period_start FROM invoice ORDER BY 1")][-1] == (
        "2027-03-31"
    )


def test_a_pause_in_arrears_that_is_forgiven_ends_without_arrears(world):
    subscription = _declined(world)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    done = void_invoice(world.engine, _invoices(world)[-1], reason="our fault", now=world.now)
    assert done.subscription_state.value == "paused"
    resume(world.engine, subscription, now=world.now)
    assert world.state() == "active"


def test_a_trial_whose_first_renewal_is_voided_is_over_and_needs_no_second_consent(world):
    subscription = world.subscribe(plan="trial")
    world.go_to("2027-02-20 12:00")
    record_consent(world.engine, subscription, now=world.now)
    world.wallet(KIM, script=["20096"])
    world.live_through("2027-03-02 11:00")
    assert (world.state(), world.states("invoice")) == ("trialing", ["paid", "open"])
    void_invoice(world.engine, _invoices(world)[-1], reason="a month for free", now=world.now)
    assert world.state() == "active"
    world.live_through("2027-04-05 00:00")
    assert (world.state(), world.states("invoice")) == ("active", ["paid", "void", "paid"])


def test_what_was_written_off_can_still_be_voided_and_nothing_else(world):
    _declined(world)
    invoice = _invoices(world)[-1]
    mark_uncollectible(world.engine, invoice, reason="gone", now=world.now)
    with pytest.raises(Conflict, match="uncollectible already"):
        mark_uncollectible(world.engine, invoice, reason="gone", now=world.now)
    with pytest.raises(Conflict, match="written off"):
        retry_invoice(world.engine, invoice, now=world.now)
    void_invoice(world.engine, invoice, reason="never owed", now=world.now)
    with pytest.raises(Conflict, match="void already"):
        void_invoice(world.engine, invoice, reason="never owed", now=world.now)
    assert world.state() == "active"
    assert len(world.events("subscription.forgiven")) == 1


@forgive
def test_what_cannot_be_forgiven_says_what_would_help_and_changes_nothing(world, act, reached):
    world.enrol("lee")
    with pytest.raises(Conflict, match="cancel subscription"):
        act(world.engine, _invoices(world)[0], reason="x", now=world.now)
    subscription = world.subscribe()
    paid = _invoices(world, "paid")[0]
    with pytest.raises(Conflict, match="refund its charge instead"):
        act(world.engine, paid, reason="x", now=world.now)
    with pytest.raises(NotFound):
        act(world.engine, subscription, reason="x", now=world.now)
    world.live_through("2027-02-28 09:59")
    world.sweep_at(world.next_due())
    under_way = UUID(str(world.rows("SELECT invoice_id FROM charge WHERE state = 'pending'")[0]["invoice_id"]))
    with pytest.raises(Conflict, match="is pending: try again when it has ended"):
        act(world.engine, under_way, reason="x", now=world.now)
    assert [row["subject_id"] for row in world.events() if row["to_state"] == reached] == (
        [] if reached == "void" else [str(_invoices(world, "uncollectible")[0])]  # the enrolment that expired
    )
    world.wait(minutes=5)


def test_a_retry_of_an_invoice_is_no_step_of_the_ladder_and_pays(world):
    _declined(world)
    invoice = _invoices(world)[-1]
    made = retry_invoice(world.engine, invoice, now=world.now)
    assert made.invoice_id == invoice
    with pytest.raises(Conflict, match="under way"):
        retry_invoice(world.engine, invoice, now=world.now)
    world.wait(minutes=5)
    row = next(row for row in world.rows("SELECT * FROM charge") if UUID(str(row["id"])) == made.charge_id)
    assert (row["state"], bool(row["automatic"])) == ("captured", False)
    assert world.state() == "active"
    with pytest.raises(Conflict, match="paid already"):
        retry_invoice(world.engine, invoice, now=world.now)


def test_a_retry_that_cannot_be_made_says_what_would_help(world):
    subscription = _declined(world, default="20051")
    invoice = _invoices(world)[-1]
    with pytest.raises(NotFound):
        retry_invoice(world.engine, subscription, now=world.now)
    with pytest.raises(Refusal, match="maintenance"):
        retry_invoice(world.engine, invoice, now=kst("2027-02-28 23:30"))
    stop(world.engine, "the bank is closed", now=world.now)
    with pytest.raises(Refusal, match="the bank is closed"):
        retry_invoice(world.engine, invoice, now=world.now)
    go(world.engine, now=world.now)
    pause(world.engine, subscription, resume_at=None, now=world.now)
    with pytest.raises(Conflict, match="resume it"):
        retry_invoice(world.engine, invoice, now=world.now)
    resume(world.engine, subscription, now=world.now)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    with pytest.raises(Conflict, match="voided"):
        retry_invoice(world.engine, invoice, now=world.now)
    assert len(world.sent()) == 2


def test_an_invoice_that_only_the_subscriber_pays_is_not_charged_by_a_retry_but_may_be_voided(world):
    world.enrol("lee")
    with pytest.raises(Conflict, match="send the enrolment again"):
        retry_invoice(world.engine, _invoices(world)[0], now=world.now)
    subscription = world.subscribe()
    world.go_to("2027-02-05 12:00")
    re_enrol(world.engine, subscription, WEB, now=world.now)
    world.live_through("2027-02-05 14:00")  # the link expired
    token = UUID(str(world.scalar("SELECT id FROM invoice WHERE kind = 'agreement'")))
    with pytest.raises(Conflict, match="replace the source"):
        retry_invoice(world.engine, token, now=world.now)
    void_invoice(world.engine, token, reason="never mind", now=world.now)
    assert world.state(subscription) == "active"
    assert world.events("subscription.forgiven") == []
