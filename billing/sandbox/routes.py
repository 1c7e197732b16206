"""Checkout.com's paths, each with the scopes that open it and the subject its faults are thrown for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from billing.sandbox import instruments_api, payments_api, workflows_api
from billing.sandbox.call import Call, Reply
from billing.sandbox.searching import api as search_api
from billing.sandbox.world import World


@dataclass(frozen=True)
class Route:
    """``keyed``: idempotency keys count here (idempotency page: payments and their actions only).

    ``looks``: a POST that changes nothing, so that the faults of reads strike it.
    """

    method: str
    path: str
    act: Callable[[World, Call], Reply]
    subject: Callable[[World, Call], tuple[str | int, ...]]
    scopes: frozenset[str]
    keyed: bool = False
    counted: bool = True
    looks: bool = False

    @property
    def writes(self) -> bool:
        return self.method != "GET" and not self.looks


def _scopes(*names: str) -> frozenset[str]:
    return frozenset(names)


def _refused(action: str) -> Route:
    scopes = _scopes("gateway", f"gateway:payment-{action}")
    act, subject = payments_api.refuse_action, payments_api.subject_of_payment
    return Route("POST", f"/payments/{{id}}/{action}", act, subject, scopes, keyed=True)


_PAY: Final = _scopes("gateway", "gateway:payment")
_READ: Final = _scopes("gateway", "gateway:payment-details")
_REFUND: Final = _scopes("gateway", "gateway:payment-refunds")
_SEARCH: Final = _scopes("payments:search")
_VAULT: Final = _scopes("vault", "vault:instruments")
_EVENTS: Final = _scopes("flow", "flow:events")
_REFLOW: Final = _scopes("flow", "flow:reflow")

_payment = payments_api.subject_of_payment
_instrument = instruments_api.subject_of_instrument
_event = workflows_api.subject_of_event

ROUTES: Final = (
    # A POST's ordinal is counted by its subject, so that every POST of a wallet counts as one.
    Route(
        "POST", "/payments", payments_api.request_payment, payments_api.subject_of_request, _PAY,
        keyed=True, counted=False,
    ),
    Route("GET", "/payments", payments_api.list_payments, payments_api.subject_of_reference, _READ),
    Route(
        "POST", "/payments/search", search_api.search_payments, search_api.subject_of_search, _SEARCH,
        looks=True,
    ),
    Route("GET", "/payments/search/{search}", search_api.next_page, search_api.subject_of_search, _SEARCH),
    Route("GET", "/payments/{id}", payments_api.payment_details, _payment, _READ),
    Route("GET", "/payments/{id}/actions", payments_api.payment_actions, _payment, _READ),
    Route("POST", "/payments/{id}/refunds", payments_api.refund_payment, _payment, _REFUND, keyed=True),
    *(_refused(each) for each in ("captures", "voids", "authorizations", "cancellations", "reversals")),
    Route("PATCH", "/instruments/{id}/revoke", instruments_api.revoke_instrument, _instrument, _VAULT),
    Route("DELETE", "/instruments/{id}", instruments_api.delete_instrument, _instrument, _VAULT),
    Route("POST", "/workflows/events/reflow", workflows_api.reflow_many, _event, _REFLOW),
    Route("GET", "/workflows/events/{event}", workflows_api.get_event, _event, _EVENTS),
    Route("POST", "/workflows/events/{event}/reflow", workflows_api.reflow_event, _event, _REFLOW),
    Route("GET", "/workflows/events/subject/{id}", workflows_api.get_subject, _payment, _EVENTS),
    Route("POST", "/workflows/events/subject/{id}/reflow", workflows_api.reflow_subject, _payment, _REFLOW),
)  # fmt: skip
