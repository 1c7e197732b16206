"""Which days a captured payment pays for."""

from dataclasses import replace
from datetime import date

import pytest
from a_case import NOW, SCHEDULE, a_case, a_first_charge, kst

from billing.domain.cases import InvoiceKind
from billing.domain.days.paying import Coverage, covered_by
from billing.domain.days.records import DayKind, DayRecord, UnbilledReason
from billing.domain.quiet_hours import ChargeWindow
from billing.domain.states import SubscriptionState
from plans.calendar import Interval, IntervalUnit, Period

WINDOW = ChargeWindow()
MARCH = Period(date(2027, 3, 1), date(2027, 4, 1))
YEAR = Interval(IntervalUnit.YEAR, 1)
YEARLY = {
    "subscription_state": SubscriptionState.PAST_DUE,
    "schedule": replace(SCHEDULE, anchor=date(2026, 3, 1), interval=YEAR),
    "period": Period(date(2027, 3, 1), date(2028, 3, 1)),
}


def test_a_trial_whose_agreement_is_told_a_day_later_begins_and_ends_a_day_later():
    trial = a_first_charge(invoice_kind=InvoiceKind.AGREEMENT)
    assert covered_by(trial, NOW, WINDOW).subscription == {"paid_through": MARCH.end}
    late = covered_by(trial, kst("2027-03-02 10:05"), WINDOW)
    assert late.subscription["paid_through"] == late.subscription["anchor"] == date(2027, 4, 2)
    assert (late.invoice["period_start"], late.invoice["period_end"]) == (date(2027, 3, 2), date(2027, 4, 2))
    assert late.subscription["next_due_at"] > kst("2027-04-02 00:00")
    assert len(late.notes) == 1


@pytest.mark.parametrize("state", [SubscriptionState.ACTIVE, SubscriptionState.CANCELED])
def test_an_agreement_that_begins_nothing_pays_for_no_day(state):
    assert covered_by(a_first_charge(invoice_kind=InvoiceKind.AGREEMENT, subscription_state=state), NOW, WINDOW) == (
        Coverage()
    )


@pytest.mark.parametrize(("until", "gap"), [(date(2027, 6, 20), False), (date(2027, 6, 15), True)])
def test_a_year_whose_debt_gave_no_access_for_long_is_bought_anew_and_each_of_its_days_is_told(until, gap):
    lost = DayRecord(date(2027, 3, 11), date(2027, 6, 1), DayKind.NONE, UnbilledReason.NO_ACCESS)
    debt = a_case(**YEARLY, grace_until=until, lost_days=(lost.end - lost.start).days, lost_spans=(lost,))
    paid = covered_by(debt, kst("2027-06-20 10:05"), WINDOW)
    assert (paid.invoice["period_start"], paid.invoice["period_end"]) == (date(2027, 6, 20), date(2028, 6, 20))
    forgiven = [(MARCH.start, lost.start), (lost.end, until)]
    assert [(each.start, each.end) for each in paid.records if each.kind is DayKind.FORGIVEN] == forgiven
    assert lost in paid.records
    assert paid.records[-1].end == date(2027, 6, 20)
    assert (paid.records[-1].kind is DayKind.NONE) is gap


def test_a_first_period_whose_payment_is_told_a_day_later_begins_a_day_later():
    assert covered_by(a_first_charge(), NOW, WINDOW).subscription == {"paid_through": MARCH.end}
    late = covered_by(a_first_charge(), kst("2027-03-02 10:05"), WINDOW)
    assert (late.invoice["period_start"], late.invoice["period_end"]) == (date(2027, 3, 2), date(2027, 4, 2))
    assert late.subscription["paid_through"] == date(2027, 4, 2)


def test_a_debt_behind_which_another_period_was_billed_buys_its_own_days_however_late_it_is():
    followed = replace(YEARLY["schedule"], billed_index=2)
    debt = a_case(**{**YEARLY, "schedule": followed}, grace_until=date(2027, 3, 10))
    assert covered_by(debt, kst("2027-06-20 10:05"), WINDOW).invoice == {}
