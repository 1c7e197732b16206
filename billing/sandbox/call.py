"""A request as the sandbox's acts see it, what they answer, and how they refuse."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """One request. ``base_url`` is how the caller reached us; links in answers repeat it.

    ``fault`` is what strikes this request; the acts need it only where a fault shows old or odd data.
    """

    base_url: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes = b""
    idempotency_key: str | None = None
    reference: str | None = None
    fault: str = ""
    _document: Any = field(default=None, repr=False)

    def document(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object.

        :raises Refused: the body is anything else (422 ``request_json_invalid``).
        """
        if self._document is None:
            self._document = _read_object(self.raw)
        document: dict[str, Any] = self._document
        return document


@dataclass
class Reply:
    """An answer: a JSON document, or no body at all when it is None."""

    status: int
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The request is refused with Checkout.com's error body, or with an empty one when there are no codes."""

    def __init__(self, status: int, *codes: str, error_type: str = "request_invalid") -> None:
        super().__init__(f"{status} {' '.join(codes)}")
        self.status = status
        self.codes = list(codes)
        self.error_type = error_type


def _read_object(raw: bytes) -> dict[str, Any]:
    try:
        document = read_json(raw)
    except ValueError:
        raise Refused(422, "request_json_invalid") from None
    if not isinstance(document, dict):
        raise Refused(422, "request_json_invalid")
    return document


def read_json(raw: bytes) -> Any:
    """Read JSON as its standard has it; nothing at all is an empty object.

    :raises ValueError: it is not JSON, or holds NaN, an infinity, half a character or endless nesting.
    """
    if not raw.strip():
        return {}
    try:
        document = json.loads(raw, parse_constant=_refuse_constant, parse_float=_read_float)
        if b"\\ud" in raw.lower():  # a surrogate: its other half may be missing, and then it is no text
            json.dumps(document, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return document


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _read_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
