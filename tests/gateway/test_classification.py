"""Whatever a gateway does on the wire is exactly one of four: not sent, refused, accepted, unknown."""

import gzip
import json
import socket
import ssl
import subprocess
from dataclasses import replace

import pytest
from requests_to_send import (
    REFERENCE,
    a_first_payment,
    a_payment,
    a_refund,
    a_renewal,
    an_error,
    fresh_client,
)
from scripted_server import (
    Before,
    ScriptedServer,
    answer,
    cut,
    drip,
    drip_headers,
    endless,
    hang,
    head,
    raw,
    reset,
    truncated,
)

from billing.domain.charging import Accepted, NotSent, PaymentStatus, RefundAccepted, Refused, Unknown
from billing.gateway.http import MOST_BYTES
from billing.gateway.messages import SeriesFields
from billing.gateway.port import Payer

GOOD = json.dumps(a_payment()).encode()
OK_STATUSES = (200, 201, 202)

NO_SENSE = {
    "nothing": b"",
    "HTML": b"<html><body>Service temporarily unavailable</body></html>",
    "half a document": GOOD[: len(GOOD) // 2],
    "two documents": GOOD + GOOD,
    "NaN": GOOD.replace(b"9900", b"NaN"),
    "Infinity": GOOD.replace(b"9900", b"-Infinity"),
    "a key twice": GOOD.replace(b'"currency"', b'"id": "pay_2", "currency"'),
    "deep nesting": b'{"id":' * 50_000,
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "EUC-KR": json.dumps(a_payment(customer={"name": "김"}), ensure_ascii=False).encode("euc-kr"),
    "gzip that was not asked for": gzip.compress(GOOD),
    "a number of 5000 digits": GOOD.replace(b"9900", b"9" * 5000),
    "null": b"null",
    "a string": b'"Pending"',
    "a list": b"[" + GOOD + b"]",
    "no id": json.dumps(a_payment(id=None)).encode(),
    "a null id": GOOD.replace(b'"pay_1"', b"null"),
    "an empty id": GOOD.replace(b'"pay_1"', b'""'),
    "a number as id": GOOD.replace(b'"pay_1"', b"7"),
    "an id of 101 letters": GOOD.replace(b"pay_1", b"p" * 101),
    "a NUL in the id": GOOD.replace(b"pay_1", b"pay\\u0000"),
    "half a surrogate in the id": GOOD.replace(b"pay_1", b"pay\\ud800"),
    "no status": json.dumps(a_payment(status=None)).encode(),
    "a number as status": GOOD.replace(b'"Pending"', b"7"),
    "a NUL in the status": GOOD.replace(b"Pending", b"Pending\\u0000"),
    "another reference": json.dumps(a_payment(reference="another")).encode(),
    "a list as reference": json.dumps(a_payment(reference=[])).encode(),
    "a reference of 300 letters": json.dumps(a_payment(reference="r" * 300)).encode(),
    "another amount": json.dumps(a_payment(amount=9901)).encode(),
    "a hundredth of the amount": json.dumps(a_payment(amount=99)).encode(),
    "the amount as a string": json.dumps(a_payment(amount="9900")).encode(),
    "the amount as a fraction": json.dumps(a_payment(amount=9900.0)).encode(),
    "true as amount": json.dumps(a_payment(amount=True)).encode(),
    "an endless amount": GOOD.replace(b"9900", b"1e999"),
    "another currency": json.dumps(a_payment(currency="HKD")).encode(),
    "a number as currency": json.dumps(a_payment(currency=410)).encode(),
    "four letters as currency": json.dumps(a_payment(currency="KRWW")).encode(),
}


def send(server, gateway, script, request=None):
    """Send one payment to a server that does what is written, and return the outcome."""
    server.plays(script)
    (outcome,) = gateway.create_payments([request or a_renewal()])
    return outcome


def assert_unknown(outcome):
    assert isinstance(outcome, Unknown), outcome
    assert outcome.reason


# --- nothing left ---------------------------------------------------------------------------------


def test_a_refused_connection_is_surely_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with fresh_client(f"http://127.0.0.1:{port}") as gateway:
        (outcome,) = gateway.create_payments([a_renewal()])
    assert outcome == NotSent("cannot connect: nothing listens there, or a firewall refuses it")


def test_a_host_without_an_address_is_surely_not_sent():
    with fresh_client("http://gateway.invalid") as gateway:
        (outcome,) = gateway.create_payments([a_renewal()])
    assert isinstance(outcome, NotSent)
    assert outcome.stop_the_run is False


def test_a_server_that_speaks_no_tls_is_surely_not_sent():
    with ScriptedServer().plays(Before(lambda line: line.send(b"not tls at all\r\n\r\n"))) as server:
        with fresh_client(f"https://127.0.0.1:{server.port}") as gateway:
            (outcome,) = gateway.create_payments([a_renewal()])
        assert isinstance(outcome, NotSent), outcome
        assert server.requests == []


def test_a_certificate_that_nobody_vouches_for_is_surely_not_sent(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    reached = []

    def shake_hands(line):
        with context.wrap_socket(line.socket, server_side=True) as secure:
            reached.append(secure.recv(100))

    with ScriptedServer().plays(Before(shake_hands)) as server:
        with fresh_client(f"https://127.0.0.1:{server.port}") as gateway:
            (outcome,) = gateway.create_payments([a_renewal()])
        assert isinstance(outcome, NotSent), outcome
        assert "its certificate is refused: self-signed certificate" in outcome.reason
        assert reached in ([], [b""]), "not a byte of the request left"


# --- the connection is lost -----------------------------------------------------------------------


@pytest.mark.parametrize("end", [cut, reset], ids=["closed", "reset"])
def test_a_connection_lost_after_the_body_was_written_is_unknown_and_never_not_sent(server, gateway, end):
    outcome = send(server, gateway, end)
    assert_unknown(outcome)
    (request,) = server.requests
    assert json.loads(request.body)["reference"] == REFERENCE, "the gateway had the whole request"


@pytest.mark.parametrize("end", [cut, reset], ids=["closed", "reset"])
def test_a_connection_lost_before_anything_was_read_is_unknown_or_was_never_made(end):
    with ScriptedServer().plays(Before(end)) as server, fresh_client(server.url) as gateway:
        (outcome,) = gateway.create_payments([a_renewal()])
        assert isinstance(outcome, Unknown) or outcome == NotSent(
            "cannot connect: the other side closed the connection"
        )
        assert server.accepted == 1


@pytest.mark.parametrize("end", [cut, reset], ids=["closed", "reset"])
def test_a_kept_connection_that_is_lost_is_unknown_and_the_post_is_not_sent_a_second_time(server, gateway, end):
    assert isinstance(send(server, gateway, answer(202, a_payment())), Accepted)
    assert_unknown(send(server, gateway, end))
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [GOOD, b""], ids=["with a body", "without"])
def test_an_answer_that_ends_in_the_middle_is_unknown(server, gateway, body):
    script = truncated(202, GOOD) if body else raw(b"HTTP/1.1 202 Acc")
    assert_unknown(send(server, gateway, script))


def test_a_chunked_answer_that_ends_in_the_middle_is_unknown(server, gateway):
    chunked = head(202, [("Transfer-Encoding", "chunked")]) + b"%x\r\n" % len(GOOD) + GOOD + b"\r\n"
    assert_unknown(send(server, gateway, raw(chunked)))


@pytest.mark.parametrize(
    "script",
    [
        hang,
        drip(202, GOOD, every=0.1),
        drip(422, json.dumps(an_error("source_id_unknown")).encode(), every=0.1),
        drip_headers,
    ],
    ids=["silence", "byte by byte", "a refusal byte by byte", "headers without end"],
)
def test_an_answer_that_is_not_whole_at_the_deadline_is_unknown(server, hasty, script):
    # Each read ends well before the deadline, and all of them together long after it.
    outcome = send(server, hasty, script)
    assert outcome == Unknown("no whole answer within 0.4 s")


@pytest.mark.parametrize("status", [202, 422, 500])
def test_a_body_without_end_is_unknown_and_is_not_read_any_further(server, gateway, status):
    outcome = send(server, gateway, endless(status))
    assert outcome == Unknown(f"the answer is longer than {MOST_BYTES} bytes")


def test_a_body_just_within_the_limit_is_read_and_one_byte_more_is_not(server, gateway):
    padding = b" " * (MOST_BYTES - len(GOOD))
    assert isinstance(send(server, gateway, answer(202, padding + GOOD)), Accepted)
    assert_unknown(send(server, gateway, answer(202, b" " + padding + GOOD)))


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 abc Fine\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: lots\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["SSH", "TLS", "a word as status", "a negative length", "a word as length", "a huge header", "a bad chunk"],
)
def test_what_is_not_http_is_unknown(server, gateway, data):
    assert_unknown(send(server, gateway, raw(data)))


