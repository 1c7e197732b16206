"""``GET /disputes``: the account's disputes, page by page, and one of them by its id (scope ``disputes:view``)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from billing.domain.charging import Unreadable
from billing.domain.disputes import DisputeAnswer, DisputesRead, DisputesRefused, Told, told_from, type_of
from billing.gateway.http import Exchange, Reply
from billing.gateway.messages import Unreadable as Malformed
from billing.gateway.messages import read_instant, read_json

DISPUTES_PATH: Final = "/disputes"
_LONGEST_STATUS: Final = 50


def list_path(since: datetime, limit: int, skip: int) -> str:
    """Return the path of the disputes that changed at ``since`` (UTC) or later, newest first.

    No end is named: a dispute that changes between two pages then moves to the front, and hides no other.
    """
    begins = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{DISPUTES_PATH}?from={quote(begins, safe='')}&limit={limit}&skip={skip}"


def dispute_path(dispute_id: str) -> str:
    """Return the path of one dispute."""
    return f"{DISPUTES_PATH}/{quote(dispute_id, safe='')}"


def list_outcome(exchange: Exchange, limit: int, skip: int) -> DisputeAnswer:
    """Return what an answer to :func:`list_path` tells."""
    if isinstance(exchange, Reply) and exchange.status == 404:
        return DisputesRefused("HTTP 404: the account has no list of disputes, or the key has not the scope")
    return _outcome(exchange, lambda body: _page(body, limit, skip))


def dispute_outcome(exchange: Exchange) -> DisputeAnswer:
    """Return what an answer to :func:`dispute_path` tells."""
    return _outcome(exchange, lambda body: DisputesRead((_told(body),)))


def dispute_facts(data: dict[str, Any], *, payment: Any, reference: Any, updated: Any) -> dict[str, str | int]:
    """Return the facts of a dispute as plain JSON; what cannot be read is left out."""
    texts = {
        "dispute_id": _text(data.get("id"), 100),
        "payment_id": _text(payment, 100),
        "reference": _text(reference, 200),
        "currency": _text(data.get("currency"), 3),
        "reason": _text(data.get("category"), 100) or _text(data.get("reason_code"), 100),
        "respond_by": _instant(data.get("evidence_required_by")),
        "updated_at": _instant(updated),
    }
    facts: dict[str, str | int] = {name: value for name, value in texts.items() if value is not None}
    amount = data.get("amount")
    if isinstance(amount, int) and not isinstance(amount, bool) and 0 < amount < 10**12:
        facts["amount"] = amount
    return facts


def _outcome(exchange: Exchange, read: Callable[[Any], DisputesRead]) -> DisputeAnswer:
    if not isinstance(exchange, Reply):
        return Unreadable(exchange.reason)
    if exchange.status == 403:
        return DisputesRefused("HTTP 403: the key has not the scope disputes:view")
    if exchange.status != 200:
        return Unreadable(f"HTTP {exchange.status}", not_found=exchange.status == 404)
    try:
        return read(read_json(exchange.body))
    except Malformed as error:
        return Unreadable(str(error))


def _page(body: Any, limit: int, skip: int) -> DisputesRead:
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise Malformed("the page has no data")
    told, unread = [], []
    for item in body["data"]:
        # Disputes of other systems may be of any shape: one of them must not hide the others.
        try:
            told.append(_told(item))
        except Malformed as error:
            ident = item.get("id") if isinstance(item, dict) else None
            unread.append(f"{str(ident)[:100]}: {error}")
    shown, total = len(body["data"]), body.get("total_count")
    seen = skip + shown
    ends = seen >= total if isinstance(total, int) else shown < limit
    return DisputesRead(tuple(told), None if ends or not shown else seen, tuple(unread))


def _told(body: Any) -> Told:
    if not isinstance(body, dict):
        raise Malformed("it is no object")
    # The list names the payment in the row, and a dispute by itself has an object of it.
    payment = body["payment"] if isinstance(body.get("payment"), dict) else {}
    facts = dispute_facts(
        body,
        payment=body.get("payment_id") or payment.get("id"),
        reference=body.get("payment_reference") or payment.get("reference"),
        updated=body.get("last_update"),
    )
    status = _text(body.get("status"), _LONGEST_STATUS)
    if status is None or "dispute_id" not in facts or "payment_id" not in facts:
        raise Malformed("it names no dispute, payment or status")
    return told_from(type_of(status.lower()), str(facts["payment_id"]), facts)


def _instant(told: object) -> str | None:
    instant = read_instant(told)
    return instant.isoformat() if instant is not None else None


def _text(value: object, longest: int) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() else None
