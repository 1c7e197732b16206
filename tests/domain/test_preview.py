"""The charge that comes next, or why none does."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from billing.domain.days.renewing import CatchUp, CatchUpPolicy, OpenInvoice
from billing.domain.days.schedule import BillingSchedule, due_at
from billing.domain.preview import OwedNext, Prospect, WhyNone, preview
from billing.domain.quiet_hours import ChargeWindow, charge_slot
from billing.domain.states import SubscriptionState
from plans.calendar import Interval, IntervalUnit, Period
from plans.money import Money

_S = SubscriptionState
ZONE, WINDOW = "Asia/Seoul", ChargeWindow()
WON, DEBT = Money(9900, "KRW"), Money(4900, "KRW")
IDENT, SOURCE, INVOICE = UUID(int=1), UUID(int=2), UUID(int=3)
SCHEDULE = BillingSchedule(IDENT, date(2027, 1, 31), Interval(IntervalUnit.MONTH, 1), ZONE, 0)
DUE = due_at(SCHEDULE, 1, WINDOW)  # 28 February, about ten in Seoul
NOW = datetime(2027, 2, 10, 3, tzinfo=UTC)
ACTIVE = Prospect(SCHEDULE, _S.ACTIVE, WON, DUE, NOW, source_id=SOURCE)
RENEWAL = Period(date(2027, 2, 28), date(2027, 3, 31))


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


OWED = OwedNext(INVOICE, DEBT, RENEWAL, 1, at("2027-03-01 10:00"))
PAST_DUE = replace(ACTIVE, state=_S.PAST_DUE, owed=OWED)


def ahead(prospect, now=NOW, catch_up=CatchUp.LATEST):
    return preview(prospect, now=now, policy=CatchUpPolicy(catch_up), window=WINDOW)


def nothing(prospect, now=NOW, catch_up=CatchUp.LATEST):
    told = ahead(prospect, now, catch_up)
    assert told.charge is None
    return told.why_none, told.until


def test_a_renewal_is_told_with_its_instant_its_day_its_period_its_amount_and_its_agreement():
    told = ahead(ACTIVE)
    assert (told.subscription_id, told.why_none, told.until) == (IDENT, None, None)
    charge = told.charge
    assert (charge.at, charge.on, charge.period) == (DUE, date(2027, 2, 28), RENEWAL)
    assert (charge.amount, charge.source_id, charge.invoice_id, charge.attempt_no) == (WON, SOURCE, None, 1)


def test_an_open_invoice_comes_before_the_next_renewal():
    charge = ahead(PAST_DUE).charge
    assert (charge.at, charge.on) == (OWED.next_attempt_at, date(2027, 3, 1))
    assert (charge.invoice_id, charge.attempt_no, charge.period) == (INVOICE, 2, RENEWAL)
    assert charge.amount == DEBT


def test_what_is_due_already_is_charged_now_and_for_the_period_of_today():
    late = at("2027-04-02 12:00")
    charge = ahead(ACTIVE, late).charge
    assert (charge.at, charge.on) == (late, date(2027, 4, 2))
    assert charge.period == Period(date(2027, 3, 31), date(2027, 4, 30))
    assert ahead(ACTIVE, late, CatchUp.ALL).charge.period == RENEWAL
    assert ahead(PAST_DUE, late).charge.at == late


def test_quiet_hours_put_a_charge_off():
    assert ahead(PAST_DUE, at("2027-03-02 23:30")).charge.at == at("2027-03-03 00:40")


def test_one_charge_a_day_puts_a_charge_off_to_tomorrow_and_a_capture_of_yesterday_does_not():
    captured = replace(PAST_DUE, last_captured_at=at("2027-03-01 09:00"))
    charge = ahead(captured).charge
    assert charge.at == charge_slot(date(2027, 3, 2), WINDOW.opens, ZONE, WINDOW, IDENT)
    assert charge.on == date(2027, 3, 2)
    assert ahead(replace(PAST_DUE, last_captured_at=at("2027-02-28 09:00"))).charge.at == OWED.next_attempt_at


@pytest.mark.parametrize(
    ("state", "why", "until"),
    [
        (_S.INCOMPLETE, WhyNone.INCOMPLETE, NOW),
        (_S.INCOMPLETE_EXPIRED, WhyNone.ENDED, None),
        (_S.CANCELED, WhyNone.ENDED, None),
        (_S.UNPAID, WhyNone.DUNNING_OVER, None),
        (_S.PAUSED, WhyNone.PAUSED, None),
    ],
)
def test_a_state_in_which_nothing_is_charged_says_so(state, why, until):
    assert nothing(replace(ACTIVE, state=state)) == (why, until)


def test_a_pause_says_when_it_ends_by_itself():
    assert nothing(replace(ACTIVE, state=_S.PAUSED, resume_at=DUE)) == (WhyNone.PAUSED, DUE)


@pytest.mark.parametrize(
    ("fact", "why"),
    [
        ("is_parked", WhyNone.PARKED),
        ("charge_is_under_way", WhyNone.CHARGE_UNDER_WAY),
        ("plan_is_paused", WhyNone.PLAN_PAUSED),
        ("charging_is_stopped", WhyNone.CHARGING_STOPPED),
    ],
)
def test_what_is_set_aside_says_so_unless_it_has_ended(fact, why):
    for state in (_S.ACTIVE, _S.PAST_DUE, _S.PAUSED, _S.TRIALING, _S.UNPAID):
        assert nothing(replace(ACTIVE, state=state, **{fact: True})) == (why, None)
    assert nothing(replace(ACTIVE, state=_S.INCOMPLETE, **{fact: True})) == (WhyNone.INCOMPLETE, NOW)
    assert nothing(replace(ACTIVE, state=_S.CANCELED, **{fact: True})) == (WhyNone.ENDED, None)


@pytest.mark.parametrize(("name", "why"), [("cancel_at", WhyNone.ENDS_FIRST), ("pause_at", WhyNone.PAUSED_FIRST)])
def test_what_stops_before_the_renewal_has_none_and_what_stops_after_it_has_one(name, why):
    for early in (DUE - timedelta(hours=10), DUE):
        assert nothing(replace(ACTIVE, **{name: early})) == (why, early)
    assert ahead(replace(ACTIVE, **{name: DUE + timedelta(seconds=1)})).charge.at == DUE
    # Late, nothing is charged any more that the stop comes before.
    assert nothing(replace(ACTIVE, **{name: DUE + timedelta(days=1)}), DUE + timedelta(days=2))[0] is why
    assert nothing(replace(PAST_DUE, **{name: OWED.next_attempt_at}))[0] is why


def test_of_two_stops_the_first_one_counts():
    early, late = DUE - timedelta(days=2), DUE - timedelta(days=1)
    assert nothing(replace(ACTIVE, cancel_at=early, pause_at=late)) == (WhyNone.ENDS_FIRST, early)
    assert nothing(replace(ACTIVE, cancel_at=late, pause_at=early)) == (WhyNone.PAUSED_FIRST, early)


def test_without_a_usable_agreement_a_new_one_is_needed():
    assert nothing(replace(ACTIVE, source_id=None)) == (WhyNone.SOURCE_REQUIRED, DUE)
    assert nothing(replace(PAST_DUE, owed=None, source_id=None)) == (WhyNone.SOURCE_REQUIRED, None)
    assert nothing(replace(PAST_DUE, owed=None, give_up_at=DUE)) == (WhyNone.SOURCE_REQUIRED, DUE)
    assert nothing(replace(PAST_DUE, owed=None, give_up_at=DUE, source_id=None)) == (WhyNone.SOURCE_REQUIRED, DUE)


def test_a_debt_that_is_not_tried_any_more_waits_for_a_person():
    assert nothing(replace(PAST_DUE, owed=None)) == (WhyNone.DUNNING_OVER, None)
    assert nothing(replace(PAST_DUE, owed=None, cancel_at=NOW)) == (WhyNone.DUNNING_OVER, None)


def test_a_trial_is_charged_only_with_consent():
    trial = replace(ACTIVE, state=_S.TRIALING, schedule=replace(SCHEDULE, anchor=date(2027, 2, 28), billed_index=-1))
    assert nothing(trial) == (WhyNone.CONSENT_REQUIRED, DUE)
    assert ahead(replace(trial, consented=True)).charge.period == Period(date(2027, 2, 28), date(2027, 3, 28))
    assert ahead(replace(trial, owed=OWED)).charge.invoice_id == INVOICE


def test_periods_that_passed_wait_for_a_decision_where_a_person_is_to_decide():
    assert nothing(ACTIVE, at("2027-04-02 12:00"), CatchUp.HOLD) == (WhyNone.DECISION_REQUIRED, None)
    assert ahead(ACTIVE, at("2027-03-02 12:00"), CatchUp.HOLD).charge.period == RENEWAL


def test_a_debt_that_the_subscriber_must_confirm_waits_for_a_new_agreement():
    asked = replace(PAST_DUE, owed=replace(OWED, needs_confirmation=True))
    assert nothing(asked) == (WhyNone.SOURCE_REQUIRED, OWED.next_attempt_at)


def test_an_invoice_that_the_next_sweep_forgives_is_not_what_is_charged_next():
    late = at("2027-04-02 12:00")
    untried = OpenInvoice(INVOICE, RENEWAL, is_untried=True)
    billed = replace(SCHEDULE, billed_index=1)
    behind = replace(ACTIVE, schedule=billed, next_due_at=due_at(billed, 2, WINDOW), owed=OWED, open_invoices=[untried])
    charge = ahead(behind, late).charge
    assert (charge.invoice_id, charge.amount, charge.period.start) == (None, WON, date(2027, 3, 31))
    assert ahead(behind, late, CatchUp.ALL).charge.invoice_id == INVOICE