# --- a whole answer -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", OK_STATUSES)
@pytest.mark.parametrize("body", NO_SENSE.values(), ids=NO_SENSE)
def test_a_good_status_with_a_body_that_makes_no_sense_is_unknown(server, gateway, status, body):
    assert_unknown(send(server, gateway, answer(status, body)))
    assert len(server.requests) == 1


def test_a_status_204_without_a_body_is_unknown(server, gateway):
    assert_unknown(send(server, gateway, raw(b"HTTP/1.1 204 No Content\r\n\r\n", then_cut=False)))


@pytest.mark.parametrize("status", OK_STATUSES)
def test_a_payment_that_fits_the_request_is_accepted_whatever_else_stands_there(server, gateway, status):
    body = a_payment(a_field_of_tomorrow=[1, {"x": None}], customer={"name": "김"}, source={"id": "src_9"})
    outcome = send(server, gateway, answer(status, body))
    assert isinstance(outcome, Accepted), outcome
    payment = outcome.payment
    assert (payment.id, payment.status, payment.reference) == ("pay_1", PaymentStatus.OPEN, REFERENCE)
    assert (payment.amount_minor, payment.currency, payment.source_id) == (9900, "KRW", "src_9")


def test_the_answer_kakaopay_gives_without_amount_and_currency_is_accepted(server, gateway):
    outcome = send(server, gateway, answer(202, a_payment(amount=None, currency=None)))
    assert isinstance(outcome, Accepted)
    assert (outcome.payment.amount_minor, outcome.payment.currency) == (None, None)


