"""Stories of disputes of which no webhook ever comes: the rounds of reconciliation learn of them within a day."""

from datetime import timedelta
from uuid import UUID

import pytest
from harness import open_inbox, utc
from restoring import is_alive, starts_again
from soundness import assert_sound

from billing.domain.disputes import DisputeState
from billing.operations.reconcile_rounds import reconcile_page
from billing.operations.request_refund import ChargeDisputed, NotRefundable, request_refund
from billing.operations.settle_dispute import settle_dispute

SCOPES = ("gateway", "vault:instruments")
A_DAY = timedelta(days=1)


def _ask(world):
    """Ask pages, each as soon as it may be asked, until nothing is due."""
    while (page := reconcile_page(world.engine, now=world.now)) is not None:
        if page.pause:
            world.go_to(world.now + page.pause)


def _live_days(world, days):
    for _ in range(days):
        world.wait(days=1)
        _ask(world)


def _scopes(world, *names):
    world.sandbox("PUT", "profiles", {"granted_scopes": [*SCOPES, *names]})


def _charge(world):
    return world.rows("SELECT * FROM charge ORDER BY created_at")[0]


def _dispute(world, **more):
    return world.sandbox("POST", "disputes", {"payment_id": _charge(world)["gateway_payment_id"], **more})["id"]


def _decide(world, dispute_id, status):
    world.sandbox("PUT", f"disputes/{dispute_id}", {"status": status})


def _marks(world):
    rows = world.rows("SELECT gateway_dispute_id, state, amount_minor FROM dispute")
    return [tuple(row.values()) for row in rows]


def _told(world):
    return [event["type"] for event in world.events() if "dispute" in event["type"]]


def _refund(world, amount=None):
    return request_refund(world.engine, UUID(str(_charge(world)["id"])), amount, reason="asked for", now=world.now)


def _round(world):
    (row,) = world.rows("SELECT * FROM reconciliation_round WHERE name = 'disputes'")
    return row


@pytest.fixture
def paid(world):
    """Kim paid 99,000 won for a year on 31 January 2027; the key may read disputes, and no webhook ever comes."""
    _scopes(world, "disputes:view")
    world.subscribe("kim", "yearly")
    return world


def test_a_dispute_whose_webhooks_were_lost_is_learned_within_a_day_and_holds_refunds(paid):
    _ask(paid)
    paid.wait(hours=2)
    began, made = paid.now, _dispute(paid, category="fraudulent")
    paid.wait(hours=20)
    assert _marks(paid) == []
    paid.wait(hours=3)
    _ask(paid)
    assert paid.now - began < A_DAY
    assert _marks(paid) == [(made, "open", 99000)]
    assert _told(paid) == ["charge.disputed"]
    assert "fraudulent" in str(paid.events("charge.disputed")[0]["data"])
    assert _round(paid)["found"] == 1
    with pytest.raises(ChargeDisputed, match=f"disputed.*{made}"):
        _refund(paid)
    assert_sound(paid, at_rest=True)


@pytest.mark.parametrize("status", ["lost", "accepted", "expired"])
def test_a_lost_end_whose_webhook_was_lost_leaves_nothing_to_refund(paid, status):
    made = _dispute(paid)
    _ask(paid)
    _live_days(paid, 6)
    _decide(paid, made, status)
    _live_days(paid, 1)
    assert _marks(paid) == [(made, "lost", 99000)]
    with pytest.raises(NotRefundable, match="nothing of charge"):
        _refund(paid, 99000)
    assert paid.states("refund") == []
    assert_sound(paid, at_rest=True)


@pytest.mark.parametrize("status", ["won", "canceled", "resolved"])
def test_a_won_end_whose_webhook_was_lost_lets_refunds_go_on(paid, status):
    made = _dispute(paid)
    _ask(paid)
    with pytest.raises(ChargeDisputed):
        _refund(paid)
    _live_days(paid, 6)
    _decide(paid, made, status)
    _live_days(paid, 1)
    assert _marks(paid) == [(made, "won", 99000)]
    _refund(paid)
    paid.wait(minutes=2)
    assert paid.states("refund") == ["refunded"]
    assert_sound(paid, at_rest=True)


