"""Stories of statuses beyond the usual ones: understood, or set aside with the reason, and never lost or believed."""

from uuid import UUID

import pytest
from harness import email
from rewriting_proxy import rewritten

from billing.operations.reconcile import reconcile
from billing.operations.request_refund import request_refund


def shown(status, **balances):
    """Show every payment that is read under another status, with other balances."""

    def rewrite(method, _path, told, body):
        if method == "GET" and isinstance(body, dict):
            for payment in body.get("data", [body]):
                payment["status"] = status
                payment["balances"] = {**payment.get("balances", {}), **balances}
        return told, body

    return rewrite


def renew(world, rewrite):
    world.subscribe()
    with rewritten(world, rewrite):
        world.live_through("2027-02-28 12:00")


def last_charge(world):
    return world.rows("SELECT state, error, decline_class FROM charge ORDER BY created_at")[-1]


@pytest.mark.parametrize("status", ["Authorized", "Retry Scheduled", "Card Verified", "Requested"])
def test_money_that_is_reserved_or_asked_for_again_is_an_open_charge_and_no_failure(world, status):
    renew(world, shown(status))
    assert last_charge(world)["state"] == "pending"
    assert world.state() == "active"
    world.wait(days=1)
    assert last_charge(world)["state"] == "captured"


@pytest.mark.parametrize(
    ("status", "captured", "why"),
    [
        ("Partially Captured", 5000, "Partially Captured at the gateway: 5000 of 9900 captured (minor units)"),
        ("Paid", 0, "Paid at the gateway: 0 of 9900 captured (minor units)"),
    ],
    ids=["part", "paid"],
)
def test_a_part_of_the_money_is_never_taken_for_all_of_it_and_waits_for_a_person(world, status, captured, why):
    renew(world, shown(status, total_captured=captured))
    assert last_charge(world) == {"state": "parked", "error": why, "decline_class": None}
    assert world.scalar("SELECT state FROM invoice ORDER BY created_at DESC LIMIT 1") == "open"


def test_paid_in_full_by_its_balances_is_captured(world):
    renew(world, shown("Paid"))
    assert last_charge(world)["state"] == "captured"


def test_what_was_captured_and_returned_before_anybody_looked_pays_nothing_and_is_tried_again(world):
    renew(world, shown("Returned"))
    told = last_charge(world)
    assert (told["state"], told["decline_class"]) == ("canceled", "unknown")
    assert "returned" in told["error"]
    assert world.state() == "past_due"


def come_back(world):
    """Let the webhook of the last payment come again, as a later event of it would."""
    payment = world.scalar("SELECT gateway_payment_id FROM charge ORDER BY created_at DESC LIMIT 1")
    return {"id": f"evt_{world.now.timestamp()}", "type": "payment_returned", "data": {"id": payment}}


@pytest.mark.usefixtures("inbox")
def test_what_was_returned_after_the_capture_is_a_refund_that_the_gateway_made(world):
    world.subscribe()
    world.wallet(email("kim"), script=["returned:24"])
    world.live_through("2027-03-02 12:00")
    (refund,) = world.rows("SELECT state, amount_minor, reason, requested_by FROM refund")
    assert refund == {
        "state": "refunded",
        "amount_minor": 9900,
        "reason": "returned by KakaoPay after the capture",
        "requested_by": "gateway",
    }
    assert last_charge(world)["state"] == "captured"
    assert world.state() == "active", "days stay as they were"
    assert [each.detail for each in reconcile(world.engine, now=world.now).differences] == []


def test_a_stale_answer_that_shows_an_earlier_decline_takes_no_captured_money_back(world, inbox):
    world.subscribe()
    world.live_through("2027-02-28 12:00")
    with rewritten(world, shown("Declined")):
        inbox.post(world, come_back(world))
        world.wait(minutes=1)
    assert world.rows("SELECT * FROM refund") == []
    assert last_charge(world)["state"] == "captured"


@pytest.mark.parametrize("amount", [9900, 4000])
def test_a_refund_of_ours_is_settled_by_the_balances_where_its_action_is_withheld(world, amount):
    world.subscribe()
    charge = world.rows("SELECT id FROM charge")[0]["id"]

    def withheld(_method, path, told, body):
        return (404, None) if path.endswith("/actions") else (told, body)

    with rewritten(world, withheld):
        request_refund(world.engine, UUID(str(charge)), amount, reason="asked for", now=world.now)
        world.wait(minutes=2)
        world.wait(hours=2)
        assert world.states("refund") == ["refunded"]
