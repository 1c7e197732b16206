"""Requests that tests send, and answers that fit them."""

from dataclasses import replace

from pydantic import SecretStr
from waiting import HANG_SECONDS

from billing.domain.identity import idempotency_key
from billing.gateway.auth import SecretKey
from billing.gateway.client import CheckoutGateway, GatewayLimits
from billing.gateway.messages import AS_ON_THE_PAGE
from billing.gateway.port import Payer, PaymentRequest, RefundRequest, SubscriberPresent
from plans.money import Money

CHANNEL = "pc_kakaosandboxkakaosandbox22"
REFERENCE = "abc123-sub-20270301-1"


def fresh_client(url, authorization=None, observer=None, *, series=AS_ON_THE_PAGE, **limits):
    """Return a client without limits on its rates, and patient enough for a machine that is busy."""
    told = {"answer_seconds": HANG_SECONDS / 2, "writes_per_second": 100_000, "reads_per_second": 100_000, **limits}
    return CheckoutGateway(
        url,
        authorization or SecretKey(SecretStr("sk_test")),
        CHANNEL,
        GatewayLimits(**told),
        observer,
        series=series,
    )


def a_renewal(reference=REFERENCE, **changes):
    request = PaymentRequest(
        reference=reference,
        idempotency_key=idempotency_key(reference),
        amount=Money(9900, "KRW"),
        item="베이직",
        item_reference="basic",
        payer=Payer("김", "kim@example.test", "KR"),
        source_id="src_1",
    )
    return replace(request, **changes)


def a_first_payment(reference=REFERENCE, *, email="kim@example.test", **changes):
    present = SubscriberPresent("WEB", None, "http://127.0.0.1/ok", "http://127.0.0.1/failed")
    first = {"source_id": None, "present": present, "payer": Payer("김", email, "KR")}
    return a_renewal(reference, **first | changes)


def a_refund(payment_id="pay_1", reference=f"{REFERENCE}-r1", minor=9900, **changes):
    request = RefundRequest(payment_id, reference, idempotency_key(reference), Money(minor, "KRW"))
    return replace(request, **changes)


def a_payment(**changes):
    """Return the body of an answer about :func:`a_renewal`; None leaves a field out."""
    body = {"id": "pay_1", "status": "Pending", "reference": REFERENCE, "amount": 9900, "currency": "KRW", **changes}
    return {name: value for name, value in body.items() if value is not None}


def an_error(*codes, error_type="request_invalid"):
    return {"request_id": "0HL", "error_type": error_type, "error_codes": list(codes)}
