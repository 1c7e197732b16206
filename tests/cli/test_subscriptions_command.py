"""`billing subscriptions`."""

import re
from uuid import UUID

import pytest

from billing.domain.public_ids import Kind, public_id


def test_the_timeline_answers_why_it_was_charged(lived):
    told = lived.billing("subscriptions", "show", "cust-park").words
    assert "Enrolled on plan basic, price version 1: ₩9,900 every month. by test" in told
    assert "Attempt 1 to charge ₩9,900 for 2027-02-28 to 2027-03-30: an automatic renewal." in told
    assert "Declined by the wallet (code 20051; retry_later: the wallet may pay on another day)" in told
    assert "Tried again on 2027-03-01 10:" in told
    assert "Attempt 2 to charge ₩9,900 for 2027-02-28 to 2027-03-30" in told
    assert "The debt is paid: the subscription is active again." in told
    assert "renewal of ₩9,900 on 2027-03-31 10:" in told


def test_a_subscription_and_a_charge_are_shown_with_their_ids_of_the_api_and_found_by_them(lived):
    told = lived.billing("subscriptions", "show", "cust-park").words
    subscription = re.search(r"Subscription (sub_[a-z2-7]{26})", told)[1]
    assert lived.billing("subscriptions", "show", subscription).words == told
    charge = lived.billing("charges", "list", "--json").json[0]["id"]
    told = lived.billing("charges", "show", charge).words
    assert lived.billing("charges", "show", re.search(r"Charge (ch_[a-z2-7]{26})", told)[1]).words == told


def test_the_timeline_is_in_order_and_complete(lived):
    told = lived.billing("subscriptions", "show", "cust-park", "--json").json
    assert told["complete"] is True
    assert [line["at"] for line in told["timeline"]] == sorted(line["at"] for line in told["timeline"])
    assert told["timeline"][0]["type"] == "subscription.created"
    assert {"at", "actor", "tone", "sentence", "type", "subject_type", "subject_id"} == set(told["timeline"][0])


def test_a_short_timeline_says_that_older_lines_are_left_out(lived):
    assert "older lines are left out" in lived.billing("subscriptions", "show", "cust-park", "-n", "2").words
    told = lived.billing("subscriptions", "show", "cust-park", "-n", "2", "--json").json
    assert (len(told["timeline"]), told["complete"]) == (2, False)


def test_a_cut_agreement_is_explained(lived):
    told = lived.billing("subscriptions", "show", "cust-jung").words
    assert "code 200R1; agreement_gone: the subscriber ended the KakaoPay agreement" in told
    assert "No further try; it is given up on 2027-03-15" in told
    assert "The subscriber must make a new KakaoPay agreement" in told
    assert "Next the subscriber must make a new KakaoPay agreement by 2027-03-15" in told


def test_an_abandoned_enrolment_is_explained(lived):
    told = lived.billing("subscriptions", "show", "cust-han").words
    assert "The enrolment expired: the first payment did not come in time." in told
    assert "Next nothing: it has ended" in told


def test_a_trial_without_consent_is_explained(lived):
    told = lived.billing("subscriptions", "show", "cust-choi").words
    assert "to make the KakaoPay agreement; it is given back at once" in told
    assert "₩100 was given back: it only made the agreement." in told


def test_a_subscription_is_found_by_id_prefix_and_reference(lived):
    ident = lived.id_of(
        "SELECT s.id FROM subscription s JOIN customer c ON c.id = s.customer_id WHERE c.reference = 'cust-kim'"
    )
    public = public_id(Kind.SUBSCRIPTION, UUID(ident))
    as_rows_have_it = (ident, ident[:6], ident[:9], ident.replace("-", "")[:12], ident.upper())
    for meant in (public, public[:10], public[:29], *as_rows_have_it, "cust-kim"):
        assert lived.billing("subscriptions", "show", meant, "--json").json["subscription"]["id"] == public
    assert "begins with sub_, then 26 letters" in lived.billing("subscriptions", "show", public[:9]).err
    assert "there is no subscription" in lived.billing("subscriptions", "show", f"{public[:-2]}aa").err


