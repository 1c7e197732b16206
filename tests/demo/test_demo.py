"""The demo is the product from outside: real processes, trouble, and an audit that must end in three zeros."""

import json
import stat
from datetime import date

from typer.testing import CliRunner

from billing.entrypoints.cli.main import app
from billing.entrypoints.demo.audit import reckon
from billing.entrypoints.demo.cast import Fate, Subscriber, make_cast, renewal_day
from billing.entrypoints.demo.command import START

KEYS = {
    "subscribers",
    "months",
    "seed",
    "subscriptions",
    "renewals_due",
    "captured",
    "recovered",
    "lost",
    "charged_twice",
    "missed",
    "unmatched",
    "refunded_minor",
    "captured_minor",
    "currency",
    "seconds",
}


def run(*arguments):
    return CliRunner().invoke(app, ["demo", "--subscribers", "14", "--months", "2", "--seed", "5", *arguments])


def test_the_same_seed_tells_the_same_year_on_both_databases_and_ends_in_three_zeros(
    tmp_path, monkeypatch, empty_postgres_url
):
    monkeypatch.chdir(tmp_path)
    told = []
    for arguments in (["--json"], ["--json", "--database", empty_postgres_url]):
        done = run(*arguments)
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.stdout))
    first, second = told
    assert set(first) >= KEYS
    assert (first["charged_twice"], first["missed"], first["unmatched"]) == (0, 0, 0)
    assert first["captured"] > 0
    assert sum(first["subscriptions"].values()) == 14
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_a_strict_gateway_ends_in_three_zeros_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("--json", "--strict")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["charged_twice"], told["missed"], told["unmatched"]) == (0, 0, 0)
    assert told["captured"] > 0


def test_it_leaves_a_database_that_can_be_looked_into(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run()
    assert done.exit_code == 0, done.output
    assert "charged twice 0, missed 0, unexplained 0" in done.output
    demo = tmp_path / "demo"
    assert (stat.S_IMODE(demo.stat().st_mode), stat.S_IMODE((demo / "billing.db").stat().st_mode)) == (0o700, 0o600)
    verified = CliRunner().invoke(app, ["--config", "demo/config.toml", "verify"])
    assert verified.exit_code == 0, verified.output
    shown = CliRunner().invoke(app, ["--config", "demo/config.toml", "subscriptions", "show", "cust-0007"])
    assert "was captured" in shown.output


def test_the_audit_sees_what_the_engine_would_have_got_wrong(world):
    """The three zeros are no constants: each corruption moves one of them."""
    world.subscribe("one")
    world.live_through("2027-03-02 12:00")
    database = world.engine.database
    ledger = world.payments()
    assert reckon(database, ledger, [], world.now).is_clean
    twice = [*ledger, {**ledger[-1], "id": "pay_again"}]
    assert reckon(database, twice, [], world.now).charged_twice == 1
    assert reckon(database, ledger[:-1], [], world.now).unmatched == 1
    foreign = [*ledger, {**ledger[-1], "id": "pay_foreign", "reference": "nobody-knows"}]
    assert reckon(database, foreign, [], world.now).unmatched == 1
    stranger = make_cast(1, 1, 1, START)[0]
    assert reckon(database, ledger, stranger, world.now).missed == 1


def test_the_same_seed_casts_the_same_people_and_another_seed_others():
    assert make_cast(30, 12, 1, START) == make_cast(30, 12, 1, START)
    assert make_cast(30, 12, 1, START) != make_cast(30, 12, 2, START)


def test_a_membership_begun_on_the_31st_renews_on_the_last_day_of_short_months():
    member = Subscriber(1, "basic", Fate.STEADY, date(2027, 1, 31))
    assert [renewal_day(member, month).isoformat() for month in (0, 1, 12)] == [
        "2027-01-31",
        "2027-02-28",
        "2028-01-31",
    ]
