"""Races that are forced: a webhook against the answer, the database's own refusals, and real daemon processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from harness import email, fresh_world, kst, open_inbox
from soundness import assert_sound
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from waiting import HANG_SECONDS, until

from billing.bootstrap import facts_of
from billing.config.source import read_settings
from billing.domain.charging import Accepted
from billing.domain.identity import row_id
from billing.operations.engine import Conflict
from billing.operations.enrol_subscriber import AlreadySubscribed
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.forgive_invoice import mark_uncollectible
from billing.operations.manage import cancel_now
from billing.operations.record_outcomes import record_outcomes
from billing.operations.revoke_source import revoke_source
from billing.operations.webhooks import process_webhooks
from billing.store.binding import bind
from billing.store.installation import set_clock
from billing.store.invariants import check_all
from billing.store.writes import StaleRow

SUBSCRIBERS = 12


@pytest.fixture
def few(sandbox, postgres_url):
    """A world on PostgreSQL with a dozen subscribers, on the day of their renewal."""
    with fresh_world(sandbox.url, postgres_url) as world:
        world.faults(auto_agree_seconds=1)
        for number in range(SUBSCRIBERS):
            world.enrol(f"user{number}")
        world.wait(minutes=2)
        world.faults(auto_agree_seconds=None)
        world.go_to("2027-02-28 11:00")
        yield world


class Telling:
    """A gateway whose webhooks are processed by another thread while its answer is on the way."""

    def __init__(self, world):
        self._world = world
        self._gateway = world.engine.gateway
        self._pool = ThreadPoolExecutor(2)
        self.running = []

    def create_payments(self, requests, **when):
        outcomes = self._gateway.create_payments(requests, **when)
        self._world.sandbox("POST", "drain")  # every webhook has come and is stored
        engine = replace(self._world.engine, gateway=self._gateway, actor="webhooks")
        self.running += [self._pool.submit(process_webhooks, engine, now=self._world.now) for _ in range(2)]
        return outcomes

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def wait(self):
        self._pool.shutdown()
        for each in self.running:
            each.result()


def test_webhooks_that_race_the_answers_to_their_own_charges_settle_each_charge_once(few):
    few.faults(settle_seconds_min=0, settle_seconds_max=0)
    few.wallet(email("user3"), script=["20051"])
    with open_inbox(few):
        telling = Telling(few)
        few.engine = replace(few.engine, gateway=telling)
        few.sweep()
        telling.wait()
        few.wait(minutes=5)
    assert sorted(few.states("subscription")) == ["active"] * (SUBSCRIBERS - 1) + ["past_due"]
    assert len(few.captured()) == 2 * SUBSCRIBERS - 1
    assert len(few.events("charge.captured")) == 2 * SUBSCRIBERS - 1
    assert len(few.events("charge.declined")) == 1
    assert_sound(few, at_rest=True)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03"])
def test_a_statement_that_the_database_refuses_for_a_conflict_is_done_again_by_the_next_sweep(few, sqlstate):
    engine = few.engine.database.engine
    seen = 0
    refused = []

    def refuse(_connection, _cursor, statement, parameters, *_more):
        nonlocal seen
        writes = statement.startswith(("INSERT", "UPDATE", "WITH")) or "FOR UPDATE" in statement
        seen += writes
        if writes and seen % 4 == 0 and len(refused) < 25:
            refused.append(statement)
            return f"DO $$ BEGIN RAISE EXCEPTION 'forced' USING ERRCODE = '{sqlstate}'; END $$", {}
        return statement, parameters

    event.listen(engine, "before_cursor_execute", refuse, retval=True)
    for _ in range(12):
        few.wait(minutes=3)
    event.remove(engine, "before_cursor_execute", refuse)
    few.live_through("2027-03-01 12:00")
    assert len(refused) == 25
    assert few.events("subscription.parked") == []
    assert few.events("charge.parked") == []
    assert len(few.captured()) == 2 * SUBSCRIBERS
    assert few.states("invoice") == ["paid"] * 2 * SUBSCRIBERS
    assert_sound(few, at_rest=True)


@pytest.fixture
def alone(sandbox, postgres_url):
    """A world on PostgreSQL with nobody in it."""
    with fresh_world(sandbox.url, postgres_url) as world:
        yield world


def test_a_late_first_payment_that_races_a_new_enrolment_goes_back_and_is_not_set_aside(alone):
    alone.wallet(email("kim"), first_payment=["late:3:expire", "ok"])
    first = alone.enrol()
    alone.agree(str(first.redirect_url))
    alone.live_through("2027-01-31 15:00")
    assert alone.state(first.subscription_id) == "incomplete_expired"
    alone.go_to("2027-02-01 18:00")  # it was captured; nobody has looked again yet
    engine, made = alone.engine.database.engine, []

    def enrol_meanwhile(_conn, _cursor, statement, _parameters, _context, _many):
        """Enrol between the reading of the late capture's case and the writing of the subscription's state."""
        if not made and statement.startswith("UPDATE subscription"):
            made.append(None)
            with ThreadPoolExecutor(1) as other:
                made[0] = other.submit(alone.enrol).result(timeout=HANG_SECONDS)

    event.listen(engine, "before_cursor_execute", enrol_meanwhile)
    alone.sweep()
    event.remove(engine, "before_cursor_execute", enrol_meanwhile)
    assert made[0].subscription_id != first.subscription_id
    assert alone.events("charge.parked") == []
    assert alone.state(first.subscription_id) == "incomplete_expired"
    assert [row["reason"] for row in alone.rows("SELECT reason FROM refund")] == [
        "the enrolment had expired and another subscription took its place"
    ]
    alone.agree(str(made[0].redirect_url))
    alone.wait(minutes=5)
    assert alone.state(made[0].subscription_id) == "active"
    assert len(alone.captured()) == 1
    alone.calm(hours=3)
    assert_sound(alone, at_rest=True)


def test_a_customer_who_enrols_in_ten_tabs_at_once_has_one_subscription_and_pays_once(few):
    start = threading.Barrier(10)

    def enrol(_):
        start.wait()
        try:
            return few.enrol("newcomer")
        except (GatewayUnavailable, AlreadySubscribed):
            return None

    with ThreadPoolExecutor(10) as pool:
        made = [each for each in pool.map(enrol, range(10)) if each is not None]
    assert made
    assert len({each.subscription_id for each in made}) == 1
    few.agree(str(few.enrol("newcomer").redirect_url))
    few.wait(minutes=2)
    assert few.state(made[0].subscription_id) == "active"
    assert len([payment for payment in few.captured() if payment["wallet"] == email("newcomer")]) == 1
    assert_sound(few)


def test_cancelling_twice_at_once_is_one_cancellation(few):
    subscription = few.subscription()["id"]

    def cancel(_):
        try:
            cancel_now(few.engine, subscription, reason="enough", now=few.now)
        except Exception as error:  # noqa: BLE001 - counted
            return type(error).__name__
        return "canceled"

    with ThreadPoolExecutor(8) as pool:
        told = sorted(pool.map(cancel, range(8)))
    assert told == ["Conflict"] * 7 + ["canceled"]
    assert len(few.events("subscription.canceled")) == 1


def test_three_real_daemons_of_which_one_is_killed_charge_everybody_once(few, sandbox, postgres_url, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[gateway]\nbase_url = "{sandbox.url}"\nanswer_seconds = 2.0\n'
        f'[database]\nurl = "{postgres_url}"\n[daemon]\ntick_seconds = 0.1\nbatch = 3\n'
    )
    database = few.engine.database
    with database.transaction() as tx:
        bind(tx, facts_of(read_settings(config)))
        set_clock(tx, few.now)
    billing = str(Path(sys.executable).with_name("billing"))
    with ExitStack() as stack:
        daemons = [
            stack.enter_context(
                subprocess.Popen(
                    [billing, "--config", str(config), "daemon", "--name", f"d{number}"],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            for number in range(3)
        ]
        until(lambda: few.scalar("SELECT count(*) FROM charge WHERE kind = 'renewal'"), "a renewal", every=0.05)
        os.kill(daemons[0].pid, signal.SIGKILL)
        while few.states("invoice") != ["paid"] * 2 * SUBSCRIBERS:
            until(lambda: not few.is_due(), "the end of what is due", every=0.05)
            few.go_to(few.now + timedelta(minutes=11))
            assert few.now < kst("2027-03-01 00:00")
            with database.transaction() as tx:
                set_clock(tx, few.now)
        for daemon in daemons:
            daemon.terminate()
    assert len(few.captured()) == 2 * SUBSCRIBERS
    assert_sound(few, at_rest=True)


def test_a_source_that_two_processes_write_down_at_once_parks_nobody(sandbox, postgres_url):
    with fresh_world(sandbox.url, postgres_url) as world:
        world.faults(processed_500=1.0)  # the answer, and with it the source, is lost
        with pytest.raises(GatewayUnavailable):
            world.enrol("kim")
        world.faults(processed_500=0)
        charge, customer = world.scalar("SELECT id FROM charge"), world.scalar("SELECT id FROM customer")
        told = world.engine.gateway.find_by_id([world.payments()[0]["id"]])[0].payments[0]
        values = {"id": row_id(customer, "source", told.source_id), "customer": customer, "gateway": told.source_id}
        other = world.engine.database.engine.connect()
        other.execute(
            text(
                "INSERT INTO source (id, customer_id, gateway_source_id, state, created_at) "
                "VALUES (:id, :customer, :gateway, 'pending', now())"
            ),
            values,
        )
        with ThreadPoolExecutor(1) as pool:
            ours = pool.submit(record_outcomes, world.engine, [(charge, Accepted(told))], now=world.now)
            while not world.scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                time.sleep(0.01)  # until it waits for what the other has written and not committed
            other.commit()
            other.close()
            assert ours.result().problems == []
        assert (world.states("charge"), world.states("source")) == (["pending"], ["pending"])


def test_agreements_that_are_revoked_and_debts_that_are_forgiven_while_charges_go_out_end_sound(few):
    few.with_rules(batch=1)
    for number in range(0, SUBSCRIBERS, 3):
        few.wallet(email(f"user{number}"), script=["20051"])
    sources = [UUID(str(row["id"])) for row in few.rows("SELECT id FROM source ORDER BY id")]
    desk = replace(few.engine, actor="desk")
    done = []

    def meddle():
        while not done:
            with few.engine.database.snapshot() as tx:
                owed = (
                    tx.execute(text("SELECT id FROM invoice WHERE state = 'open' ORDER BY id LIMIT 3")).scalars().all()
                )
            acts = [lambda each=each: revoke_source(desk, each, reason="x", now=few.now) for each in sources[::4]]
            acts += [lambda each=each: mark_uncollectible(desk, each, reason="x", now=few.now) for each in owed]
            for act in acts:
                with suppress(Conflict, StaleRow, OperationalError):
                    act()

    with ThreadPoolExecutor(1) as other:
        running = other.submit(meddle)
        for _ in range(4):
            few.wait(minutes=2)
        done.append(True)
        running.result()
    few.calm(days=2)
    assert few.events("subscription.parked") == []
    assert few.events("source.revoked")
    assert few.events("invoice.written_off")
    assert_sound(few, at_rest=True)
    with few.engine.database.snapshot() as tx:
        assert check_all(tx, few.now) == []
