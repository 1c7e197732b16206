"""What doctor and the metrics tell of reconciliation, one test for each state of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from billing.entrypoints.metrics.vitals import Vitals
from billing.operations.reconcile_rounds import reconcile_page


def found(shop):
    """Return the verdict of the doctor, what it found, and what to do."""
    (check,) = [each for each in shop.billing("doctor", "--json").json["checks"] if each["name"] == "reconciliation"]
    return check["verdict"], check["found"], check["remedy"]


def metrics(shop):
    """Return the gauges and counters of reconciliation: ``{name: {round: value}}``."""
    registry = CollectorRegistry()
    registry.register(Vitals(lambda: shop.database, is_live=False, kept_seconds=0))
    told = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            if sample.name.startswith("billing_reconciliation_"):
                name = sample.name.removeprefix("billing_reconciliation_")
                told.setdefault(name, {})[sample.labels["round"]] = sample.value
    return told


def ask(world, pages=100):
    """Ask so many pages, or all that are due; return how many were asked."""
    for number in range(pages):
        if reconcile_page(world.engine, now=world.now) is None:
            return number
    return pages


def scopes(world, *names):
    world.sandbox("PUT", "profiles", {"granted_scopes": list(names)})


@pytest.fixture
def paid(world):
    world.subscribe()
    world.wait(hours=1)
    return world


@pytest.mark.usefixtures("paid")
def test_before_the_first_round_nothing_is_wrong_and_nothing_is_counted(shop):
    assert found(shop)[:2] == ("ok", "no round was completed yet")
    assert metrics(shop) == {}


def test_a_first_round_that_does_not_end_is_told_after_two_days(paid, shop):
    paid.with_rules(reconciling=replace(paid.engine.rules.reconciling, reads_per_second=0.5))
    ask(paid, pages=1)
    assert found(shop)[:2] == ("ok", "no round was completed yet")
    paid.wait(days=2, minutes=1)
    verdict, words, remedy = found(shop)
    assert (verdict, words) == ("warning", "no round was completed yet")
    assert "a daemon runs and Checkout.com answers" in remedy


def test_rounds_that_found_nothing_are_in_order_and_say_until_when(paid, shop):
    scopes(paid, "gateway", "payments:search", "disputes:view")
    ask(paid)
    verdict, words, _ = found(shop)
    assert (verdict, words) == ("ok", "recent payments were asked about until 2027-01-31 13:02 KST; 0 findings")
    told = metrics(shop)
    assert told["reads_total"]["recent"] == 1
    assert set(told["findings_total"].values()) == set(told["unread"].values()) == {0}
    assert set(told["last_round_age_seconds"].values()) == set(told["late_seconds"].values()) == {0}
    assert set(told["last_round_age_seconds"]) == {"recent", "search", "disputes", "open", "rotation"}


def test_the_age_of_a_round_and_how_late_the_next_one_is_grow_until_it_is_made(paid, shop):
    ask(paid)
    paid.wait(days=1, hours=2)
    told = metrics(shop)
    assert told["last_round_age_seconds"]["recent"] == timedelta(hours=26).total_seconds()
    assert told["late_seconds"]["recent"] == timedelta(hours=2).total_seconds()
    assert told["late_seconds"]["rotation"] == 0, "it is made weekly"
    assert found(shop)[0] == "ok"
    ask(paid)
    assert metrics(shop)["late_seconds"]["recent"] == metrics(shop)["last_round_age_seconds"]["recent"] == 0


def test_a_round_that_ended_more_than_two_days_ago_is_told_with_what_to_do(paid, shop):
    ask(paid)
    paid.wait(days=2, minutes=1)
    verdict, words, remedy = found(shop)
    assert verdict == "warning"
    assert "recent payments were asked about until 2027-01-31 13:02" in words
    assert "raise reconciliation.read_share" in remedy


def test_findings_are_counted_for_good_in_the_metrics_and_by_the_last_round_in_the_doctor(paid, shop):
    payment = paid.rows("SELECT gateway_payment_id FROM charge")[0]["gateway_payment_id"]
    paid.post(f"/payments/{payment}/refunds", {"amount": 4000})
    paid.wait(minutes=5)
    ask(paid)
    assert found(shop)[1].split("; ")[1] == "1 finding"
    paid.wait(days=1)
    ask(paid)
    assert "; 0 findings" in found(shop)[1]
    assert metrics(shop)["findings_total"]["recent"] == 1
    assert metrics(shop)["reads_total"]["recent"] == paid.scalar(
        "SELECT all_asked FROM reconciliation_round WHERE name = 'recent'"
    )


def test_questions_that_stayed_without_an_answer_are_told_until_a_round_has_them_all(paid, shop):
    paid.faults(outage=True)
    for _ in range(6):
        ask(paid)
        paid.wait(minutes=6)
    paid.faults(outage=None)
    assert metrics(shop)["unread"]["recent"] == 1
    assert "questions without an answer" in found(shop)[1]
    paid.wait(days=1)
    ask(paid)
    assert set(metrics(shop)["unread"].values()) == {0}
    assert "without an answer" not in found(shop)[1]


def test_older_charges_that_a_slow_rotation_has_still_to_ask_about_are_counted(paid, shop):
    for who in ("lee", "park", "choi"):
        paid.subscribe(who)
    paid.wait(days=5)
    paid.with_rules(reconciling=replace(paid.engine.rules.reconciling, reads_per_second=0.5))
    while paid.scalar("SELECT asked FROM reconciliation_round WHERE name = 'rotation'") in (None, 0):
        assert ask(paid, pages=1) == 1
    assert "; 3 older charges are still to be asked about" in found(shop)[1]
    ask(paid)
    assert "still to be asked about" not in found(shop)[1]


def test_without_its_scope_each_round_says_what_is_not_seen(paid, shop):
    scopes(paid, "gateway", "vault:instruments")
    ask(paid)
    verdict, words, _ = found(shop)
    assert verdict == "ok"
    assert "payments without our reference are not seen: HTTP 403: the key has not the scope payments:search" in words
    assert "disputes whose webhook is lost are not seen: HTTP 403: the key has not the scope disputes:view" in words
    scopes(paid, "gateway", "vault:instruments", "payments:search", "disputes:view")
    paid.wait(days=1)
    ask(paid)
    assert "not seen" not in found(shop)[1]


def test_only_what_cannot_be_seen_is_said(paid, shop):
    scopes(paid, "gateway", "vault:instruments", "payments:search")
    ask(paid)
    words = found(shop)[1]
    assert words.count("not seen") == 1
    assert "disputes whose webhook is lost are not seen" in words