def test_a_dispute_that_was_opened_and_decided_between_two_rounds_is_learned_with_its_end(paid):
    _ask(paid)
    paid.wait(hours=2)
    made = _dispute(paid)
    paid.wait(hours=2)
    _decide(paid, made, "lost")
    paid.wait(hours=20)
    _ask(paid)
    assert _marks(paid) == [(made, "lost", 99000)]
    assert _told(paid) == ["charge.dispute_lost"]


def test_a_dispute_of_long_ago_is_learned_in_the_first_round(paid):
    made = _dispute(paid)
    paid.wait(days=200)
    _ask(paid)
    assert _marks(paid) == [(made, "open", 99000)]


def test_a_dispute_of_long_ago_is_learned_although_the_upgrade_stopped_the_daemon_for_a_while(paid):
    made = _dispute(paid)
    paid.wait(days=200)
    is_alive(paid, paid.now - timedelta(hours=1))
    starts_again(paid)
    _ask(paid)
    assert _marks(paid) == [(made, "open", 99000)]


def test_an_end_that_a_person_told_wrongly_is_corrected_within_a_day(paid):
    made = _dispute(paid)
    _ask(paid)
    settle_dispute(paid.engine, made, DisputeState.WON, reason="the dashboard shows it", now=paid.now)
    _live_days(paid, 6)
    _decide(paid, made, "lost")
    _live_days(paid, 1)
    assert _marks(paid) == [(made, "lost", 99000)]


def test_what_is_known_is_told_once_however_often_it_is_asked_about(paid):
    with open_inbox(paid):
        made = _dispute(paid)
        paid.wait(minutes=1)
    before = _told(paid)
    assert before == ["charge.disputed", "charge.dispute_updated"]
    for _ in range(3):
        _ask(paid)
        assert _round(paid)["found"] == 0
        paid.wait(days=1)
    assert (_told(paid), _marks(paid)) == (before, [(made, "open", 99000)])


def test_more_disputes_than_a_page_holds_are_all_learned(paid, monkeypatch):
    monkeypatch.setattr("billing.operations.reconcile_rounds._DISPUTE_PAGE", 2)
    made = {_dispute(paid, amount=10000) for _ in range(5)}
    _ask(paid)
    assert {ident for ident, _, _ in _marks(paid)} == made


def test_a_dispute_of_another_systems_payment_marks_nothing(paid):
    other = paid.post_again("another-shop-7")
    paid.wait(hours=1)
    paid.sandbox("POST", "disputes", {"payment_id": other})
    _ask(paid)
    assert (_marks(paid), _told(paid), _round(paid)["found"]) == ([], [], 0)


def test_without_the_scope_charging_goes_on_and_a_later_grant_reaches_back(paid):
    _scopes(paid)
    made = _dispute(paid)
    paid.wait(hours=1)
    _ask(paid)
    assert "disputes:view" in _round(paid)["unseen"]
    paid.subscribe("lee")
    paid.live_through("2027-03-20 12:00")
    assert paid.states("charge").count("captured") == 3, "Lee is renewed as before"
    _ask(paid)
    assert _marks(paid) == []
    _scopes(paid, "disputes:view")
    paid.wait(days=1)
    _ask(paid)
    assert _round(paid)["unseen"] is None
    assert _marks(paid) == [(made, "open", 99000)]


def test_an_outage_of_the_gateway_longer_than_a_round_hides_no_dispute(paid):
    _ask(paid)
    paid.wait(days=1)
    made = _dispute(paid)
    paid.faults(outage=True)
    for _ in range(12):
        _ask(paid)
        paid.wait(hours=10)
    paid.faults(outage=False)
    assert _marks(paid) == []
    assert _round(paid)["since"] is None or utc(_round(paid)["since"]) < paid.now - timedelta(days=4)
    paid.wait(days=1)
    _ask(paid)
    assert _marks(paid) == [(made, "open", 99000)]
