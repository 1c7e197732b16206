"""How instants are written for people and programs."""

from datetime import UTC, datetime


def in_utc(instant: datetime) -> str:
    """Return an aware instant as the API writes it: RFC 3339, in UTC, with a ``Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
