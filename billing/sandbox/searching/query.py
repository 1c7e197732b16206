"""The query of ``POST /payments/search`` (page on searching and filtering payments).

Clauses are ``field:value``, ``field:'value'`` and, for amounts, ``amount:>100`` (also ``>=``, ``<``, ``<=``).
They are joined by AND and OR, turned round by NOT, and grouped by parentheses. AND binds closer than OR.
"""

import operator
import re
from collections.abc import Callable
from typing import Final

from billing.sandbox.call import Refused
from billing.sandbox.records import Payment

Test = Callable[[Payment], bool]

LENGTH_MAX: Final = 1024
_DEPTH_MAX: Final = 20
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<mark>[()])
      | (?P<word>AND|OR|NOT)(?=[\s(])
      | (?P<field>[a-z_]+):(?P<order>>=|<=|>|<)?(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<bare>[^\s()'"]+))
    )\s*""",
    re.VERBOSE,
)

_TEXTS: Final[dict[str, Callable[[Payment], object]]] = {
    "id": lambda payment: payment.id,
    "reference": lambda payment: payment.reference,
    "status": lambda payment: payment.status,
    "currency": lambda payment: payment.currency,
    "payment_type": lambda payment: payment.payment_type,
    "payment_method": lambda _payment: "kakaopay",
    "customer_email": lambda payment: payment.echo["customer"].get("email"),
    "customer_name": lambda payment: payment.echo["customer"].get("name"),
}
_ORDERS: Final[dict[str | None, Callable[[int, int], bool]]] = {
    None: operator.eq, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


def read_query(text: str) -> Test:
    """Understand a query; an empty one lets every payment pass.

    :raises Refused: 422 ``query_invalid``: it is too long, malformed, or names a field that there is not.
    """
    if len(text) > LENGTH_MAX:
        raise Refused(422, "query_invalid")
    if not text.strip():
        return lambda _payment: True
    reader = _Reader(list(_tokens(text)))
    test = reader.any_of(0)
    if reader.rest:
        raise Refused(422, "query_invalid")
    return test


def _tokens(text: str) -> list[re.Match[str]]:
    found, position = [], 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise Refused(422, "query_invalid")
        found.append(token)
        position = token.end()
    return found


class _Reader:
    """Reads the tokens from left to right; ``rest`` is what has not been read yet."""

    def __init__(self, tokens: list[re.Match[str]]) -> None:
        self.rest = tokens

    def any_of(self, depth: int) -> Test:
        tests = [self._all_of(depth)]
        while self._take("OR"):
            tests.append(self._all_of(depth))
        return lambda payment: any(each(payment) for each in tests)

    def _all_of(self, depth: int) -> Test:
        tests = [self._one(depth)]
        while self._take("AND"):
            tests.append(self._one(depth))
        return lambda payment: all(each(payment) for each in tests)

    def _one(self, depth: int) -> Test:
        if not self.rest or depth > _DEPTH_MAX:
            raise Refused(422, "query_invalid")
        if self._take("NOT"):
            test = self._one(depth + 1)
            return lambda payment: not test(payment)
        if self._take("("):
            test = self.any_of(depth + 1)
            if not self._take(")"):
                raise Refused(422, "query_invalid")
            return test
        return _clause(self.rest.pop(0))

    def _take(self, word: str) -> bool:
        taken = bool(self.rest) and word in {self.rest[0]["mark"], self.rest[0]["word"]}
        if taken:
            self.rest.pop(0)
        return taken


def _clause(token: re.Match[str]) -> Test:
    field, order = token["field"], token["order"]
    wanted = next((each for each in (token["single"], token["double"], token["bare"]) if each is not None), "")
    if field == "amount" and wanted.isascii() and wanted.isdecimal() and len(wanted) < 16:
        number, compare = int(wanted), _ORDERS[order]
        return lambda payment: compare(payment.captured or payment.amount, number)
    if field not in _TEXTS or order is not None:
        raise Refused(422, "query_invalid")
    value, folded = _TEXTS[field], wanted.casefold()
    return lambda payment: str(value(payment) or "").casefold() == folded
