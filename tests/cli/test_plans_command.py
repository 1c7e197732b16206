"""`billing plans`."""

import pytest
from harness import PLANS

NEW = '[[plans]]\ncode = "gold"\nname = "골드"\namount = 19000\ncurrency = "KRW"\ninterval = "month"\n'


@pytest.fixture
def file(tmp_path):
    catalog = tmp_path / "plans.toml"
    catalog.write_text(PLANS + NEW, encoding="utf-8")
    return catalog


def test_apply_shows_what_will_change_and_asks(lived, file):
    told = lived.billing("plans", "apply", str(file), answer="y\n")
    assert told.code == 0
    assert "gold: new plan “골드”, ₩19,000 every month" in told.words
    assert "basic: unchanged" in told.words
    assert "Apply 1 change? [y/N]" in told.err
    assert "Applied." in told.out
    assert "gold" in lived.billing("plans", "list").out


def test_apply_says_of_which_plans_the_retries_outlast_the_period(lived, file):
    told = lived.billing("plans", "apply", str(file), "--dry-run").words
    assert "Plan weekly: retries go on for 14 days, longer than a period (every week)." in told
    assert "Plan daily: retries" in told
    assert "Plan basic: retries" not in told


def test_apply_again_changes_nothing_and_does_not_ask(lived, file):
    lived.billing("plans", "apply", str(file), "--yes")
    prices = lived.ask("SELECT COUNT(*) FROM price")
    told = lived.billing("plans", "apply", str(file))
    assert (told.code, told.err) == (0, "")
    assert "Nothing to change." in told.out
    assert lived.ask("SELECT COUNT(*) FROM price") == prices


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_apply_without_a_yes_changes_nothing(lived, file, answer):
    told = lived.billing("plans", "apply", str(file), answer=answer)
    assert told.code == 1
    assert "othing was changed" in told.err
    assert lived.ask("SELECT COUNT(*) FROM plan WHERE code = 'gold'") == 0


def test_a_dry_run_changes_nothing(lived, file):
    told = lived.billing("plans", "apply", str(file), "--dry-run")
    assert told.code == 0
    assert "gold: new plan" in told.out
    assert "Nothing was changed." in told.out
    assert lived.ask("SELECT COUNT(*) FROM plan WHERE code = 'gold'") == 0


def test_a_new_price_is_a_new_version_and_subscribers_keep_theirs(lived, file):
    file.write_text(PLANS.replace("amount = 9900", "amount = 12000", 1), encoding="utf-8")
    told = lived.billing("plans", "apply", str(file), "--yes", "--json").json
    assert told["applied"] is True
    assert [each["change"] for each in told["changes"] if each["plan"] == "basic"] == ["NewPrice"]
    shown = lived.billing("plans", "show", "basic", "--json").json
    assert [(price["version"], price["amount_minor"]) for price in shown["prices"]] == [(2, 12000), (1, 9900)]
    assert [price["subscriptions"] for price in shown["prices"]] == [0, 3]
    assert "price version 1: ₩9,900 every month" in lived.billing("subscriptions", "show", "cust-kim").words


def test_an_illegal_plan_is_refused_with_line_and_reason(lived, file):
    file.write_text(NEW.replace("19000", "2000001"), encoding="utf-8")
    told = lived.billing("plans", "apply", str(file), "--yes")
    assert told.code == 1
    assert f"{file}:4: plans[0].amount: 2000001 is over the KakaoPay limit of ₩2,000,000" in told.err
    assert lived.ask("SELECT COUNT(*) FROM plan WHERE code = 'gold'") == 0


def test_an_archived_plan_in_the_file_is_refused_with_its_line(lived, file):
    lived.billing("plans", "archive", "weekly", "--yes")
    told = lived.billing("plans", "apply", str(file), "--yes")
    line = PLANS.splitlines().index('code = "weekly"') + 1
    assert told.code == 1
    assert f"{file}:{line}: plans[3]: weekly: is archived and stays so" in told.err
    assert lived.ask("SELECT COUNT(*) FROM plan WHERE code = 'gold'") == 0


def test_a_paused_plan_says_that_it_renews_nobody(lived):
    told = lived.billing("plans", "pause", "basic", "--yes")
    assert "3 subscriptions will not be renewed or charged until `billing plans resume basic`" in told.words
    assert "paused" in lived.billing("plans", "list").out
    assert "nobody is renewed, charged or enrolled" in lived.billing("plans", "show", "basic").words
    shown = lived.billing("subscriptions", "show", "cust-kim").words
    assert "nothing until plan basic is resumed: a paused plan renews nobody" in shown
    assert "The plan was paused" in shown
    assert "active, plan paused" in lived.billing("subscriptions", "list").words


def test_a_sweep_says_who_was_not_renewed_because_the_plan_is_paused(lived):
    lived.billing("plans", "pause", "basic", "--yes")
    told = lived.billing("run-due", "--at", "2027-03-31 12:00")
    assert "Plan basic is paused: 2 of its subscriptions are due and were not renewed" in told.words
    assert lived.ask("SELECT COUNT(*) FROM invoice WHERE period_start > '2027-03-30'") == 0
    doctor = lived.billing("doctor", "--json").json["checks"]
    assert [check["verdict"] for check in doctor if check["name"] == "paused plans"] == ["ok"]


def test_a_paused_plan_can_be_resumed_once(lived):
    lived.billing("plans", "pause", "basic", "--yes")
    assert lived.billing("plans", "resume", "basic", "--yes", "--json").json == {"plan": "basic", "state": "on sale"}
    assert "plan basic is not paused" in lived.billing("plans", "resume", "basic", "--yes").err


@pytest.mark.parametrize("act", ["archive", "pause", "resume"])
def test_a_plan_that_is_not_there_is_told(lived, act):
    told = lived.billing("plans", act, "gold", "--yes")
    assert (told.code, told.err) == (1, "error: there is no plan gold\n")
    assert lived.billing("plans", "show", "gold").err == "error: there is no plan gold\n"


@pytest.mark.parametrize("act", ["archive", "pause"])
def test_changing_a_plan_asks(lived, act):
    told = lived.billing("plans", act, "basic", answer="n\n")
    assert told.code == 1
    assert "[y/N]" in told.err
    assert lived.ask("SELECT COUNT(*) FROM plan WHERE archived_at IS NOT NULL OR paused_at IS NOT NULL") == 0
