"""`billing parked`: each kind is listed with its reason, and let go on."""

import pytest

from billing.domain.days.renewing import CatchUp


def parked(shop):
    return shop.billing("parked", "list", "--json").json


def release(shop, kind, ident, *more):
    return shop.billing("parked", "release", kind, ident, "--reason", "looked at it", "--yes", *more)


def test_everything_parked_is_listed_with_its_reason(lived):
    lived.write(
        "UPDATE subscription SET parked_reason = 'three failures' WHERE state = 'trialing' OR plan_code = 'yearly'"
    )
    lived.write("UPDATE charge SET state = 'parked', error = 'amount 1' WHERE id = (SELECT MAX(id) FROM charge)")
    lived.write("UPDATE refund SET state = 'parked', error = 'odd' WHERE id = (SELECT MAX(id) FROM refund)")
    lived.write(
        "INSERT INTO webhook (event_id, type, state, received_at, next_try_at, tries, why)"
        " VALUES ('e', 't', 'parked', '2027-03-01', '2027-03-01', 8, 'could not be read')"
    )
    lived.write(
        "INSERT INTO stray_payment (gateway_payment_id, status, found_at, check_at, checks)"
        " VALUES ('pay_stray', 'Captured', '2027-03-05', '2027-03-05', 0)"
    )
    assert {row["kind"] for row in parked(lived)} == {"subscription", "charge", "refund", "webhook", "payment"}
    told = lived.billing("parked", "list").words
    for words in ("three failures", "amount 1", "could not be read", "pay_stray", "billing parked release KIND ID"):
        assert words in told


def test_a_subscription_goes_on(world, shop):
    ident = str(world.subscribe("kim"))
    shop.write("UPDATE subscription SET parked_reason = 'odd'")
    assert "it is parked (odd)" in shop.billing("subscriptions", "show", ident).words
    assert "is renewed and charged again." in release(shop, "subscription", ident[:8]).out
    assert parked(shop) == []
    assert "The subscription was released: looked at it. by cli:" in shop.billing("subscriptions", "show", ident).words
    assert "is not parked" in release(shop, "subscription", ident).err


@pytest.fixture
def held(world, shop):
    """A subscription that was held because three of its periods passed in an outage."""
    text = shop.config.read_text(encoding="utf-8")
    shop.config.write_text(f'{text}[daemon]\ncatch_up = "hold"\n', encoding="utf-8")
    world.with_rules(catch_up=CatchUp.HOLD)
    ident = str(world.subscribe("kim"))
    world.sweep_at("2027-05-05 12:00")
    assert [row["kind"] for row in parked(shop)] == ["subscription"]
    return ident


def test_a_held_subscription_must_be_told_what_to_bill(shop, held):
    told = release(shop, "subscription", held)
    assert told.code == 1
    assert "the period from 2027-02-28 to 2027-03-31 passed unbilled" in told.err
    assert "--bill latest, --bill first or --bill none" in told.err
    assert len(parked(shop)) == 1


def test_a_held_subscription_begins_a_new_period_on_the_day_of_its_release(world, shop, held):
    told = release(shop, "subscription", held, "--bill", "latest")
    assert "31 days of access are forgiven." in told.words
    world.sweep()
    world.wait(minutes=30)
    assert parked(shop) == []
    periods = shop.ask("SELECT group_concat(period_start) FROM invoice WHERE kind = 'renewal'")
    assert periods == "2027-05-05"
    shown = shop.billing("subscriptions", "show", held).words
    assert "2027-02-28 to 2027-03-30 will not be charged" in shown
    assert "2027-03-31 to 2027-05-04 will not be charged" in shown
    world.sweep_at("2027-06-05 11:00")
    assert shop.ask("SELECT MAX(period_start) FROM invoice") == "2027-06-05"
    assert shop.billing("verify").code == 0


