from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from billing.domain.access import Access, Debt, Standing, Why, access_on
from billing.domain.days.renewing import OpenInvoice
from billing.domain.days.schedule import BillingSchedule
from billing.domain.dunning import EndOfLadder
from billing.domain.states import SubscriptionState as S
from plans.calendar import Interval, IntervalUnit, Period

PAID = date(2027, 3, 1)
BEFORE, ON_THE_DAY, LATER = date(2027, 2, 28), PAID, date(2027, 3, 9)
BOUND, END = date(2027, 3, 16), date(2027, 4, 1)
TRIAL = {"in_trial": True}
MARCH = OpenInvoice(UUID(int=2), Period(PAID, END), is_untried=False)
INVOICED = BillingSchedule(UUID(int=1), date(2027, 2, 1), Interval(IntervalUnit.MONTH, 1), "Asia/Seoul", 1)
TRIED = {"debts": [Debt(MARCH, BOUND)]}
UNDER_WAY = {"debts": [Debt(MARCH, BOUND, charged_on=LATER)]}
NOT_TRIED = {"debts": [Debt(MARCH, PAID)]}
YES, NO = True, False

TABLE = [
    # state                 facts                          today       grace  allowed  until               why
    (S.ACTIVE, {}, BEFORE, None, YES, PAID, Why.PAID),
    (S.ACTIVE, {}, ON_THE_DAY, None, YES, END, Why.PENDING),
    (S.ACTIVE, UNDER_WAY, END, None, NO, None, Why.NONE),
    (S.ACTIVE, UNDER_WAY, LATER, 0, YES, date(2027, 3, 11), Why.PENDING),
    (S.ACTIVE, TRIED, LATER, 0, NO, None, Why.NONE),
    (S.ACTIVE, {"ends_on": PAID}, BEFORE, None, YES, PAID, Why.PAID),
    (S.ACTIVE, {"ends_on": PAID}, ON_THE_DAY, None, NO, None, Why.NONE),
    (S.TRIALING, TRIAL, BEFORE, None, YES, PAID, Why.TRIAL),
    (S.TRIALING, TRIAL, ON_THE_DAY, None, NO, None, Why.NONE),
    (S.TRIALING, TRIAL | {"consented": True}, ON_THE_DAY, None, YES, END, Why.PENDING),
    (S.TRIALING, TRIAL | {"consented": True, "ends_on": PAID}, ON_THE_DAY, None, NO, None, Why.NONE),
    (S.PAST_DUE, {}, BEFORE, 0, YES, PAID, Why.PAID),
    (S.PAST_DUE, TRIED, LATER, None, YES, BOUND, Why.GRACE),
    (S.PAST_DUE, TRIED, ON_THE_DAY, 8, YES, date(2027, 3, 9), Why.GRACE),
    (S.PAST_DUE, TRIED, LATER, 8, NO, None, Why.NONE),
    (S.PAST_DUE, NOT_TRIED, ON_THE_DAY, None, NO, None, Why.NONE),
    (S.PAST_DUE, UNDER_WAY, LATER, 8, YES, date(2027, 3, 11), Why.PENDING),
    (S.PAUSED, {}, BEFORE, None, YES, PAID, Why.PAID),
    (S.PAUSED, {}, ON_THE_DAY, None, NO, None, Why.NONE),
    (S.UNPAID, TRIED, LATER, 60, NO, None, Why.NONE),
    (S.CANCELED, {}, BEFORE, None, YES, PAID, Why.PAID),
    (S.CANCELED, UNDER_WAY, ON_THE_DAY, None, NO, None, Why.NONE),
    (S.INCOMPLETE, {"paid_through": None}, BEFORE, None, NO, None, Why.NONE),
    (S.INCOMPLETE, {"paid_through": None} | UNDER_WAY, BEFORE, None, NO, None, Why.NONE),
    (S.INCOMPLETE_EXPIRED, {"paid_through": None}, BEFORE, None, NO, None, Why.NONE),
]


@pytest.mark.parametrize(("state", "facts", "today", "grace", "allowed", "until", "why"), TABLE)
def test_who_may_use_what_follows_from_state_and_dates(state, facts, today, grace, allowed, until, why):
    schedule = INVOICED if "debts" in facts else replace(INVOICED, billed_index=0)
    standing = Standing(state, **({"paid_through": PAID, "schedule": schedule} | facts))
    assert access_on(today, standing, grace_days=grace) == Access(allowed, until, why)


def test_every_state_is_in_the_table():
    assert {row[0] for row in TABLE} == set(S)


def told(api, reference="cust-kim", **query):
    answer = api.get(f"/v1/customers/{reference}/access", **query)
    return {each["plan"]: (each["allowed"], each["until"], each["why"]) for each in answer["plans"]}


