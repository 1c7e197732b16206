"""Torture: real processes are killed, stopped and cut off while they enrol and renew; at the end every won is right.

Bounded here. The long one is ``make torture SECONDS=600 SEED=7``.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from bad_proxy import BadProxy
from enrolling import Person
from fleet import Fleet, Nursery
from grounds import PostgresGround, SqliteGround
from harness import KST, PLANS, START, migrated
from judging import captured_periods, due_periods, told_outside_since
from listening import Mood, Shop
from torturer import Torturer
from typer.testing import CliRunner
from waiting import HANG_SECONDS, until

from billing.bootstrap import facts_of
from billing.config.settings import SANDBOX_WEBHOOK_KEY
from billing.config.source import read_settings
from billing.entrypoints.cli.main import app
from billing.entrypoints.demo.processes import free_port
from billing.store.binding import bind
from billing.store.database import Database
from billing.store.installation import set_clock

SECONDS = float(os.environ.get("TORTURE_SECONDS", "4"))
SEED = int(os.environ.get("TORTURE_SEED", "1"))
PEOPLE = int(os.environ.get("TORTURE_PEOPLE", "20" if SECONDS > 30 else "8"))
pytestmark = pytest.mark.timeout(1200 + 4 * SECONDS)
CONFIG = """
[database]
url = "{url}"
pool_size = 4
[gateway]
base_url = "http://127.0.0.1:{proxy}"
answer_seconds = 1.0
writes_per_second = 2000.0
reads_per_second = 2000.0
[api]
port = {api}
public_url = "http://127.0.0.1:{api}"
[daemon]
tick_seconds = 0.1
batch = 7
catch_up = "all"
[enrolment]
lifetime_minutes = 2880
"""


@pytest.fixture(scope="module")
def nursery():
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def folder():
    """Where logs and databases are. It is kept when the torture has found something."""
    made = Path(tempfile.mkdtemp(prefix=f"torture-seed-{SEED}-"))
    yield made
    if not (made / "keep").exists():
        shutil.rmtree(made)


@pytest.fixture(params=["sqlite", "postgres"])
def ground(request, folder):
    made = SqliteGround(folder) if request.param == "sqlite" else PostgresGround()
    yield made
    made.close()


@pytest.fixture
def shop():
    with Shop() as one:
        yield one


@pytest.fixture
def torturer(ground, nursery, folder, shop):
    """Everything set up: a bound database with plans, sandbox behind a bad proxy, API, daemons, a shop's endpoint."""
    with ExitStack() as opened:
        sandbox_port, api_port = free_port(), free_port()
        proxy = opened.enter_context(BadProxy(sandbox_port, SEED))
        config = folder / "config.toml"
        config.write_text(CONFIG.format(url=ground.url, proxy=proxy.port, api=api_port), encoding="utf-8")
        found(ground, config, folder)
        shop.secret = json.loads(billing(folder, "webhooks", "endpoints", "create", shop.url, "--json"))["secret"]
        fleet = Fleet(nursery, folder)
        opened.callback(fleet.end)
        webhooks = f"http://127.0.0.1:{api_port}/webhooks/checkout"
        fleet.add(
            "sandbox", "sandbox", "--port", str(sandbox_port), "--database", str(folder / "sandbox.db"),
            "--seed", str(SEED), "--webhook-url", webhooks, "--webhook-key", SANDBOX_WEBHOOK_KEY, "--quiet",
        )  # fmt: skip
        wait_for(f"http://127.0.0.1:{sandbox_port}/_sandbox/clock")
        fleet.add("api", "billing", "--config", str(config), "api")
        daemons = [f"daemon-{number}" for number in range(2 + (SEED % 4 if type(ground) is PostgresGround else 0))]
        for name in daemons:
            fleet.add(name, "billing", "--config", str(config), "daemon", "--name", name)
        urls = {"api": f"http://127.0.0.1:{api_port}", "sandbox": f"http://127.0.0.1:{sandbox_port}"}
        made = Torturer(seed=SEED, fleet=fleet, ground=ground, proxy=proxy, shop=shop, urls=urls, daemons=daemons)
        opened.callback(made.close)
        yield made


def found(ground, config, folder):
    """Make the database, bind it to the configuration, and put plans and the test clock into it."""
    migrated(ground.url)
    settings = read_settings(config)
    database = Database(ground.url)
    with database.transaction() as tx:
        bind(tx, facts_of(settings))
        set_clock(tx, START)
    database.dispose()
    plans = folder / "plans.toml"
    plans.write_text(PLANS, encoding="utf-8")
    billing(folder, "plans", "apply", str(plans), "--yes")
    ground.prepare()


def verified(folder, tries=5):
    """Compare with the gateway. What could not be read proves nothing: as the answer says, it is run again."""
    command = ["--config", str(folder / "config.toml"), "verify", "--gateway"]
    for _ in range(tries):
        done = CliRunner().invoke(app, command)
        if done.exit_code == 0 or "run it again" not in done.output:
            break
    assert done.exit_code == 0, done.output