def test_a_held_subscription_is_billed_for_the_period_that_gave_access(world, shop, held):
    assert "forgiven" not in release(shop, "subscription", held, "--bill", "first").words
    world.sweep()
    world.wait(minutes=30)
    world.live_through("2027-05-07 00:00")
    periods = shop.ask("SELECT group_concat(period_start) FROM invoice WHERE kind = 'renewal' AND state = 'paid'")
    assert periods == "2027-02-28,2027-05-05"
    assert shop.billing("verify").code == 0


def test_a_held_subscription_is_billed_from_the_next_period_on(world, shop, held):
    told = release(shop, "subscription", held, "--bill", "none")
    assert "57 days of access are forgiven." in told.words
    world.sweep()
    assert shop.ask("SELECT COUNT(*) FROM invoice WHERE kind = 'renewal'") == 0
    assert parked(shop) == []
    world.sweep_at("2027-05-31 11:00")
    assert shop.ask("SELECT MAX(period_start) FROM invoice") == "2027-05-31"
    assert shop.billing("verify").code == 0


def test_a_charge_is_looked_up_again(world, shop):
    world.subscribe("kim")
    world.faults(wrong_amount=1)
    world.live_through("2027-02-28 12:00")
    world.faults(wrong_amount=0)
    rows = parked(shop)
    assert [row["kind"] for row in rows] == ["charge"]
    shown = shop.billing("subscriptions", "show", "cust-kim").words
    assert f"nothing until charge {rows[0]['id']} is released" in shown
    assert "The gateway's payment is not what was asked for: amount" in shown
    assert "is looked up at the next sweep" in release(shop, "charge", rows[0]["id"][:10]).out
    assert shop.ask("SELECT state FROM charge WHERE kind = 'renewal'") == "unknown"


def test_a_refund_is_looked_up_again(world, shop):
    world.subscribe("kim")
    charge = shop.billing("charges", "list", "--json").json[0]["id"]
    refund = shop.billing("refunds", "create", charge, "--yes", "--json").json["id"]
    shop.write("UPDATE refund SET state = 'parked', error = 'odd', check_at = NULL")
    assert "is looked up at the next sweep" in release(shop, "refund", refund[:9]).out
    world.wait(minutes=10)
    assert shop.ask("SELECT state FROM refund") == "refunded"
    assert "is refunded, not parked" in release(shop, "refund", refund).err


def test_a_webhook_is_processed_again(lived):
    lived.write(
        "INSERT INTO webhook (id, event_id, type, state, received_at, next_try_at, tries, why)"
        " VALUES (7, 'e', 't', 'parked', '2027-03-01', '2027-03-01', 8, 'could not be read')"
    )
    assert "Webhook 7 is processed again at the next sweep." in release(lived, "webhook", "7").out
    assert lived.billing("webhooks", "--state", "received", "--json").json[0]["tries"] == 0
    assert "is received, not parked" in release(lived, "webhook", "7").err
    assert "there is no webhook 8" in release(lived, "webhook", "8").err
    assert release(lived, "webhook", "seven").code == 2


def test_a_stray_payment_counts_as_dealt_with(lived):
    lived.write(
        "INSERT INTO stray_payment (gateway_payment_id, status, found_at, check_at, checks)"
        " VALUES ('pay_stray', 'Captured', '2027-03-05', '2027-03-05', 0)"
    )
    assert "Payment pay_stray counts as dealt with." in release(lived, "payment", "pay_stray").out
    assert parked(lived) == []
    assert "is resolved already: by hand: looked at it" in release(lived, "payment", "pay_stray").err
    assert "there is no stray payment pay_none" in release(lived, "payment", "pay_none").err


def test_releasing_asks_and_tells_json(lived):
    lived.write("UPDATE subscription SET parked_reason = 'odd' WHERE plan_code = 'yearly'")
    refused = lived.billing("parked", "release", "subscription", "cust-lee", "-r", "x", answer="n\n")
    assert refused.code == 1
    told = release(lived, "subscription", "cust-lee", "--json").json
    assert (told["kind"], told["released"]) == ("subscription", True)


