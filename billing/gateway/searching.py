"""``POST /payments/search``: all payments of a window of time, page by page (scope ``payments:search``)."""

import json
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from billing.domain.charging import Search, SearchPage, SearchRefused, Unreadable
from billing.gateway.http import Exchange, Reply
from billing.gateway.messages import Unreadable as Malformed
from billing.gateway.messages import read_json, read_payment

SEARCH_PATH: Final = "/payments/search"
_LONGEST_LINK: Final = 2000


def search_body(since: datetime, until: datetime, limit: int) -> bytes:
    """Return the body of a search for what was requested from ``since`` to ``until`` (UTC), both included."""
    return json.dumps({"limit": limit, "from": since.isoformat(), "to": until.isoformat()}).encode()


def search_outcome(exchange: Exchange, base_url: str) -> Search:
    """Return what an answer to a search, or to the link of its next page, tells."""
    if not isinstance(exchange, Reply):
        return Unreadable(exchange.reason)
    if exchange.status == 403:
        return SearchRefused("HTTP 403: the key has not the scope payments:search")
    if exchange.status != 200:
        return Unreadable(f"HTTP {exchange.status}", not_found=exchange.status == 404)
    try:
        return _page(read_json(exchange.body), base_url)
    except Malformed as error:
        return Unreadable(str(error))


def _page(body: Any, base_url: str) -> SearchPage:
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise Malformed("the page has no data")
    payments, unread = [], []
    for item in body["data"]:
        # Payments of other systems may be of any shape: one of them must not hide the others.
        try:
            payments.append(read_payment(item))
        except Malformed as error:
            ident = item.get("id") if isinstance(item, dict) else None
            unread.append(f"{str(ident)[:100]}: {error}")
    return SearchPage(tuple(payments), _following(body, base_url), tuple(unread))


def _following(body: dict[str, Any], base_url: str) -> str | None:
    links = body.get("_links")
    following = links.get("next") if isinstance(links, dict) else None
    if following is None:
        return None
    href = following.get("href") if isinstance(following, dict) else None
    if not isinstance(href, str) or not href.isascii() or not href.isprintable() or len(href) > _LONGEST_LINK:
        raise Malformed("the link to the next page is not readable")
    ours, theirs = urlsplit(base_url), urlsplit(href)
    path = theirs.path.removeprefix(ours.path)
    # Our key is sent to no other place than the gateway, whatever a link says.
    if (theirs.scheme, theirs.netloc) not in (("", ""), (ours.scheme, ours.netloc)) or not path.startswith(SEARCH_PATH):
        raise Malformed("the link to the next page leads elsewhere")
    return f"{path}?{theirs.query}" if theirs.query else path
