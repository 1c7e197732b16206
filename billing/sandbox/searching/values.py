"""Reading the values of a query string."""

from datetime import UTC, datetime

from billing.sandbox.call import Call, Refused
from billing.sandbox.instants import Instant, parse


def query_number(call: Call, name: str, otherwise: int, *, code: str = "") -> int:
    """Return a whole number of 0 or more.

    :raises Refused: 422 with this code, or ``NAME_invalid``.
    """
    text = call.query.get(name, str(otherwise))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Refused(422, code or f"{name}_invalid")
    return int(text)


def query_instant(call: Call, name: str, otherwise: Instant) -> Instant:
    """Return an instant.

    :raises Refused: 422 ``NAME_invalid``.
    """
    text = call.query.get(name)
    # A plus sign that nobody escaped arrives as a space.
    return otherwise if text is None else instant_of(text.replace(" ", "+"), name)


def instant_of(text: object, name: str) -> Instant:
    """Read ISO 8601; without a zone it is UTC, as the official SDK for Python may send it.

    :raises Refused: 422 ``NAME_invalid``.
    """
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type] # anything else is refused below
        return parse((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat())
    except (ValueError, TypeError, OverflowError):
        raise Refused(422, f"{name}_invalid") from None
