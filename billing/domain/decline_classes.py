"""The classes of declines: one row each, with its codes, what follows, whose fault it is, and what it means.

Ranges and meanings: Checkout.com's response-code and smart-dunning pages, and the public Alipay+ result codes behind a
KakaoPay decline. Everything that depends on a class reads its row, or is a ``match`` that mypy finds incomplete. To add
a class: a member, its row, and its ``case`` in :func:`row_of`; then ``make declines`` and the list in ``config.toml``.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never


class DeclineClass(StrEnum):
    """What a failed charge asks for next. The rows are below."""

    RETRY_LATER = "retry_later"
    TECHNICAL = "technical"
    LIMIT_DAY = "limit_day"
    LIMIT_MONTH = "limit_month"
    AGREEMENT_GONE = "agreement_gone"
    AGREEMENT_SUSPECT = "agreement_suspect"
    STOP = "stop"
    SET_UP = "set_up"
    UNKNOWN = "unknown"


class RetryRule(StrEnum):
    """When an invoice is tried again after a renewal failed."""

    LADDER = "ladder"
    """At the next step of the ladder."""
    LADDER_THEN_ASK = "ladder_then_ask"
    """At the next step of the ladder, ``unknown_tries`` times; then the subscriber is asked for a new source."""
    NEXT_DAY = "next_day"
    NEXT_MONTH = "next_month"
    SOON = "soon"
    """After minutes or hours, which uses up no step of the ladder; after ``technical_tries`` a person must look."""
    ASK_SUBSCRIBER = "ask_subscriber"
    """Never with this source."""


class Fault(StrEnum):
    """Whose fault a decline is."""

    SUBSCRIBER = "subscriber"
    """The wallet's or its owner's: it uses up a step of the ladder, and the subscription falls past due."""
    PROVIDER = "provider"
    """The gateway's or the wallet network's: nothing counts against the subscriber."""
    MERCHANT = "merchant"
    """Our account's or a bug of ours: nothing counts against the subscriber."""


class SourceEffect(StrEnum):
    """What a renewal's decline does to the source that was charged."""

    KEPT = "kept"
    SUSPECTED = "suspected"
    """Suspected the first time, revoked the second."""
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineRow:
    """All that is decided of a class. Codes are written apart by blanks; no code is in two rows."""

    codes: str
    """Checkout.com's response codes of a declined payment."""
    network_codes: str
    """Alipay+ result codes, which a payment's ``processing`` may tell."""
    error_codes: str
    """``error_codes`` of a 4xx answer."""
    retry: RetryRule
    fault: Fault
    source: SourceEffect
    meaning_en: str
    """Why the charge failed, for whoever answers a subscriber's question."""
    meaning_ko: str
    follows: str
    """What the engine does next: a sentence of the documentation."""


