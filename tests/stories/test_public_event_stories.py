"""A life as it is told outside: by public names, with ids of the API and money, and nothing about the person."""

import json

from billing.domain.public_ids import Kind, public_id, uuid_of
from billing.operations.manage import cancel_now
from billing.operations.request_refund import request_refund
from billing.store.public_facts import list_recorded, told_outside

PRICE = {"amount": 9900, "currency": "KRW"}


def told(world, **query):
    with world.engine.database.snapshot() as tx:
        recorded = list_recorded(tx, after=0, up_to=10**9, limit=1000, **query)
        payloads = told_outside(tx, recorded)
    return [payloads[each.id] for each in recorded if each.id in payloads]


def lived(world):
    subscription = world.subscribe()
    world.live_through("2027-03-01 12:00")
    world.wallet("kim@example.test", script=["20051", "200R1"])
    world.live_through("2027-04-03 12:00")
    charge = world.rows("SELECT id FROM charge WHERE kind = 'renewal' AND state = 'captured'")[0]["id"]
    request_refund(world.engine, _uuid(charge), 100, reason="sorry, Kim", now=world.now)
    world.wait(minutes=2)
    cancel_now(world.engine, subscription, reason="Kim is leaving", now=world.now)
    return subscription


def _uuid(told_id):
    from uuid import UUID

    return UUID(str(told_id))


def test_a_whole_life_is_told_in_order(world):
    subscription = lived(world)
    mine = public_id(Kind.SUBSCRIPTION, subscription)
    events = [each for each in told(world) if each["subscription_id"] == mine]
    assert [each["type"] for each in events] == [
        "subscription.created",
        "invoice.issued",
        "charge.captured",
        "source.activated",
        "invoice.paid",
        "subscription.activated",
        "invoice.issued",
        "charge.captured",
        "invoice.paid",
        "subscription.renewed",
        "invoice.issued",
        "charge.failed",
        "invoice.payment_failed",
        "subscription.past_due",
        "charge.failed",
        "source.revoked",
        "invoice.payment_failed",
        "subscription.source_required",
        "refund.created",
        "refund.succeeded",
        "subscription.canceled",
        "invoice.voided",
    ]
    assert {each["customer_id"] for each in events} == {events[0]["customer_id"]}
    assert events[0]["customer_id"].startswith("cus_")
    renewed = next(each for each in events if each["type"] == "subscription.renewed")
    assert renewed["subject"] == {"object": "subscription", "id": mine}
    assert renewed["data"] == {"plan": "basic", "paid_through": "2027-03-31"}
    assert [each["sequence"] for each in events if each["subject"]["id"] == mine] == [1, 2, 3, 4, 5, 6]


def test_a_failed_renewal_says_why_and_when_it_is_tried_again(world):
    lived(world)
    first, last = told(world, types=["invoice.payment_failed"])
    assert first["data"]["amount"] == PRICE
    assert (first["data"]["decline_class"], first["data"]["response_code"]) == ("retry_later", "20051")
    assert first["data"]["next_attempt_at"].startswith("2027-04-01T01:")
    assert last["data"] | {"charge_id": None} == first["data"] | {
        "charge_id": None,
        "attempt": 2,
        "decline_class": "agreement_gone",
        "response_code": "200R1",
        "next_attempt_at": None,
    }


def test_what_becomes_of_an_invoice_is_told_of_it_in_numbered_order(world):
    lived(world)
    invoice = told(world, types=["invoice.payment_failed"])[0]["subject"]
    assert invoice["object"] == "invoice"
    mine = told(world, subject=("invoice", str(uuid_of(Kind.INVOICE, invoice["id"]))))
    assert [(each["type"], each["sequence"]) for each in mine] == [
        ("invoice.issued", 1),
        ("invoice.payment_failed", 2),
        ("invoice.payment_failed", 3),
        ("invoice.voided", 4),
    ]


def test_the_failure_of_a_charge_is_told_of_the_charge_too(world):
    lived(world)
    failed = told(world, types=["charge.failed"])
    of_invoice = told(world, types=["invoice.payment_failed"])
    assert [each["subject"] for each in failed] == [
        {"object": "charge", "id": each["data"]["charge_id"]} for each in of_invoice
    ]
    assert [each["data"]["state"] for each in failed] == ["declined", "declined"]


def test_what_gives_an_invoice_up_comes_after_the_failure_that_did(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.live_through("2027-02-03 12:00")
    world.wallet("kim@example.test", script=["20051"] * 9)
    world.live_through("2027-03-20 12:00")
    *_, last, over = told(world, types=["invoice.payment_failed", "invoice.uncollectible"])
    assert (last["type"], last["data"]["state"]) == ("invoice.payment_failed", "open")
    assert (over["type"], over["sequence"]) == ("invoice.uncollectible", last["sequence"] + 1)


def test_nothing_about_the_person_is_told_and_nothing_that_somebody_wrote(sqlite_world):
    world = sqlite_world
    lived(world)
    words = json.dumps(told(world), ensure_ascii=False).lower()
    assert "basic" in words
    for secret in ("kim", "example.test", "sorry", "leaving", "src_", "pay_", "cust-"):
        assert secret not in words


def test_the_events_of_one_subject_can_be_asked_for(sqlite_world):
    world = sqlite_world
    subscription = lived(world)
    found = told(world, subject=("subscription", str(subscription)))
    assert [each["sequence"] for each in found] == sorted(each["sequence"] for each in found)
    assert {each["subject"]["object"] for each in found} == {"subscription"}
    assert told(world, subscription_id=subscription)[0]["type"] == "subscription.created"
