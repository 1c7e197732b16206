"""Checkout.com's paths, each with the scopes that open it and the subject its faults are thrown for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from billing.sandbox import instruments_api, payments_api
from billing.sandbox.call import Call, Reply
from billing.sandbox.customers import api as customers_api
from billing.sandbox.disputes import api as disputes_api
from billing.sandbox.searching import api as search_api
from billing.sandbox.workflows import api as workflows_api
from billing.sandbox.workflows import events_api
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
_CUSTOMERS: Final = _scopes("vault", "vault:customers")
_EVENTS: Final = _scopes("flow", "flow:events")
_REFLOW: Final = _scopes("flow", "flow:reflow")
_WORKFLOWS: Final = _scopes("flow", "flow:workflows")
_DISPUTES: Final = _scopes("disputes", "disputes:view")
_ACCEPT: Final = _scopes("disputes", "disputes:accept")
_EVIDENCE: Final = _scopes("disputes", "disputes:provide-evidence")
_SCHEME_FILES: Final = _scopes("disputes", "disputes:scheme-files")

_payment = payments_api.subject_of_payment
_instrument = instruments_api.subject_of_instrument
_event = events_api.subject_of_event
_workflow = workflows_api.subject_of_workflow
_dispute = disputes_api.subject_of_dispute


def _customer_route(method: str, path: str, act: Callable[[World, Call], Reply]) -> Route:
    return Route(method, f"/customers{path}", act, customers_api.subject_of_customer, _CUSTOMERS)


def _workflow_route(method: str, path: str, act: Callable[[World, Call], Reply]) -> Route:
    return Route(method, f"/workflows{path}", act, _workflow, _WORKFLOWS)


def _dispute_route(
    method: str, path: str, act: Callable[[World, Call], Reply], scopes: frozenset[str] = _DISPUTES
) -> Route:
    return Route(method, f"/disputes{path}", act, _dispute, scopes)


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
    Route("GET", "/instruments/{id}", instruments_api.get_instrument, _instrument, _VAULT),
    Route("PATCH", "/instruments/{id}", instruments_api.update_instrument, _instrument, _VAULT),
    Route("PATCH", "/instruments/{id}/revoke", instruments_api.revoke_instrument, _instrument, _VAULT),
    Route("DELETE", "/instruments/{id}", instruments_api.delete_instrument, _instrument, _VAULT),
    _customer_route("POST", "", customers_api.create_customer),
    _customer_route("GET", "/{customer}", customers_api.get_customer),
    _customer_route("PATCH", "/{customer}", customers_api.update_customer),
    _customer_route("DELETE", "/{customer}", customers_api.delete_customer),
    Route("POST", "/workflows/events/reflow", events_api.reflow_many, _event, _REFLOW),
    Route("GET", "/workflows/events/{event}", events_api.get_event, _event, _EVENTS),
    Route("GET", "/workflows/events/{event}/actions/{action}", events_api.get_action_invocations, _event, _EVENTS),
    Route("POST", "/workflows/events/{event}/reflow", events_api.reflow_event, _event, _REFLOW),
    Route(
        "POST", "/workflows/events/{event}/workflow/{workflow}/reflow", events_api.reflow_event_to_workflow,
        _event, _REFLOW,
    ),
    Route("GET", "/workflows/events/subject/{id}", events_api.get_subject, _payment, _EVENTS),
    Route("POST", "/workflows/events/subject/{id}/reflow", events_api.reflow_subject, _payment, _REFLOW),
    Route(
        "POST", "/workflows/events/subject/{id}/workflow/{workflow}/reflow", events_api.reflow_subject_to_workflow,
        _payment, _REFLOW,
    ),
    _workflow_route("GET", "", workflows_api.list_workflows),
    _workflow_route("POST", "", workflows_api.create_workflow),
    _workflow_route("GET", "/event-types", workflows_api.event_types),
    _workflow_route("GET", "/{workflow}", workflows_api.get_workflow),
    _workflow_route("PATCH", "/{workflow}", workflows_api.update_workflow),
    _workflow_route("DELETE", "/{workflow}", workflows_api.remove_workflow),
    _workflow_route("POST", "/{workflow}/actions", workflows_api.add_action),
    _workflow_route("PUT", "/{workflow}/actions/{part}", workflows_api.update_action),
    _workflow_route("DELETE", "/{workflow}/actions/{part}", workflows_api.remove_action),
    _workflow_route("POST", "/{workflow}/conditions", workflows_api.add_condition),
    _workflow_route("PUT", "/{workflow}/conditions/{part}", workflows_api.update_condition),
    _workflow_route("DELETE", "/{workflow}/conditions/{part}", workflows_api.remove_condition),
    _workflow_route("POST", "/{workflow}/test", workflows_api.try_workflow),
    _dispute_route("GET", "", disputes_api.list_disputes),
    _dispute_route("GET", "/{id}", disputes_api.get_dispute),
    _dispute_route("POST", "/{id}/accept", disputes_api.accept_dispute, _ACCEPT),
    _dispute_route("PUT", "/{id}/evidence", disputes_api.put_evidence, _EVIDENCE),
    _dispute_route("GET", "/{id}/evidence", disputes_api.get_evidence),
    _dispute_route("POST", "/{id}/evidence", disputes_api.submit_evidence, _EVIDENCE),
    _dispute_route("GET", "/{id}/evidence/submitted", disputes_api.submitted_evidence),
    _dispute_route("POST", "/{id}/evidence/arbitration", disputes_api.submit_for_arbitration, _EVIDENCE),
    _dispute_route("GET", "/{id}/evidence/arbitration/submitted", disputes_api.submitted_arbitration_evidence),
    _dispute_route("GET", "/{id}/schemefiles", disputes_api.scheme_files, _SCHEME_FILES),
)  # fmt: skip
