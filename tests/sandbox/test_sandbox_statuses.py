"""Every status that the API has and a wallet may show can be brought about, with its event."""

import pytest

KIM = "kim@example.test"


@pytest.fixture
def charge(shop):
    """Charge a wallet that follows a script item; a minute has passed when this returns."""

    def make(item):
        source = shop.enrolled()
        shop.script(KIM, script=[item])
        payment = shop.later(source)
        shop.at("2026-03-01T00:02:00Z")
        return payment

    return make


def one(receiver, kind):
    return next(each for each in receiver.events if each["type"] == f"payment_{kind}")


@pytest.mark.parametrize(
    ("item", "status", "told"),
    [
        ("authorized", "Authorized", "approved"),
        ("void", "Voided", "voided"),
        ("capture_declined", "Declined", "capture_declined"),
        ("paid", "Paid", "captured"),
        ("partial:5000", "Partially Captured", "captured"),
        ("retry:3", "Retry Scheduled", "retry_scheduled"),
        ("returned:0", "Returned", "returned"),
    ],
)
def test_each_status_comes_with_its_event(shop, receiver, charge, item, status, told):
    payment = charge(item)
    shop.drain()
    assert shop.status(payment) == status
    assert receiver.types[-1] == told
    assert one(receiver, told)["data"]["id"] is not None


@pytest.mark.parametrize(
    ("item", "end"),
    [
        ("authorized:2", "Captured"),
        ("authorized:2:void", "Voided"),
        ("authorized:2:capture_declined", "Declined"),
        ("authorized:2:20051", "Declined"),
        ("authorized:2:expire", "Expired"),
        ("retry:2", "Captured"),
        ("retry:2:20051", "Declined"),
        ("retry:2:cancel", "Canceled"),
    ],
)
def test_what_is_neither_paid_nor_failed_ends_as_it_was_told_to(shop, charge, item, end):
    payment = charge(item)
    assert shop.status(payment) in ("Authorized", "Retry Scheduled")
    shop.at("2026-03-01T02:02:00Z")
    assert shop.status(payment) == end


def test_an_authorised_amount_is_not_captured_yet(shop, charge):
    balances = shop.get(charge("authorized"))["balances"]
    wanted = {"total_authorized": 12900, "available_to_capture": 12900, "total_captured": 0}
    assert {name: balances[name] for name in wanted} == wanted


def test_a_part_is_captured(shop, charge):
    payment = charge("partial:5000")
    assert shop.get(payment)["balances"]["total_captured"] == 5000
    assert shop.refund(payment, amount=5001).status_code == 422


def test_a_retry_tells_when_the_gateway_tries_again(shop, receiver, charge):
    payment = charge("retry:3")
    shop.drain()
    due = shop.get(payment)["retry"]["next_attempt_on"]
    assert due.startswith("2026-03-01T03:0")
    assert one(receiver, "retry_scheduled")["data"]["retry"]["next_attempt_on"] == due


def test_what_was_returned_is_back_in_the_wallet_and_cannot_be_refunded(shop, charge):
    shop.script(KIM, balance=30000)
    payment = charge("returned:1")
    assert shop.status(payment) == "Captured"
    shop.at("2026-03-01T02:00:00Z")
    assert shop.status(payment) == "Returned"
    assert shop.refund(payment).status_code == 422
    row = shop.ledger()[-1]
    assert (row["captured"], row["returned"], row["refunded"]) == (12900, 12900, 0)
    # 12,900 of the balance went for the first payment; the second one came back.
    assert shop.control("GET", "wallets")[0]["balance"] == 17100


def test_a_first_payment_may_be_authorised_before_it_is_captured(shop):
    shop.script(KIM, first_payment=["authorized:1"])
    first = shop.first()
    shop.agree(first)
    assert shop.status(first) == "Authorized"
    shop.at("2026-03-01T01:01:00Z")
    assert shop.status(first) == "Captured"
    assert shop.later(first["source"]["id"])


@pytest.mark.parametrize("item", ["partial:0", "retry", "returned:1:20051", "authorized:1:late", "voided"])
def test_an_item_that_makes_no_sense_is_refused(shop, item):
    answer = shop.call("PUT", f"/_sandbox/wallets/{KIM}", json={"script": [item]})
    assert answer.status_code == 422
