"""Reading payments back: what a list, a payment and its actions prove, and what makes them prove nothing."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests_to_send import REFERENCE, a_payment, fresh_client
from scripted_server import answer, cut, drip, endless, hang

from billing.domain.charging import Found, PaymentStatus, RefundsFound, RefundStatus, SearchRefused, Unreadable
from billing.gateway.messages import Unreadable as UnreadableBody
from billing.gateway.messages import actions_of, decline_code, error_codes, read_instant, read_json, read_payment


def a_list(*payments, **changes):
    return {"limit": 100, "skip": 0, "total_count": len(payments), "data": list(payments), **changes}


def find(server, gateway, *scripts):
    server.plays(*scripts)
    (look_up,) = gateway.find_by_reference([REFERENCE])
    return look_up


def find_by_id(server, gateway, *scripts):
    server.plays(*scripts)
    (look_up,) = gateway.find_by_id(["pay_1"])
    return look_up


# --- lists ----------------------------------------------------------------------------------------


def test_a_list_is_asked_for_by_reference_and_holds_all_its_payments(server, gateway):
    two = a_list(a_payment(), a_payment(id="pay_2", status="Captured", balances={"total_captured": 9900}))
    look_up = find(server, gateway, answer(200, two))
    assert [payment.id for payment in look_up.payments] == ["pay_1", "pay_2"]
    assert look_up.payments[1].captured_minor == 9900
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", f"/payments?reference={REFERENCE}&limit=100&skip=0")
    assert "cko-idempotency-key" not in request.headers


def test_an_empty_list_is_found_and_empty(server, gateway):
    assert find(server, gateway, answer(200, a_list())) == Found(())


def test_a_reference_cannot_leave_its_place_in_the_address(server, gateway):
    server.plays(answer(200, a_list()))
    gateway.find_by_reference(["a&limit=1#x y/김"])
    assert server.paths == ["/payments?reference=a%26limit%3D1%23x%20y/%EA%B9%80&limit=100&skip=0"]


def test_a_list_that_shows_fewer_payments_than_it_has_proves_nothing(server, gateway):
    look_up = find(server, gateway, answer(200, a_list(a_payment(), total_count=2)))
    assert look_up == Unreadable("the list shows 1 of 2 payments")
    assert isinstance(find(server, gateway, answer(200, a_list(total_count=1))), Unreadable)


# --- searching ------------------------------------------------------------------------------------

SINCE, UNTIL = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC)


def search(server, gateway, script, **page):
    server.plays(script)
    return gateway.search_payments(SINCE, UNTIL, limit=100, **page)


def a_page(*payments, href=None):
    links = {"_links": {"next": {"href": href}}} if href is not None else {}
    return {"data": list(payments), **links}


def test_a_search_names_its_window_and_how_much_a_page_may_hold(server, gateway):
    told = search(server, gateway, answer(200, a_page(a_payment(), a_payment(id="pay_2"))))
    assert [payment.id for payment in told.payments] == ["pay_1", "pay_2"]
    assert (told.following, told.unread) == (None, ())
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/payments/search")
    assert json.loads(request.body) == {"limit": 100, "from": SINCE.isoformat(), "to": UNTIL.isoformat()}
    assert "cko-idempotency-key" not in request.headers


def test_the_next_page_is_read_from_its_link(server, gateway):
    told = search(server, gateway, answer(200, a_page(a_payment(), href=f"{server.url}/payments/search/x?token=y")))
    assert told.following == "/payments/search/x?token=y"
    search(server, gateway, answer(200, a_page()), following=told.following)
    assert (server.requests[-1].method, server.requests[-1].path) == ("GET", "/payments/search/x?token=y")


@pytest.mark.parametrize(
    "href",
    ["https://elsewhere.example/payments/search/x", "//elsewhere.example/payments/search/x", "/payments", 5, "/a\nb"],
)
def test_a_link_that_leads_elsewhere_is_not_followed(server, gateway, href):
    assert isinstance(search(server, gateway, answer(200, a_page(a_payment(), href=href))), Unreadable)


def test_a_payment_of_another_shape_hides_no_other(server, gateway):
    odd = {"id": "pay_odd", "status": 5}
    told = search(server, gateway, answer(200, a_page(odd, a_payment(), "pay_3")))
    assert [payment.id for payment in told.payments] == ["pay_1"]
    assert [each.split(":")[0] for each in told.unread] == ["pay_odd", "None"]


def test_a_key_that_may_not_search_is_told_which_scope_it_lacks(server, gateway):
    told = search(server, gateway, answer(403))
    assert told == SearchRefused("HTTP 403: the key has not the scope payments:search")


@pytest.mark.parametrize(
    "script", [answer(500), answer(404), answer(200, b"<html>"), answer(200, b"[]"), answer(200, b'{"data": 1}'), cut]
)
def test_no_other_answer_to_a_search_is_a_page(server, gateway, script):
    assert isinstance(search(server, gateway, script), Unreadable)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b"null",
        b'{"data": null}',
        b'{"data": {}}',
        b'{"data": ["pay_1"]}',
        b'{"data": [{"id": "pay_1"}]}',
        b'{"data": [], "data": []}',
        json.dumps(a_list(a_payment(), a_payment(id=None))).encode(),
        json.dumps(a_list(a_payment(amount="9900"))).encode(),
        json.dumps(a_list(a_payment())).encode()[:-5],
    ],
)
def test_a_list_that_cannot_be_read_whole_proves_nothing(server, gateway, body):
    assert isinstance(find(server, gateway, answer(200, body)), Unreadable)


NO_LIST = {
    "201": answer(201, a_list()),
    **{str(status): answer(status) for status in (204, 301, 401, 404, 422, 429, 503)},
    "500": answer(500, a_list()),
    "cut": cut,
    "hang": hang,
    "endless": endless(200),
    "drip": drip(200, b'{"data": []}'),
}


@pytest.mark.parametrize("script", NO_LIST.values(), ids=NO_LIST)
def test_no_other_answer_proves_absence(server, gateway, hasty, script):
    never_comes = script in (NO_LIST["hang"], NO_LIST["drip"])
    look_up = find(server, hasty if never_comes else gateway, script)
    assert isinstance(look_up, Unreadable)
    assert look_up.reason


def test_look_ups_that_cannot_connect_prove_nothing():
    with fresh_client("http://gateway.invalid") as gateway:
        assert isinstance(gateway.find_by_reference([REFERENCE])[0], Unreadable)
        assert isinstance(gateway.find_by_id(["pay_1"])[0], Unreadable)
        assert isinstance(gateway.find_refunds(["pay_1"])[0], Unreadable)
        assert isinstance(gateway.search_payments(SINCE, UNTIL, limit=1), Unreadable)
        assert gateway.check_health().reachable is False


# --- declines -------------------------------------------------------------------------------------


def declined(**changes):
    return answer(200, a_payment(status="Declined", **changes))


def test_a_decline_that_names_its_code_is_not_asked_about_further(server, gateway):
    (payment,) = find_by_id(server, gateway, declined(response_code="20051")).payments
    assert payment.response_code == "20051"
    assert server.paths == ["/payments/pay_1"]


def test_a_decline_without_a_code_has_the_code_of_its_newest_action_that_was_not_approved(server, gateway):
    actions = [
        {"id": "act_4", "type": "Capture", "approved": True, "response_code": "10000"},
        {"id": "act_3", "type": "Authorization", "approved": None, "response_code": "20096"},
        {"id": "act_2", "type": "Authorization", "approved": False, "response_code": "200R1"},
        {"id": "act_1", "type": "Authorization", "approved": False, "response_code": "20051"},
    ]
    (payment,) = find_by_id(server, gateway, declined(), answer(200, actions)).payments
    assert (payment.status, payment.response_code) == (PaymentStatus.DECLINED, "200R1")
    assert server.paths == ["/payments/pay_1", "/payments/pay_1/actions"]


def test_who_has_no_use_for_the_reason_of_a_decline_asks_for_no_actions(server, gateway):
    server.plays(answer(200, a_list(a_payment(status="Declined"))))
    (look_up,) = gateway.find_by_reference([REFERENCE], with_codes=False)
    assert look_up.payments[0].status is PaymentStatus.DECLINED
    assert len(server.paths) == 1


@pytest.mark.parametrize("actions", [[], ["x"], [{"approved": False}], [{"approved": False, "response_code": 20051}]])
def test_a_decline_of_which_nobody_knows_the_reason_has_no_code(server, gateway, actions):
    (payment,) = find_by_id(server, gateway, declined(), answer(200, actions)).payments
    assert payment.response_code is None


NO_ACTIONS = [answer(500), answer(404), answer(403), cut, answer(200, b"<html>"), answer(200, {}), answer(200, [])]


@pytest.mark.parametrize("script", NO_ACTIONS)
def test_a_decline_is_a_decline_whatever_becomes_of_the_question_for_its_reason(server, gateway, script):
    (payment,) = find_by_id(server, gateway, declined(), script).payments
    assert (payment.status, payment.response_code) == (PaymentStatus.DECLINED, None)


def test_actions_that_never_come_keep_no_decline_back(server, hasty):
    (payment,) = find_by_id(server, hasty, declined(), hang).payments
    assert (payment.status, payment.response_code) == (PaymentStatus.DECLINED, None)


@pytest.mark.parametrize("field", ["failure_code", "partner_response_code", "partner_code"])
def test_a_response_code_among_what_was_processed_is_the_reason_and_no_action_is_asked_for(server, gateway, field):
    (payment,) = find_by_id(server, gateway, declined(processing={field: "200R1"})).payments
    assert payment.response_code == "200R1"
    assert server.paths == ["/payments/pay_1"]


@pytest.mark.parametrize("script", NO_ACTIONS)
def test_the_wallet_networks_own_code_is_the_reason_where_the_actions_tell_none(server, gateway, script):
    told = declined(processing={"partner_code": "x", "partner_response_code": "INVALID_ACCESS_TOKEN"})
    (payment,) = find_by_id(server, gateway, told, script).payments
    assert payment.response_code == "INVALID_ACCESS_TOKEN"


@pytest.mark.parametrize("told", ["partner_response_code", "partner_code", "partner_error_codes"])
@pytest.mark.parametrize("coarse", ["declined", "FAILED"])
def test_a_coarse_word_of_the_provider_hides_no_code_of_the_wallet_network(server, gateway, told, coarse):
    code = ["AGREEMENT_NOT_EXIST"] if told == "partner_error_codes" else "AGREEMENT_NOT_EXIST"
    processing = {"failure_code": coarse, told: code}
    (payment,) = find_by_id(server, gateway, declined(processing=processing), answer(404)).payments
    assert payment.response_code == "AGREEMENT_NOT_EXIST"


@pytest.mark.parametrize("told", ["20051", {"code": "x"}, [None, 5, {}, []]])
def test_errors_of_the_wallet_network_that_are_no_list_of_codes_are_none(server, gateway, told):
    answered = declined(processing={"partner_error_codes": told})
    (payment,) = find_by_id(server, gateway, answered, answer(404)).payments
    assert payment.response_code is None


def test_the_code_of_a_refund_is_no_reason_of_the_payment(server, gateway):
    refund = {"id": "act_2", "type": "Refund", "approved": False, "response_code": "50003"}
    capture = {"id": "act_1", "type": "Capture", "approved": False, "response_code": "20062"}
    (payment,) = find_by_id(server, gateway, declined(), answer(200, [refund, capture])).payments
    assert payment.response_code == "20062"


def test_a_response_code_in_the_actions_tells_more_than_the_wallet_networks_own_code(server, gateway):
    told = declined(processing={"failure_code": "insufficient", "partner_response_code": "USER_BALANCE_NOT_ENOUGH"})
    actions = [{"id": "act_1", "type": "Authorization", "approved": False, "response_code": "20051"}]
    (payment,) = find_by_id(server, gateway, told, answer(200, actions)).payments
    assert payment.response_code == "20051"


def test_reasons_that_are_no_text_are_none(server, gateway):
    told = declined(response_code=20051, processing={"failure_code": {}, "partner_code": ["20051"]})
    (payment,) = find_by_id(server, gateway, told, answer(404)).payments
    assert payment.response_code is None


def test_a_decline_that_a_list_shows_is_one_too(server, gateway):
    (payment,) = find(server, gateway, answer(200, a_list(a_payment(status="Declined"))), answer(404)).payments
    assert payment.status is PaymentStatus.DECLINED


# --- refunds --------------------------------------------------------------------------------------


def test_the_refunds_of_a_payment_are_those_of_its_actions_that_are_refunds(server, gateway):
    actions = [
        {"id": "act_5", "type": "Refund", "amount": 100, "reference": "r5", "approved": True},
        {"id": "act_4", "type": "Refund", "amount": 200, "approved": False, "response_code": "20158"},
        {"id": "act_3", "type": "Refund", "amount": 300, "approved": None},
        {"id": "act_2", "type": "Refund"},
        {"id": "act_1", "type": "Capture", "amount": 9900, "approved": True},
        "what is this",
    ]
    server.plays(answer(200, actions))
    (told,) = gateway.find_refunds(["pay_1"])
    assert [(each.action_id, each.status, each.amount_minor) for each in told.refunds] == [
        ("act_5", RefundStatus.SUCCEEDED, 100),
        ("act_4", RefundStatus.DECLINED, 200),
        ("act_3", RefundStatus.OPEN, 300),
        ("act_2", RefundStatus.OPEN, None),
    ]
    assert (told.refunds[0].reference, told.refunds[1].response_code) == ("r5", "20158")


def test_no_refunds_are_no_refunds_and_an_unreadable_answer_is_not_none(server, gateway):
    server.plays(answer(200, []))
    assert gateway.find_refunds(["pay_1"]) == [RefundsFound(())]
    for script in (answer(200, {}), answer(200, [{"type": "Refund"}]), answer(404), answer(500), cut):
        server.plays(script)
        assert isinstance(gateway.find_refunds(["pay_1"])[0], Unreadable)


# --- health ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "Tue, 15 Nov 99999 08:12:31 GMT",
        "Tue, 15 Nov 1994 08:12:31 +99999999999999999999",
        "Tue, 32 Nov 1994 08:12:31 GMT",
    ],
)
def test_a_date_that_tells_no_time_is_no_clock(server, gateway, date):
    server.plays(answer(200, a_list(), [("Date", date)]))
    health = gateway.check_health()
    assert health.authorised
    assert health.clock_skew_seconds is None


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_the_gateways_clock_is_compared_with_ours(server, gateway, zone):
    date = datetime(2020, 1, 1, tzinfo=UTC).strftime(f"%a, %d %b %Y %H:%M:%S {zone}")
    server.plays(answer(200, a_list(), [("Date", date)]))
    assert gateway.check_health().clock_skew_seconds > 365 * 86_400


def test_a_gateway_that_tells_no_date_has_no_clock_and_one_that_does_not_know_us_says_so(server, gateway):
    server.plays(answer(200, a_list()))
    assert gateway.check_health().clock_skew_seconds is None
    server.plays(answer(401))
    health = gateway.check_health()
    assert (health.reachable, health.authorised, health.detail) == (True, False, "HTTP 401")


# --- bodies ---------------------------------------------------------------------------------------

json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text("aZ0é\u0000", max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=3), inner, max_size=3)),
    max_leaves=6,
)
payment_bodies = st.fixed_dictionaries(
    {"id": json_values | st.just("pay_1"), "status": json_values | st.just("Captured")},
    optional=dict.fromkeys(
        ["reference", "amount", "currency", "source", "balances", "_links", "requested_on", "response_code"],
        json_values,
    ),
)


@given(body=json_values | payment_bodies)
@example(body={"id": "pay_1", "status": "Captured", "requested_on": "0001-01-01T00:00:00+09:00"})
def test_no_body_whatsoever_makes_the_reader_raise_anything_but_unreadable(body):
    for read in (read_payment, actions_of, decline_code, error_codes):
        with suppress(UnreadableBody):
            read(body)


@given(raw=st.binary(max_size=60))
def test_no_bytes_whatsoever_make_the_reader_raise_anything_but_unreadable(raw):
    with suppress(UnreadableBody):
        read_json(raw)


def test_a_body_is_read_whatever_space_stands_around_it():
    assert read_json(b' \r\n{"a": [1, "\xea\xb9\x80"]}\t\n') == {"a": [1, "김"]}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2027-03-01T01:02:03Z", "2027-03-01T01:02:03+00:00"),
        ("2027-03-01T01:02:03.1Z", "2027-03-01T01:02:03.100000+00:00"),
        ("2027-03-01T01:02:03.12Z", "2027-03-01T01:02:03.120000+00:00"),
        ("2027-03-01T01:02:03.123Z", "2027-03-01T01:02:03.123000+00:00"),
        ("2027-03-01T01:02:03.1234Z", "2027-03-01T01:02:03.123400+00:00"),
        ("2027-03-01T01:02:03.12345Z", "2027-03-01T01:02:03.123450+00:00"),
        ("2027-03-01T01:02:03.123456Z", "2027-03-01T01:02:03.123456+00:00"),
        ("2027-03-01T01:02:03.1234567Z", "2027-03-01T01:02:03.123456+00:00"),
        ("2027-03-01T01:02:03.9999999Z", "2027-03-01T01:02:03.999999+00:00"),
        ("2027-03-01T01:02:03.1234567+00:00", "2027-03-01T01:02:03.123456+00:00"),
        ("2027-03-01T10:02:03+09:00", "2027-03-01T01:02:03+00:00"),
        ("2027-03-01T10:02:03.5+09:00", "2027-03-01T01:02:03.500000+00:00"),
        ("2027-03-01T01:02:03", "2027-03-01T01:02:03+00:00"),
        ("2028-02-29T23:59:59.0000001Z", "2028-02-29T23:59:59+00:00"),
    ],
)
def test_an_instant_has_0_to_7_fractional_digits_and_a_zone(text, instant):
    assert read_instant(text).isoformat() == instant
    assert read_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        [],
        "",
        "soon",
        "2027-02-29T00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-03-01T25:00:00Z",
        "2027-03-01T01:02:03.12345678901234567890123456789Z",
        "2027-03-01T01:02:03.x",
        "0001-01-01T00:00:00+09:00",
        "9999-12-31T23:59:59-09:00",
        "9" * 41,
    ],
)
def test_what_is_no_instant_is_none(text):
    assert read_instant(text) is None
