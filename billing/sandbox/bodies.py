"""Answers in Checkout.com's shapes (KakaoPay page; payment details and actions pages)."""

from typing import Any

from billing.sandbox.codes import summary
from billing.sandbox.events import balances, processing, source
from billing.sandbox.instants import render
from billing.sandbox.records import Action, Payment


def accepted(payment: Payment, base_url: str) -> dict[str, Any]:
    """The 202 of ``POST /payments``: no amount, no code; a redirect only with the customer present."""
    links = {"self": {"href": f"{base_url}/payments/{payment.id}"}}
    if payment.token:
        links["redirect"] = {"href": f"{base_url}/wallet/{payment.token}"}
    body: dict[str, Any] = {
        "id": payment.id,
        "status": "Pending",
        "reference": payment.reference,
        "customer": payment.echo["customer"],
    }
    if payment.source_id:
        body["source"] = source(payment)
    body["_links"] = links
    return body


def created(payment: Payment, base_url: str) -> dict[str, Any]:
    """The 201 of ``POST /payments``, as for methods that end at once: the status as it is, amount and currency."""
    body = accepted(payment, base_url)
    body |= {"status": payment.status, "amount": payment.captured or payment.amount, "currency": payment.currency}
    if payment.status != "Pending":
        body |= {"approved": payment.captured > 0, "balances": balances(payment)}
    if payment.response_code:
        body |= {"response_code": payment.response_code, "response_summary": summary(payment.response_code)}
    return body


def details(payment: Payment, base_url: str) -> dict[str, Any]:
    """``GET /payments/{id}``; the reason of a decline is in the actions, not here."""
    own = f"{base_url}/payments/{payment.id}"
    body: dict[str, Any] = {
        "id": payment.id,
        "requested_on": render(payment.requested_at, 6),
        "source": source(payment),
        "amount": payment.captured or payment.amount,
        "currency": payment.currency,
        "payment_type": payment.payment_type,
        "reference": payment.reference,
        "status": payment.status,
    }
    if payment.status != "Pending":
        body["approved"] = payment.captured > 0 or payment.status == "Authorized"
    body["balances"] = balances(payment)
    body.update(payment.echo)
    partner = processing(payment)
    if partner:
        body["processing"] = partner
    links = {"self": {"href": own}, "actions": {"href": f"{own}/actions"}}
    if payment.refundable > 0:
        links["refund"] = {"href": f"{own}/refunds"}
    body["_links"] = links
    return body


def actions(payment: Payment) -> list[dict[str, Any]]:
    """``GET /payments/{id}/actions``: newest first."""
    return [_action(payment, each) for each in reversed(payment.actions)]


def _action(payment: Payment, action: Action) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": action.id,
        "type": action.type,
        "processed_on": render(action.at, 7),
        "amount": action.amount,
        "reference": action.reference,
        "metadata": action.metadata,
    }
    if action.approved is not None:
        body["approved"] = action.approved
    if action.response_code:
        body["response_code"] = action.response_code
        body["response_summary"] = summary(action.response_code)
    body["processing"] = processing(payment, action)
    return {name: value for name, value in body.items() if value not in (None, {})}


def ledger_row(payment: Payment) -> dict[str, Any]:
    """One row of ``GET /_sandbox/payments``: the truth, whatever the API was made to say."""
    return {
        "id": payment.id,
        "reference": payment.reference,
        "source_id": payment.source_id,
        "wallet": payment.wallet,
        "ordinal": payment.ordinal,
        "payment_type": payment.payment_type,
        "amount": payment.amount,
        "currency": payment.currency,
        "status": payment.status,
        "captured": payment.captured,
        "refunded": payment.refunded,
        "returned": payment.returned,
        "charged_back": payment.charged_back,
        "response_code": payment.response_code,
        "idempotency_key": payment.idempotency_key,
        "requested_on": render(payment.requested_at, 6),
    }