def test_a_customer_s_rights_through_a_renewal_that_is_declined_and_given_up(api):
    api.enrol(plan="yearly")
    api.subscribe()
    assert told(api) == {"yearly": (False, None, "none"), "basic": (True, "2027-02-28", "paid")}
    api.world.wallet("kim@example.test", default="20051")
    api.sweep_at("2027-02-28 09:00")
    assert told(api)["basic"] == (True, "2027-03-31", "pending")
    api.sweep_at("2027-02-28 10:40")
    api.sweep_at("2027-02-28 10:50")
    assert told(api)["basic"] == (True, "2027-03-15", "grace")
    assert told(api, grace_days=2)["basic"] == (True, "2027-03-02", "grace")
    assert told(api, grace_days=0)["basic"] == (False, None, "none")
    api.world.live_through("2027-03-15 12:00")
    api.set_clock()
    assert told(api)["basic"] == (False, None, "none")


@pytest.mark.parametrize("act", ["void", "mark-uncollectible"])
def test_a_period_that_is_forgiven_may_be_used_to_its_end_and_the_next_one_is_due_as_ever(both, act):
    subscription = both.subscribe()
    both.world.wallet("kim@example.test", script=["20051"])
    both.sweep_at("2027-02-28 10:40")
    both.sweep_at("2027-02-28 10:50")
    assert told(both)["basic"] == (True, "2027-03-15", "grace")
    [invoice] = both.data("/v1/invoices", subscription_id=subscription, state="open")
    assert both.post(f"/v1/invoices/{invoice['id']}/{act}", {"reason": "our fault"}).status_code == 200
    assert told(both)["basic"] == (True, "2027-03-31", "forgiven")
    both.post(f"/v1/subscriptions/{subscription}/cancel", {"at": "date", "on": "2027-03-20"})
    assert told(both)["basic"] == (True, "2027-03-20", "forgiven")
    both.post(f"/v1/subscriptions/{subscription}/undo-cancel")
    both.go_to("2027-03-31 00:00")
    assert told(both)["basic"] == (True, "2027-04-30", "pending")
    both.world.live_through("2027-03-31 14:00")
    both.set_clock()
    assert told(both)["basic"] == (True, "2027-04-30", "paid")


def test_what_a_cancellation_voids_is_not_forgiven(api):
    subscription = api.subscribe()
    api.world.wallet("kim@example.test", script=["20051"])
    api.sweep_at("2027-02-28 10:40")
    api.sweep_at("2027-02-28 10:50")
    api.post(f"/v1/subscriptions/{subscription}/cancel", {"at": "now"})
    assert [each["state"] for each in api.data("/v1/invoices", subscription_id=subscription)] == ["void", "paid"]
    assert told(api)["basic"] == (False, None, "none")


def test_a_trial_entitles_to_its_last_day(api):
    api.subscribe(plan="trial")
    assert told(api)["trial"] == (True, "2027-03-02", "trial")
    api.go_to("2027-03-01 23:59")
    assert told(api)["trial"] == (True, "2027-03-02", "trial")
    api.go_to("2027-03-02 00:00")
    assert told(api)["trial"] == (False, None, "none")


def test_what_was_canceled_ends_with_the_period_though_nothing_has_swept_yet(api):
    subscription = api.subscribe()
    api.post(f"/v1/subscriptions/{subscription}/cancel")
    api.go_to("2027-02-27 23:59")
    assert told(api)["basic"] == (True, "2027-02-28", "paid")
    api.go_to("2027-02-28 00:00")
    assert told(api)["basic"] == (False, None, "none")


def test_a_planned_pause_ends_the_right_with_the_period_though_nothing_has_swept_yet(api):
    subscription = api.subscribe()
    api.post(f"/v1/subscriptions/{subscription}/pause", {"at": "period_end"})
    api.go_to("2027-02-27 23:59")
    assert told(api)["basic"] == (True, "2027-02-28", "paid")
    api.go_to("2027-02-28 00:00")
    assert told(api)["basic"] == (False, None, "none")


def test_of_several_subscriptions_to_a_plan_the_one_that_gives_most_is_told(both):
    first = both.subscribe()
    both.post(f"/v1/subscriptions/{first}/cancel", {"at": "now"})
    [access] = both.get("/v1/customers/cust-kim/access")["plans"]
    assert (access["allowed"], access["until"], access["subscription_id"]) == (True, "2027-02-28", first)
    both.go_to("2027-02-28 12:00")
    second = both.enrol()["id"]
    [access] = both.get("/v1/customers/cust-kim/access")["plans"]
    assert (access["allowed"], access["until"], access["subscription_id"]) == (False, None, second)