def test_a_prefix_of_two_is_refused_with_both(lived):
    ids = [lived.id_of(f"SELECT id FROM subscription ORDER BY id LIMIT 1 OFFSET {number}") for number in (0, 1)]
    twin = ids[0][:8] + ids[1][8:]
    lived.write(
        "UPDATE subscription SET id = :new WHERE id = :old", new=twin.replace("-", ""), old=ids[1].replace("-", "")
    )
    public = public_id(Kind.SUBSCRIPTION, UUID(ids[0]))
    for meant in (ids[0][:8], public[:10]):
        told = lived.billing("subscriptions", "show", meant)
        assert told.code == 1
        assert f"{meant} is the beginning of more than one subscription" in told.err
        assert public in told.err


def test_a_customer_with_two_live_subscriptions_is_told_which(lived):
    kim, lee = (
        lived.ask("SELECT s.customer_id FROM subscription s JOIN customer c ON c.id = s.customer_id"
                  " WHERE c.reference = :who", who=who)
        for who in ("cust-kim", "cust-lee")
    )  # fmt: skip
    lived.write("UPDATE subscription SET customer_id = :kim WHERE customer_id = :lee", kim=kim, lee=lee)
    told = lived.billing("subscriptions", "show", "cust-kim")
    assert told.code == 1
    assert "customer cust-kim has 2 subscriptions" in told.err
    assert "(yearly, active)" in told.err


def test_the_list_is_filtered_and_limited(lived):
    everyone = lived.billing("subscriptions", "list", "--json").json
    assert len(everyone) == 6
    active = lived.billing("subscriptions", "list", "--state", "active", "--state", "past_due", "--json").json
    assert {row["customer_reference"] for row in active} == {"cust-kim", "cust-lee", "cust-park", "cust-jung"}
    assert [row["customer_reference"] for row in lived.billing("subscriptions", "list", "-n", "1", "--json").json] == [
        "cust-han"
    ]
    assert "These are the newest 2" in lived.billing("subscriptions", "list", "-n", "2").out
    assert "There are no such subscriptions." in lived.billing("subscriptions", "list", "--plan", "gold").out


def test_json_tells_instants_in_utc_and_amounts_in_minor_units(lived):
    row = lived.billing("subscriptions", "show", "cust-kim", "--json").json["subscription"]
    assert row["amount_minor"] == 9900
    assert row["currency"] == "KRW"
    assert row["next_due_at"].endswith("Z")
    assert row["paid_through"] == "2027-03-31"


def test_cancel_now_asks_and_ends_it(lived):
    assert lived.billing("subscriptions", "cancel", "cust-kim", "--now", answer="no\n").code == 1
    assert lived.billing("subscriptions", "show", "cust-kim", "--json").json["subscription"]["state"] == "active"
    told = lived.billing("subscriptions", "cancel", "cust-kim", "--now", "-r", "asked by phone", answer="yes\n")
    assert "has ended" in told.out
    shown = lived.billing("subscriptions", "show", "cust-kim").words
    assert "The subscription ended: asked by phone. by cli:" in shown
    again = lived.billing("subscriptions", "cancel", "cust-kim", "--now", "--yes")
    assert again.code == 1
    assert "is canceled already" in again.err


def test_cancel_at_period_end_can_be_undone(lived):
    told = lived.billing("subscriptions", "cancel", "cust-kim", "--at-period-end", "--yes", "-r", "moving away")
    assert "ends on 2027-03-31 00:00 KST." in told.out
    assert "it ends on 2027-03-31 00:00 KST" in lived.billing("subscriptions", "show", "cust-kim").words
    assert lived.billing("subscriptions", "cancel", "cust-kim", "--undo").out.endswith("goes on.\n")
    assert "is not going to be canceled" in lived.billing("subscriptions", "cancel", "cust-kim", "--undo").err


def test_cancel_on_a_day_shows_the_renewal_that_comes_before_it(lived):
    told = lived.billing("subscriptions", "cancel", "cust-kim", "--on", "2027-05-15", "-r", "moving away", answer="y\n")
    assert "until 2027-05-15, and end it then? [y/N]" in told.err
    assert "ends on 2027-05-15 00:00 KST." in told.out
    shown = lived.billing("subscriptions", "show", "cust-kim").words
    assert "Next renewal of ₩9,900 on 2027-03-31 10:" in shown
    assert "; it ends on 2027-05-15 00:00 KST" in shown
    assert "It will end on 2027-05-15 00:00 KST: moving away. by cli:" in shown
    assert "2027-03-31" in lived.billing("subscriptions", "list", "--customer", "cust-kim").out
    assert lived.billing("subscriptions", "cancel", "cust-kim", "--undo").out.endswith("goes on.\n")


