"""Stories of set-up classes: our account is broken, or one wallet is, and only what others meet tells which."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from harness import WEB, email
from rewriting_proxy import rewritten

from billing.domain.set_up_evidence import SetUpPolicy
from billing.operations import charge_due as charge_due_module
from billing.operations.first_charges import ChargingStopped
from billing.operations.parking import release_subscription
from billing.operations.re_enrol import re_enrol
from billing.operations.retry_charge import retry_charge
from billing.operations.set_up import go
from billing.operations.settle_return import settle_return

STOPPED = "installation.charging_stopped"
INVALID_MERCHANT = "20003"


def _breaks(world, *who, outcome=INVALID_MERCHANT):
    for each in who:
        world.wallet(email(each), default=outcome)


def _mended(world, *who):
    for each in who:
        world.wallet(email(each), default=None)


def _subscribe(world, number):
    people = [f"p{index:02}" for index in range(number)]
    for who in people:
        world.subscribe(who)
    return people


def _tries(world):
    """How often each subscription was charged for its renewal."""
    rows = world.rows(
        "SELECT s.id, (SELECT COUNT(*) FROM charge c WHERE c.subscription_id = s.id AND c.kind = 'renewal') AS tries"
        " FROM subscription s ORDER BY s.created_at"
    )
    return [row["tries"] for row in rows]


def _why_stopped(world):
    return world.scalar("SELECT stopped_because FROM installation")


# --- thirty subscribers --------------------------------------------------------------------------------------------


def test_thirty_subscribers_whose_charges_are_declined_later_stop_charging_and_nobody_pays_for_it(world):
    people = _subscribe(world, 30)
    _breaks(world, *people)
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
    assert "subscribers met an error of our set-up" in _why_stopped(world)
    (stopped,) = world.events(STOPPED)
    assert stopped["actor"] == "engine"
    assert sum(_tries(world)) <= 30
    world.live_through("2027-03-10 12:00", step=timedelta(hours=6))
    assert sum(_tries(world)) <= 30, "nothing is charged while it is stopped"
    assert {row["state"] for row in world.rows("SELECT state FROM subscription")} == {"active"}
    assert world.events("subscription.parked") == []
    with pytest.raises(ChargingStopped, match="the evidence"):
        world.enrol("late")
    assert len(world.events(STOPPED)) == 1, "an alarm is told once"


def test_thirty_subscribers_are_all_charged_once_the_account_is_mended_and_a_person_says_go(world):
    people = _subscribe(world, 30)
    _breaks(world, *people)
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=5))
    world.live_through("2027-03-02 12:00", step=timedelta(hours=6))
    _mended(world, *people)
    go(world.engine, now=world.now)
    world.wait(minutes=1)
    world.live_through("2027-03-02 14:00", step=timedelta(minutes=1))
    assert world.states("invoice") == ["paid"] * 60
    assert {row["failures"] for row in world.rows("SELECT failures FROM invoice")} == {0}
    assert len(world.events(STOPPED)) == 1


def test_charging_that_is_allowed_again_without_a_cure_tries_a_few_and_stops_at_once(world, monkeypatch):
    monkeypatch.setattr(charge_due_module, "FIRST_BATCH", 3)
    people = _subscribe(world, 30)
    _breaks(world, *people)
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
    before = sum(_tries(world))
    world.go_to("2027-03-02 11:00")  # everybody is due at once
    go(world.engine, now=world.now)
    world.wait(seconds=5)
    assert sum(_tries(world)) == before + 3, "a few, and then their outcomes are waited for"
    world.wait(seconds=5)
    assert sum(_tries(world)) == before + 3
    world.live_through("2027-03-02 12:00", step=timedelta(minutes=1))
    assert sum(_tries(world)) <= before + 6
    assert len(world.events(STOPPED)) == 2
    assert {row["state"] for row in world.rows("SELECT state FROM subscription")} == {"active"}


def test_what_failed_before_charging_was_allowed_again_does_not_stop_it_at_once(world):
    people = _subscribe(world, 10)
    _breaks(world, *people)
    world.live_through("2027-02-28 10:40", step=timedelta(minutes=1))
    assert _why_stopped(world) is not None
    _mended(world, *people[1:])  # one wallet is really bad
    go(world.engine, now=world.now)
    world.live_through("2027-02-28 14:00", step=timedelta(minutes=1))
    assert _why_stopped(world) is None
    assert sorted(world.states("invoice")) == ["open"] + ["paid"] * 19
    assert world.scalar("SELECT is_careful FROM installation") in (False, 0)


def test_an_account_that_breaks_after_many_were_captured_is_seen_at_once(world):
    people = _subscribe(world, 24)
    world.live_through("2027-02-28 10:15", step=timedelta(minutes=1))  # about half of them are due by now
    captured = len(world.captured()) - 24
    assert 5 < captured < 19
    _breaks(world, *people)
    world.live_through("2027-02-28 18:00", step=timedelta(minutes=1))
    assert _why_stopped(world) is not None
    assert sum(_tries(world)) <= captured + 12, "the captures of the morning prove nothing of the afternoon"


# --- one wallet among many -----------------------------------------------------------------------------------------


def test_one_bad_wallet_among_many_stops_nothing_and_is_asked_after_a_few_tries(world):
    people = _subscribe(world, 12)
    _breaks(world, people[0])
    world.live_through("2027-03-05 12:00", step=timedelta(minutes=10))
    assert _why_stopped(world) is None
    assert _tries(world) == [3] + [1] * 11
    bad = world.rows("SELECT * FROM subscription ORDER BY created_at")[0]
    assert bad["state"] == "past_due"
    assert len(world.events("subscription.re_enrolment_requested")) == 1
    world.live_through("2027-03-20 12:00")
    assert _tries(world)[0] == 3
    assert sorted(world.states("subscription")) == ["active"] * 11 + ["canceled"]


def test_a_new_agreement_pays_what_a_bad_wallet_could_not(world):
    people = _subscribe(world, 12)
    first = UUID(str(world.rows("SELECT id FROM subscription ORDER BY created_at")[0]["id"]))
    _breaks(world, people[0])
    world.live_through("2027-03-02 12:00", step=timedelta(minutes=10))
    _mended(world, people[0])
    world.agree(str(re_enrol(world.engine, first, WEB, now=world.now).redirect_url))
    world.wait(minutes=2)
    assert world.state(first) == "active"
    assert world.states("invoice") == ["paid"] * 24


def test_bad_wallets_below_the_share_stop_nothing_however_often_they_are_tried(world):
    world.with_rules(settlement=_with(world, subscribers=3, share=0.6))
    people = _subscribe(world, 16)
    _breaks(world, *people[::4])  # 4 of 16
    world.live_through("2027-02-28 09:00")
    world.sweep_at("2027-02-28 11:00")  # all of them at once
    world.live_through("2027-03-05 12:00", step=timedelta(minutes=10))
    assert _why_stopped(world) is None
    assert _tries(world) == [3 if index % 4 == 0 else 1 for index in range(16)]


def test_one_bad_wallet_of_a_customer_with_many_plans_is_one_subscriber(world):
    for plan in ("basic", "weekly", "daily"):
        world.subscribe("kim", plan)
    world.subscribe("lee", "weekly")
    _breaks(world, "kim")
    world.live_through("2027-02-08 12:00", step=timedelta(minutes=10))
    assert _why_stopped(world) is None


def test_retries_that_a_person_asks_for_are_no_evidence(world):
    for who in ("kim", "lee"):
        world.subscribe(who)
    world.live_through("2027-02-28 09:59")
    _breaks(world, "kim", "lee")
    for who in ("kim", "lee"):
        world.wallet(email(who), script=["20051"])
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=5))
    for row in world.rows("SELECT id FROM charge WHERE state = 'declined' AND kind = 'renewal'"):
        retry_charge(world.engine, UUID(str(row["id"])), now=world.now)
        world.wait(minutes=2)
    assert len(world.rows("SELECT id FROM charge WHERE decline_class = 'set_up'")) == 2
    assert _why_stopped(world) is None


# --- small installations -------------------------------------------------------------------------------------------


def test_two_subscribers_of_a_new_account_end_nobody_and_stop_charging(world):
    for who in ("kim", "lee"):
        world.subscribe(who)
    _breaks(world, "kim", "lee")
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
    assert "nobody was captured in the last 24 hours" in _why_stopped(world)
    world.live_through("2027-05-01 12:00", step=timedelta(days=1))
    assert world.states("subscription") == ["active", "active"]
    assert len(world.events(STOPPED)) == 1
    _mended(world, "kim", "lee")
    go(world.engine, now=world.now)
    world.calm()
    assert world.states("subscription") == ["active", "active"]
    assert "open" not in world.states("invoice")


def test_the_only_subscriber_is_parked_after_a_few_tries_and_never_ended(world):
    only = world.subscribe("kim")
    _breaks(world, "kim")
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
    assert _tries(world) == [3]
    assert "error of our set-up" in world.subscription()["parked_reason"]
    world.live_through("2027-06-01 12:00")
    assert (world.state(), _tries(world)) == ("active", [3])
    _mended(world, "kim")
    release_subscription(world.engine, only, "mended", world.now)
    world.calm()
    assert world.subscription()["parked_reason"] is None
    assert "open" not in world.states("invoice")


def test_who_was_asked_is_parked_and_not_ended_when_nobody_was_captured_since(world):
    world.with_rules(settlement=_with(world, tries=1))
    names = {str(world.subscribe(who, "weekly")): who for who in ("kim", "lee")}
    due = {row["next_due_at"]: str(UUID(str(row["id"]))) for row in world.rows("SELECT * FROM subscription")}
    first, last = min(due), max(due)
    _breaks(world, names[due[last]])
    world.live_through("2027-02-07 18:00", step=timedelta(minutes=1))
    bad = UUID(due[last])
    assert world.state(bad) == "past_due", "the other was captured just before"
    _breaks(world, names[due[first]])  # from now on nothing works any more
    world.live_through("2027-03-20 12:00", step=timedelta(hours=3))
    assert "canceled" not in world.states("subscription")
    assert "error of our set-up" in world.subscription(bad)["parked_reason"]


# --- wherever it is learned ----------------------------------------------------------------------------------------


def test_a_set_up_class_that_webhooks_tell_stops_charging(world, inbox):
    for who in ("kim", "lee"):
        world.subscribe(who)
    _breaks(world, "kim", "lee")
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
    assert inbox.came
    assert _why_stopped(world) is not None
    assert _tries(world) in ([1, 1], [1, 2], [2, 1])


def test_a_set_up_class_that_look_ups_tell_stops_charging(world):
    for who in ("kim", "lee"):
        world.subscribe(who)
    world.faults(processed_500=1)  # no answer comes, and no webhook either
    _breaks(world, "kim", "lee")
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
    assert _why_stopped(world) is not None
    assert sum(_tries(world)) <= 4


def test_a_set_up_class_that_the_return_page_tells_stops_charging(world):
    made = []
    for who in ("kim", "lee"):
        world.wallet(email(who), first_payment=[INVALID_MERCHANT])
        made.append(world.enrol(who))
        world.agree(str(made[-1].redirect_url))
    world.go_to(world.now + timedelta(minutes=2))  # nobody sweeps
    for row in world.rows("SELECT return_token FROM charge"):
        assert "payment=declined" in settle_return(world.engine, row["return_token"], now=world.now).url
    assert "nobody was captured" in _why_stopped(world)
    assert world.states("subscription") == ["incomplete", "incomplete"], "nobody is ended by it"


@pytest.mark.parametrize("number", [1, 2])
def test_a_set_up_class_that_the_answer_itself_tells_is_held_to_the_same_evidence(world, number):
    people = _subscribe(world, number)
    _breaks(world, *people, outcome="422:currency_not_supported")
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
    assert (_why_stopped(world) is not None) is (number == 2)
    assert max(_tries(world)) <= 3
    assert world.states("subscription") == ["active"] * number


def test_enrolments_that_fail_stop_nothing_while_renewals_are_captured(world):
    people = _subscribe(world, 12)
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=10))
    for who in ("bad1", "bad2", "bad3"):
        world.wallet(email(who), first_payment=[INVALID_MERCHANT])
        made = world.enrol(who)
        world.agree(str(made.redirect_url))
        world.wait(minutes=2)
    assert _why_stopped(world) is None
    assert len(people) == 12


def test_renewals_that_all_fail_stop_charging_though_newcomers_are_captured(world):
    people = _subscribe(world, 6)
    _breaks(world, *people)
    world.live_through("2027-02-28 09:50")
    for index in range(8):
        world.subscribe(f"new{index}")  # with the subscriber present the account works
    world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
    assert _why_stopped(world) is not None
    assert {row["state"] for row in world.rows("SELECT state FROM subscription")} == {"active"}


def _with(world, **changes):
    return replace(world.engine.rules.settlement, set_up=SetUpPolicy(**changes))


# --- without a reason ----------------------------------------------------------------------------------------------


def _withheld(_method, path, told, body):
    """Withhold every reason of a decline."""
    if path.endswith("/actions"):
        return 404, None
    for payment in body.get("data", [body]) if isinstance(body, dict) else []:
        payment.pop("processing", None)
        payment.pop("response_code", None)
    return told, body


def test_an_account_that_breaks_and_a_gateway_that_tells_no_reason_stop_charging_and_end_nobody(world):
    people = _subscribe(world, 12)
    _breaks(world, *people)
    with rewritten(world, _withheld):
        world.live_through("2027-02-28 12:00", step=timedelta(minutes=1))
        assert "met an error of our set-up (of " in _why_stopped(world)
        assert "no reason is known)" in _why_stopped(world)
        assert sum(_tries(world)) < 12
        world.live_through("2027-04-20 12:00", step=timedelta(hours=6))
    assert set(world.states("subscription")) <= {"active", "past_due"}
    assert len(world.events(STOPPED)) == 1
    _mended(world, *people)
    go(world.engine, now=world.now)
    world.calm()
    assert world.states("subscription") == ["active"] * 12
    assert "open" not in world.states("invoice")


def test_a_few_wallets_that_are_declined_without_a_reason_stop_nothing_on_a_day_of_retries_either(world):
    world.with_rules(settlement=_with(world, window=timedelta(hours=12)))  # the captures of one day are not of the next
    people = _subscribe(world, 16)
    _breaks(world, *people[:6], outcome="20051")
    with rewritten(world, _withheld):
        world.live_through("2027-02-28 09:00")
        world.sweep_at("2027-02-28 11:00")  # all of them at once, and 10 are captured
        world.live_through("2027-03-01 18:00", step=timedelta(minutes=10))
        assert _tries(world) == [2] * 6 + [1] * 10, "nobody but the six was charged on the second day"
        assert _why_stopped(world) is None
    _mended(world, *people)
    world.live_through("2027-03-06 12:00")
    assert world.states("subscription") == ["active"] * 16


def test_newcomers_who_decline_without_a_reason_stop_nothing(world):
    with rewritten(world, _withheld):
        for index in range(8):
            world.wallet(email(f"new{index}"), first_payment=["20017"])
            world.agree(str(world.enrol(f"new{index}").redirect_url))
            world.wait(minutes=2)
    assert _why_stopped(world) is None
    assert {row["decline_class"] for row in world.rows("SELECT decline_class FROM charge")} == {"unknown"}
