"""What answers and events leave out: the source, the actions, the place of a decline's reason."""

from collections.abc import Collection
from typing import Any, Final

from billing.sandbox.call import Refused
from billing.sandbox.codes import partner_code
from billing.sandbox.records import Payment

_REASON: Final = ("response_code", "response_summary")

Document = dict[str, Any]


def details_told(profiles: Collection[str], payment: Payment, body: Document) -> Document:
    """Return the details of a payment as the profiles let them be seen."""
    told = dict(body)
    if "no-source" in profiles:
        told.pop("source", None)
    if "no-agreement" in profiles:
        told["source"] = {"type": "kakaopay"}
    if _reason_moves(profiles) and payment.status == "Declined":
        told["processing"] = reason(profiles, payment.response_code)
    return told


def answer_told(profiles: Collection[str], payment: Payment, body: Document) -> Document:
    """Return the answer to ``POST /payments``; a later payment's source was named by the caller and is repeated."""
    unnamed = {"late-source", "no-agreement"} & set(profiles)
    return {name: value for name, value in body.items() if name != "source"} if unnamed and payment.token else body


def actions_told(profiles: Collection[str], payment: Payment, actions: list[Document]) -> list[Document]:
    """Return the actions of a payment, without the reason of a decline where it is told elsewhere.

    :raises Refused: 404, this payment's actions are not shown.
    """
    no_money = payment.captured == 0
    if "no-actions" in profiles or ("no-decline-actions" in profiles and no_money):
        raise Refused(404)
    if not _reason_moves(profiles):
        return actions
    return [_without_reason(each) if each.get("approved") is False and no_money else each for each in actions]


def event_data_told(profiles: Collection[str], payment: Payment, event_type: str, data: Document) -> Document:
    """Return the ``data`` of an event as the profiles let it be seen."""
    told = dict(data)
    if "no-agreement" in profiles and "source" in told:
        told["source"] = {"type": "kakaopay"}
    if _reason_moves(profiles) and event_type == "payment_declined":
        told = _without_reason(told) | {"processing": reason(profiles, payment.response_code)}
    return told


def reason(profiles: Collection[str], code: str | None) -> Document:
    """Return ``processing`` of a decline: ``failure_code`` is of the gateway, the others of the wallet."""
    partner = partner_code(code) if code else None
    told = {} if "reason-by-partner" in profiles else {"failure_code": code}
    told |= {"partner_code": partner, "partner_response_code": partner}
    return {name: value for name, value in told.items() if value is not None}


def _reason_moves(profiles: Collection[str]) -> bool:
    return bool({"reason-in-processing", "reason-by-partner"} & set(profiles))


def _without_reason(body: Document) -> Document:
    return {name: value for name, value in body.items() if name not in (*_REASON, "processing")}
