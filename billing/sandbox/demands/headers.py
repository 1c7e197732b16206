"""The request headers that Checkout.com's pages name, demanded one by one."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from billing.sandbox.call import Refused

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_JSON: Final = frozenset({"application/json", "application/*", "*/*"})
_PRODUCT: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/\S+.*")

#: What HTTP libraries call themselves when nobody tells them the caller's name.
_LIBRARIES: Final = (
    "aiohttp", "axios", "curl", "go-http-client", "java", "node", "okhttp", "python-httpx", "python-requests",
    "python-urllib", "undici",
)  # fmt: skip


def require_headers(profiles: Collection[str], method: str, headers: Mapping[str, str], *, keyed: bool) -> None:
    """Turn a request away whose headers lack what the profiles demand.

    :raises Refused: 415 content type, 406 accept, 403 user agent, 422 idempotency key.
    """
    if "content-type" in profiles and method in _WITH_BODY and _media_type(headers) != "application/json":
        raise Refused(415, "media_type_unsupported")
    if "accept" in profiles and not _accepted(headers) & _JSON:
        raise Refused(406)
    if "user-agent" in profiles and not _names_the_caller(headers.get("User-Agent", "")):
        raise Refused(403)
    if "idempotency-key" in profiles and keyed and not headers.get("Cko-Idempotency-Key"):
        raise Refused(422, "idempotency_key_required")


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _accepted(headers: Mapping[str, str]) -> set[str]:
    return {each.partition(";")[0].strip().lower() for each in headers.get("Accept", "").split(",")}


def _names_the_caller(agent: str) -> bool:
    """``name/version`` of a program, as the User-Agent of the official SDKs."""
    return bool(_PRODUCT.fullmatch(agent)) and not agent.lower().startswith(_LIBRARIES)
