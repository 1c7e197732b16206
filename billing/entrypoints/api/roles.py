"""Who may do what: every operation with the least role that a key needs for it. What is not listed is for nobody."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends, Request

from billing.domain.roles import Role, may
from billing.entrypoints.api.callers import Caller
from billing.entrypoints.api.errors import ApiError
from billing.entrypoints.api.rejections import Rejected, Rejections

_READ: Final = (
    "GET /metrics",
    "GET /v1/subscriptions",
    "GET /v1/subscriptions/{subscription_id}",
    "GET /v1/subscriptions/{subscription_id}/preview",
    "GET /v1/customers",
    "GET /v1/customers/{customer_id}",
    "GET /v1/customers/{reference:path}/access",
    "GET /v1/sources",
    "GET /v1/sources/{source_id}",
    "GET /v1/invoices",
    "GET /v1/invoices/{invoice_id}",
    "GET /v1/charges",
    "GET /v1/charges/{charge_id}",
    "GET /v1/refunds",
    "GET /v1/refunds/{refund_id}",
    "GET /v1/refund_obligations",
    "GET /v1/refund_obligations/{obligation_id}",
    "GET /v1/plans",
    "GET /v1/plans/{plan}",
    "GET /v1/prices",
    "GET /v1/prices/{price_id}",
    "GET /v1/events",
    "GET /v1/events/{event_id}",
)
_BACKEND: Final = (
    "POST /v1/customers",
    "PATCH /v1/customers/{customer_id}",
    "POST /v1/subscriptions",
    "POST /v1/subscriptions/{subscription_id}/replace-source",
    "POST /v1/subscriptions/{subscription_id}/cancel",
    "POST /v1/subscriptions/{subscription_id}/undo-cancel",
    "POST /v1/subscriptions/{subscription_id}/pause",
    "POST /v1/subscriptions/{subscription_id}/undo-pause",
    "POST /v1/subscriptions/{subscription_id}/resume",
    "POST /v1/subscriptions/{subscription_id}/consent",
    "POST /v1/sources/{source_id}/revoke",
    "POST /v1/invoices/{invoice_id}/void",
    "POST /v1/invoices/{invoice_id}/mark-uncollectible",
    "POST /v1/invoices/{invoice_id}/retry",
    "POST /v1/refunds",
)
_ADMIN: Final = (
    "POST /v1/customers/{customer_id}/erase",
    "POST /v1/charges/{charge_id}/settle",
    "POST /v1/charges/{charge_id}/settle-dispute",
    "POST /v1/refunds/{refund_id}/settle",
    "POST /v1/sources/{source_id}/settle-revocation",
    "POST /v1/refund_obligations/{obligation_id}/settle",
    "POST /v1/refund_obligations/{obligation_id}/retry",
    "POST /v1/plans",
    "POST /v1/prices",
    "POST /v1/webhook_endpoints",
    "GET /v1/webhook_endpoints",
    "GET /v1/webhook_endpoints/{endpoint_id}",
    "PATCH /v1/webhook_endpoints/{endpoint_id}",
    "DELETE /v1/webhook_endpoints/{endpoint_id}",
    "POST /v1/webhook_endpoints/{endpoint_id}/disable",
    "POST /v1/webhook_endpoints/{endpoint_id}/enable",
    "POST /v1/webhook_endpoints/{endpoint_id}/rotate-secret",
    "POST /v1/webhook_endpoints/{endpoint_id}/test",
    "GET /v1/webhook_deliveries",
    "GET /v1/webhook_deliveries/{delivery_id}",
    "POST /v1/webhook_deliveries/{delivery_id}/resend",
    "POST /v1/plans/{plan}/archive",
    "POST /v1/plans/{plan}/pause",
    "POST /v1/plans/{plan}/resume",
    "GET /v1/audit",
    "GET /v1/keys",
    "POST /v1/keys",
    "POST /v1/keys/{key_id}/rotate",
    "POST /v1/keys/{key_id}/revoke",
)
LEAST_ROLE: Final[Mapping[str, Role]] = {
    **dict.fromkeys(_READ, Role.READ),
    **dict.fromkeys(_BACKEND, Role.BACKEND),
    **dict.fromkeys(_ADMIN, Role.ADMIN),
}


def require_role(request: Request) -> Caller:
    """Return the caller, whose key may do what the request asks for.

    :raises ApiError: the key's role is not enough, or nobody has said whose the operation is.
    """
    caller: Caller = request.state.caller
    needs = LEAST_ROLE.get(f"{request.method} {request.scope['route'].path}")
    if needs is None or not may(caller.role, needs):
        rejections: Rejections = request.app.state.rejections
        told = {"path": request.scope["route"].path, "method": request.method, "role": caller.role.value}
        rejections.note(Rejected.FORBIDDEN, "forbidden", **told)
        wanted = f"a key of the role {needs}" if needs is not None else "a role that no key has"
        raise ApiError("forbidden", f"this needs {wanted}; the key {caller.name} has the role {caller.role}")
    return caller


CallerOfRequest = Annotated[Caller, Depends(require_role)]