@pytest.mark.parametrize(
    ("day", "refusal", "code"),
    [
        ("2027-03-01", "on must be a day from 2027-03-06 to 2032-", 1),
        ("2127-03-01", "on must be a day from 2027-03-06 to 2032-", 1),
        ("2027-02-30", "is no day of the calendar", 2),
        ("soon", "is no day; write 2027-03-01", 2),
        ("2500-01-01", "lies outside the years 2000 to 2199", 2),
    ],
)
def test_cancel_on_a_day_that_cannot_be_is_refused(lived, day, refusal, code):
    told = lived.billing("subscriptions", "cancel", "cust-kim", "--on", day, "--yes")
    assert (told.code, refusal in told.err) == (code, True), told.err


@pytest.mark.parametrize("flags", [[], ["--now", "--undo"], ["--now", "--at-period-end"], ["--now", "--on", "x"]])
def test_cancel_wants_to_know_when(lived, flags):
    told = lived.billing("subscriptions", "cancel", "cust-kim", *flags)
    assert (told.code, told.err) == (
        2,
        "error: say one of --now, --at-period-end, --on and --undo (see `billing subscriptions cancel --help`)\n",
    )


def test_pause_until_a_day_and_resume(lived):
    told = lived.billing("subscriptions", "pause", "cust-kim", "--until", "2027-05-01", "--yes")
    assert "is paused until 2027-05-01 00:00 KST." in told.out
    assert "it is resumed on 2027-05-01 00:00 KST" in lived.billing("subscriptions", "show", "cust-kim").words
    assert lived.billing("subscriptions", "resume", "cust-kim", "--yes").out.endswith("is active again.\n")
    assert "is active, not paused" in lived.billing("subscriptions", "resume", "cust-kim", "--yes").err


def test_a_pause_is_planned_for_the_end_of_the_period_and_taken_back(lived):
    told = lived.billing("subscriptions", "pause", "cust-kim", "--at-period-end", "--until", "2027-05-01", answer="y\n")
    assert "when its paid period is over? [y/N]" in told.err
    assert "is paused from 2027-03-31 00:00 KST on, until 2027-05-01 00:00 KST." in told.words
    shown = lived.billing("subscriptions", "show", "cust-kim").words
    assert "State active, to be paused" in shown
    assert "Next it is paused on 2027-03-31 00:00 KST, until 2027-05-01 00:00 KST" in shown
    assert "It will be paused on 2027-03-31 00:00 KST, until 2027-05-01 00:00 KST." in shown
    assert lived.billing("subscriptions", "pause", "cust-kim", "--undo").out.endswith("goes on.\n")
    assert "The planned pause was taken back." in lived.billing("subscriptions", "show", "cust-kim").words
    assert "is not going to be paused" in lived.billing("subscriptions", "pause", "cust-kim", "--undo").err
    assert lived.billing("subscriptions", "pause", "cust-kim", "--undo", "--at-period-end").code == 2


def test_pause_until_what_has_passed_is_refused(lived):
    told = lived.billing("subscriptions", "pause", "cust-kim", "--until", "2027-01-01", "--yes")
    assert told.code == 1
    assert "2027-01-01 00:00 KST has passed" in told.err


def test_pause_with_json(lived):
    told = lived.billing("subscriptions", "pause", "cust-kim", "--yes", "--json").json
    assert (told["state"], told["resume_at"]) == ("paused", None)


def test_a_stopped_engine_says_so_for_every_subscription(lived):
    lived.billing("stop", "the bank is closed")
    told = lived.billing("subscriptions", "show", "cust-kim").words
    assert "Next no charge now: charging is stopped: the bank is closed" in told


def test_what_subscribers_wrote_cannot_colour_or_hide_anything(lived):
    lived.write(
        "UPDATE customer SET name = :name WHERE reference = 'cust-kim'", name="[red]k\x1b[31mim\u202e\x00[/red]"
    )
    told = lived.billing("subscriptions", "show", "cust-kim").out
    assert "[red]k�[31mim��[/red]" in told
    assert "\x1b" not in told
