"""Response codes and error codes: each known one has one class, and an unknown one a careful default."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.decline_classes import DeclineClass, meaning_of_class, row_of
from billing.domain.declines import (
    CLASS_OF_CODE,
    CLASS_OF_ERROR,
    CLASS_OF_PARTNER_CODE,
    best_reason,
    classify_decline,
    classify_refusal,
    is_response_code,
)

# Written by hand from Checkout.com's response-code and smart-dunning pages and the Alipay+ result codes.
CODES = """
retry_later: 20001 20002 20005 20012 20015 20016 20019 20022 20046 20051 20057 20072 20082 20086 20088 20089 20090
retry_later: 20092 20098 20099 200N0 20121 50003
technical: 20009 20020 20021 20028 20068 20091 20094 20096 20118 20199 200A4 200A5 200A6 200E3
limit_day: 20061 200P1
limit_month: 20065 30021 30022
agreement_gone: 200R1 200R3
agreement_suspect: 20014 20039 20044 20052 20053 20056 20101 20114
stop: 20004 20017 20018 20031 20038 20054 20055 20059 2005C 20062 20063 20067 2006P 20070 20075 20078 20081 20087 20093
stop: 2009G 200N7 200P9 200T3 20108
set_up: 20003 20006 20013 20023 20024 20025 20026 20027 20029 20030 20033 20040 20042 20045 20058 20060 20064 20066
set_up: 20083 20084 20085 20095 20097 20100 200E0 200E2 20102 20103 20104 20105 20106 20107 20112 20113 20115 20116
set_up: 20117 20119 20120 20122 20123 20124 20156 20157 20193 20197 30020 30401 30402 30403 30404 30405
"""
UNKNOWN_CODES = """
retry_later: 20000 20100X 20179 29999 10000 50150 60000 2ABCD
stop: 30001 30004 30007 30015 30033 30041 30043 30044 30046 30999
stop: 40101 41101 42101 43101 41201 42206 41301 42301 43301 49999
"""
# Written by hand from the public Alipay+ result codes.
PARTNER_CODES = """
retry_later: USER_BALANCE_NOT_ENOUGH PROCESS_FAIL ORDER_IS_CLOSED ORDER_IS_CANCELED ORDER_STATUS_INVALID
technical: UNKNOWN_EXCEPTION SYSTEM_ERROR REQUEST_TRAFFIC_EXCEED_LIMIT REPEAT_REQ_INCONSISTENT
limit_day: USER_AMOUNT_EXCEED_LIMIT
limit_month: PAYMENT_AMOUNT_EXCEED_LIMIT PAYMENT_COUNT_EXCEED_LIMIT
agreement_gone: AGREEMENT_NOT_EXIST
agreement_suspect: INVALID_ACCESS_TOKEN INVALID_TOKEN EXPIRED_ACCESS_TOKEN
stop: USER_CANCELED USER_NOT_EXIST USER_STATUS_ABNORMAL USER_KYC_NOT_QUALIFIED USER_PAYMENT_VERIFICATION_FAILED
stop: AUTHENTICATION_REQUIRED RISK_REJECT FRAUD_REJECT REGULATION_RESTRICTION PAYMENT_PROHIBITED
set_up: INVALID_CONTRACT UNAVAILABLE_PAYMENT_METHOD NO_PAY_OPTIONS BUSINESS_NOT_SUPPORT CURRENCY_NOT_SUPPORT
set_up: PARAM_ILLEGAL MERCHANT_NOT_REGISTERED SETTLE_CONTRACT_NOT_MATCH
"""
ERRORS = {
    "source_id_invalid": "agreement_gone",
    "source_id_unknown": "agreement_gone",
    "source_invalid": "agreement_suspect",
    "apm_service_unavailable": "technical",
    "api_calls_quota_exceeded": "technical",
    "processing_error": "technical",
    "velocity_amount_limit_exceeded": "limit_day",
    "velocity_count_limit_exceeded": "limit_day",
    "amount_limit_exceeded": "limit_month",
    "payee_not_onboarded": "set_up",
    "payment_method_not_supported": "set_up",
    "currency_not_supported": "set_up",
    "processing_channel_id_required": "set_up",
    "business_settings_missing": "set_up",
    "reference_invalid": "set_up",
    "amount_invalid": "set_up",
    "request_json_invalid": "set_up",
    "request_invalid": "set_up",
    # About one customer's data: nobody else's charge is stopped by it.
    "customer_not_found": "technical",
    "customer_id_invalid": "technical",
    "customer_email_invalid": "technical",
    "country_invalid": "technical",
    "a_code_of_tomorrow": "set_up",
}


def rows(text):
    lines = (line.partition(":") for line in text.strip().splitlines())
    return [(code, decline) for decline, _, codes in lines for code in codes.split()]


@pytest.mark.parametrize(("code", "decline"), rows(CODES))
def test_a_known_code_has_its_class(code, decline):
    assert classify_decline(code) == decline


@pytest.mark.parametrize(("code", "decline"), rows(UNKNOWN_CODES))
def test_an_unknown_code_stops_in_the_hard_ranges_and_is_retried_later_elsewhere(code, decline):
    assert code not in CLASS_OF_CODE
    assert classify_decline(code) == decline


@pytest.mark.parametrize("word", ["ERROR", "FAILED", "DENIED", "declined", "INSUFFICIENT"])
def test_a_word_is_no_response_code(word):
    assert not is_response_code(word)
    assert classify_decline(word) is DeclineClass.UNKNOWN


def test_of_several_reasons_the_first_one_whose_meaning_is_known_counts():
    assert best_reason(["CODE_OF_TOMORROW", "agreement_not_exist", "20051"]) == "agreement_not_exist"
    assert best_reason(["CODE_OF_TOMORROW", "declined"]) == "CODE_OF_TOMORROW"
    assert best_reason([]) is None


def test_the_two_tables_know_the_same_codes():
    differ = sorted(set(CLASS_OF_CODE) ^ {code for code, _ in rows(CODES)})
    assert not differ, f"{differ} are in one of the tables only: the rows of decline_classes.py, and CODES above"


def test_no_code_is_in_two_classes_or_twice_in_one():
    written = Counter(code for decline in DeclineClass for code in row_of(decline).codes.split())
    assert [code for code, times in written.items() if times > 1] == []
    assert all(re.fullmatch(r"[0-9][0-9A-Z]{4}", code) for code in written)
    for codes_of in (lambda row: row.network_codes, lambda row: row.error_codes):
        written = Counter(code for decline in DeclineClass for code in codes_of(row_of(decline)).split())
        assert [code for code, times in written.items() if times > 1] == []


def test_every_class_has_a_code_or_an_error_code():
    reached = {*CLASS_OF_CODE.values(), *CLASS_OF_PARTNER_CODE.values(), *CLASS_OF_ERROR.values()}
    nothing_leads_to = [each.value for each in DeclineClass if each not in {*reached, DeclineClass.UNKNOWN}]
    assert not nothing_leads_to, f"no code leads to {nothing_leads_to}: give its row codes, or take it away"


@pytest.mark.parametrize("decline", DeclineClass)
def test_every_class_is_explained_in_english_and_korean_and_says_what_follows(decline):
    row = row_of(decline)
    assert re.fullmatch("[^가-힣]+", row.meaning_en), f"{decline.value} has no meaning in English"
    assert re.search("[가-힣]", row.meaning_ko), f"{decline.value} has no meaning in Korean"
    assert row.follows.endswith("."), f"{decline.value} does not say what follows"
    assert meaning_of_class(decline.value) == row.meaning_en


def test_a_word_that_is_no_class_has_no_meaning():
    assert meaning_of_class("limit_century") is None
    assert meaning_of_class(None) is None


@pytest.mark.parametrize("code", [None, "", "insufficient", "SOME_CODE_OF_TOMORROW", "20051 "])
def test_a_decline_without_a_code_that_is_one_has_an_unknown_reason(code):
    assert classify_decline(code) is DeclineClass.UNKNOWN


@pytest.mark.parametrize(("code", "decline"), rows(PARTNER_CODES))
def test_a_code_of_the_wallet_network_has_the_class_of_the_response_code_it_stands_behind(code, decline):
    assert classify_decline(code) == decline
    assert classify_decline(code.lower()) == decline


def test_the_two_tables_know_the_same_codes_of_the_wallet_network():
    assert set(CLASS_OF_PARTNER_CODE) == {code for code, _ in rows(PARTNER_CODES)}


@given(code=st.text("0123456789ARX 가", max_size=6))
def test_no_code_whatsoever_raises_and_none_ends_an_agreement_that_is_not_listed(code):
    decline = classify_decline(code)
    assert isinstance(decline, DeclineClass)
    if code not in CLASS_OF_CODE:
        assert decline in (DeclineClass.RETRY_LATER, DeclineClass.STOP, DeclineClass.UNKNOWN)


def test_the_configuration_wins_over_the_table_and_adds_to_it():
    extra = {"20051": DeclineClass.STOP, "2ZZZZ": DeclineClass.AGREEMENT_GONE, "30046": DeclineClass.RETRY_LATER}
    assert classify_decline("20051", extra) is DeclineClass.STOP
    assert classify_decline("2ZZZZ", extra) is DeclineClass.AGREEMENT_GONE
    assert classify_decline("30046", extra) is DeclineClass.RETRY_LATER
    assert classify_decline("20061", extra) is DeclineClass.LIMIT_DAY
    assert classify_decline("tomorrow", {"tomorrow": DeclineClass.STOP}) is DeclineClass.STOP
    assert classify_decline(None, extra) is DeclineClass.UNKNOWN


@pytest.mark.parametrize(("code", "decline"), ERRORS.items())
def test_a_refusal_has_the_class_of_its_error_code(code, decline):
    assert classify_refusal((code,)) == decline


def test_a_refusal_with_several_codes_has_the_class_of_the_first_one_that_is_known():
    assert classify_refusal(("request_invalid", "source_id_unknown")) is DeclineClass.AGREEMENT_GONE
    assert classify_refusal(("apm_service_unavailable", "source_id_unknown")) is DeclineClass.TECHNICAL


def test_a_refusal_without_a_code_is_our_own_fault():
    assert classify_refusal(()) is DeclineClass.SET_UP
