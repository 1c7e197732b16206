import re
from uuid import UUID

import pytest
from harness import PLANS

from billing.domain.public_ids import Kind, public_id
from billing.operations.plans import apply_plans
from billing.operations.revoke_source import revoke_source
from plans.catalog import DEFAULT_LIMITS, read_catalog

NOBODY = public_id(Kind.SUBSCRIPTION, UUID(int=0))


def act(api, subscription, name, body=None):
    return api.post(f"/v1/subscriptions/{subscription}/{name}", body)


def test_cancelling_takes_one_call_without_a_body_and_keeps_what_is_paid(api):
    subscription = api.subscribe()
    answer = act(api, subscription, "cancel")
    assert answer.status_code == 200
    shown = answer.json()
    assert shown["state"] == "active"
    assert shown["cancel_at"] == "2027-02-27T15:00:00Z"  # 28 February begins in Seoul
    assert shown["next_due_at"] is None
    assert shown["cancel_reason"] is None
    api.sweep_at("2027-02-28 10:40")
    assert api.subscription(subscription)["state"] == "canceled"


def test_a_cancellation_at_period_end_can_be_taken_back_once(api):
    subscription = api.subscribe()
    act(api, subscription, "cancel", {"reason": "too dear"})
    shown = act(api, subscription, "undo-cancel").json()
    assert shown["cancel_at"] is None
    assert shown["next_due_at"] is not None
    assert "not going to be canceled" in api.refused(act(api, subscription, "undo-cancel"), 409, "conflict")


def test_cancelling_now_ends_it_at_once_and_only_once(api):
    subscription = api.subscribe()
    shown = act(api, subscription, "cancel", {"at": "now", "reason": "moved away"}).json()
    assert (shown["state"], shown["cancel_reason"]) == ("canceled", "moved away")
    message = api.refused(act(api, subscription, "cancel", {"at": "now"}), 409, "conflict")
    assert message == f"subscription {subscription} is canceled already. Look at `current`, and decide again."


def test_the_next_charge_is_shown_before_it_is_made_and_why_none_is(both):
    subscription = both.subscribe()
    shown = both.get(f"/v1/subscriptions/{subscription}/preview")
    assert (shown["object"], shown["subscription_id"], shown["why_none"]) == ("charge_preview", subscription, None)
    charge = shown["charge"]
    assert charge["at"] == both.subscription(subscription)["next_due_at"]
    assert (charge["on"], charge["amount"]) == ("2027-02-28", {"amount": 9900, "currency": "KRW"})
    assert charge["period"] == {"start": "2027-02-28", "end": "2027-03-31"}
    assert charge["source_id"] == both.subscription(subscription)["source_id"]
    both.sweep_at("2027-02-28 10:40")
    both.sweep_at("2027-02-28 10:50")
    [made, _] = both.data("/v1/charges", subscription_id=subscription)
    assert (made["amount"], made["source_id"]) == (charge["amount"], charge["source_id"])
    act(both, subscription, "pause")
    shown = both.get(f"/v1/subscriptions/{subscription}/preview")
    assert (shown["charge"], shown["why_none"], shown["until"]) == (None, "paused", None)
    both.refused(both.call("GET", f"/v1/subscriptions/{NOBODY}/preview"), 404, "not_found")


def test_a_subscription_that_is_canceled_for_a_day_is_renewed_until_then(api):
    subscription = api.subscribe()
    shown = act(api, subscription, "cancel", {"at": "date", "on": "2027-03-10"}).json()
    assert (shown["state"], shown["cancel_at"]) == ("active", "2027-03-09T15:00:00Z")  # the day begins in Seoul
    assert shown["next_due_at"].startswith("2027-02-28T01:")
    api.sweep_at("2027-02-28 10:40")
    api.sweep_at("2027-02-28 10:50")
    assert api.subscription(subscription)["next_due_at"] is None
    api.sweep_at("2027-03-10 00:01")
    assert api.subscription(subscription)["state"] == "canceled"


