"""The official SDK for Python with a note of each call, and what its calls need.

A call is a function of the SDK, the shop (to move the clock and be the payer) and the webhook receiver. Those that
concern us are in sdk_python_payments.py, sdk_python_workflows.py and sdk_python_disputes.py.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from checkout_sdk.checkout_api import CheckoutApi
from checkout_sdk.client import Client
from checkout_sdk.common.common import Address, CustomerRequest
from checkout_sdk.common.enums import Country, Currency
from checkout_sdk.exception import CheckoutApiException
from checkout_sdk.payments.payment_apm import RequestAlipayPlusSource
from checkout_sdk.payments.payments import (
    PaymentRequest,
    PaymentType,
    ProcessingSettings,
    Product,
    ShippingDetails,
    TerminalType,
)

from billing.sandbox import defaults

SUBJECTS = ("payments", "instruments", "workflows", "customers", "disputes")
CALLS: dict[str, Callable[..., None]] = {}


class Recorder:
    """The SDK, with a note of each call that it made."""

    def __init__(self, api: CheckoutApi) -> None:
        self.made: list[str] = []
        for subject in SUBJECTS:
            setattr(self, subject, self._recorded(subject, getattr(api, subject)))

    def _recorded(self, subject: str, client: Client) -> SimpleNamespace:
        return SimpleNamespace(
            **{name: self._noted(f"{subject}.{name}", getattr(client, name)) for name in calls(client)}
        )

    def _noted(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any) -> Any:
            self.made.append(name)
            return act(*given)

        return noted


def calls(client: Client) -> list[str]:
    """The public methods of a client, without those that every client has."""
    names = [name for name in dir(type(client)) if not name.startswith("_") and not hasattr(Client, name)]
    return [name for name in names if callable(getattr(client, name))]


def call(name: str) -> Callable[..., Any]:
    def entered(act: Callable[..., None]) -> Callable[..., None]:
        CALLS[name] = act
        return act

    return entered


def given(kind: Any, **values: Any) -> Any:
    """A request object of the SDK with these fields."""
    request = kind() if isinstance(kind, type) else kind
    for name, value in values.items():
        setattr(request, name, value)
    return request


def first_request(**changes: Any) -> PaymentRequest:
    return given(
        PaymentRequest,
        source=RequestAlipayPlusSource.request_alipay_plus_kakao_pay_source(),
        amount=12900,
        currency=Currency.KRW,
        reference="sdk-1",
        payment_type=PaymentType.RECURRING,
        processing_channel_id=defaults.PROCESSING_CHANNEL_ID,
        processing=given(ProcessingSettings, terminal_type=TerminalType.WEB),
        success_url="https://shop.test/ok",
        failure_url="https://shop.test/ko",
        customer=given(CustomerRequest, email="kim@example.test", name="Kim"),
        shipping=given(ShippingDetails, address=given(Address, country=Country.KR)),
        items=[given(Product, name="Tea", reference="tea", unit_price=12900, quantity=1)],
        **changes,
    )


def captured(sdk: Recorder, shop: Any) -> Any:
    """A first payment that its payer agreed to."""
    first = sdk.payments.request_payment(first_request(), "ik-first")
    shop.press({"_links": {"redirect": {"href": shop.url + path_of(first._links.redirect.href)}}}, "agree")
    return first


def path_of(href: str) -> str:
    return "/" + href.split("/", 3)[3]


def refused(status: int, act: Callable[..., Any], *given_: Any) -> None:
    with pytest.raises(CheckoutApiException) as refusal:
        act(*given_)
    assert refusal.value.http_metadata.status_code == status
