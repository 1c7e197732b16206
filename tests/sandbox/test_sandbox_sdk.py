"""The official Checkout.com SDK for Python works against the sandbox unchanged."""

import warnings

import pytest
import requests
from checkout_sdk.checkout_sdk import CheckoutSdk
from checkout_sdk.common.common import Address, CustomerRequest
from checkout_sdk.common.enums import Country, Currency
from checkout_sdk.environment import Environment
from checkout_sdk.exception import CheckoutApiException, CheckoutAuthorizationException
from checkout_sdk.oauth_scopes import OAuthScopes
from checkout_sdk.payments.payment_apm import RequestAlipayPlusSource
from checkout_sdk.payments.payments import (
    PaymentRequest,
    PaymentRequestIdSource,
    PaymentsQueryFilter,
    PaymentType,
    ProcessingSettings,
    Product,
    RefundRequest,
    ShippingDetails,
    TerminalType,
)
from waiting import HANG_SECONDS

from billing.sandbox import defaults


@pytest.fixture
def build(shop):
    """Point the SDK at the sandbox through its own extension points: environment and HTTP client."""
    session = requests.Session()
    session.get_client = lambda: session
    url = f"{shop.url}/"
    environment = Environment(url, f"{url}connect/token", url, url, url, url, url, is_sandbox=True)

    def finish(builder):
        with warnings.catch_warnings():
            # A loopback host has no merchant subdomain, and the SDK warns of that and of its own modules.
            warnings.simplefilter("ignore", DeprecationWarning)
            return builder.use_legacy_domain().environment(environment).http_client_builder(session).build()

    yield finish
    session.close()


@pytest.fixture
def sdk(build):
    return build(CheckoutSdk.builder().secret_key(defaults.SECRET_KEY))


def first_request(reference="sdk-1"):
    request = PaymentRequest()
    request.source = RequestAlipayPlusSource.request_alipay_plus_kakao_pay_source()
    request.amount, request.currency = 12900, Currency.KRW
    request.reference, request.payment_type, request.capture = reference, PaymentType.RECURRING, True
    request.processing_channel_id = defaults.PROCESSING_CHANNEL_ID
    request.processing = ProcessingSettings()
    request.processing.terminal_type = TerminalType.WEB
    request.success_url, request.failure_url = "https://shop.test/ok", "https://shop.test/ko"
    request.customer = CustomerRequest()
    request.customer.email, request.customer.name = "kim@example.test", "Kim"
    request.shipping = ShippingDetails()
    request.shipping.address = Address()
    request.shipping.address.country = Country.KR
    item = Product()
    item.name, item.unit_price, item.quantity = "Tea", 12900, 1
    request.items = [item]
    return request


def later_request(source_id):
    request = PaymentRequest()
    request.source = PaymentRequestIdSource()
    request.source.id = source_id
    request.amount, request.currency = 12900, Currency.KRW
    request.reference, request.payment_type = "sdk-2", PaymentType.RECURRING
    request.processing_channel_id = defaults.PROCESSING_CHANNEL_ID
    return request


def test_the_whole_life_of_a_subscription_through_the_sdk(sdk, shop, receiver):
    first = sdk.payments.request_payment(first_request())
    assert (first.http_metadata.status_code, first.status) == (202, "Pending")
    requests.post(f"{first._links.redirect.href}/agree", allow_redirects=False, timeout=HANG_SECONDS)

    later = sdk.payments.request_payment(later_request(first.source.id), "ik-1")
    assert sdk.payments.request_payment(later_request(first.source.id), "ik-1").id == later.id
    shop.at("2026-03-01T00:01:00Z")
    details = sdk.payments.get_payment_details(later.id)
    assert (details.status, details.approved, details.balances.total_captured) == ("Captured", True, 12900)
    assert sdk.payments.get_payment_actions(later.id).items[0].response_code == "10000"

    query = PaymentsQueryFilter()
    query.reference, query.limit, query.skip = "sdk-2", 10, 0
    listed = sdk.payments.get_payments_list(query)
    assert (listed.total_count, listed.data[0].id) == (1, later.id)

    request = RefundRequest()
    request.amount, request.reference = 900, "refund-1"
    refund = sdk.payments.refund_payment(later.id, request, "ik-2")
    assert refund.action_id == sdk.payments.refund_payment(later.id, request, "ik-2").action_id
    shop.at("2026-03-01T00:02:00Z")
    assert sdk.payments.get_payment_details(later.id).balances.total_refunded == 900
    assert receiver.types[-1] == "refunded"


def test_the_sdk_reads_events_and_has_them_sent_again(sdk, shop, receiver):
    first = sdk.payments.request_payment(first_request())
    (event,) = sdk.workflows.get_subject_events(first.id).data
    assert sdk.workflows.get_event(event.id).type == "payment_pending"
    sdk.workflows.reflow_by_event(event.id)
    sdk.workflows.reflow_by_subject(first.id)
    shop.drain()
    assert receiver.types == ["pending"] * 3


def test_the_sdk_revokes_and_deletes_instruments(sdk, shop):
    source = shop.enrolled()
    assert sdk.instruments.revoke(source).status == "INVALID"
    assert sdk.instruments.delete(source).http_metadata.status_code == 204


def test_the_sdk_understands_refusals(sdk):
    request = first_request()
    request.currency = Currency.EUR
    with pytest.raises(CheckoutApiException) as refused:
        sdk.payments.request_payment(request)
    assert refused.value.http_metadata.status_code == 422
    assert refused.value.error_details == ["currency_not_supported"]
    assert refused.value.request_id
    for act in (sdk.payments.capture_payment, sdk.payments.void_payment):
        with pytest.raises(CheckoutApiException) as refused:
            act(sdk.payments.request_payment(first_request()).id)
        assert refused.value.http_metadata.status_code == 403


def test_the_sdk_reads_an_empty_401(build):
    sdk = build(CheckoutSdk.builder().secret_key("sk_sbox_" + "a" * 27))
    with pytest.raises(CheckoutApiException) as refused:
        sdk.payments.get_payment_details("pay_x")
    assert refused.value.http_metadata.status_code == 401
    assert refused.value.request_id


def test_the_sdk_logs_in_with_oauth(build):
    builder = CheckoutSdk.builder().oauth().client_credentials(defaults.CLIENT_ID, defaults.CLIENT_SECRET)
    sdk = build(builder.scopes([OAuthScopes.GATEWAY]))
    assert sdk.payments.request_payment(first_request()).status == "Pending"
    with pytest.raises(CheckoutAuthorizationException, match="invalid_client"):
        build(CheckoutSdk.builder().oauth().client_credentials(defaults.CLIENT_ID, "wrong").scopes([]))
