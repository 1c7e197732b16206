"""Stories of an older copy of the database in its own place, and of downtimes, which look the same from inside."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from harness import WEB
from prometheus_client import CollectorRegistry
from restoring import KIM, copy, is_alive, starts_again, subscription_id
from sqlalchemy import text

from billing.config.settings import Settings
from billing.domain.charging import Unreadable
from billing.entrypoints.daemon import Daemon
from billing.entrypoints.metrics.instruments import SweepInstruments
from billing.entrypoints.pulse import Pulse
from billing.operations.doubt import notice_a_later_gateway
from billing.operations.engine import Refusal
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.re_enrol import re_enrol
from billing.operations.reconcile import reconcile
from billing.operations.request_refund import request_refund
from billing.operations.retry_charge import retry_charge
from billing.store.installation import load_installation


def _renewals(world):
    return world.rows("SELECT * FROM charge WHERE kind = 'renewal' ORDER BY attempt_no")


def _next_reference(world, attempt_no):
    first = world.rows("SELECT reference FROM charge WHERE kind = 'first'")[0]["reference"]
    return f"{first.rsplit('-', 2)[0]}-20270228-{attempt_no}"


def _renewal_went_wrong(world):
    """A renewal was declined for good, so that only the subscriber can go on; then there was a gap."""
    world.subscribe()
    world.wallet(KIM, script=["200R1"])
    world.live_through("2027-02-28 14:00")
    assert [row["state"] for row in _renewals(world)] == ["declined"]
    is_alive(world, world.now - timedelta(hours=1))
    starts_again(world)


class _Unread:
    """A gateway of which one reference cannot be read."""

    def __init__(self, gateway, reference):
        self._gateway = gateway
        self._reference = reference

    def find_by_reference(self, references, **options):
        told = self._gateway.find_by_reference(references, **options)
        return [
            Unreadable("cut off") if reference == self._reference else each
            for reference, each in zip(references, told, strict=True)
        ]

    def __getattr__(self, name):
        return getattr(self._gateway, name)


@pytest.fixture
def file(sqlite_world):
    return str(sqlite_world.engine.database.engine.url.database)


def test_an_older_copy_charges_nothing_again_that_it_has_forgotten(sqlite_world, file, tmp_path):
    world = sqlite_world
    world.subscribe()
    world.live_through("2027-02-28 08:00")
    is_alive(world)
    copy(file, tmp_path / "aside.db")
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-03-03 12:00")  # by now the gateway has forgotten the first attempt's key
    assert [row["state"] for row in _renewals(world)] == ["declined", "captured"]
    sent = len(world.sent())
    world.engine.database.dispose()
    copy(tmp_path / "aside.db", file)
    assert _renewals(world) == []
    starts_again(world)
    world.live_through("2027-03-08 12:00")
    assert [row["state"] for row in _renewals(world)] == ["declined", "captured"]
    assert len(world.sent()) == sent
    assert len(world.captured()) == 2
    assert reconcile(world.engine, now=world.now).differences == []


def test_an_attempt_that_never_arrived_is_not_sent_when_a_later_one_is_known_to_the_gateway(world):
    world.subscribe()
    is_alive(world, world.now)
    world.go_to("2027-02-28 09:00")
    world.post_again(_next_reference(world, 2))
    starts_again(world)
    world.live_through("2027-03-02 12:00")
    assert [(row["attempt_no"], row["state"]) for row in _renewals(world)] == [(1, "refused"), (2, "captured")]
    assert world.sent(_next_reference(world, 1)) == []
    assert len(world.captured()) == 2
    assert world.states("invoice") == ["paid", "paid"]


def test_while_later_attempts_cannot_be_read_an_absent_one_is_not_sent(world):
    world.subscribe()
    is_alive(world)
    world.go_to("2027-02-28 10:00")
    starts_again(world)
    whole = world.engine
    world.engine = replace(whole, gateway=_Unread(whole.gateway, _next_reference(world, 2)))
    world.live_through("2027-02-28 13:00", timedelta(minutes=5))
    assert len(world.sent()) == 1
    world.engine = whole
    world.live_through("2027-02-28 14:00", timedelta(minutes=5))
    assert len(world.captured()) == 2


def test_after_a_mere_downtime_what_became_due_in_it_is_charged_once_two_looks_have_found_nothing(world):
    world.subscribe()
    is_alive(world)
    world.go_to("2027-02-28 12:00")
    starts_again(world)
    world.sweep()
    world.sweep()
    assert [row["state"] for row in _renewals(world)] == ["unknown"]
    assert len(world.sent()) == 1
    world.live_through("2027-02-28 12:30", timedelta(minutes=5))
    assert [row["state"] for row in _renewals(world)] == ["captured"]
    assert len(world.captured()) == 2


def test_periods_that_begin_after_the_gap_are_charged_at_once(world):
    world.subscribe()
    is_alive(world)
    world.wait(hours=1)
    starts_again(world)
    world.live_through("2027-02-28 08:00")
    looks = sum(tally.acts["look_ups"] for tally in world.tallies)
    world.live_through("2027-02-28 12:00")
    assert [row["state"] for row in _renewals(world)] == ["captured"]
    assert sum(tally.acts["look_ups"] for tally in world.tallies) <= looks + 1


def test_a_retry_by_hand_is_looked_up_first_as_well(world):
    world.subscribe()
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-02-28 14:00")
    is_alive(world, world.now - timedelta(hours=1))
    starts_again(world)
    sent = len(world.sent())
    world.post_again(_next_reference(world, 2))
    retry_charge(world.engine, UUID(str(_renewals(world)[0]["id"])), now=world.now)
    world.live_through("2027-02-28 16:00", timedelta(minutes=5))
    assert [row["state"] for row in _renewals(world)] == ["declined", "captured"]
    assert len(world.sent()) == sent + 1  # the one past the engine
    assert len(world.captured()) == 2


def test_what_the_subscriber_paid_before_an_older_copy_took_over_is_not_paid_again(sqlite_world, file, tmp_path):
    world = sqlite_world
    world.subscribe()
    world.wallet(KIM, script=["200R1"])
    world.live_through("2027-02-28 14:00")
    is_alive(world)
    copy(file, tmp_path / "aside.db")
    world.agree(re_enrol(world.engine, subscription_id(world), WEB, now=world.now).redirect_url)
    world.live_through("2027-03-02 12:00")
    assert world.state() == "active"
    sent = len(world.sent())
    world.engine.database.dispose()
    copy(tmp_path / "aside.db", file)
    starts_again(world)
    told = re_enrol(world.engine, subscription_id(world), WEB, now=world.now)
    assert (told.state, told.redirect_url) == ("active", None)
    world.live_through("2027-03-04 12:00")
    assert len(world.sent()) == sent
    assert len(world.captured()) == 2
    assert world.states("invoice") == ["paid", "paid"]
    assert reconcile(world.engine, now=world.now).differences == []


def test_a_new_agreement_after_a_gap_gets_its_link_at_once_when_nothing_was_forgotten(world):
    _renewal_went_wrong(world)
    world.agree(re_enrol(world.engine, subscription_id(world), WEB, now=world.now).redirect_url)
    world.wait(minutes=2)
    assert world.state() == "active"


def test_an_attempt_that_was_forgotten_after_the_next_one_is_taken_up_when_the_subscriber_asks_again(world):
    _renewal_went_wrong(world)
    world.wallet(KIM, script=["ok"])
    world.post_again(_next_reference(world, 3))
    world.wait(minutes=5)
    with pytest.raises(GatewayUnavailable, match="a later attempt is known"):
        re_enrol(world.engine, subscription_id(world), WEB, now=world.now)
    told = re_enrol(world.engine, subscription_id(world), WEB, now=world.now)
    assert (told.state, told.redirect_url) == ("active", None)
    assert world.sent(_next_reference(world, 2)) == []
    assert len(world.captured()) == 2


@pytest.mark.parametrize("unread", [2, 3])
def test_no_link_is_given_while_it_cannot_be_told_whether_it_was_paid_before(world, unread):
    _renewal_went_wrong(world)
    whole, sent = world.engine, len(world.sent())
    world.engine = replace(whole, gateway=_Unread(whole.gateway, _next_reference(world, unread)))
    with pytest.raises(GatewayUnavailable, match="cannot be reached"):
        re_enrol(world.engine, subscription_id(world), WEB, now=world.now)
    assert len(world.sent()) == sent
    world.wait(minutes=3)
    with pytest.raises(GatewayUnavailable, match="cannot be reached"):
        re_enrol(world.engine, subscription_id(world), WEB, now=world.now)
    assert len(world.sent()) == sent
    world.engine = whole
    world.wait(minutes=3)
    world.agree(re_enrol(world.engine, subscription_id(world), WEB, now=world.now).redirect_url)
    world.live_through("2027-02-28 16:00")
    assert world.state() == "active"


def test_a_subscription_that_is_made_after_a_gap_is_asked_about_by_nobody(world):
    world.subscribe()
    is_alive(world, world.now - timedelta(hours=1))
    starts_again(world)
    before = len(world.sandbox("GET", "requests"))
    world.enrol("lee")
    (only,) = world.sandbox("GET", "requests")[before:]
    assert (only["method"], only["path"]) == ("POST", "/payments")


def _forgotten_refund(world, amount):
    """A refund that a lost state of the database had ordered: the gateway knows it under our name."""
    paid = world.rows("SELECT id, reference, gateway_payment_id FROM charge")[0]
    reference = f"{paid['reference']}-r1"
    world.post(f"/payments/{paid['gateway_payment_id']}/refunds", {"amount": amount, "reference": reference})
    return UUID(str(paid["id"]))


def test_a_refund_that_was_forgotten_counts_and_the_next_one_has_a_name_of_its_own(world):
    world.subscribe()
    is_alive(world, world.now - timedelta(hours=1))
    starts_again(world)
    charge = _forgotten_refund(world, 4000)
    with pytest.raises(Refusal, match="more than the ₩5,900"):
        request_refund(world.engine, charge, 6000, reason="asked", now=world.now)
    request_refund(world.engine, charge, 500, reason="asked", now=world.now)
    world.wait(hours=2)
    assert sorted(row["amount_minor"] for row in world.rows("SELECT amount_minor FROM refund")) == [500, 4000]
    assert world.states("refund") == ["refunded", "refunded"]
    assert [row["reference"][-3:] for row in world.rows("SELECT reference FROM refund WHERE amount_minor = 500")] == [
        "-r2"
    ]
    assert world.payments()[0]["refunded"] == 4500
    assert reconcile(world.engine, now=world.now).differences == []


def test_no_refund_is_ordered_in_doubt_while_the_gateway_cannot_tell_of_earlier_ones(world):
    world.subscribe()
    is_alive(world, world.now - timedelta(hours=1))
    starts_again(world)
    world.faults(read_502=1)
    charge = UUID(str(world.rows("SELECT id FROM charge")[0]["id"]))
    with pytest.raises(Refusal, match="cannot be read"):
        request_refund(world.engine, charge, None, reason="asked", now=world.now)
    assert world.rows("SELECT id FROM refund") == []


def test_a_refund_is_looked_for_before_any_daemon_has_seen_that_the_copy_is_older(world):
    world.subscribe()
    is_alive(world, world.now - timedelta(hours=1))
    charge = _forgotten_refund(world, 4000)
    world.go_to(world.now + timedelta(minutes=5))
    request_refund(world.engine, charge, 500, reason="asked", now=world.now)
    world.wait(hours=2)
    assert world.states("refund") == ["refunded", "refunded"]
    assert world.payments()[0]["refunded"] == 4500


def test_a_retry_is_looked_up_before_any_daemon_has_seen_that_the_copy_is_older(world):
    world.subscribe()
    world.wallet(KIM, script=["20051"])
    world.live_through("2027-02-28 14:00")
    is_alive(world, world.now - timedelta(hours=1))
    sent = len(world.sent())
    world.post_again(_next_reference(world, 2))
    retry_charge(world.engine, UUID(str(_renewals(world)[0]["id"])), now=world.now)
    assert len(world.sent()) == sent + 1, "only the one past the engine"
    starts_again(world)
    world.live_through("2027-02-28 16:00", timedelta(minutes=5))
    assert [row["state"] for row in _renewals(world)] == ["declined", "captured"]
    assert len(world.captured()) == 2


def test_a_link_is_not_given_again_before_any_daemon_has_seen_that_the_copy_is_older(world):
    world.subscribe()
    world.wallet(KIM, script=["200R1"])
    world.live_through("2027-02-28 14:00")
    is_alive(world, world.now - timedelta(hours=1))
    world.wallet(KIM, script=["ok"])
    world.post_again(_next_reference(world, 2))
    world.wait(minutes=5)
    told = re_enrol(world.engine, subscription_id(world), WEB, now=world.now)
    assert (told.state, told.redirect_url) == ("active", None)
    assert len(world.captured()) == 2


def test_a_test_clock_shows_no_silence(world):
    is_alive(world, world.now - timedelta(hours=1))
    with world.engine.database.transaction() as tx:
        row = load_installation(tx)
        assert row.as_of(world.now).doubted_until == world.now
        assert replace(row, clock=world.now).as_of(world.now).doubted_until is None


def test_neither_a_first_start_nor_a_short_silence_is_a_gap(world):
    starts_again(world)
    is_alive(world, world.now - timedelta(seconds=90))
    starts_again(world)
    assert world.scalar("SELECT doubted_until FROM installation") is None


def test_two_clocks_that_disagree_are_told_of_once_a_day(world):
    for _ in range(5):
        is_alive(world, world.now + timedelta(minutes=50))
        starts_again(world)
    assert len(world.events("installation.doubted")) == 1
    world.now += timedelta(days=1)
    starts_again(world)
    assert len(world.events("installation.doubted")) == 2


def test_a_daemon_notices_the_gap_before_it_sweeps_and_says_from_then_on_that_it_lives(world):
    now = datetime.now(UTC)
    is_alive(world, now - timedelta(hours=3))
    daemon = a_daemon_of(world)
    daemon.tick()
    assert len(world.events("installation.doubted")) == 1
    daemon._told_at = now - timedelta(minutes=1)
    is_alive(world, now - timedelta(seconds=60))
    daemon.tick()
    with world.engine.database.snapshot() as tx:
        assert load_installation(tx).alive_at >= now
    assert len(world.events("installation.doubted")) == 1


def a_daemon_of(world):
    pulse = Pulse("daemon", SweepInstruments(CollectorRegistry()), stalled_after=180)
    return Daemon(Settings(), world.engine, "daemon", pulse)


def test_a_sweep_that_takes_long_is_no_gap(world):
    long_ago = datetime.now(UTC) - timedelta(minutes=30)
    is_alive(world, long_ago)
    daemon = a_daemon_of(world)
    daemon._alive_at = long_ago
    daemon._engine.watch.took_up([])  # the next page of a sweep that began half an hour ago
    daemon.tick()
    assert len(world.events("installation.doubted")) == 0


def test_a_sign_of_life_that_fails_does_not_end_the_sweep(world):
    daemon = a_daemon_of(world)
    daemon._alive_at -= timedelta(minutes=30)
    with world.engine.database.transaction() as tx:
        tx.execute(text("ALTER TABLE installation RENAME TO installed"))
    daemon._engine.watch.took_up([])
    with world.engine.database.transaction() as tx:
        tx.execute(text("ALTER TABLE installed RENAME TO installation"))


def _tenth_attempt_was_captured(world):
    """Nine attempts left no payment, the tenth was captured; then a copy from before all of them took over."""
    world.subscribe()
    is_alive(world)
    world.go_to("2027-03-03 09:00")
    world.post_again(_next_reference(world, 10))
    world.go_to("2027-03-03 09:03")
    starts_again(world)


def test_as_many_attempts_are_asked_about_as_the_gap_allows(world):
    _tenth_attempt_was_captured(world)
    world.live_through("2027-03-07 12:00")
    assert _renewals(world)[-1]["state"] == "captured"
    assert [row["state"] for row in _renewals(world)[:-1]] == ["refused"] * 9
    assert world.sent(_next_reference(world, 1)) == []
    assert len(world.captured()) == 2


def test_a_comparison_asks_for_them_too_where_our_key_may_not_search(world):
    _tenth_attempt_was_captured(world)
    world.sandbox("PUT", "profiles", {"granted_scopes": ["gateway", "vault:instruments"]})
    world.sweep()
    told = reconcile(world.engine, now=world.now)
    assert [(each.reference, each.detail) for each in told.differences] == [
        (
            _next_reference(world, 10),
            "Captured at the gateway under our reference, but there is no charge of it here",
        )
    ]
    world.live_through("2027-03-07 12:00")
    assert reconcile(world.engine, now=world.now).differences == []


def test_a_test_clock_that_goes_back_with_the_database_charges_nothing_twice(sqlite_world, file, tmp_path):
    world = sqlite_world
    world.faults(idempotency_seconds=120)
    world.subscribe()
    world.live_through("2027-02-28 08:00")
    copy(file, tmp_path / "aside.db")
    world.live_through("2027-05-02 12:00")
    assert len(world.captured()) == 4
    sent = len(world.sent())
    world.engine.database.dispose()
    copy(tmp_path / "aside.db", file)
    # The drill: the sandbox goes on from where it is, the clock in the database is two months behind it.
    theirs = datetime.fromisoformat(world.sandbox("GET", "clock")["now"])
    end, world.now = world.now, datetime(2027, 2, 27, 23, tzinfo=UTC)
    assert notice_a_later_gateway(world.engine, now=world.now, gateway_now=theirs)
    while world.now < end:
        world.now = min(end, world.now + timedelta(minutes=30) if world.is_due() else world.next_due() or end)
        world.sweep()
    world.live_through("2027-05-04 12:00")
    assert len(world.captured()) == 4
    assert len(world.sent()) == sent
    assert world.states("invoice") == ["paid"] * 4
