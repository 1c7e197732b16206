"""When an event that an endpoint did not take is sent again, and which addresses may be an endpoint's."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

LIFETIME: Final = timedelta(days=3)
"""What was not taken for so long has failed."""
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=12)
MOST_ENDPOINTS: Final = 20
LONGEST_URL: Final = 1000
GONE: Final = 410
"""The HTTP status by which an endpoint asks to be sent nothing any more (Standard Webhooks)."""
_A_LITTLE: Final = timedelta(minutes=5)
"""The last try comes so late that an endpoint which has failed all along has failed for the whole lifetime by then."""
_FIRST_FREE_PORT: Final = 1024
_A_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""What ends a host that is an address in some spelling (URL Standard, 3.5)."""
_BYTE: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED: Final = re.compile(rf"(?:{_BYTE}\.){{3}}{_BYTE}")


class EndpointState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


def next_try_at(queued_at: datetime, now: datetime, delivery: UUID) -> datetime | None:
    """Return when to send again what failed at ``now``, or None when it has failed for good.

    It waits about as long as it has waited already, up to half a day. A jitter of its own (a fifth, either way) keeps
    the deliveries of an endpoint that comes back from arriving all at once.
    """
    wait = min(max(now - queued_at, FIRST_WAIT), LONGEST_WAIT)
    drawn = hashlib.sha256(f"{delivery}/{now.isoformat()}".encode()).digest()[0] / 255
    last = queued_at + LIFETIME + _A_LITTLE
    return min(now + wait * (0.8 + 0.4 * drawn), last) if now < last else None


def why_no_endpoint(url: str, *, is_live: bool) -> str | None:
    """Say what is wrong with an endpoint's URL and what would be right, or None.

    Where its name leads is checked each time that something is sent there.
    """
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"must be at most {LONGEST_URL} printable ASCII characters without spaces"
    schemes: Sequence[str] = ("https",) if is_live else ("https", "http")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no URL; write one such as https://shop.example.com/webhooks"
    if parts.scheme not in schemes or not parts.hostname:
        return f"must begin with {' or '.join(f'{each}://' for each in schemes)} and name a host"
    if parts.username is not None or parts.password is not None:
        return "must hold no user and no password: verify the signature instead"
    last = parts.hostname.rstrip(".").rpartition(".")[2]
    if ":" not in parts.hostname and _A_NUMBER.fullmatch(last) and not _DOTTED.fullmatch(parts.hostname):
        return "must name a host, or write its address as four decimal numbers, such as 203.0.113.7"
    if parts.fragment:
        return "must have no part behind a #, which would not be sent"
    if port is not None and port not in (80, 443) and port < _FIRST_FREE_PORT:
        return f"must use port 443, 80, or one from {_FIRST_FREE_PORT} on"
    return None
