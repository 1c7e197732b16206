"""Response code → class of decline.

A code that cannot be read is replaced by the wallet network's own. The exact KakaoPay table is not published, so the
tables, of which each class holds its part (:mod:`.decline_classes`), can be extended in ``config.toml``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from billing.domain.decline_classes import DeclineClass, DeclineRow, row_of


def _classes_by(codes_of: Callable[[DeclineRow], str]) -> Mapping[str, DeclineClass]:
    return {code: decline for decline in DeclineClass for code in codes_of(row_of(decline)).split()}


CLASS_OF_CODE: Final = _classes_by(lambda row: row.codes)
CLASS_OF_PARTNER_CODE: Final = _classes_by(lambda row: row.network_codes)
CLASS_OF_ERROR: Final = _classes_by(lambda row: row.error_codes)
_RESPONSE_CODE: Final = re.compile(r"[0-9][0-9A-Z]{4,5}")

REJECTED_BY_THE_SUBSCRIBER: Final = frozenset({"20017", "USER_CANCELED"})
"""Codes of a payment that its subscriber turned down in the wallet: nothing is wrong with the wallet."""
CUSTOMER_UNKNOWN: Final = ("customer_not_found", "customer_id_invalid")
"""Errors about the ``cus_`` id that was sent: the gateway does not know that customer any more."""


def classify_decline(code: str | None, extra: Mapping[str, DeclineClass] | None = None) -> DeclineClass:
    """Return the class of a declined payment's reason: its ``response_code``, or the wallet network's own code.

    ``extra`` (from configuration) wins over the built-in tables. A response code that
    none of them knows is classed by its range: 30xxx and 4xxxx stop, everything else
    is retried later, where the ladder bounds it. No code, or a word that is none, is
    an unknown reason.
    """
    if code is None:
        return DeclineClass.UNKNOWN
    known = (extra or {}).get(code) or CLASS_OF_CODE.get(code) or CLASS_OF_PARTNER_CODE.get(code.upper())
    if known is not None:
        return known
    if not is_response_code(code):
        return DeclineClass.UNKNOWN
    return DeclineClass.STOP if code.startswith(("3", "4")) else DeclineClass.RETRY_LATER


def is_response_code(told: str) -> bool:
    """Say whether this has the form of Checkout.com's response codes: a digit, and digits or capitals, ``200R1``."""
    return _RESPONSE_CODE.fullmatch(told) is not None


def best_reason(told: Sequence[str]) -> str | None:
    """Return the one of these reasons, the most precise first, that says most: a known code, else the first."""
    known = (reason for reason in told if is_response_code(reason) or reason.upper() in CLASS_OF_PARTNER_CODE)
    return next(known, next(iter(told), None))


def classify_refusal(codes: tuple[str, ...]) -> DeclineClass:
    """Return the class of a 4xx answer from its ``error_codes``.

    What is not about the source or the provider's health is taken for our set-up
    or our bug, as far as the evidence goes.
    """
    for code in codes:
        if code in CLASS_OF_ERROR:
            return CLASS_OF_ERROR[code]
    return DeclineClass.SET_UP