def test_nulls_are_read_as_untold(server, gateway):
    untold = GOOD.replace(b"9900", b"null").replace(b'"KRW"', b"null").replace(f'"{REFERENCE}"'.encode(), b"null")
    assert isinstance(send(server, gateway, answer(202, untold)), Accepted)


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("Captured", PaymentStatus.CAPTURED),
        ("Partially Refunded", PaymentStatus.CAPTURED),
        ("Refunded", PaymentStatus.CAPTURED),
        ("Declined", PaymentStatus.DECLINED),
        ("Expired", PaymentStatus.EXPIRED),
        ("Canceled", PaymentStatus.CANCELED),
        ("Voided", PaymentStatus.CANCELED),
        ("Pending", PaymentStatus.OPEN),
        ("Authorized", PaymentStatus.OPEN),
        ("Retry Scheduled", PaymentStatus.OPEN),
        ("Requested", PaymentStatus.OPEN),
        ("Card Verified", PaymentStatus.OPEN),
        ("Partially Captured", PaymentStatus.UNCLEAR),
        ("Paid", PaymentStatus.UNCLEAR),
        ("Returned", PaymentStatus.RETURNED),
        ("Under Review", PaymentStatus.OPEN),
        ("captured", PaymentStatus.OPEN),
        ("x" * 500, PaymentStatus.OPEN),
    ],
)
def test_a_status_is_read_as_written_and_an_unknown_one_is_still_open(server, gateway, told, status):
    outcome = send(server, gateway, answer(201, a_payment(status=told)))
    assert outcome.payment.status is status
    assert outcome.payment.raw_status == told[:32], "it fits its column"


@pytest.mark.parametrize(
    ("balances", "status"),
    [
        ({"total_captured": 9900}, PaymentStatus.CAPTURED),
        ({"total_captured": 9899}, PaymentStatus.UNCLEAR),
        ({"total_captured": 0}, PaymentStatus.UNCLEAR),
        ({}, PaymentStatus.UNCLEAR),
    ],
)
def test_a_payment_is_paid_only_if_its_balances_say_that_the_whole_amount_was_captured(
    server, gateway, balances, status
):
    assert send(server, gateway, answer(201, a_payment(status="Paid", balances=balances))).payment.status is status