def test_releasing_an_unparked_trial_before_its_first_charge_leaves_its_dates(world, shop):
    ident = str(world.subscribe("choi", "trial"))
    shop.write("UPDATE subscription SET parked_reason = 'odd'")
    before = shop.ask("SELECT next_due_at FROM subscription")
    assert release(shop, "subscription", ident, "--bill", "none").code == 0
    assert shop.ask("SELECT next_due_at FROM subscription") == before


def test_what_was_captured_with_another_amount_is_given_back(world, shop):
    world.subscribe("kim")
    world.wallet("kim@example.test", script=["wrong_amount:8000", "ok"])
    world.live_through("2027-02-28 12:00")
    ident = parked(shop)[0]["id"]
    refused = shop.billing("parked", "refund", ident[:9], answer="n\n")
    assert refused.code == 1
    assert shop.ask("SELECT COUNT(*) FROM refund") == 0
    told = shop.billing("parked", "refund", ident[:9], "--reason", "too little", "--yes", "--json").json
    assert (told["charge"], told["amount_minor"], told["currency"]) == (ident, 8000, "KRW")
    assert told["difference"] == "amount 8000 instead of 9900 (minor units)"
    again = shop.billing("parked", "refund", ident, "--yes")
    assert (again.code, shop.ask("SELECT COUNT(*) FROM refund")) == (0, 1)
    assert f"Refund {told['refund'][:11]} of ₩8,000 is on its way" in again.words
    world.live_through("2027-03-05 12:00")
    assert shop.ask("SELECT state FROM refund") == "refunded"
    assert parked(shop) == []
    assert shop.billing("verify").code == 0
    assert shop.billing("verify", "--gateway").code == 0
    assert "no longer counts for the charge" in shop.billing("subscriptions", "show", "cust-kim").words
    assert "is captured, not parked" in shop.billing("parked", "refund", _captured(shop), "--yes").err


def _captured(shop):
    return shop.id_of("SELECT id FROM charge WHERE state = 'captured' LIMIT 1")


@pytest.fixture
def hung(world, shop):
    """A renewal that has no end after four days."""
    world.subscribe("kim")
    world.wallet("kim@example.test", script=["hang"])
    world.live_through("2027-03-04 12:00")
    [row] = parked(shop)
    assert row["kind"] == "charge"
    return row["id"]


def settle(shop, ident, *more):
    return shop.billing("charges", "settle", ident, "--as", "failed", "--reason", "support says so", "--yes", *more)


def test_a_charge_that_hangs_is_listed_named_by_the_doctor_and_settled(shop, hung):
    told = shop.billing("parked", "list").words
    assert "still Pending at Checkout.com after 3 days" in told
    assert "billing charges settle ID --as failed" in told
    assert "still Pending at Checkout.com" in shop.billing("doctor", "--json").out
    done = settle(shop, hung)
    assert done.code == 0
    assert "is settled as failed" in done.words
    assert parked(shop) == []
    assert "It had no outcome, and counts as failed: settled by hand: support says so" in (
        shop.billing("charges", "show", hung).words
    )
    [entry] = [each for each in shop.billing("audit", "list", "--json").json if each["act"] == "charge.settled"]
    assert entry["reason"] == "support says so"
    assert "has ended: it is expired" in settle(shop, hung).words


def test_a_charge_is_settled_for_a_reason_only(shop, hung):
    told = shop.billing("charges", "settle", hung, "--yes")
    assert told.code == 2
    assert "--reason" in told.err


@pytest.fixture
def hung_refund(world, shop):
    """A refund of 31 January that has no end after three days."""
    world.subscribe("kim")
    world.wallet("kim@example.test", refunds=["hang"])
    charge = shop.id_of("SELECT id FROM charge")
    assert shop.billing("refunds", "create", charge, "--amount", "4000", "-r", "sorry", "--yes").code == 0
    world.live_through("2027-02-03 20:00")
    [row] = parked(shop)
    assert row["kind"] == "refund"
    return row["id"]


