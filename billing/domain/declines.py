"""Response code → what to do about it.

Ranges and meanings: Checkout.com response-code and smart-dunning pages, and the
public Alipay+ result codes behind a KakaoPay decline, which stand in for a
response code that cannot be read. The exact KakaoPay table is not published, so
the table can be extended in ``config.toml``.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final


class DeclineClass(StrEnum):
    """What a failed charge asks for next."""

    RETRY_LATER = "retry_later"
    """The wallet may pay on another day: a step of the ladder."""
    TECHNICAL = "technical"
    """Nobody's fault: again soon, and not counted."""
    LIMIT_DAY = "limit_day"
    """Over a daily limit: the next day."""
    LIMIT_MONTH = "limit_month"
    """Over a monthly limit or use count: the first of next month."""
    AGREEMENT_GONE = "agreement_gone"
    """The subscriber ended the agreement: never again on this source."""
    AGREEMENT_SUSPECT = "agreement_suspect"
    """The agreement looks dead: no retry, ask the subscriber."""
    STOP = "stop"
    """Blocked, closed or forbidden: no retry, ask the subscriber."""
    SET_UP = "set_up"
    """Our configuration or our bug, or one wallet that is told as such: :mod:`.set_up_evidence` decides which."""
    UNKNOWN = "unknown"
    """Declined, and no reason that is known could be had: a few steps of the ladder, then ask the subscriber."""


ENDS_THE_SOURCE: Final = frozenset({DeclineClass.AGREEMENT_GONE, DeclineClass.AGREEMENT_SUSPECT})
NOBODYS_FAULT: Final = frozenset({DeclineClass.TECHNICAL, DeclineClass.SET_UP})
"""Of these the subscriber is not to be blamed: no step of the ladder is counted, and nobody falls past due."""

_D = DeclineClass
_CODES_BY_CLASS: Final[Mapping[DeclineClass, str]] = {
    _D.RETRY_LATER: (
        "20001 20002 20005 20012 20015 20016 20019 20022 20046 20051 20057 20072 20082 20086"
        " 20088 20089 20090 20092 20098 20099 200N0 20121 50003"
    ),
    _D.TECHNICAL: "20009 20020 20021 20028 20068 20091 20094 20096 20118 200A4 200A5 200A6 200E3 20199",
    _D.LIMIT_DAY: "20061 200P1",
    _D.LIMIT_MONTH: "20065 30021 30022",
    _D.AGREEMENT_GONE: "200R1 200R3",
    _D.AGREEMENT_SUSPECT: "20014 20039 20044 20052 20053 20056 20101 20114",
    _D.STOP: (
        "20004 20017 20018 20031 20038 20054 20055 20059 2005C 20062 20063 20067 20070 20075 20078 20081"
        " 20087 20093 2006P 2009G 200N7 200P9 200T3 20108"
    ),
    _D.SET_UP: (
        "20003 20006 20013 20023 20024 20025 20026 20027 20029 20030 20033 20040 20042 20045 20058"
        " 20060 20064 20066 20083 20084 20085 20095 20097 200E0 200E2 20102 20103 20104 20105 20106"
        " 20107 20112 20113 20115 20116 20117 20119 20120 20122 20123 20124 20156 20157 20193 20197"
        " 20100 30020 30401 30402 30403 30404 30405"
    ),
}
CLASS_OF_CODE: Final[Mapping[str, DeclineClass]] = {
    code: decline for decline, codes in _CODES_BY_CLASS.items() for code in codes.split()
}

_PARTNER_CODES_BY_CLASS: Final[Mapping[DeclineClass, str]] = {
    _D.RETRY_LATER: "USER_BALANCE_NOT_ENOUGH PROCESS_FAIL ORDER_IS_CLOSED ORDER_IS_CANCELED ORDER_STATUS_INVALID",
    _D.TECHNICAL: "UNKNOWN_EXCEPTION SYSTEM_ERROR REQUEST_TRAFFIC_EXCEED_LIMIT REPEAT_REQ_INCONSISTENT",
    _D.LIMIT_DAY: "USER_AMOUNT_EXCEED_LIMIT",
    _D.LIMIT_MONTH: "PAYMENT_AMOUNT_EXCEED_LIMIT PAYMENT_COUNT_EXCEED_LIMIT",
    _D.AGREEMENT_GONE: "AGREEMENT_NOT_EXIST",
    _D.AGREEMENT_SUSPECT: "INVALID_ACCESS_TOKEN INVALID_TOKEN EXPIRED_ACCESS_TOKEN",
    _D.STOP: (
        "USER_CANCELED USER_NOT_EXIST USER_STATUS_ABNORMAL USER_KYC_NOT_QUALIFIED USER_PAYMENT_VERIFICATION_FAILED"
        " AUTHENTICATION_REQUIRED RISK_REJECT FRAUD_REJECT REGULATION_RESTRICTION PAYMENT_PROHIBITED"
    ),
    _D.SET_UP: (
        "INVALID_CONTRACT UNAVAILABLE_PAYMENT_METHOD NO_PAY_OPTIONS BUSINESS_NOT_SUPPORT CURRENCY_NOT_SUPPORT"
        " PARAM_ILLEGAL MERCHANT_NOT_REGISTERED SETTLE_CONTRACT_NOT_MATCH"
    ),
}
CLASS_OF_PARTNER_CODE: Final[Mapping[str, DeclineClass]] = {
    code: decline for decline, codes in _PARTNER_CODES_BY_CLASS.items() for code in codes.split()
}
"""The classes of Alipay+ result codes, which a payment's ``processing`` may tell."""
_RESPONSE_CODE: Final = re.compile(r"[0-9][0-9A-Z]{4,5}")

REJECTED_BY_THE_SUBSCRIBER: Final = frozenset({"20017", "USER_CANCELED"})
"""Codes of a payment that its subscriber turned down in the wallet: nothing is wrong with the wallet."""
CUSTOMER_UNKNOWN: Final = ("customer_not_found", "customer_id_invalid")
"""Errors about the ``cus_`` id that was sent: the gateway does not know that customer any more."""
_CLASS_OF_ERROR: Final[Mapping[str, DeclineClass]] = {
    "source_id_invalid": _D.AGREEMENT_GONE,
    "source_id_unknown": _D.AGREEMENT_GONE,
    "source_invalid": _D.AGREEMENT_SUSPECT,
    # What is wrong with one customer's data must stop nobody else's charges, and is no failure of their wallet.
    **dict.fromkeys(("customer_email_invalid", "country_invalid", *CUSTOMER_UNKNOWN), _D.TECHNICAL),
    "apm_service_unavailable": _D.TECHNICAL,
    "api_calls_quota_exceeded": _D.TECHNICAL,
    "processing_error": _D.TECHNICAL,
    "velocity_amount_limit_exceeded": _D.LIMIT_DAY,
    "velocity_count_limit_exceeded": _D.LIMIT_DAY,
    "amount_limit_exceeded": _D.LIMIT_MONTH,
}


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
        if code in _CLASS_OF_ERROR:
            return _CLASS_OF_ERROR[code]
    return DeclineClass.SET_UP
