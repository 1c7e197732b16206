"""Several daemons on one PostgreSQL: work is shared, and everything happens once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from harness import email, fresh_world
from soundness import assert_sound
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.bootstrap import make_gateway
from billing.config.settings import GatewaySection, Settings
from billing.gateway.observing import Unobserved
from billing.gateway.webhooks import VerifiedEvent
from billing.operations.engine import Engine, Refusal
from billing.operations.manage import cancel_now
from billing.operations.renew_due import renew_due
from billing.operations.request_refund import request_refund
from billing.operations.run_due import run_due
from billing.operations.webhooks import receive_webhooks
from billing.store.database import Database

SUBSCRIBERS = 40


@pytest.fixture
def crowd(sandbox, postgres_url):
    """A world on PostgreSQL with many monthly subscribers, a month before their renewal."""
    with fresh_world(sandbox.url, postgres_url) as world:
        world.faults(auto_agree_seconds=1)
        for number in range(SUBSCRIBERS):
            world.enrol(f"user{number}")
        world.wait(minutes=2)
        assert world.states("subscription") == ["active"] * SUBSCRIBERS
        yield world


class Meeting(Unobserved):
    """Keeps each daemon at its first answer until every daemon has one, so that none can do the work of all."""

    def __init__(self, daemons):
        self._at_first_answers = threading.Barrier(daemons, timeout=60)
        self._met = threading.local()

    def exchanged(self, _call, _seconds):
        if not getattr(self._met, "already", False):
            self._met.already = True
            self._at_first_answers.wait()


@contextmanager
def daemons(world, number, url, observer=None):
    """Engines with their own connections and their own gateway client, as separate processes have them."""
    with ExitStack() as opened:
        engines = []
        for name in range(number):
            database = Database(url)
            opened.callback(database.dispose)
            settings = Settings(
                gateway=GatewaySection(base_url=str(world.http.base_url), answer_seconds=10, writes_per_second=2000)
            )
            gateway = opened.enter_context(make_gateway(settings, observer))
            rules = replace(world.engine.rules, batch=3)
            engines.append(Engine(database=database, gateway=gateway, rules=rules, actor=f"daemon {name}"))
        yield engines


def sweep_together(engines, now):
    """Let every engine sweep at the same moment; return what each of them did."""
    start = threading.Barrier(len(engines))

    def sweep(engine):
        start.wait()
        return run_due(engine, now=now)

    with ThreadPoolExecutor(len(engines)) as pool:
        return list(pool.map(sweep, engines))


@pytest.mark.parametrize("number", [2, 5])
def test_daemons_share_the_renewals_and_each_subscriber_is_charged_once(crowd, postgres_url, number):
    crowd.go_to("2027-02-28 11:00")
    renew_due(crowd.engine, now=crowd.now)  # else a daemon that finds no invoice yet has nothing to share
    with daemons(crowd, number, postgres_url, Meeting(number)) as engines:
        tallies = sweep_together(engines, crowd.now)
        crowd.go_to(crowd.now + timedelta(minutes=5))
        sweep_together(engines, crowd.now)
    assert sum(tally.acts["charges_started"] for tally in tallies) == SUBSCRIBERS
    assert all(tally.acts["charges_started"] for tally in tallies)
    assert len(crowd.captured()) == 2 * SUBSCRIBERS
    assert crowd.states("invoice") == ["paid"] * 2 * SUBSCRIBERS
    assert_sound(crowd)


def test_daemons_charge_once_though_answers_are_lost_and_payments_are_processed_all_the_same(crowd, postgres_url):
    crowd.faults(processed_500=0.2, unprocessed_502=0.2, garbage_json=0.1, list_lag_seconds=20)
    crowd.go_to("2027-02-28 11:00")
    with daemons(crowd, 3, postgres_url) as engines:
        for step in range(60):
            sweep_together(engines, crowd.now)
            if step == 6:
                crowd.faults(processed_500=0, unprocessed_502=0, garbage_json=0, list_lag_seconds=0)
            crowd.go_to(crowd.now + timedelta(minutes=11))
            if not crowd.scalar("SELECT count(*) FROM invoice WHERE state = 'open'"):
                break
    assert len(crowd.captured()) == 2 * SUBSCRIBERS
    assert crowd.states("invoice") == ["paid"] * 2 * SUBSCRIBERS
    assert_sound(crowd)


def test_fifty_copies_of_one_webhook_at_once_are_one_row_and_one_effect(crowd):
    crowd.go_to("2027-02-28 11:00")
    crowd.sweep()
    crowd.go_to(crowd.now + timedelta(minutes=5))
    payment = next(payment for payment in crowd.payments() if payment["ordinal"] == 2)
    event = VerifiedEvent("evt_1", "payment_captured", payment["id"], "act_1", payment["reference"])
    with ThreadPoolExecutor(10) as pool:
        stored = list(pool.map(lambda _: receive_webhooks(crowd.engine, [event], now=crowd.now), range(50)))
    assert stored.count(True) == 1
    crowd.sweep()
    captured = [
        e
        for e in crowd.events("charge.captured")
        if payment["reference"] in str(crowd.rows("SELECT reference FROM charge WHERE id = :id", id=e["subject_id"]))
    ]
    assert len(captured) == 1
    assert_sound(crowd)


def test_cancelling_while_daemons_charge_ends_without_money_kept(crowd, postgres_url):
    crowd.go_to("2027-02-28 11:00")
    ids = [row["id"] for row in crowd.rows("SELECT id FROM subscription ORDER BY id")]
    with daemons(crowd, 2, postgres_url) as engines, ThreadPoolExecutor(3) as pool:
        sweeps = [pool.submit(run_due, engine, now=crowd.now) for engine in engines]
        for one in ids[::2]:
            cancel_now(crowd.engine, one, reason="changed my mind", now=crowd.now)
        for sweep in sweeps:
            sweep.result()
    crowd.live_through("2027-03-01 12:00")
    kept = {payment["wallet"] for payment in crowd.captured() if payment["ordinal"] > 1}
    canceled = {
        row["email"]
        for row in crowd.rows(
            "SELECT customer.email FROM subscription JOIN customer ON customer.id = subscription.customer_id "
            "WHERE subscription.state = 'canceled'"
        )
    }
    assert len(canceled) == len(ids[::2])
    assert not kept & canceled
    assert len(kept) == SUBSCRIBERS - len(canceled)
    assert_sound(crowd)


def test_refunds_that_race_never_give_back_more_than_was_captured(crowd):
    charge_id = crowd.rows("SELECT id FROM charge ORDER BY id")[0]["id"]

    def refund(_):
        try:
            return request_refund(crowd.engine, charge_id, 4000, reason="race", now=crowd.now)
        except Refusal:
            return None

    with ThreadPoolExecutor(6) as pool:
        made = [refund_id for refund_id in pool.map(refund, range(6)) if refund_id is not None]
    crowd.live_through("2027-02-01 12:00")
    assert len(made) == 2
    assert max(payment["refunded"] for payment in crowd.payments()) == 8000
    assert_sound(crowd)


def test_connections_cut_in_the_middle_of_sweeps_lose_nothing(crowd, postgres_url):
    crowd.go_to("2027-02-28 11:00")
    stop = threading.Event()
    killer = Database(postgres_url)

    def cut():
        while not stop.wait(0.05):
            with killer.engine.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )

    with daemons(crowd, 2, postgres_url) as engines:
        cutting = threading.Thread(target=cut)
        cutting.start()
        for _ in range(6):
            try:
                sweep_together(engines, crowd.now)
            except DBAPIError:
                continue
        stop.set()
        cutting.join()
    killer.dispose()
    crowd.engine.database.dispose()
    crowd.live_through("2027-03-01 12:00")
    assert len(crowd.captured()) == 2 * SUBSCRIBERS
    assert crowd.states("invoice") == ["paid"] * 2 * SUBSCRIBERS
    assert_sound(crowd)


def test_a_wallet_that_declines_for_one_does_not_delay_the_others(crowd, postgres_url):
    crowd.wallet(email("user3"), script=["20051"])
    crowd.go_to("2027-02-28 11:00")
    with daemons(crowd, 2, postgres_url) as engines:
        sweep_together(engines, crowd.now)
        crowd.go_to(crowd.now + timedelta(minutes=5))
        sweep_together(engines, crowd.now)
    assert sorted(crowd.states("subscription")) == ["active"] * (SUBSCRIBERS - 1) + ["past_due"]
    assert_sound(crowd)
