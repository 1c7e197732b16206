"""Where a subscriber may be sent from the wallet: only to addresses the operator has listed."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

_THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1")
_NO_URL: Final = "must be an absolute URL such as https://app.example.com/billing/done"
_DOT_SEGMENT: Final = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


def return_url_refusal(
    url: str, allowed: Sequence[str], *, https_only: bool, app_schemes: Sequence[str] = (), on_a_phone: bool = False
) -> str | None:
    """Say why nobody may be sent to ``url``, or None.

    An entry of ``allowed`` is an origin: scheme, host and port must be the same. One on this machine without a port
    stands for all its ports, as native apps and development servers take whichever is free (RFC 8252, 7.3).
    ``app_schemes`` open an app of the operator's, which only a phone has (RFC 8252, 7.1).
    """
    parts = _split(url)
    if parts is None or not parts.scheme:
        return _NO_URL
    if "@" in parts.netloc:
        return "must not carry a user name or password"
    if _DOT_SEGMENT.search(parts.path):
        return "must not have . or .. in its path"
    if parts.scheme not in ("http", "https"):
        return _app_refusal(parts, app_schemes, on_a_phone=on_a_phone)
    if not parts.hostname:
        return _NO_URL
    if https_only and parts.scheme != "https":
        return "must begin with https:// in live mode"
    if not any(_matches(parts, entry) for entry in allowed):
        listed = ", ".join(allowed) or "nothing"
        return f"is not of an origin listed in api.return_urls ({listed}); ask the operator to list it"
    return None


def _app_refusal(url: SplitResult, schemes: Sequence[str], *, on_a_phone: bool) -> str | None:
    if url.scheme not in schemes:
        listed = ", ".join(schemes) or "nothing"
        return f"has a scheme that is not listed in api.app_schemes ({listed}); ask the operator to list it"
    if not on_a_phone:
        return "opens an app, which terminal_type WEB has not: a browser on a computer"
    return None if url.netloc or url.path.strip("/") else "must name a place in the app, such as shop://billing/done"


def _matches(url: SplitResult, entry: str) -> bool:
    known = _split(entry)
    if known is None or (url.scheme, url.hostname) != (known.scheme, known.hostname):
        return False
    if known.port is None and known.hostname in _THIS_MACHINE:
        return True
    return _port(url) == _port(known)


def _port(url: SplitResult) -> int:
    return url.port if url.port is not None else {"http": 80, "https": 443}[url.scheme]


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises on a port that is none
    except ValueError:
        return None
    return parts