def test_a_source_that_cannot_be_read_is_no_source_and_hides_no_capture(server, gateway):
    told = a_payment(status="Captured", balances={"total_captured": 9900}, source={"id": 7, "type": "kakaopay"})
    payment = send(server, gateway, answer(201, told)).payment
    assert (payment.status, payment.source_id) == (PaymentStatus.CAPTURED, None)


def test_the_link_to_the_wallet_is_read(server, gateway):
    link = "https://g.alipayplus.com/page?x=1"
    body = a_payment(_links={"self": {"href": "x"}, "redirect": {"href": link}}, source={"id": "src_1"})
    outcome = send(server, gateway, answer(202, body), a_first_payment())
    assert outcome.payment.redirect_url == link


@pytest.mark.parametrize("links", [None, [], "x", {"redirect": None}, {"redirect": {"href": 7}}, {"redirect": []}])
def test_links_of_another_shape_are_no_link(server, gateway, links):
    outcome = send(server, gateway, answer(202, a_payment(_links=links)))
    assert outcome.payment.redirect_url is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_unknown_and_is_not_followed(server, gateway, status):
    elsewhere = answer(status, b"", [("Location", f"{server.url}/elsewhere")])
    assert_unknown(send(server, gateway, elsewhere))
    assert server.paths == ["/payments"]


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("body", [b"", b"<html>", an_error("forbidden")], ids=["empty", "HTML", "documented"])
def test_a_key_or_address_that_is_turned_away_is_not_sent_and_stops_the_run(server, gateway, status, body):
    outcome = send(server, gateway, answer(status, body))
    assert isinstance(outcome, NotSent)
    assert outcome.stop_the_run is True
    assert f"HTTP {status}" in outcome.reason


@pytest.mark.parametrize("status", [400, 422])
def test_a_documented_refusal_is_surely_refused_with_its_codes(server, gateway, status):
    refusal = answer(status, an_error("source_id_unknown", "request_invalid"), [("Cko-Request-Id", "0HL:1")])
    assert send(server, gateway, refusal) == Refused(status, ("source_id_unknown", "request_invalid"), "0HL:1")


@pytest.mark.parametrize(
    "body",
    [
        {"error_type": "invalid_request", "error_codes": []},
        {"error_type": "invalid_request"},
        {"error_type": "request_invalid", "error_codes": [7, None, {}, "a\u0000b"]},
    ],
)
def test_a_documented_refusal_may_name_no_code(server, gateway, body):
    assert send(server, gateway, answer(422, body)) == Refused(422, ())


def test_the_codes_of_a_refusal_are_bounded(server, gateway):
    outcome = send(server, gateway, answer(422, an_error(*["x" * 1000] * 1000)))
    assert isinstance(outcome, Refused)
    assert len(", ".join(outcome.codes)) < 480, "they fit the columns they are written to"


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Request</html>",
        b"{}",
        b"[]",
        b'{"error": "invalid_client"}',
        b'{"error_codes": ["source_id_unknown"]}',
        b'{"error_type": null, "error_codes": ["source_id_unknown"]}',
        b'{"error_type": "request_invalid", "error_codes": "source_id_unknown"}',
        b'{"error_type": "request_invalid", "error_codes": null}',
        b'{"error_type": "request_invalid", "error_codes": ["source_id_unk',
    ],
)
def test_a_refusal_that_is_not_documented_is_unknown(server, gateway, status, body):
    assert_unknown(send(server, gateway, answer(status, body)))


@pytest.mark.parametrize("status", [402, 405, 408, 409, 410, 418, 451, 500, 502, 503, 504, 520, 599])
@pytest.mark.parametrize("body", [b"", b"<html>", an_error("processing_error")], ids=["empty", "HTML", "documented"])
def test_every_other_status_is_unknown_whatever_it_says(server, gateway, status, body):
    assert send(server, gateway, answer(status, body)) == Unknown(f"HTTP {status}")
    assert len(server.requests) == 1, "and it is not sent a second time"