def test_a_refund_that_hangs_is_listed_named_by_the_doctor_and_settled(shop, hung_refund):
    told = shop.billing("parked", "list").words
    assert "still Pending at Checkout.com after 3 days" in told
    assert "billing refunds settle-failed ID" in told
    assert "still Pending at Checkout.com" in shop.billing("doctor", "--json").out
    act = ("refunds", "settle-failed", hung_refund, "--reason", "support says so", "--yes")
    assert "is settled as failed" in shop.billing(*act).words
    assert parked(shop) == []
    [entry] = [each for each in shop.billing("audit", "list", "--json").json if each["act"] == "refund.settled"]
    assert entry["reason"] == "support says so"
    assert "has ended: it is declined" in shop.billing(*act).words
    assert shop.billing(*act, "--json").json["by_hand"] is False
    assert shop.billing("verify").code == 0


def test_a_revocation_that_is_parked_is_listed_with_what_settles_it_and_settled(world, shop):
    world.subscribe("kim")
    source = shop.id_of("SELECT id FROM source")
    assert "not being revoked" in shop.billing("sources", "settle", source, "--reason", "cut", "--yes").err
    world.faults(unprocessed_502=1.0)
    shop.billing("sources", "revoke", source, "--reason", "asked to", "--yes")
    world.live_through("2027-02-06 12:00")
    assert "billing sources settle ID" in shop.billing("parked", "list").words
    act = ("sources", "settle", source, "--reason", "cut in KakaoTalk", "--yes")
    assert "is settled" in shop.billing(*act).words
    assert shop.billing(*act, "--json").json["revocation"] == "confirmed"
    assert parked(shop) == []
    trail = shop.billing("audit", "list", "--json").json
    [entry] = [each for each in trail if each["act"] == "source.revocation_settled"]
    assert entry["reason"] == "cut in KakaoTalk"
    assert shop.billing("audit", "verify").code == 0


def test_a_dispute_whose_end_was_lost_is_settled(world, shop):
    world.subscribe("kim")
    charge = shop.id_of("SELECT id FROM charge")
    payment = world.payments()[0]["id"]
    shop.write(
        "INSERT INTO dispute (gateway_dispute_id, charge_id, gateway_payment_id, amount_minor, currency, state, status,"
        f" rank, opened_at) SELECT 'dsp_1', id, '{payment}', 9900, 'KRW', 'open', 'dispute_received', 1,"
        " '2027-02-01' FROM charge"
    )
    assert "dsp_1" in shop.billing("doctor", "--json").out
    assert "is disputed (dsp_1)" in shop.billing("refunds", "create", charge, "--yes").err
    act = ("charges", "settle-dispute", "dsp_1", "--as", "won", "--reason", "the dashboard shows it", "--yes")
    assert "is won." in shop.billing(*act).words
    assert shop.billing(*act, "--json").json["state"] == "won"
    assert "is won already" in shop.billing(*act[:4], "lost", *act[5:]).err
    trail = shop.billing("audit", "list", "--json").json
    [entry] = [each for each in trail if each["act"] == "charge.dispute_settled"]
    assert entry["reason"] == "the dashboard shows it"
    assert shop.billing("refunds", "create", charge, "--yes").code == 0


def test_a_webhook_of_which_nothing_will_come_is_ignored(lived):
    lived.write(
        "INSERT INTO webhook (event_id, type, state, received_at, next_try_at, tries, why)"
        " VALUES ('e', 't', 'parked', '2027-03-01', '2027-03-01', 8, 'could not be read')"
    )
    [row] = [each for each in parked(lived) if each["kind"] == "webhook"]
    assert "billing webhooks ignore NUMBER" in lived.billing("parked", "list").words
    act = ("webhooks", "ignore", row["id"], "--reason", "of a test shop", "--yes")
    assert "is ignored" in lived.billing(*act).words
    assert parked(lived) == []
    assert "by hand: of a test shop" in lived.billing("webhooks", "--state", "ignored").words
    assert "is ignored, not parked" in lived.billing(*act).err
    [entry] = [each for each in lived.billing("audit", "list", "--json").json if each["act"] == "webhook.ignored"]
    assert entry["reason"] == "of a test shop"
    assert "is no whole number" in lived.billing("webhooks", "ignore", "x", "--reason", "y", "--yes").err
