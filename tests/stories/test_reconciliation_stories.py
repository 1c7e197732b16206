"""Stories of the rounds in which the daemon asks the gateway by itself: refunds and payments nobody told it of."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from harness import email, utc
from restoring import is_alive, starts_again
from soundness import assert_sound
from sqlalchemy import text

from billing.domain.charging import Found
from billing.domain.states import ChargeEvent, ChargeState, RefundEvent, RefundState
from billing.operations.engine import Refusal
from billing.operations.parking import release_subscription
from billing.operations.reconcile import reconcile
from billing.operations.reconcile_rounds import reconcile_page
from billing.operations.request_refund import request_refund
from billing.store.reconciliation import LEASE, put_off_rounds
from billing.store.tables import Charge, Refund
from billing.store.writes import Author, Move, move

KIM = email("kim")
_AMOUNT = {"amount_minor": 4000, "currency": "KRW"}


def _ask(world, engine=None):
    """Ask pages, each as soon as it may be asked, until nothing is due; return them."""
    pages = []
    while (page := reconcile_page(engine or world.engine, now=world.now)) is not None:
        pages.append(page)
        if page.pause:
            world.go_to(world.now + page.pause)
    return pages


def _charge(world):
    return world.rows("SELECT * FROM charge ORDER BY created_at")[0]


def _dashboard(world, amount):
    return world.post(f"/payments/{_charge(world)['gateway_payment_id']}/refunds", {"amount": amount})["action_id"]


def _owner(world):
    return UUID(str(world.subscription()["id"]))


def _round(world, name):
    (row,) = world.rows("SELECT * FROM reconciliation_round WHERE name = :name", name=name)
    return row


def _scopes(world, *names):
    world.sandbox("PUT", "profiles", {"granted_scopes": list(names)})


def _asked_of(world):
    """Return how often the sandbox was asked for payments."""
    requests = world.sandbox("GET", "requests")
    return sum(each["path"].split("?")[0].startswith("/payments") and each["method"] == "GET" for each in requests)


@pytest.fixture
def paid(world):
    """Kim paid on 31 January 2027; no webhook ever comes."""
    world.subscribe()
    return world


# --- refunds ------------------------------------------------------------------------------------


def test_a_dashboard_refund_whose_webhook_was_lost_is_learned_within_a_day(paid):
    _ask(paid)
    paid.wait(hours=2)
    action = _dashboard(paid, 9900)
    began = paid.now
    paid.wait(minutes=5)
    assert _ask(paid) == []
    paid.wait(hours=22)
    _ask(paid)
    assert paid.now - began < timedelta(days=1)
    (refund,) = paid.rows("SELECT * FROM refund")
    assert (refund["state"], refund["amount_minor"], refund["action_id"]) == ("refunded", 9900, action)
    assert [each["actor"] for each in paid.events("refund.created")] == ["gateway"]
    with pytest.raises(Refusal, match="left to refund"):
        request_refund(paid.engine, UUID(str(_charge(paid)["id"])), None, reason="sorry", now=paid.now)
    assert _round(paid, "recent")["found"] == 1
    assert reconcile(paid.engine, now=paid.now).differences == []
    assert_sound(paid, at_rest=True)


def test_a_dashboard_refund_counts_though_the_actions_of_its_payment_cannot_be_had(paid):
    paid.sandbox("PUT", "profiles", {"no-actions": True})
    paid.wait(hours=2)
    for amount in (4000, 1000):
        _dashboard(paid, amount)
        paid.wait(days=1)
        _ask(paid)
    assert [(row["state"], row["amount_minor"]) for row in paid.rows("SELECT * FROM refund")] == [
        ("refunded", 4000),
        ("refunded", 1000),
    ]
    with pytest.raises(Refusal, match="more than the ₩4,900"):
        request_refund(paid.engine, UUID(str(_charge(paid)["id"])), 5000, reason="sorry", now=paid.now)
    paid.sandbox("PUT", "profiles", {"no-actions": False})
    action = _dashboard(paid, 2000)
    paid.wait(days=1)
    _ask(paid)
    told = paid.rows("SELECT * FROM refund ORDER BY created_at")
    assert [(row["amount_minor"], row["action_id"]) for row in told][2:] == [(2000, action)]
    assert reconcile(paid.engine, now=paid.now).differences == []


def test_a_refund_of_an_old_charge_is_found_by_the_rotation(paid):
    _scopes(paid, "gateway", "vault:instruments")
    _ask(paid)
    paid.live_through("2027-02-20 12:00")
    _dashboard(paid, 4000)
    paid.wait(minutes=5)
    _ask(paid)
    assert [row["amount_minor"] for row in paid.rows("SELECT * FROM refund")] == [4000]
    assert _round(paid, "rotation")["found"] == 1


def test_a_refund_that_was_declined_here_and_made_all_the_same_ends_as_made(paid):
    request_refund(paid.engine, UUID(str(_charge(paid)["id"])), 4000, reason="sorry", now=paid.now)
    (refund,) = paid.rows("SELECT * FROM refund")
    declined = Move(
        UUID(str(refund["id"])), RefundState.PENDING, RefundEvent.DECLINE, {"check_at": None}, _owner(paid), _AMOUNT
    )
    with paid.engine.database.transaction() as tx:
        move(tx, Refund, [declined], Author("test", paid.now))
    paid.wait(hours=1)
    assert paid.states("refund") == ["declined"]
    _ask(paid)
    assert paid.states("refund") == ["refunded"]


# --- payments -----------------------------------------------------------------------------------


def test_a_second_payment_under_a_reference_of_ours_is_found_and_goes_back(paid):
    _ask(paid)
    paid.wait(hours=2)
    paid.post_again(_charge(paid)["reference"])
    paid.wait(hours=22)
    _ask(paid)
    paid.live_through(paid.now + timedelta(days=1))
    assert [row["reason"] for row in paid.rows("SELECT * FROM refund")] == [
        "a second payment was captured for the same charge"
    ]
    assert len(paid.captured()) == 1


def test_a_payment_that_differs_is_looked_at_twice_then_named_and_parked_once(paid):
    with paid.engine.database.transaction() as tx:
        tx.execute(text("UPDATE charge SET amount_minor = 990"))
        tx.execute(text("UPDATE invoice SET amount_minor = 990"))
    paid.wait(hours=1)
    _ask(paid)
    assert paid.subscription()["parked_reason"] is None
    paid.wait(minutes=11)
    _ask(paid)
    assert "9900 KRW at the gateway, 990 KRW here" in paid.subscription()["parked_reason"]
    release_subscription(paid.engine, UUID(str(paid.subscription()["id"])), "seen", paid.now)
    paid.wait(days=1)
    _ask(paid)
    paid.wait(minutes=11)
    _ask(paid)
    assert paid.subscription()["parked_reason"] is None
    assert len(paid.events("charge.mismatch")) == 1
    with paid.engine.database.transaction() as tx:
        tx.execute(text("UPDATE charge SET amount_minor = 9900"))
        tx.execute(text("UPDATE invoice SET amount_minor = 9900"))


def test_one_old_answer_of_the_gateway_parks_nobody(paid):
    paid.wait(hours=1)
    paid.faults(read_stale=1)
    _ask(paid)
    paid.faults(read_stale=0)
    paid.wait(minutes=11)
    _ask(paid)
    assert paid.subscription()["parked_reason"] is None
    assert paid.events("charge.mismatch") == []


def test_a_charge_that_was_parked_and_captured_meanwhile_lands_within_a_week(paid):
    paid.wallet(KIM, script=["pending:100", "ok"])
    paid.live_through("2027-02-28 12:00")
    renewal = UUID(str(paid.rows("SELECT id FROM charge WHERE kind = 'renewal'")[0]["id"]))
    set_aside = {"check_at": None, "error": "x"}
    parked = Move(renewal, ChargeState.PENDING, ChargeEvent.PARK, set_aside, _owner(paid), {"error": "x"})
    with paid.engine.database.transaction() as tx:
        move(tx, Charge, [parked], Author("test", paid.now))
    _ask(paid)
    paid.live_through("2027-03-07 13:00")
    _ask(paid)
    assert paid.states("charge") == ["captured", "captured"]


# --- payments without a reference of ours ---------------------------------------------------------


def _orphan(world):
    """Somebody charges Kim past the engine, on our channel."""
    return world.post_again("somebody-elses-reference")


def test_with_the_scope_a_payment_that_carries_none_of_our_references_is_found_and_parked(paid):
    _scopes(paid, "gateway", "vault:instruments", "payments:search")
    orphan = _orphan(paid)
    paid.wait(hours=2)
    _ask(paid)
    paid.sweep()
    (stray,) = paid.rows("SELECT * FROM stray_payment")
    assert (stray["gateway_payment_id"], stray["charge_id"], stray["resolved_at"]) == (orphan, None, None)
    assert [each["subject_id"] for each in paid.events("payment.stray")] == [orphan]
    assert _round(paid, "search")["unseen"] is None
    told = reconcile(paid.engine, now=paid.now)
    assert told.unseen is None
    assert [each.payment_id for each in told.differences] == [orphan]
    _close(paid, orphan)


def test_without_the_scope_it_is_said_that_such_a_payment_cannot_be_seen(paid):
    _scopes(paid, "gateway", "vault:instruments")
    orphan = _orphan(paid)
    paid.wait(hours=2)
    _ask(paid)
    assert paid.rows("SELECT * FROM stray_payment") == []
    assert "payments:search" in _round(paid, "search")["unseen"]
    assert "payments:search" in reconcile(paid.engine, now=paid.now).unseen
    # Once the scope is granted, the search reaches back to where it could not see.
    _scopes(paid, "gateway", "vault:instruments", "payments:search")
    paid.wait(days=1)
    _ask(paid)
    assert [row["gateway_payment_id"] for row in paid.rows("SELECT * FROM stray_payment")] == [orphan]
    _close(paid, orphan)


def test_where_other_systems_take_payments_too_theirs_are_left_to_them(paid):
    _scopes(paid, "gateway", "vault:instruments", "payments:search")
    paid.with_rules(reconciling=replace(paid.engine.rules.reconciling, shared_channel=True))
    _orphan(paid)
    paid.wait(hours=2)
    _ask(paid)
    assert paid.rows("SELECT * FROM stray_payment") == []
    assert reconcile(paid.engine, now=paid.now).differences == []


def _close(world, payment_id):
    with world.engine.database.transaction() as tx:
        tx.execute(
            text("UPDATE stray_payment SET resolved_at = found_at, resolution = 'x' WHERE gateway_payment_id = :id"),
            {"id": payment_id},
        )


# --- when, how much, and by whom ------------------------------------------------------------------


def test_after_a_restored_copy_everything_is_asked_about_at_once(paid):
    _ask(paid)
    is_alive(paid)
    paid.wait(hours=2)
    _dashboard(paid, 9900)
    paid.wait(minutes=5)
    assert _ask(paid) == []
    starts_again(paid)
    assert {each.round.value for each in _ask(paid)} == {"recent", "search", "disputes", "open", "rotation"}
    assert paid.states("refund") == ["refunded"]


def test_a_gap_does_not_make_a_search_forget_what_it_could_not_see_before(paid):
    _scopes(paid, "gateway", "vault:instruments")
    reference = _charge(paid)["reference"]
    orphan = paid.post_again(f"{reference.split('-')[0]}-{'a' * 26}-20270131-1")
    _ask(paid)
    paid.wait(days=20)
    is_alive(paid, paid.now - timedelta(hours=1))
    starts_again(paid)
    _ask(paid)
    _scopes(paid, "gateway", "vault:instruments", "payments:search")
    paid.wait(days=1)
    _ask(paid)
    assert [row["gateway_payment_id"] for row in paid.rows("SELECT * FROM stray_payment")] == [orphan]
    _close(paid, orphan)


def test_a_subscription_that_the_copy_has_forgotten_is_named_at_once(paid):
    _scopes(paid, "gateway", "vault:instruments", "payments:search")
    reference = _charge(paid)["reference"]
    forgotten = f"{reference.split('-')[0]}-{'a' * 26}-20270131-1"
    orphan = paid.post_again(forgotten)
    is_alive(paid)
    paid.wait(hours=2)
    starts_again(paid)
    _ask(paid)
    assert [row["gateway_payment_id"] for row in paid.rows("SELECT * FROM stray_payment")] == [orphan]
    _close(paid, orphan)


def test_no_more_is_asked_than_the_share_of_the_read_limit_allows(paid):
    for who in ("lee", "park", "choi", "jung", "kang", "yoon", "lim"):
        paid.subscribe(who)
    paid.wait(hours=1)
    paid.with_rules(reconciling=replace(paid.engine.rules.reconciling, reads_per_second=0.5))
    before, began, pages = _asked_of(paid), paid.now, 0
    while paid.now - began < timedelta(seconds=10):
        pages += reconcile_page(paid.engine, now=paid.now) is not None
        paid.go_to(paid.now + timedelta(seconds=1))
    asked = _asked_of(paid) - before
    assert pages > 3
    assert 4 <= asked <= 0.5 * 10 + 1


def test_two_daemons_share_the_rounds_and_read_nothing_twice(paid):
    for who in ("lee", "park", "choi"):
        paid.subscribe(who)
    paid.wait(hours=1)
    paid.with_rules(reconciling=replace(paid.engine.rules.reconciling, reads_per_second=0.5))
    names = []
    gateway = _Counting(paid.engine.gateway, names)
    daemons = [replace(paid.engine, gateway=gateway, actor=f"daemon {each}") for each in "ab"]
    began = paid.now
    while _rounds_left(paid) and paid.now - began < timedelta(minutes=10):
        for daemon in daemons:
            reconcile_page(daemon, now=paid.now)
        paid.go_to(paid.now + timedelta(seconds=1))
    recent = [row["reference"] for row in paid.rows("SELECT reference FROM charge")]
    assert sorted(names) == sorted(recent)


def test_rounds_that_are_put_off_are_made_when_their_time_has_come(paid):
    paid.wait(hours=1)
    assert reconcile_page(paid.engine, now=paid.now) is not None
    with paid.engine.database.transaction() as tx:
        put_off_rounds(tx, paid.now + timedelta(days=9))
    paid.wait(days=8)
    assert reconcile_page(paid.engine, now=paid.now) is None
    paid.wait(days=1)
    assert reconcile_page(paid.engine, now=paid.now) is not None


class _Counting:
    """A gateway that notes which references it is asked about."""

    def __init__(self, gateway, names):
        self._gateway, self._names = gateway, names

    def find_by_reference(self, references, **options):
        self._names += references
        return self._gateway.find_by_reference(references, **options)

    def __getattr__(self, name):
        return getattr(self._gateway, name)


def _rounds_left(world):
    rows = world.rows("SELECT * FROM reconciliation_round")
    return not rows or any(row["ended_at"] is None for row in rows)


def test_while_one_daemon_asks_the_other_does_not_and_goes_on_when_it_died(paid):
    paid.wait(hours=1)

    class Dies:
        def __init__(self, gateway, engine):
            self._gateway, self._engine = gateway, engine
            self.meanwhile = []

        def find_by_reference(self, _references, **_options):
            self.meanwhile.append(reconcile_page(self._engine, now=paid.now))
            raise RuntimeError("killed")

        def __getattr__(self, name):
            return getattr(self._gateway, name)

    gateway = Dies(paid.engine.gateway, paid.engine)
    with pytest.raises(RuntimeError, match="killed"):
        reconcile_page(replace(paid.engine, gateway=gateway), now=paid.now)
    assert gateway.meanwhile == [None]
    assert reconcile_page(paid.engine, now=paid.now + timedelta(seconds=1)) is None
    paid.go_to(paid.now + LEASE)
    assert reconcile_page(paid.engine, now=paid.now).reads == 1
    paid.wait(seconds=1)
    _ask(paid)
    assert _round(paid, "recent")["ended_at"] is not None


def test_a_gateway_that_does_not_answer_is_asked_again_and_then_what_was_missed_is_said(paid):
    paid.wait(hours=1)
    paid.faults(outage=True)
    _ask(paid)
    assert utc(_round(paid, "recent")["due_at"]) - paid.now > timedelta(minutes=4)
    paid.faults(outage=False)
    paid.wait(minutes=6)
    _ask(paid)
    assert (_round(paid, "recent")["unread"], _round(paid, "recent")["asked"]) == (0, 2)
    paid.wait(days=1)
    paid.faults(outage=True)
    for _ in range(6):
        _ask(paid)
        paid.wait(minutes=6)
    paid.faults(outage=False)
    assert _round(paid, "recent")["unread"] == 1


def test_the_rounds_keep_no_clock_from_being_advanced(paid):
    """What is due in them is nothing that the test clock waits for."""
    paid.wait(days=2)
    assert not paid.is_due()
    assert isinstance(paid.engine.gateway.find_by_reference([_charge(paid)["reference"]])[0], Found)