@pytest.mark.parametrize("retry_after", [None, "1", "-1", "99999999999999", "Wed, 21 Oct 2099 07:28:00 GMT", "soon"])
def test_too_many_requests_is_not_sent_at_first_and_unknown_for_a_key_that_was_sent_before(
    server, gateway, retry_after
):
    headers = [] if retry_after is None else [("Retry-After", retry_after)]
    assert send(server, gateway, answer(429, b"", headers)) == NotSent("HTTP 429: too many requests", too_fast=True)
    again = a_renewal(sent_before=True)
    assert send(server, gateway, answer(429, b"", headers), again) == Unknown("HTTP 429")


# --- what is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("request_made", [a_renewal, a_first_payment, a_refund])
def test_the_same_request_twice_is_byte_for_byte_the_same_with_the_same_key(server, gateway, request_made):
    server.plays(answer(500))
    for request in (request_made(), replace(request_made(), sent_before=True)):
        act = gateway.create_refunds if request_made is a_refund else gateway.create_payments
        act([request])
    first, second = server.requests
    assert first.body == second.body
    assert first.headers == second.headers
    assert (first.method, first.path) == (second.method, second.path)
    assert first.headers["cko-idempotency-key"] == request_made().idempotency_key


def test_a_renewal_carries_what_the_kakaopay_page_asks_for_and_nothing_else(server, gateway):
    known = Payer("김", "kim@example.test", "KR", "cus_1")
    send(server, gateway, answer(202, a_payment()), a_renewal(payer=known))
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/payments")
    assert request.headers["authorization"] == "Bearer sk_test"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert json.loads(request.body) == {
        "source": {"type": "id", "id": "src_1"},
        "amount": 9900,
        "currency": "KRW",
        "payment_type": "Recurring",
        "reference": REFERENCE,
        "capture": True,
        "processing_channel_id": "pc_kakaosandboxkakaosandbox22",
        "customer": {"id": "cus_1"},
        "shipping": {"address": {"country": "KR"}},
        "items": [{"name": "베이직", "reference": "basic", "quantity": 1, "unit_price": 9900}],
    }


def test_a_customer_whose_id_is_not_known_is_told_by_name_and_address_with_their_own_country(server, gateway):
    send(server, gateway, answer(202, a_payment()), a_renewal(payer=Payer("Lee", "lee@example.test", "SG")))
    body = json.loads(server.requests[0].body)
    assert body["customer"] == {"name": "Lee", "email": "lee@example.test"}
    assert body["shipping"] == {"address": {"country": "SG"}}


@pytest.mark.parametrize(
    ("series", "first", "later"),
    [
        (SeriesFields(), {}, {}),
        (SeriesFields(merchant_initiated=True), {"merchant_initiated": False}, {"merchant_initiated": True}),
        (SeriesFields(previous_payment_id=True), {}, {"previous_payment_id": "pay_0"}),
        (
            SeriesFields(merchant_initiated=True, previous_payment_id=True),
            {"merchant_initiated": False},
            {"merchant_initiated": True, "previous_payment_id": "pay_0"},
        ),
    ],
)
def test_the_payments_of_a_series_are_marked_as_configured(server, series, first, later):
    server.plays(answer(202, a_payment()))
    with fresh_client(server.url, series=series) as client:
        client.create_payments([a_first_payment()])
        client.create_payments([a_renewal(previous_payment_id="pay_0")])
    for request, expected in zip(server.requests, (first, later), strict=True):
        body = json.loads(request.body)
        told = {name: body[name] for name in ("merchant_initiated", "previous_payment_id") if name in body}
        assert told == expected


def test_a_later_charge_whose_first_payment_is_not_known_names_none(server):
    server.plays(answer(202, a_payment()))
    with fresh_client(server.url, series=SeriesFields(previous_payment_id=True)) as client:
        client.create_payments([a_renewal()])
    assert "previous_payment_id" not in json.loads(server.requests[0].body)


