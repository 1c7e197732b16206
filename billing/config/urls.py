"""The rule for every setting that is a URL: where it may lead, and by which scheme."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from billing.config.kinds import DatabaseUrl, Url, is_loopback_host, settings_in
from billing.config.problems import Problem
from billing.config.settings import Settings
from billing.store.database_url import BadDatabaseUrl, read_database_url

_PRIVATE_ENDINGS: Final = (".internal", ".local", ".localhost", ".test")
"""Names that the public DNS does not have (RFC 6761, RFC 6762, ICANN SSAC 113)."""


def url_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with the URLs of these settings: form, scheme, and servers that may be told a secret."""
    for setting in settings_in(Settings):
        mark = setting.mark
        if isinstance(mark, DatabaseUrl):
            try:
                read_database_url(setting.of(settings).get_secret_value())
            except BadDatabaseUrl as error:
                yield Problem(setting, str(error))
        elif mark is not None:
            for value in setting.all_of(settings):
                problem = _wrong_with(value, mark, is_live=settings.mode == "live")
                if problem is not None:
                    yield Problem(setting, problem, shown_url(value))


def shown_url(text: str) -> str:
    """Return a URL without what may be a secret in it: user, password, query and fragment."""
    return re.sub(r"[?#].*", "?***", re.sub(r"//.*@", "//***@", text, flags=re.DOTALL), flags=re.DOTALL)


def _wrong_with(text: str, mark: Url, *, is_live: bool) -> str | None:
    parts = _parts_of(text)
    if parts is None:
        return f"is no base URL; write one such as {mark.example}, without user, query and fragment"
    if mark.is_origin and parts.path:
        return f"has a path; list the origin alone, such as {mark.example}"
    if is_live:
        return _wrong_in_live_mode(parts, mark)
    return _wrong_in_sandbox_mode(parts, mark) if mark.checkout is not None else None


def _wrong_in_live_mode(parts: SplitResult, mark: Url) -> str | None:
    if parts.scheme != "https":
        return f"must be https in live mode: {mark.because}; write one such as {mark.example}"
    if mark.checkout is not None and not (_is_live_checkout(parts, mark.checkout) and parts.port in (None, 443)):
        return f"is not Checkout.com's live server, and {mark.because}; write {mark.example}"
    return None


def _wrong_in_sandbox_mode(parts: SplitResult, mark: Url) -> str | None:
    host = parts.hostname or ""
    if _is_live_checkout(parts, mark.checkout or ""):
        return 'is Checkout.com\'s live API, but mode = "sandbox"'
    if _is_our_own(host) or (parts.scheme == "https" and host.endswith(".sandbox.checkout.com")):
        return None
    own = "or a sandbox of yours: this machine, a private address, or a name without a dot"
    sandbox = mark.example.replace(".checkout.com", ".sandbox.checkout.com")
    return f"is no sandbox, and {mark.because}; write {sandbox}, {own}"


def _is_live_checkout(parts: SplitResult, name: str) -> bool:
    return re.fullmatch(rf"([a-z0-9-]+\.)?{name}\.checkout\.com", parts.hostname or "") is not None


def _is_our_own(host: str) -> bool:
    """Say whether a server is on this machine or in a network of ours, as far as its name tells."""
    try:
        address = ip_address(host)
    except ValueError:
        # A name of digits alone is an address to the resolver.
        return is_loopback_host(host) or ("." not in host and host[:1].isalpha()) or host.endswith(_PRIVATE_ENDINGS)
    return address.is_private and not address.is_unspecified


def _parts_of(text: str) -> SplitResult | None:
    """Return the parts of a URL that is nothing but scheme, host, port and path; or None."""
    if not text.isprintable() or any(character in ' \\"<>^`{|}@?#' for character in text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    is_base = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    return parts if is_base else None
