"""Stories in which what was told beforehand of the next charge is what happens."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from harness import WEB, email, kst, utc

from billing.domain.preview import WhyNone
from billing.operations.engine import NotFound
from billing.operations.manage import cancel_at, cancel_now, pause, pause_at_period_end, resume
from billing.operations.plans import pause_plan
from billing.operations.preview_charge import preview_charge
from billing.operations.re_enrol import re_enrol
from billing.operations.revoke_source import revoke_source
from billing.operations.set_up import go, stop

KIM = email("kim")


def _ahead(world, subscription):
    return preview_charge(world.engine, subscription, now=world.now)


def _comes_true(world, subscription):
    """Live on until the charge that was told is made, and return it."""
    told = _ahead(world, subscription).charge
    before = len(world.rows("SELECT id FROM charge"))
    if told.at > world.now:
        world.live_through(told.at.replace(microsecond=0))
    world.sweep_at(max(told.at, world.now))
    rows = world.rows("SELECT * FROM charge ORDER BY created_at")
    assert len(rows) == before + 1
    made = rows[-1]
    period = world.rows("SELECT period_start FROM invoice ORDER BY created_at")[-1]["period_start"]
    assert utc(made["created_at"]) == told.at
    assert (made["amount_minor"], made["currency"]) == (told.amount.minor, told.amount.currency)
    assert UUID(str(made["source_id"])) == told.source_id
    assert made["attempt_no"] == told.attempt_no
    assert str(period) == told.period.start.isoformat()
    return told


def test_a_renewal_and_its_retry_come_as_they_were_told(world):
    subscription = world.subscribe()
    world.wallet(KIM, script=["20051", "ok"])
    renewal = _comes_true(world, subscription)
    assert (renewal.on, renewal.invoice_id) == (date(2027, 2, 28), None)
    assert _ahead(world, subscription).why_none is WhyNone.CHARGE_UNDER_WAY
    world.wait(minutes=5)
    retry = _comes_true(world, subscription)
    assert (retry.on, retry.attempt_no) == (date(2027, 3, 1), 2)
    assert retry.invoice_id is not None


def test_a_day_of_cancellation_shows_the_renewals_before_it_and_then_the_end(world):
    subscription = world.subscribe()
    cancel_at(world.engine, subscription, on=date(2027, 3, 15), reason="x", now=world.now)
    _comes_true(world, subscription)
    world.wait(minutes=5)
    told = _ahead(world, subscription)
    assert (told.charge, told.why_none, told.until) == (None, WhyNone.ENDS_FIRST, kst("2027-03-15 00:00"))


def test_every_reason_for_no_charge_is_told(world):
    enrolment = world.enrol("lee").subscription_id
    told = _ahead(world, enrolment)
    assert (told.why_none, told.until) == (WhyNone.INCOMPLETE, utc(world.subscription(enrolment)["expires_at"]))
    trial = world.subscribe("park", plan="trial")
    assert _ahead(world, trial).why_none is WhyNone.CONSENT_REQUIRED
    subscription = world.subscribe()
    stop(world.engine, "a look at the books", now=world.now)
    assert _ahead(world, subscription).why_none is WhyNone.CHARGING_STOPPED
    go(world.engine, now=world.now)
    pause_at_period_end(world.engine, subscription, resume_at=None, now=world.now)
    assert _ahead(world, subscription).why_none is WhyNone.PAUSED_FIRST
    resume(world.engine, subscription, now=world.now)
    pause(world.engine, subscription, resume_at=kst("2027-05-01 09:00"), now=world.now)
    assert _ahead(world, subscription).until == kst("2027-05-01 09:00")
    resume(world.engine, subscription, now=world.now)
    source = UUID(str(world.subscription(subscription)["source_id"]))
    revoke_source(world.engine, source, reason="x", now=world.now)
    assert _ahead(world, subscription).why_none is WhyNone.SOURCE_REQUIRED
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.wait(minutes=2)
    assert _ahead(world, subscription).charge is not None
    pause_plan(world.engine, "basic", now=world.now)
    assert _ahead(world, subscription).why_none is WhyNone.PLAN_PAUSED
    cancel_now(world.engine, subscription, reason="x", now=world.now)
    assert _ahead(world, subscription).why_none is WhyNone.ENDED
    with pytest.raises(NotFound):
        _ahead(world, UUID(int=1))


def test_what_waits_for_a_new_agreement_says_until_when_it_waits(world):
    subscription = world.subscribe()
    world.wallet(KIM, default="200R1")
    world.live_through("2027-02-28 12:00")
    told = _ahead(world, subscription)
    assert (told.why_none, told.charge) == (WhyNone.SOURCE_REQUIRED, None)
    world.live_through(told.until - timedelta(minutes=1))
    assert world.state() == "past_due"
    world.sweep_at(told.until)
    assert (world.state(), _ahead(world, subscription).why_none) == ("canceled", WhyNone.ENDED)
