"""Stories of webhooks: hints that may be lost, late, doubled, out of order, too early, or about somebody else."""

import json
from datetime import timedelta

import pytest
from harness import email

from billing.config.settings import SANDBOX_WEBHOOK_KEY
from billing.gateway.webhooks import NotAuthentic
from billing.operations.webhooks import process_webhooks

KIM = email("kim")


def _webhooks(world):
    """Return the webhooks about payments: a strict sandbox sends some of another product, which are ignored."""
    return world.rows("SELECT * FROM webhook WHERE type NOT LIKE 'issuing%' ORDER BY id")


def _renew(world):
    world.live_through("2027-02-28 09:59")
    world.sweep_at(world.next_due())


@pytest.mark.usefixtures("inbox")
def test_a_webhook_settles_the_charge_in_the_next_sweep(world):
    world.faults(settle_seconds_min=40, settle_seconds_max=40)
    world.subscribe()
    _renew(world)
    assert world.states("charge")[-1] == "pending"
    world.wait(seconds=41)
    assert world.states("charge")[-1] == "captured"
    assert {row["state"] for row in _webhooks(world)} == {"processed"}


def test_a_workflow_made_through_the_api_tells_of_what_it_waits_for(world, inbox):
    world.sandbox("PUT", "webhooks", {"url": None})
    signature = {"method": "HMACSHA256", "key": SANDBOX_WEBHOOK_KEY}
    workflow = {
        "name": "captures",
        "conditions": [{"type": "event", "events": {"gateway": ["payment_captured"]}}],
        "actions": [{"type": "webhook", "url": inbox.url, "signature": signature}],
    }
    world.sandbox("PUT", "profiles", {"granted_scopes": ["flow", "gateway", "vault"]})
    world.post("/workflows", workflow)
    world.faults(settle_seconds_min=40, settle_seconds_max=40)
    world.subscribe()
    _renew(world)
    world.wait(seconds=41)
    assert world.states("charge") == ["captured", "captured"]
    assert {(row["type"], row["state"]) for row in _webhooks(world)} == {("payment_captured", "processed")}
    assert len(inbox.came) == 2


def test_webhooks_that_are_lost_are_healed_by_asking(world, inbox):
    world.faults(webhook_lost=1)
    world.subscribe()
    world.live_through("2027-03-01 00:00")
    assert inbox.came == []
    assert world.states("charge") == ["captured", "captured"]


@pytest.mark.usefixtures("inbox")
def test_webhooks_that_come_a_day_late_change_nothing_any_more(world):
    world.faults(webhook_late=1, webhook_late_seconds=86_400)
    world.subscribe()
    world.live_through("2027-03-02 00:00")
    assert len(world.captured()) == 2
    assert {row["state"] for row in _webhooks(world)} == {"processed"}
    assert len(world.events("invoice.paid")) == 2


def test_each_webhook_delivered_fifty_times_at_once_is_one_row_and_one_effect(world, inbox):
    world.faults(webhook_duplicate=1, webhook_duplicate_copies=49)
    world.subscribe()
    world.faults(webhook_duplicate=0)
    world.live_through("2027-02-01 12:00")
    about_payments = [body for body in inbox.came if b'"type":"issuing' not in body]
    assert len(about_payments) == 50 * len(_webhooks(world))
    assert len(world.events("invoice.paid")) == len(world.events("subscription.activated")) == 1


@pytest.mark.usefixtures("inbox")
def test_webhooks_out_of_order_come_to_the_same_end(world):
    world.faults(webhook_reorder=0.5)
    for who in ("kim", "lee", "park", "choi"):
        world.subscribe(who)
    world.wallet(KIM, script=["20051", "ok"])
    world.live_through("2027-03-02 00:00")
    assert {row["state"] for row in world.rows("SELECT state FROM subscription")} == {"active"}
    assert len(world.captured()) == 8


def test_an_old_decline_that_is_delivered_after_the_capture_changes_nothing(world, inbox):
    world.subscribe()
    world.wallet(KIM, script=["late:2:20051"])
    world.live_through("2027-02-28 14:00")
    assert world.state() == "active"
    declined = next(json.loads(body) for body in inbox.came if b"payment_declined" in body)
    inbox.post(world, {**declined, "id": "evt_delivered_again"})
    inbox.post(world, {**declined, "id": "evt_another", "data": {**declined["data"], "action_id": "act_other"}})
    world.sweep()
    assert world.state() == "active"
    assert world.states("charge")[-1] == "captured"


def test_a_copy_under_another_event_id_is_the_same_webhook(world, inbox):
    world.subscribe()
    captured = next(json.loads(body) for body in inbox.came if b"payment_captured" in body)
    before = len(_webhooks(world))
    inbox.post(world, {**captured, "id": "evt_redelivered_under_another_id"})
    assert len(_webhooks(world)) == before


@pytest.mark.usefixtures("inbox")
def test_webhooks_that_come_before_the_answer_to_the_request_settle_the_charge_once(world):
    world.subscribe()
    world.faults(settle_seconds_min=0, settle_seconds_max=0)

    def webhooks_first():
        world.sandbox("POST", "drain")
        process_webhooks(world.engine, now=world.now)
        assert world.states("charge")[-1] == "captured"

    world.live_through("2027-02-28 09:59")
    world.engine.gateway.after_create = webhooks_first
    world.live_through("2027-02-28 12:00")
    assert len(world.captured()) == 2
    assert len(world.events("charge.captured")) == 2
    assert world.state() == "active"