@pytest.mark.parametrize(
    "body",
    [
        {"at": "date"},
        {"on": "2027-03-10"},
        {"at": "now", "on": "2027-03-10"},
        {"at": "date", "on": "2027-02-30"},
        {"at": "date", "on": "2027-01-31"},
        {"at": "date", "on": "2126-01-01"},
        {"at": "date", "on": "2027-03-10T00:00:00Z"},
        {"at": "date", "on": 20270310},
        {"at": "date", "on": "0001-01-01"},
    ],
    ids=str,
)
def test_a_day_to_cancel_on_is_one_to_come_and_said_with_a_date(api, body):
    answer = act(api, api.subscribe(), "cancel", body)
    api.refused(answer, 422, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == ["on"]


def test_a_pause_may_wait_for_the_end_of_the_period_and_be_taken_back_until_then(api):
    subscription = api.subscribe()
    shown = act(api, subscription, "pause", {"at": "period_end", "resume_at": "2027-04-01T00:00:00Z"}).json()
    assert (shown["state"], shown["pause_at"], shown["next_due_at"]) == ("active", "2027-02-27T15:00:00Z", None)
    shown = act(api, subscription, "undo-pause").json()
    assert (shown["pause_at"], shown["resume_at"]) == (None, None)
    assert shown["next_due_at"] is not None
    answer = act(api, subscription, "undo-pause")
    assert "not going to be paused" in api.refused(answer, 409, "conflict")
    assert answer.json()["current"] == shown
    act(api, subscription, "pause", {"at": "period_end"})
    api.sweep_at("2027-02-28 00:01")
    assert api.subscription(subscription)["state"] == "paused"


def test_a_pause_lasts_until_the_instant_that_was_asked_for(api):
    subscription = api.subscribe()
    shown = act(api, subscription, "pause", {"resume_at": "2027-03-10T09:00:00+09:00"}).json()
    assert (shown["state"], shown["resume_at"]) == ("paused", "2027-03-10T00:00:00Z")
    assert "only active or past_due" in api.refused(act(api, subscription, "pause"), 409, "conflict")
    api.sweep_at("2027-03-10 09:01")
    assert api.subscription(subscription)["state"] == "active"


def test_a_pause_without_an_end_is_ended_by_hand(api):
    subscription = api.subscribe()
    assert act(api, subscription, "pause").json()["state"] == "paused"
    assert act(api, subscription, "resume").json()["state"] == "active"
    assert "not paused" in api.refused(act(api, subscription, "resume"), 409, "conflict")


def test_a_pause_into_the_past_is_refused(api):
    subscription = api.subscribe()
    answer = act(api, subscription, "pause", {"resume_at": "2027-01-01T00:00:00Z"})
    told = api.refused(answer, 422, "invalid_request")
    says = r"resume_at must be later than now, [0-9T:.-]+Z, and no later than [0-9T:.-]+Z$"
    assert re.search(says, told.rstrip(".")), told


@pytest.mark.parametrize("name", ["cancel", "undo-cancel", "pause", "resume", "consent"])
def test_a_subscription_that_nobody_has_is_not_found(still, name):
    still.refused(act(still, NOBODY, name), 404, "not_found")


def test_consent_counts_in_the_thirty_days_before_the_first_charge_and_the_trial_then_goes_on(api):
    subscription = api.subscribe(plan="trial")  # from 31 January to 1 March, 30 days
    shown = api.subscription(subscription)
    assert shown["state"] == "trialing"
    assert shown["current_period"] == {"start": "2027-01-31", "end": "2027-03-02"}
    assert shown["consent"] == {"opens": "2027-01-31", "closes": "2027-03-01", "given_at": None}
    assert act(api, subscription, "consent").json()["consent"]["given_at"] == "2027-01-31T03:00:00Z"
    api.go_to("2027-02-01 12:00")
    assert act(api, subscription, "consent").json()["consent"]["given_at"] == "2027-01-31T03:00:00Z"
    assert len(api.world.events("subscription.consented")) == 1
    [told] = [each for each in api.get("/v1/events", limit=100)["data"] if each["type"] == "subscription.consented"]
    assert told["data"] == {
        "plan": "trial",
        "first_charge_on": "2027-03-02",
        "amount": {"amount": 9900, "currency": "KRW"},
    }
    api.sweep_at("2027-03-02 10:40")
    api.sweep_at("2027-03-02 10:50")
    assert api.subscription(subscription)["state"] == "active"


def test_consent_outside_the_window_is_refused_with_the_dates(api):
    subscription = api.subscribe(plan="trial")
    api.go_to("2027-03-02 00:00")
    message = api.refused(act(api, subscription, "consent"), 409, "outside_consent_window")
    assert message == (
        "consent to the charge of 2027-03-02 counts from 2027-01-31 to 2027-03-01 (Asia/Seoul); today is 2027-03-02. "
        "Ask the subscriber within the days named, on its own."
    )


def test_consent_that_comes_too_early_is_refused_and_counts_from_thirty_days_before(api):
    long = PLANS.replace('code = "trial"', 'code = "long"').replace("trial_days = 30", "trial_days = 60")
    apply_plans(api.world.engine, read_catalog(long, DEFAULT_LIMITS), now=api.world.now)
    subscription = api.subscribe(plan="long")
    api.go_to("2027-03-01 23:59")
    message = api.refused(act(api, subscription, "consent"), 409, "outside_consent_window")
    assert "counts from 2027-03-02 to 2027-03-31 (Asia/Seoul); today is 2027-03-01" in message
    api.go_to("2027-03-02 00:00")
    assert act(api, subscription, "consent").json()["consent"]["given_at"] == "2027-03-01T15:00:00Z"


def test_without_a_trial_there_is_nothing_to_consent_to(api):
    assert "only a trial needs consent" in api.refused(act(api, api.subscribe(), "consent"), 409, "conflict")


def test_a_declined_renewal_shows_when_it_is_tried_again(api):
    subscription = api.subscribe()
    api.world.wallet("kim@example.test", script=["20051"])
    api.sweep_at("2027-02-28 10:40")
    api.sweep_at("2027-02-28 10:50")
    shown = api.subscription(subscription)
    assert shown["state"] == "past_due"
    assert shown["next_attempt_at"].startswith("2027-03-01T01:")
    assert not shown["source_required"]


def test_a_cut_agreement_shows_that_the_subscriber_is_needed(api):
    subscription = api.subscribe()
    api.world.wallet("kim@example.test", agreement="cut")
    api.sweep_at("2027-02-28 10:40")
    api.sweep_at("2027-02-28 10:50")
    shown = api.subscription(subscription)
    assert shown["state"] == "past_due"
    assert shown["next_attempt_at"] is None
    assert shown["source_state"] != "active"
    assert shown["source_required"]


def test_an_agreement_that_was_revoked_shows_that_the_subscriber_is_needed(api):
    subscription = api.subscribe()
    revoke_source(
        api.world.engine, UUID(api.world.scalar("SELECT id FROM source")), reason="asked to", now=api.world.now
    )
    shown = api.subscription(subscription)
    assert (shown["state"], shown["source_state"]) == ("active", "revoked")
    assert shown["source_required"]


@pytest.mark.parametrize(
    ("before", "act", "body"),
    [
        (["cancel now"], "cancel", None),
        (["cancel now"], "cancel", {"at": "now"}),
        (["cancel now"], "pause", None),
        (["pause"], "pause", None),
        ([], "resume", None),
        ([], "undo-cancel", None),
        ([], "consent", None),
    ],
)
def test_a_conflict_shows_the_subscription_as_it_now_is(api, before, act, body):
    subscription = api.subscribe()
    for each in before:
        name, _, at = each.partition(" ")
        api.post(f"/v1/subscriptions/{subscription}/{name}", {"at": at} if at else None)
    answer = api.post(f"/v1/subscriptions/{subscription}/{act}", body)
    assert answer.status_code == 409
    assert answer.json()["current"] == api.subscription(subscription)
