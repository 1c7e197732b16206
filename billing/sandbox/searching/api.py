"""The acts behind ``/payments/search``.

The answer holds ``data`` and, while there is more, ``_links.next``; the next page is read with GET. The
link carries a token that says where the page before it ended: payments that come in meanwhile shift nothing.
"""

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.checks import is_whole
from billing.sandbox.instants import Instant
from billing.sandbox.payments_api import shown
from billing.sandbox.records import Payment
from billing.sandbox.searching.query import read_query
from billing.sandbox.searching.values import instant_of
from billing.sandbox.world import World, fingerprint

_LIMIT: Final = 10
_LIMIT_MAX: Final = 1000
#: The bounds where a search names none.
_ALWAYS: Final = 2**62


@dataclass(frozen=True)
class _Search:
    """What is looked for, newest first; ``before`` is where the page before ended: (instant, id).

    Both ends of the window are included.
    """

    query: str
    limit: int
    start: Instant
    end: Instant
    before: tuple[Instant, str]


def search_payments(world: World, call: Call) -> Reply:
    """The first page; a body without any field finds all payments."""
    return _page(world, call, _read(call.document()))


def next_page(world: World, call: Call) -> Reply:
    """``GET /payments/search/{search}?token=``: the page that the link of another one named."""
    search = _opened(call.query.get("token", ""))
    if call.params["search"] != _name(search):
        raise Refused(404)
    return _page(world, call, search)


def subject_of_search(_world: World, _call: Call) -> tuple[str | int, ...]:
    return ("payments", "search")


def _read(body: dict[str, Any]) -> _Search:
    query, limit = body.get("query"), body.get("limit")
    if query is not None and not isinstance(query, str):
        raise Refused(422, "query_invalid")
    if limit is not None and not is_whole(limit, 1, _LIMIT_MAX):
        raise Refused(422, "limit_invalid")
    start, end = _instant(body, "from", 0), _instant(body, "to", _ALWAYS)
    if start > end:
        raise Refused(422, "from_invalid")
    return _Search(query or "", limit or _LIMIT, start, end, (_ALWAYS, ""))


def _instant(body: dict[str, Any], name: str, otherwise: Instant) -> Instant:
    return otherwise if body.get(name) is None else instant_of(body[name], name)


def _page(world: World, call: Call, search: _Search) -> Reply:
    test = read_query(search.query)
    payments = sorted(world.ledger.listed(world.ledger.payments.values()), key=_place, reverse=True)
    found = [
        each for each in payments
        if search.start <= each.requested_at <= search.end and _place(each) < search.before and test(each)
    ]  # fmt: skip
    page = found[: search.limit]
    answer: dict[str, Any] = {"data": [shown(world, each, call) for each in page]}
    if len(found) > len(page):
        following = _Search(**asdict(search) | {"before": _place(page[-1])})
        href = f"{call.base_url}/payments/search/{_name(search)}?token={_token(following)}"
        answer["_links"] = {"next": {"href": href}}
    return Reply(200, answer)


def _place(payment: Payment) -> tuple[Instant, str]:
    return (payment.requested_at, payment.id)


def _name(search: _Search) -> str:
    """The same for every page of a search."""
    return fingerprint(json.dumps([search.query, search.limit, search.start, search.end]).encode())


def _token(search: _Search) -> str:
    return base64.urlsafe_b64encode(json.dumps(asdict(search)).encode()).decode()


def _opened(token: str) -> _Search:
    """Read a token of ours.

    :raises Refused: 404, it is none.
    """
    try:
        kept = json.loads(base64.urlsafe_b64decode(token))
        instant, payment_id = kept.pop("before")
        return _Search(**kept, before=(int(instant), str(payment_id)))
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
        raise Refused(404) from None
