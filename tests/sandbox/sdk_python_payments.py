"""Payments, refunds, instruments and customers: each call once, where it has something to do."""

import datetime as dt

from checkout_sdk.common.common import CustomerRequest, UpdateCustomerRequest
from checkout_sdk.instruments.instruments import UpdateInstrumentRequest
from checkout_sdk.payments.payments import (
    PaymentRequestIdSource,
    PaymentsQueryFilter,
    PaymentsSearchRequest,
    RefundRequest,
)
from sdk_python import call, captured, first_request, given, refused


@call("payments.request_payment")
def _(sdk, shop, receiver):
    first = captured(sdk, shop)
    assert (first.status, first.customer.email) == ("Pending", "kim@example.test")
    source = given(PaymentRequestIdSource, id=first.source.id)
    later = given(
        first_request(), source=source, reference="sdk-2", processing=None, success_url=None, failure_url=None
    )
    made = sdk.payments.request_payment(later, "ik-1")
    assert sdk.payments.request_payment(later, "ik-1").id == made.id
    assert not hasattr(made._links, "redirect")
    shop.drain()
    assert {"pending", "capture_pending", "captured"} <= set(receiver.types)


@call("payments.get_payments_list")
def _(sdk, shop, _receiver):
    first = captured(sdk, shop)
    listed = sdk.payments.get_payments_list(given(PaymentsQueryFilter, reference="sdk-1", limit=10, skip=0))
    assert [each.id for each in listed.data] == [first.id]


@call("payments.get_payment_details")
def _(sdk, shop, _receiver):
    details = sdk.payments.get_payment_details(captured(sdk, shop).id)
    assert (details.status, details.approved, details.balances.total_captured) == ("Captured", True, 12900)


@call("payments.get_payment_actions")
def _(sdk, shop, _receiver):
    actions = sdk.payments.get_payment_actions(captured(sdk, shop).id).items
    assert [each.type for each in actions] == ["Capture", "Authorization"]


@call("payments.refund_payment")
def _(sdk, shop, _receiver):
    payment = captured(sdk, shop).id
    refund = sdk.payments.refund_payment(payment, given(RefundRequest, amount=900, reference="refund-1"), "ik-2")
    assert refund.action_id.startswith("act_")
    sdk.payments.refund_payment(payment, None, "ik-3")
    shop.at("2026-03-01T00:10:00Z")
    assert sdk.payments.get_payment_details(payment).balances.total_refunded == 12900


@call("payments.search_payments")
def _(sdk, shop, _receiver):
    first = captured(sdk, shop)
    window = {"from_": dt.datetime(2026, 2, 28), "to": dt.datetime(2026, 3, 2, tzinfo=dt.UTC)}
    found = sdk.payments.search_payments(given(PaymentsSearchRequest, query=f"id:'{first.id}'", limit=10, **window))
    assert [each.id for each in found.data] == [first.id]


@call("payments.capture_payment")
def _(sdk, shop, _receiver):
    refused(403, sdk.payments.capture_payment, captured(sdk, shop).id, None, "ik-2")


@call("payments.void_payment")
def _(sdk, shop, _receiver):
    refused(403, sdk.payments.void_payment, captured(sdk, shop).id, None, "ik-2")


@call("payments.reverse_payment")
def _(sdk, shop, _receiver):
    refused(403, sdk.payments.reverse_payment, captured(sdk, shop).id, None, "ik-2")


@call("payments.increment_payment_authorization")
def _(sdk, shop, _receiver):
    refused(403, sdk.payments.increment_payment_authorization, captured(sdk, shop).id, None, "ik-2")


@call("payments.cancel_scheduled_retry")
def _(sdk, shop, _receiver):
    refused(403, sdk.payments.cancel_scheduled_retry, captured(sdk, shop).id, None, "ik-2")


@call("instruments.get")
def _(sdk, shop, _receiver):
    instrument = sdk.instruments.get(captured(sdk, shop).source.id)
    assert (instrument.type, instrument.status, instrument.customer.name) == ("kakaopay", "VALID", "Kim")


@call("instruments.update")
def _(sdk, shop, _receiver):
    source = captured(sdk, shop).source.id
    customer = given(UpdateCustomerRequest, default=True)
    changed = sdk.instruments.update(source, given(UpdateInstrumentRequest("kakaopay"), customer=customer))
    assert changed.id == source
    assert sdk.customers.get("kim@example.test").default == source


@call("instruments.revoke")
def _(sdk, shop, _receiver):
    source = captured(sdk, shop).source.id
    assert sdk.instruments.revoke(source).status == "INVALID"
    assert sdk.instruments.get(source).status_reason == "revoked_by_merchant"


@call("instruments.delete")
def _(sdk, shop, _receiver):
    source = captured(sdk, shop).source.id
    assert sdk.instruments.delete(source).http_metadata.status_code == 204
    refused(404, sdk.instruments.get, source)


@call("customers.create")
def _(sdk, shop, _receiver):
    made = sdk.customers.create(given(CustomerRequest, email="kim@example.test", name="Kim"))
    assert captured(sdk, shop).customer.id == made.id


@call("customers.get")
def _(sdk, shop, _receiver):
    first = captured(sdk, shop)
    shown = sdk.customers.get(first.customer.id)
    assert [each.id for each in shown.instruments] == [first.source.id]


@call("customers.update")
def _(sdk, shop, _receiver):
    customer = captured(sdk, shop).customer.id
    assert sdk.customers.update(customer, given(CustomerRequest, name="Kim H.")).http_metadata.status_code == 204
    assert sdk.customers.get(customer).name == "Kim H."


@call("customers.delete")
def _(sdk, shop, _receiver):
    customer = captured(sdk, shop).customer.id
    sdk.customers.delete(customer)
    refused(404, sdk.customers.get, customer)