_RETRY_LATER: Final = DeclineRow(
    codes=(
        "20001 20002 20005 20012 20015 20016 20019 20022 20046 20051 20057 20072 20082 20086"
        " 20088 20089 20090 20092 20098 20099 200N0 20121 50003"
    ),
    network_codes="USER_BALANCE_NOT_ENOUGH PROCESS_FAIL ORDER_IS_CLOSED ORDER_IS_CANCELED ORDER_STATUS_INVALID",
    error_codes="",
    retry=RetryRule.LADDER,
    fault=Fault.SUBSCRIBER,
    source=SourceEffect.KEPT,
    meaning_en="the wallet may pay on another day",
    meaning_ko="다른 날에는 결제될 수 있음",
    follows="Retried on the days of the ladder.",
)
_TECHNICAL: Final = DeclineRow(
    codes="20009 20020 20021 20028 20068 20091 20094 20096 20118 200A4 200A5 200A6 200E3 20199",
    network_codes="UNKNOWN_EXCEPTION SYSTEM_ERROR REQUEST_TRAFFIC_EXCEED_LIMIT REPEAT_REQ_INCONSISTENT",
    # What is wrong with one customer's data must stop nobody else's charges, and is no failure of their wallet.
    error_codes=(
        "customer_email_invalid country_invalid customer_not_found customer_id_invalid"
        " apm_service_unavailable api_calls_quota_exceeded processing_error"
    ),
    retry=RetryRule.SOON,
    fault=Fault.PROVIDER,
    source=SourceEffect.KEPT,
    meaning_en="nobody's fault; it is tried again soon and not counted",
    meaning_ko="일시적인 오류: 곧 다시 시도하며 실패 횟수에 넣지 않음",
    follows="Retried after minutes or hours; no step of the ladder is used up.",
)
_LIMIT_DAY: Final = DeclineRow(
    codes="20061 200P1",
    network_codes="USER_AMOUNT_EXCEED_LIMIT",
    error_codes="velocity_amount_limit_exceeded velocity_count_limit_exceeded",
    retry=RetryRule.NEXT_DAY,
    fault=Fault.SUBSCRIBER,
    source=SourceEffect.KEPT,
    meaning_en="over a daily limit of the wallet",
    meaning_ko="지갑의 1일 한도 초과",
    follows="Retried the next day.",
)
_LIMIT_MONTH: Final = DeclineRow(
    codes="20065 30021 30022",
    network_codes="PAYMENT_AMOUNT_EXCEED_LIMIT PAYMENT_COUNT_EXCEED_LIMIT",
    error_codes="amount_limit_exceeded",
    retry=RetryRule.NEXT_MONTH,
    fault=Fault.SUBSCRIBER,
    source=SourceEffect.KEPT,
    meaning_en="over a monthly limit of the wallet",
    meaning_ko="지갑의 월 한도 초과",
    follows="Retried on the first day of the next month.",
)
_AGREEMENT_GONE: Final = DeclineRow(
    codes="200R1 200R3",
    network_codes="AGREEMENT_NOT_EXIST",
    error_codes="source_id_invalid source_id_unknown",
    retry=RetryRule.ASK_SUBSCRIBER,
    fault=Fault.SUBSCRIBER,
    source=SourceEffect.REVOKED,
    meaning_en="the subscriber ended the KakaoPay agreement",
    meaning_ko="구독자가 카카오페이 정기결제를 해지함",
    follows="Not retried: the source is revoked, and the subscriber is asked for a new one.",
)
_AGREEMENT_SUSPECT: Final = DeclineRow(
    codes="20014 20039 20044 20052 20053 20056 20101 20114",
    network_codes="INVALID_ACCESS_TOKEN INVALID_TOKEN EXPIRED_ACCESS_TOKEN",
    error_codes="source_invalid",
    retry=RetryRule.ASK_SUBSCRIBER,
    fault=Fault.SUBSCRIBER,
    source=SourceEffect.SUSPECTED,
    meaning_en="the KakaoPay agreement looks dead; the subscriber must make a new one",
    meaning_ko="카카오페이 정기결제가 끊긴 것으로 보임: 구독자가 다시 등록해야 함",
    follows="Not retried: the subscriber is asked for a new source; the second time the old one is revoked.",
)
_STOP: Final = DeclineRow(
    codes=(
        "20004 20017 20018 20031 20038 20054 20055 20059 2005C 20062 20063 20067 20070 20075 20078 20081"
        " 20087 20093 2006P 2009G 200N7 200P9 200T3 20108"
    ),
    network_codes=(
        "USER_CANCELED USER_NOT_EXIST USER_STATUS_ABNORMAL USER_KYC_NOT_QUALIFIED USER_PAYMENT_VERIFICATION_FAILED"
        " AUTHENTICATION_REQUIRED RISK_REJECT FRAUD_REJECT REGULATION_RESTRICTION PAYMENT_PROHIBITED"
    ),
    error_codes="",
    retry=RetryRule.ASK_SUBSCRIBER,
    fault=Fault.SUBSCRIBER,
    source=SourceEffect.KEPT,
    meaning_en="the wallet is blocked or forbids it; only the subscriber can help",
    meaning_ko="지갑이 정지되었거나 결제를 막음: 구독자만 해결할 수 있음",
    follows="Not retried: the subscriber is asked for a new source.",
)
_SET_UP: Final = DeclineRow(
    codes=(
        "20003 20006 20013 20023 20024 20025 20026 20027 20029 20030 20033 20040 20042 20045 20058"
        " 20060 20064 20066 20083 20084 20085 20095 20097 200E0 200E2 20102 20103 20104 20105 20106"
        " 20107 20112 20113 20115 20116 20117 20119 20120 20122 20123 20124 20156 20157 20193 20197"
        " 20100 30020 30401 30402 30403 30404 30405"
    ),
    network_codes=(
        "INVALID_CONTRACT UNAVAILABLE_PAYMENT_METHOD NO_PAY_OPTIONS BUSINESS_NOT_SUPPORT CURRENCY_NOT_SUPPORT"
        " PARAM_ILLEGAL MERCHANT_NOT_REGISTERED SETTLE_CONTRACT_NOT_MATCH"
    ),
    error_codes="",  # every code that is in no row
    retry=RetryRule.SOON,
    fault=Fault.MERCHANT,
    source=SourceEffect.KEPT,
    meaning_en="our own set-up is wrong; it costs the subscriber nothing",
    meaning_ko="가맹점 설정 오류: 구독자에게 불이익 없음",
    follows=(
        "Our account, or one wallet: how many subscribers met one decides which (`[set_up]`). Retried soon and not"
        " counted; if the account is at fault, charging stops."
    ),
)
_UNKNOWN: Final = DeclineRow(
    codes="",  # none, or one that cannot be read
    network_codes="",
    error_codes="",
    retry=RetryRule.LADDER_THEN_ASK,
    fault=Fault.SUBSCRIBER,
    source=SourceEffect.KEPT,
    meaning_en="no reason could be had; it is tried a few times, then the subscriber is asked",
    meaning_ko="사유를 알 수 없음: 몇 번 더 시도한 뒤 구독자에게 요청함",
    follows="Retried three times on the days of the ladder; then the subscriber is asked for a new source.",
)