def test_with_consent_the_end_of_a_trial_takes_nothing_away(api):
    subscription = api.subscribe(plan="trial")
    api.post(f"/v1/subscriptions/{subscription}/consent")
    api.go_to("2027-03-02 00:00")
    assert told(api)["trial"] == (True, "2027-04-02", "pending")


def test_a_retry_under_way_takes_nothing_away_after_the_grace(api):
    api.subscribe()
    api.world.wallet("kim@example.test", script=["20051", "hang"])
    api.sweep_at("2027-02-28 10:40")
    api.sweep_at("2027-02-28 10:50")
    assert told(api, grace_days=0)["basic"] == (False, None, "none")
    api.sweep_at("2027-03-01 10:40")
    assert told(api, grace_days=0)["basic"] == (True, "2027-03-03", "pending")


@pytest.mark.parametrize("end", [EndOfLadder.PAST_DUE, EndOfLadder.UNPAID, EndOfLadder.PAUSE, EndOfLadder.CANCEL])
def test_the_grace_lasts_to_the_last_retry_and_no_longer_whatever_becomes_of_the_subscription(both, end):
    settlement = both.world.engine.rules.settlement
    dunning = replace(settlement.dunning, end=end)
    both.world.with_rules(settlement=replace(settlement, dunning=dunning))
    subscription = both.subscribe()
    both.world.wallet("kim@example.test", default="20051")
    both.world.live_through("2027-03-14 09:00")
    both.set_clock()
    assert told(both)["basic"] == (True, "2027-03-15", "grace")
    both.world.live_through("2027-03-14 12:00")
    both.set_clock()
    assert both.get(f"/v1/subscriptions/{subscription}")["next_attempt_at"] is None
    assert told(both)["basic"] == (False, None, "none")


def test_who_must_make_a_new_agreement_is_told_until_when(both):
    subscription = both.subscribe()
    both.world.wallet("kim@example.test", default="200R1")
    both.world.live_through("2027-02-28 12:00")
    both.set_clock()
    waits_until = both.get(f"/v1/subscriptions/{subscription}/preview")
    assert (waits_until["why_none"], waits_until["until"][:10]) == ("source_required", "2027-03-15")
    assert told(both)["basic"] == (True, "2027-03-15", "grace")
    both.world.live_through("2027-03-15 00:00")
    both.set_clock()
    assert told(both)["basic"] == (False, None, "none")


def test_a_renewal_that_fails_for_nobody_s_fault_is_waited_for_but_not_for_ever(both):
    both.subscribe()
    both.world.wallet("kim@example.test", default="20068")
    both.world.live_through("2027-03-01 12:00")
    both.set_clock()
    assert told(both)["basic"] == (True, "2027-03-31", "pending")
    assert told(both, grace_days=0)["basic"] == (False, None, "none")
    assert told(both, grace_days=3)["basic"] == (True, "2027-03-03", "pending")
    both.world.live_through("2027-03-31 09:00", step=timedelta(hours=6))
    both.set_clock()
    assert both.world.subscription()["parked_reason"] is not None
    assert told(both)["basic"] == (False, None, "none")


def test_a_renewal_that_stays_without_an_outcome_is_waited_for_but_not_for_ever(both):
    both.subscribe()
    both.world.wallet("kim@example.test", script=["hang"])
    both.sweep_at("2027-02-28 10:40")
    both.go_to("2027-03-30 23:59")
    assert told(both)["basic"] == (True, "2027-03-31", "pending")
    both.go_to("2027-03-31 00:00")
    assert told(both)["basic"] == (False, None, "none")


def test_what_is_given_back_takes_no_access_away(api):
    subscription = api.subscribe()
    [charge] = api.data("/v1/charges", subscription_id=subscription)
    assert api.post("/v1/refunds", {"charge_id": charge["id"], "reason": "x"}).status_code == 201
    assert told(api)["basic"] == (True, "2027-02-28", "paid")
    api.post(f"/v1/subscriptions/{subscription}/cancel", {"at": "now"})
    assert told(api)["basic"] == (True, "2027-02-28", "paid")


def test_a_reference_may_hold_slashes_and_hangul(api):
    api.enrol(customer_reference="팀/42")
    assert told(api, "팀%2F42") == {"basic": (False, None, "none")}
    assert told(api, "팀/42") == {"basic": (False, None, "none")}


@pytest.mark.parametrize("reference", ["nobody", "a%20b", "cust-kim%27--"])
def test_an_unknown_customer_is_not_found(still, reference):
    still.refused(still.call("GET", f"/v1/customers/{reference}/access"), 404, "not_found")


@pytest.mark.parametrize("reference", ["%00", "%20", "%E2%80%AE", "x" * 101])
def test_what_can_be_no_reference_is_refused(still, reference):
    still.refused(still.call("GET", f"/v1/customers/{reference}/access"), 422, "invalid_request")
