"""Every problem the API can answer with, in one table: what it is called, its HTTP status, and what to do.

The codes are part of the API: one that is in use is never renamed, and its status never changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, WithJsonSchema
from typing_extensions import TypeAliasType

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:kakaopay-billing:problem:"


@dataclass(frozen=True, slots=True)
class Problem:
    """``title`` says what it is, the same each time; ``remedy`` what whoever calls can do."""

    status: int
    title: str
    remedy: str


PROBLEMS: Final[Mapping[str, Problem]] = {
    "bad_request": Problem(400, "The request cannot be read", "Compare it with the documentation."),
    "too_many_parameters": Problem(400, "The query has too many parameters", "Ask for less at once."),
    "bad_json": Problem(400, "The body is no JSON", "Send UTF-8, each key once, without NaN or Infinity."),
    "unauthorized": Problem(401, "No valid API key", "Send your API key as the header `Authorization: Bearer <key>`."),
    "forbidden": Problem(
        403,
        "The key may not do this",
        "Use a key of the role that is named; an admin makes one: `billing keys create`.",
    ),
    "not_found": Problem(404, "There is no such object", "Compare the id with the one you were given."),
    "no_such_path": Problem(404, "There is no such path", "Compare method and path with the documentation."),
    "method_not_allowed": Problem(405, "This path does not take this method", "See the header `Allow`."),
    "body_too_slow": Problem(408, "The body did not arrive in time", "Send it again."),
    "refused": Problem(409, "It cannot be done as things stand", "Look at `current`, and decide again."),
    "conflict": Problem(409, "Its state does not allow it", "Look at `current`, and decide again."),
    "not_now": Problem(409, "Nothing is charged now", "Try again later."),
    "not_refundable": Problem(
        409,
        "So much of the charge cannot be given back",
        "Compare `amount` and `amount_refunded` of the charge, and ask for an amount that is left of it.",
    ),
    "nothing_owed": Problem(
        409,
        "Nothing of it can be settled or retried now",
        "Look at `current`: it has ended, or a refund of it is under way and ends by itself.",
    ),
    "charge_disputed": Problem(
        409,
        "The charge is disputed, and it is not decided yet",
        "Answer or accept the dispute in Checkout.com's dashboard; refund what is left when it is decided.",
    ),
    "already_subscribed": Problem(
        409,
        "The customer has a live subscription to the plan",
        "Use the one there is; to replace its KakaoPay agreement, replace its source.",
    ),
    "already_paid": Problem(
        409,
        "The customer has paid for these days already",
        "Enrol them again on the day that is named, or refund the payment first.",
    ),
    "price_changed": Problem(
        409,
        "A payment at the former price is open in the wallet",
        "Send the same request again after `Retry-After`.",
    ),
    "confirmation_required": Problem(
        409,
        "The subscriber must confirm this debt first",
        "Ask the subscriber, then send it again with `subscriber_confirmed`, or replace the source.",
    ),
    "plan_not_on_sale": Problem(409, "Nobody can be enrolled on the plan", "Offer a plan that is on sale."),
    "charge_in_flight": Problem(
        409,
        "A payment is being sent, and how it ends is not known yet",
        "Send the same request again after `Retry-After`.",
    ),
    "refund_in_flight": Problem(
        409,
        "A refund is being sent, and how it ends is not known yet",
        "Send the same request again after `Retry-After`.",
    ),
    "name_taken": Problem(409, "The name is in use", "Choose another name."),
    "too_many_endpoints": Problem(
        409, "There are as many webhook endpoints as there may be", "Delete one that is not needed."
    ),
    "no_endpoint_key": Problem(
        409,
        "Secrets of endpoints cannot be kept",
        "Tell the operator to set `BILLING_SECRETS__ENDPOINT_KEYS`.",
    ),
    "key_revoked": Problem(409, "The key was revoked", "Create another one: this cannot be undone."),
    "outside_consent_window": Problem(
        409, "Consent would not count today", "Ask the subscriber within the days named, on its own."
    ),
    "idempotency_key_in_use": Problem(
        409,
        "The first request with this Idempotency-Key is being dealt with",
        "Send the same request again after `Retry-After`.",
    ),
    "body_too_large": Problem(413, "The body is too large", "Send less."),
    "url_too_long": Problem(414, "The URL is too long", "Send less in the query."),
    "unsupported_media_type": Problem(
        415, "The body is of another kind", "Send `Content-Type: application/json` in UTF-8, without encoding."
    ),
    "invalid_request": Problem(
        422, "Something in the request cannot be used", "Correct what `errors` names, and send it again."
    ),
    "idempotency_key_reused": Problem(
        422, "The Idempotency-Key was used for another request", "Use a new key for a new request."
    ),
    "too_many_requests": Problem(429, "Too many requests", "Send the same request again after `Retry-After`."),
    "headers_too_large": Problem(431, "The headers are too large", "Send fewer and shorter headers."),
    "internal_error": Problem(500, "Something is wrong on our side", "Quote `request_id` to the operator."),
    "gateway_refused": Problem(
        502, "Checkout.com refuses our set-up", "Tell the operator: `billing doctor` says what is wrong."
    ),
    "gateway_unavailable": Problem(
        503, "The wallet cannot be reached", "Send the same request again after `Retry-After`."
    ),
    "charging_stopped": Problem(
        503,
        "Charging is stopped by the operator",
        "Nothing was charged. Ask the operator: `billing go` allows charging again; then send the same request again.",
    ),
    "busy": Problem(503, "Too much at once", "Send the same request again after `Retry-After`."),
    "database_unavailable": Problem(
        503, "The database cannot be used now", "Send the same request again after `Retry-After`."
    ),
}


ProblemCode = TypeAliasType(
    "ProblemCode", Annotated[str, WithJsonSchema({"type": "string", "enum": list(PROBLEMS), "title": "ProblemCode"})]
)
"""A code of the table above. Later versions may add some."""


class FieldError(BaseModel):
    """A field of the request, by its path in the body, its name in the query or header; and what would be right."""

    field: str
    detail: str


class ProblemDetails(BaseModel):
    """An error, as RFC 9457 has it.

    ``code`` is for programs, ``detail`` says what was wrong and what would be right; quote ``request_id`` to the
    operator. ``errors`` names the fields of bad input. ``current`` is the object as it now is, on a conflict; there is
    none of a plan that is unknown, a bound that is reached, a request that is under way.
    """

    type: str = Field(pattern=f"^{TYPE_PREFIX}[a-z_]+$")
    title: str
    status: int
    detail: str
    code: ProblemCode
    request_id: str
    errors: list[FieldError] | None = None
    current: dict[str, Any] | None = None


def status_of(code: str) -> int:
    """Return the HTTP status of a problem of the table."""
    return PROBLEMS[code].status


def details(
    code: str, detail: str, request_id: str, errors: list[FieldError] | None = None, current: BaseModel | None = None
) -> dict[str, Any]:
    """Return the body of a problem."""
    known = PROBLEMS[code]
    told = ProblemDetails(
        type=TYPE_PREFIX + code,
        title=known.title,
        status=known.status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=errors or None,
    ).model_dump(exclude_none=True)
    return told if current is None else told | {"current": current.model_dump(mode="json")}