def row_of(decline: DeclineClass) -> DeclineRow:
    """Return the row of a class."""
    match decline:
        case DeclineClass.RETRY_LATER:
            return _RETRY_LATER
        case DeclineClass.TECHNICAL:
            return _TECHNICAL
        case DeclineClass.LIMIT_DAY:
            return _LIMIT_DAY
        case DeclineClass.LIMIT_MONTH:
            return _LIMIT_MONTH
        case DeclineClass.AGREEMENT_GONE:
            return _AGREEMENT_GONE
        case DeclineClass.AGREEMENT_SUSPECT:
            return _AGREEMENT_SUSPECT
        case DeclineClass.STOP:
            return _STOP
        case DeclineClass.SET_UP:
            return _SET_UP
        case DeclineClass.UNKNOWN:
            return _UNKNOWN
        case _:
            assert_never(decline)


def is_subscribers_fault(decline: DeclineClass) -> bool:
    """Say whether a decline uses up a step of the ladder and makes the subscription fall past due."""
    fault = row_of(decline).fault
    match fault:
        case Fault.SUBSCRIBER:
            return True
        case Fault.PROVIDER | Fault.MERCHANT:
            return False
        case _:
            assert_never(fault)


NOBODYS_FAULT: Final = tuple(each for each in DeclineClass if not is_subscribers_fault(each))
"""Of these the subscriber is not to be blamed."""


def meaning_of_class(word: str | None) -> str | None:
    """Return what a class means, in English; None for a word that is no class of this version."""
    return row_of(DeclineClass(word)).meaning_en if word in list(DeclineClass) else None
