"""Invoices that are forgiven, or charged again, by hand."""

from uuid import UUID

import pytest

from billing.domain.public_ids import Kind, public_id

NO_INVOICE = public_id(Kind.INVOICE, UUID(int=0))
BECAUSE = {"reason": "the service was down"}


def in_arrears(api):
    """Return a subscription whose renewal was declined, and the open invoice."""
    subscription = api.subscribe()
    api.world.wallet("kim@example.test", script=["20051"])
    api.sweep_at("2027-02-28 10:40")
    api.sweep_at("2027-02-28 10:50")
    [invoice] = api.data("/v1/invoices", subscription_id=subscription, state="open")
    assert api.subscription(subscription)["state"] == "past_due"
    return subscription, invoice["id"]


@pytest.mark.parametrize(("act", "state"), [("void", "void"), ("mark-uncollectible", "uncollectible")])
def test_a_debt_that_is_forgiven_makes_the_subscription_active_again(both, act, state):
    subscription, invoice = in_arrears(both)
    shown = both.post(f"/v1/invoices/{invoice}/{act}", BECAUSE)
    assert shown.status_code == 200
    assert (shown.json()["id"], shown.json()["state"], shown.json()["next_attempt_at"]) == (invoice, state, None)
    assert both.subscription(subscription)["state"] == "active"
    again = both.post(f"/v1/invoices/{invoice}/{act}", BECAUSE)
    assert f"invoice {invoice} is {state} already" in both.refused(again, 409, "conflict")
    assert again.json()["current"] == both.get(f"/v1/invoices/{invoice}")


def test_an_open_invoice_is_charged_again_at_once(both):
    subscription, invoice = in_arrears(both)
    both.go_to("2027-02-28 12:00")
    shown = both.post(f"/v1/invoices/{invoice}/retry")
    assert shown.status_code == 200
    assert len(shown.json()["charge_ids"]) == 2
    under_way = both.post(f"/v1/invoices/{invoice}/retry")
    assert "under way" in both.refused(under_way, 409, "conflict")
    assert under_way.json()["current"]["charge_ids"] == shown.json()["charge_ids"]
    both.sweep_at("2027-02-28 12:10")
    assert both.get(f"/v1/invoices/{invoice}")["state"] == "paid"
    assert both.subscription(subscription)["state"] == "active"
    paid = both.post(f"/v1/invoices/{invoice}/void", BECAUSE)
    assert "refund its charge instead" in both.refused(paid, 409, "conflict")


def test_where_the_agreement_is_cut_a_retry_is_told_how_another_is_made(api):
    subscription, invoice = in_arrears(api)
    [source] = api.data("/v1/sources", customer_id=api.subscription(subscription)["customer_id"])
    assert api.post(f"/v1/sources/{source['id']}/revoke", BECAUSE).status_code == 200
    told = api.refused(api.post(f"/v1/invoices/{invoice}/retry"), 409, "conflict")
    assert f"POST /v1/subscriptions/{subscription}/replace-source" in told


@pytest.mark.parametrize(("act", "body"), [("void", BECAUSE), ("mark-uncollectible", BECAUSE), ("retry", None)])
def test_an_invoice_that_is_not_there_is_not_found(still, act, body):
    still.refused(still.post(f"/v1/invoices/{NO_INVOICE}/{act}", body), 404, "not_found")


@pytest.mark.parametrize("act", ["void", "mark-uncollectible"])
@pytest.mark.parametrize("body", [None, {}, {"reason": ""}, {"reason": "x", "amount": 1}])
def test_forgiving_needs_a_reason(still, act, body):
    still.refused(still.post(f"/v1/invoices/{NO_INVOICE}/{act}", body), 422, "invalid_request")