def test_a_first_payment_carries_the_terminal_the_urls_and_the_customer(server, gateway):
    request = a_first_payment()
    on_a_phone = replace(request, present=replace(request.present, terminal_type="APP", os_type="IOS"))
    send(server, gateway, answer(202, a_payment()), request)
    web = json.loads(server.requests[0].body)
    send(server, gateway, answer(202, a_payment()), on_a_phone)
    app = json.loads(server.requests[0].body)
    assert web["source"] == {"type": "kakaopay"}
    assert web["processing"] == {"terminal_type": "WEB"}
    assert app["processing"] == {"terminal_type": "APP", "os_type": "IOS"}
    assert web["success_url"] == "http://127.0.0.1/ok"
    assert web["failure_url"] == "http://127.0.0.1/failed"
    assert web["customer"] == {"name": "김", "email": "kim@example.test"}
    assert web["shipping"] == {"address": {"country": "KR"}}
    assert web["items"] == [{"name": "베이직", "reference": "basic", "quantity": 1, "unit_price": 9900}]


# --- refunds --------------------------------------------------------------------------------------


def refund(server, gateway, script, **changes):
    server.plays(script)
    (outcome,) = gateway.create_refunds([a_refund(**changes)])
    return outcome


def test_a_refund_that_is_accepted_has_an_action(server, gateway):
    assert refund(server, gateway, answer(202, {"action_id": "act_1"})) == RefundAccepted("act_1")
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/payments/pay_1/refunds")
    assert json.loads(request.body) == {"amount": 9900, "reference": f"{REFERENCE}-r1"}


def test_the_id_of_a_payment_cannot_leave_its_place_in_the_path(server, gateway):
    refund(server, gateway, answer(202, {"action_id": "act_1"}), payment_id="../x?y=1#z")
    assert server.paths == ["/payments/..%2Fx%3Fy=1%23z/refunds"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"action_id": null}', b'{"action_id": 7}', b'{"action_id": ""}', b"<html>"]
)
def test_a_refund_without_an_action_is_unknown(server, gateway, body):
    assert_unknown(refund(server, gateway, answer(202, body)))


@pytest.mark.parametrize("status", [403, 422])
def test_a_refund_that_may_not_be_is_surely_refused_by_either_status(server, gateway, status):
    too_much = answer(status, an_error("refund_amount_exceeds_balance"))
    assert refund(server, gateway, too_much) == Refused(status, ("refund_amount_exceeds_balance",))


def test_a_refund_turned_away_without_a_word_is_our_key(server, gateway):
    outcome = refund(server, gateway, answer(403))
    assert isinstance(outcome, NotSent)
    assert outcome.stop_the_run is True


@pytest.mark.parametrize("script", [cut, reset, hang, answer(500), answer(409), truncated(202, GOOD)])
def test_a_refund_whose_answer_is_lost_is_unknown(server, gateway, hasty, script):
    assert_unknown(refund(server, hasty if script is hang else gateway, script))


def test_too_many_refunds_are_not_sent_at_first_and_unknown_later(server, gateway):
    assert isinstance(refund(server, gateway, answer(429)), NotSent)
    assert_unknown(refund(server, gateway, answer(429), sent_before=True))


# --- revocations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (answer(200, {}), "Revoked"),
        (answer(204), "Revoked"),
        (answer(404), "Revoked"),
        (answer(410), "Revoked"),
        (answer(422, an_error("instrument_already_revoked")), "Revoked"),
        (answer(422, an_error("source_id_unknown")), "Revoked"),
        (answer(422, an_error("request_invalid")), "Refused"),
        (answer(400, an_error("instrument_type_not_supported")), "Refused"),
        (answer(401), "NotSent"),
        (answer(403), "NotSent"),
        (answer(429), "NotSent"),
        (answer(301, b"", [("Location", "/x")]), "Unknown"),
        (answer(500), "Unknown"),
        (answer(503), "Unknown"),
        (cut, "Unknown"),
        (hang, "Unknown"),
    ],
)
def test_a_revocation_is_confirmed_refused_not_sent_or_unknown(server, gateway, hasty, script, said):
    server.plays(script)
    client = hasty if script is hang else gateway
    (told,) = client.revoke_sources(["src_1"])
    assert type(told).__name__ == said
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("PATCH", "/instruments/src_1/revoke", b"")


def test_a_revocation_that_cannot_connect_is_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with fresh_client(f"http://127.0.0.1:{port}") as gateway:
        assert isinstance(gateway.revoke_sources(["src_1"])[0], NotSent)