def billing(folder, *command):
    """Run a command as an operator does, and return what it said."""
    done = CliRunner().invoke(app, ["--config", str(folder / "config.toml"), *command])
    assert done.exit_code == 0, done.output
    return done.stdout


def wait_for(url):
    import httpx2

    def answers():
        with suppress(httpx2.HTTPError):
            return httpx2.get(url)

    until(answers, f"an answer of {url}", every=0.05)


def test_whatever_is_killed_stopped_or_cut_off_nobody_pays_twice_and_no_period_is_missed(torturer, folder):
    try:
        told = tortured(torturer, folder)
    except BaseException as found:
        (folder / "keep").touch()
        torturer.ground.keep_evidence(folder)
        found.add_note(f"TORTURE_SEED={SEED}; logs and databases are in {folder}")
        raise
    sys.stdout.write(f"\n{told}\n")


def tortured(torturer, folder):
    """Live through it and judge; return what was done, in a few lines."""
    people = [Person(number) for number in range(PEOPLE)]
    began = time.monotonic()
    torturer.enrol(people, SECONDS / 3)
    enrolled = time.monotonic()
    torturer.torment(SECONDS)
    tormented = time.monotonic()
    torturer.shop.be(Mood.HANGS)  # no renewal of the days that follow, and nothing else, waits for it
    until = torturer.heal(days=3)
    healed = time.monotonic()
    torturer.shop.be(Mood.WELL)
    assert_the_shop_was_told_everything(torturer, folder)
    delivered = time.monotonic()

    ledger = captured_periods(torturer.ledger())
    assert [period for period, times in ledger.items() if times > 1] == [], "captured twice"
    owners = {
        row["reference"]: str(UUID(str(row["id"])))
        for row in torturer.rows(
            "SELECT customer.reference, subscription.id FROM subscription "
            "JOIN customer ON customer.id = subscription.customer_id"
        )
    }
    first = START.astimezone(KST).date()
    anchors = {owner: min(day for who, day in ledger if who == owner) for owner in owners.values()}
    assert set(anchors.values()) <= {first, first + timedelta(days=1)}
    missed = [
        (person.reference, day)
        for person in people
        for day in due_periods(person, anchors[owners[person.reference]], until)
        if not ledger[owners[person.reference], day]
    ]
    assert missed == [], "due and never captured"
    assert_at_rest(torturer)
    verified(folder)
    traces = [name for name, said in torturer.fleet.said().items() if "Traceback" in said]
    assert traces == [], "an error nobody caught"
    proxied = {mode.value: times for mode, times in torturer.proxy.done.items()}
    came = {mood.value: times for mood, times in torturer.shop.came.items()}
    return (
        f"lived until {until}: {torturer.leaps} leaps, {sum(ledger.values())} periods captured, "
        f"{torturer.fleet.born} processes, {dict(torturer.done)}, answers through the proxy {proxied}, "
        f"{len(torturer.shop.taken)} events at the shop, which was sent {came}; seconds: "
        f"{enrolled - began:.1f} enrolling, {tormented - enrolled:.1f} tormented, {healed - tormented:.1f} healing, "
        f"{delivered - healed:.1f} delivering"
    )


def assert_the_shop_was_told_everything(torturer, folder):
    """Each event arrives as the feed tells it, so that of no subject a number is missing; nothing else arrives."""
    [endpoint] = torturer.rows("SELECT url FROM webhook_endpoint")
    [made] = torturer.rows("SELECT id FROM event WHERE type = 'webhook_endpoint.created'")
    # What waits for its next try is sent at once when the endpoint is enabled anew.
    if torturer.rows("SELECT id FROM webhook_endpoint WHERE state = 'enabled'"):
        billing(folder, "webhooks", "endpoints", "disable", endpoint["url"])
    billing(folder, "webhooks", "endpoints", "enable", endpoint["url"])
    deadline = time.monotonic() + HANG_SECONDS
    while (told := torturer.read(lambda tx: told_outside_since(tx, made["id"]))).keys() - torturer.shop.taken.keys():
        assert time.monotonic() < deadline, f"not delivered: {told.keys() - torturer.shop.taken.keys()}"
        torturer.fleet.keep_alive()
        time.sleep(0.05)
    assert torturer.shop.taken == told
    assert torturer.shop.wrong == []


def assert_at_rest(torturer):
    states = Counter((row["state"], row["parked_reason"]) for row in torturer.rows("SELECT * FROM subscription"))
    assert states == {("active", None): PEOPLE}
    for table in ("charge", "refund"):
        unsettled = "SELECT id FROM {} WHERE state IN ('sending', 'unknown', 'pending', 'parked', 'requested')"
        assert torturer.rows(unsettled.format(table)) == []
    assert torturer.rows("SELECT id FROM webhook WHERE state = 'received'") == []
    # A webhook is a hint; one whose payment could not be read for half a day may be left to a person.
    why = {row["why"] for row in torturer.rows("SELECT why FROM webhook WHERE state = 'parked'")}
    assert why <= {"the payment could not be read"}
