"""What every call to the gateway says of itself, with a body or without one."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _user_agent() -> str:
    try:
        return f"kakaopay-billing/{version('kakaopay-billing')}"
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "kakaopay-billing"


USER_AGENT: Final = _user_agent()
"""By which Checkout.com's support finds our requests."""
JSON: Final = "application/json"
COMMON: Final[Mapping[str, str]] = {"Accept": JSON, "Accept-Encoding": "identity", "User-Agent": USER_AGENT}
API: Final[Mapping[str, str]] = {**COMMON, "Content-Type": JSON}
"""Of every call but the one for a token. Without a content type the transport would call no body an octet stream."""
