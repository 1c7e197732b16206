"""What the commands read is read the same from SQLite and PostgreSQL."""

from datetime import timedelta

import pytest

from billing.operations.preview_charge import preview_charge
from billing.operations.reconcile import reconcile
from billing.store.invariants import check_all
from billing.store.lookups import NoSuchThing, find_charge, find_refund, find_source, find_subscription
from billing.store.outlook import what_happens_next
from billing.store.report_log import list_events, list_parked, list_refunds, list_webhooks, load_backlog
from billing.store.reports import list_charges, list_prices, list_subscriptions, next_due_instant
from billing.store.timeline import charge_timeline, subscription_timeline, why_charged


@pytest.fixture
def told(world):
    """A late payer, a refund and an abandoned enrolment, two months on."""
    world.subscribe("kim")
    world.wallet("kim@example.test", script=["20051", "ok"])
    world.subscribe("choi", "trial")
    world.enrol("han")
    world.live_through("2027-03-03 12:00")
    return world


def test_lists_lookups_and_timelines(told):
    with told.engine.database.snapshot() as tx:
        kim = find_subscription(tx, "cust-kim")
        assert find_subscription(tx, str(kim)[:8]) == kim
    coming = preview_charge(told.engine, kim, now=told.now)
    with told.engine.database.snapshot() as tx:
        row = list_subscriptions(tx, 10, ids=[kim], states=["active"], plan_code="basic")[0]
        assert what_happens_next(tx, row, coming, None).startswith("renewal of ₩9,900 on 2027-03-31 10:")
        charges = list_charges(tx, 10, subscription_id=kim)
        assert [(charge.attempt_no, charge.state.value) for charge in charges] == [
            (2, "captured"),
            (1, "declined"),
            (1, "captured"),
        ]
        assert find_charge(tx, charges[0].id.hex[:10]) == charges[0].id
        assert find_source(tx, str(charges[0].gateway_source_id)) == row.source_id
        assert find_source(tx, str(row.source_id)[:7]) == row.source_id
        assert "It was attempt 2" in why_charged(tx, charges[0])
        lines = subscription_timeline(tx, kim, 100).lines
        assert lines[0].sentence.startswith("Enrolled on plan basic")
        assert any("Tried again on 2027-03-01" in line.sentence for line in lines)
        assert (
            charge_timeline(tx, charges[0], 100).lines[-1].sentence
            == "The invoice for 2027-02-28 to 2027-03-30 is paid."
        )
        refund = list_refunds(tx, 10)[0]
        assert find_refund(tx, str(refund.id)[:8]) == refund.id
        assert {price.plan_code for price in list_prices(tx)} >= {"basic", "trial"}
        assert list_events(tx, 1, subscription_id=kim)[0].type == "subscription.recovered"
        assert [event.id for event in list_events(tx, 2, after_id=0)] == [1, 2]
        assert (list_webhooks(tx, 10), list_parked(tx, 10)) == ([], [])
        with pytest.raises(NoSuchThing):
            find_subscription(tx, "ffffff")


def test_the_backlog_and_what_is_due_next(told):
    with told.engine.database.snapshot() as tx:
        backlog = load_backlog(tx, told.now, told.now - timedelta(hours=2))
        assert (backlog.overdue_renewals, backlog.overdue_charges, backlog.oldest_unsettled) == (0, 0, None)
        due = next_due_instant(tx, told.now, even_rechecks=False)
        assert due is not None
        assert f"{due:%Y-%m-%d %H}" == "2027-03-31 01"
    later = told.now + timedelta(days=40)
    with told.engine.database.snapshot() as tx:
        assert load_backlog(tx, later, later).overdue_renewals == 1


def test_every_rule_holds_and_the_gateway_agrees(told):
    with told.engine.database.snapshot() as tx:
        assert check_all(tx, told.now) == []
    compared = reconcile(told.engine, now=told.now)
    assert compared.differences == []
    assert compared.payments == compared.charges


def test_a_breach_is_found(told):
    with told.engine.database.transaction() as tx:
        tx.exec_driver_sql("UPDATE subscription SET paid_through = '2030-01-01' WHERE state = 'active'")
        tx.exec_driver_sql("UPDATE invoice SET state = 'open' WHERE kind = 'renewal'")
    with told.engine.database.snapshot() as tx:
        assert {breach.number for breach in check_all(tx, told.now)} == {5, 11, 23}