def test_a_webhook_about_a_payment_that_nobody_can_read_is_tried_for_a_while_and_set_aside(world, inbox):
    inbox.post(world, {"id": "evt_1", "type": "payment_captured", "data": {"id": "pay_unknownunknownunknownunk"}})
    world.live_through("2027-02-02 12:00")
    (row,) = _webhooks(world)
    assert (row["state"], row["tries"]) == ("parked", 8)


@pytest.mark.parametrize("kind", ["payment_captured", "payment_declined", "payment_expired"])
def test_a_signed_webhook_that_tells_what_the_gateway_does_not_say_moves_nothing(world, inbox, kind):
    world.subscribe()
    world.wallet(KIM, script=["hang"])
    world.live_through("2027-02-28 11:00")
    payment = world.payments()[-1]
    told = {name: payment[name] for name in ("id", "reference", "amount", "currency")}
    assert inbox.post(world, {"id": "evt_lie", "type": kind, "data": told}) == 200
    world.sweep()
    assert _webhooks(world)[-1]["state"] == "processed"
    assert world.states("charge")[-1] == "pending"
    assert world.states("invoice")[-1] == "open"
    assert len(world.captured()) == 1


def test_a_webhook_of_an_unknown_type_is_kept_and_ignored(world, inbox):
    for number, kind in enumerate(["card_updated", "dispute_opened", "x" * 60]):
        assert inbox.post(world, {"id": f"evt_{number}", "type": kind, "data": {"id": "pay_1"}}) == 200
    world.sweep()
    assert {row["state"] for row in _webhooks(world)} == {"ignored"}


def test_a_new_type_about_a_payment_of_ours_is_a_hint_to_look(world, inbox):
    world.faults(webhook_lost=1, settle_seconds_min=10, settle_seconds_max=10)
    world.subscribe()
    _renew(world)
    payment = world.payments()[-1]["id"]
    world.go_to(world.now + timedelta(seconds=11))
    inbox.post(world, {"id": "evt_new", "type": "payment_settled_somehow", "data": {"id": payment}})
    world.sweep()
    assert world.states("charge")[-1] == "captured"


@pytest.mark.usefixtures("inbox")
def test_payments_of_another_system_on_the_same_account_are_ignored(world):
    body = {
        "source": {"type": "kakaopay"},
        "amount": 5000,
        "currency": "KRW",
        "payment_type": "Recurring",
        "reference": "order-77",
        "processing_channel_id": "pc_kakaosandboxkakaosandbox22",
        "processing": {"terminal_type": "WEB"},
        "success_url": "http://127.0.0.1/ok",
        "failure_url": "http://127.0.0.1/no",
        "customer": {"name": "Other", "email": "other@example.test"},
        "shipping": {"address": {"country": "KR"}},
        "items": [{"name": "Tea", "reference": "tea", "quantity": 1, "unit_price": 5000}],
    }
    answer = world.post("/payments", body)
    world.agree(answer["_links"]["redirect"]["href"])
    world.wait(minutes=1)
    assert [row["why"] for row in _webhooks(world)] == ["a payment of another system"] * len(_webhooks(world))
    assert len(_webhooks(world)) >= 2
    assert world.rows("SELECT * FROM stray_payment") == []


@pytest.mark.usefixtures("inbox")
def test_a_payment_under_a_reference_of_ours_that_no_charge_has_is_kept_as_a_stray_and_refunded_by_nobody(world):
    world.subscribe()
    source = world.rows("SELECT gateway_source_id FROM source")[0]["gateway_source_id"]
    reference = world.payments()[0]["reference"].rsplit("-", 2)[0] + "-20990101-1"
    body = {
        "source": {"type": "id", "id": source},
        "amount": 9900,
        "currency": "KRW",
        "payment_type": "Recurring",
        "reference": reference,
        "processing_channel_id": "pc_kakaosandboxkakaosandbox22",
        "customer": {"name": "kim", "email": KIM},
        "shipping": {"address": {"country": "KR"}},
        "items": [{"name": "basic", "reference": "basic", "quantity": 1, "unit_price": 9900}],
    }
    world.post("/payments", body)
    world.live_through("2027-01-31 14:00")
    (stray,) = world.rows("SELECT * FROM stray_payment")
    assert (stray["reference"], stray["resolved_at"]) == (reference, None)
    assert len(world.events("payment.stray")) == 1
    assert "parked" in {row["state"] for row in _webhooks(world)}


def test_our_outage_makes_the_gateway_send_again_and_what_it_dropped_is_asked_for(world, inbox):
    world.subscribe()
    inbox.answer = 503
    world.live_through("2027-02-28 09:00")
    world.wallet(KIM, script=["pending:2"])
    _renew(world)
    world.go_to("2027-02-28 13:00")
    before = len(_webhooks(world))
    inbox.answer = None
    world.go_to("2027-02-28 18:00")
    assert len(_webhooks(world)) > before
    world.sweep()
    assert world.states("charge")[-1] == "captured"


def test_a_webhook_signed_by_somebody_else_is_not_stored(world, inbox):
    with pytest.raises(NotAuthentic):
        inbox.take(world, b'{"id":"evt_1","type":"payment_captured","data":{"id":"pay_1"}}', "0" * 64)
    assert _webhooks(world) == []


@pytest.mark.usefixtures("inbox")
def test_a_payment_that_cannot_be_read_just_now_is_tried_again(world):
    world.faults(settle_seconds_min=10, settle_seconds_max=10)
    world.subscribe()
    _renew(world)
    world.faults(read_502=1)
    world.wait(seconds=15)
    assert world.states("charge")[-1] == "pending"
    world.faults(read_502=0)
    world.wait(seconds=15)
    assert world.states("charge")[-1] == "captured"
