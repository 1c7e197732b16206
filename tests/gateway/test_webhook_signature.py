"""Raw bytes and headers in, a verified event or a refusal out. The body is not read before its signature is right."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.gateway.webhooks import NotAuthentic, VerifiedEvent, WebhookKeys, read_webhook, sign

KEY = "키-key"
EVENT = {
    "id": "evt_1",
    "type": "payment_captured",
    "version": "1.0.0",
    "timestamp": "2027-03-01T01:02:03.1234567Z",
    "data": {"id": "pay_1", "action_id": "act_1", "reference": "abc-1", "amount": 9900, "customer": {"name": "김"}},
    "_links": {"self": {"href": "x"}},
}
BODY = json.dumps(EVENT, ensure_ascii=False).encode()
FACTS = VerifiedEvent("evt_1", "payment_captured", "pay_1", "act_1", "abc-1")


def by_hand(body, key=KEY):
    """Sign as the gateway does, written without our code."""
    return hmac.new(key.encode("utf-8"), body, hashlib.sha256).hexdigest()


def read(body=BODY, signature=None, *, authorization=None, keys=(KEY,), expected=None):
    told = WebhookKeys(list(keys), authorization=expected)
    return read_webhook(
        body, signature=by_hand(body) if signature is None else signature, authorization=authorization, keys=told
    )


def read_signed(event):
    return read(event if isinstance(event, bytes) else json.dumps(event).encode())


# --- the signature --------------------------------------------------------------------------------


def test_a_right_signature_over_the_raw_body_gives_the_events_facts():
    assert read() == FACTS


def test_a_known_signature_comes_out_as_calculated_elsewhere():
    assert sign(b'{"id":"evt_1"}', "secret") == "16abb10adb33ff9cff34f6a57fc2c0b902c11ea19fe73dae86f2940c235e7ed5"


def test_a_signature_in_capital_letters_is_the_same_signature():
    assert read(signature=by_hand(BODY).upper()) == FACTS


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        " ",
        "0" * 64,
        by_hand(BODY)[:-1],
        by_hand(BODY) + "0",
        " " + by_hand(BODY),
        by_hand(BODY) + "\n",
        "sha256=" + by_hand(BODY),
        f"{by_hand(BODY)}, {by_hand(BODY)}",
        by_hand(BODY, "another-key"),
        by_hand(BODY, ""),
        hashlib.sha256(BODY).hexdigest(),
        hashlib.sha256(KEY.encode() + BODY).hexdigest(),
        hmac.new(KEY.encode(), BODY, hashlib.sha512).hexdigest(),
        "서명" * 32,
        "é" * 64,
        "\ud800" * 64,
        "\x00" * 64,
        "a" * 1_000_000,
    ],
    ids=lambda value: "none" if value is None else repr(value[:12]),
)
def test_a_missing_or_wrong_signature_is_refused_whatever_it_is_made_of(signature):
    with pytest.raises(NotAuthentic, match="Cko-Signature is missing or wrong"):
        read_webhook(BODY, signature=signature, authorization=None, keys=WebhookKeys([KEY]))


@pytest.mark.parametrize("position", range(0, 64, 7))
def test_a_signature_with_one_letter_changed_is_refused(position):
    right = by_hand(BODY)
    wrong = right[:position] + ("0" if right[position] != "0" else "1") + right[position + 1 :]
    with pytest.raises(NotAuthentic):
        read(signature=wrong)


def test_while_one_key_replaces_the_other_both_count_and_afterwards_only_the_new_one():
    old, new = "old-key", "new-key"
    for key in (old, new):
        assert read(signature=by_hand(BODY, key), keys=(old, new)) == FACTS
    with pytest.raises(NotAuthentic):
        read(signature=by_hand(BODY, old), keys=(new,))
    with pytest.raises(NotAuthentic):
        read(signature=by_hand(BODY, "third-key"), keys=(old, new))


def test_without_a_key_nothing_is_authentic():
    for signature in (by_hand(BODY), by_hand(BODY, ""), ""):
        with pytest.raises(NotAuthentic):
            read(signature=signature, keys=())


@pytest.mark.parametrize(
    "altered",
    [
        json.dumps(EVENT, ensure_ascii=True).encode(),
        json.dumps(EVENT, ensure_ascii=False, separators=(",", ":")).encode(),
        json.dumps(EVENT, ensure_ascii=False, sort_keys=True).encode(),
        b"\xef\xbb\xbf" + BODY,
        BODY + b"\r\n",
        BODY + b" ",
        BODY.replace(b", ", b",\r\n"),
        BODY.replace(b"9900", b"9901"),
        BODY[:-1],
        b"",
    ],
    ids=["escaped", "compact", "sorted", "BOM", "CRLF", "space", "line ends", "amount", "cut", "empty"],
)
def test_the_signature_of_one_body_is_wrong_for_every_other_one_even_of_the_same_meaning(altered):
    with pytest.raises(NotAuthentic):
        read(altered, by_hand(BODY))


def test_a_body_is_not_read_before_its_signature_is_right():
    for body in (b"{" * 200_000, b"\xff\xfe", b"not json"):
        with pytest.raises(NotAuthentic):
            read(body, "0" * 64)


@given(body=st.binary(max_size=200), signature=st.one_of(st.none(), st.text("0123456789abcdefABCDEF é\n", max_size=70)))
def test_no_body_and_no_header_make_it_raise_anything_else(body, signature):
    with pytest.raises(NotAuthentic):
        read_webhook(body, signature=signature, authorization=None, keys=WebhookKeys([KEY]))
    assert read_signed(body).ignored in ("it is no JSON object", "it has no type")


# --- the Authorization header ---------------------------------------------------------------------


def test_where_an_authorization_header_is_agreed_on_it_must_be_there_and_right():
    assert read(authorization="Bearer 비밀", expected="Bearer 비밀") == FACTS
    for told in (None, "", "Bearer", "bearer 비밀", "Bearer 비밀 ", "\ud800"):
        with pytest.raises(NotAuthentic, match="Authorization"):
            read(authorization=told, expected="Bearer 비밀")


def test_a_right_authorization_header_does_not_replace_the_signature():
    with pytest.raises(NotAuthentic, match="Cko-Signature"):
        read(signature="0" * 64, authorization="secret", expected="secret")


def test_where_no_authorization_header_is_agreed_on_any_is_ignored():
    assert read(authorization="whatever") == FACTS


# --- signed, and of no use ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<xml/>",
        b"\xff\xfe{\x00}\x00",
        BODY[:-1],
        BODY + BODY,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"id": "evt_1", "type": "x", "data": {"amount": ' + b"9" * 5000 + b"}}",
        b"null",
        b"[]",
        b'"evt_1"',
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_signed_body_that_is_no_json_object_is_known_by_its_bytes_and_ignored(body):
    event = read_signed(body)
    assert (event.type, event.ignored) == ("unreadable", "it is no JSON object")
    assert event.id == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert (event.payment_id, event.action_id, event.reference) == (None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + BODY,
        BODY.replace(b'"version"', b'"id": "evt_1", "version"'),
        BODY.replace(b"9900", b"NaN"),
        BODY.replace(b"9900", b"1e999"),
        BODY.replace(b"2027-03-01T01:02:03.1234567Z", b"2027-02-30T25:61:61Z"),
        BODY.replace(b'"2027-03-01T01:02:03.1234567Z"', b'{"never": []}'),
        BODY.replace(b'"timestamp": "2027-03-01T01:02:03.1234567Z", ', b""),
    ],
    ids=["BOM", "a key twice", "NaN", "infinity", "impossible date", "no date", "without a date"],
)
def test_what_an_answer_must_not_be_a_hint_may_be(body):
    assert read_signed(body) == FACTS


@pytest.mark.parametrize("data", [None, [], "x", 7, True])
def test_an_event_whose_data_is_no_object_is_ignored(data):
    event = read_signed({**EVENT, "data": data})
    assert (event.id, event.type, event.ignored) == ("evt_1", "payment_captured", "its data is no object")


def test_an_event_without_data_is_ignored():
    event = read_signed({"id": "evt_1", "type": "issuing_authorization_approved", "event_data": {"card_id": "crd_1"}})
    assert (event.type, event.ignored) == ("issuing_authorization_approved", "it has no data")


@pytest.mark.parametrize("value", [None, "", 7, [], "x" * 101, "a\x00b", "a\nb", "\ud800"])
def test_an_event_without_a_usable_type_is_ignored_and_one_without_an_id_is_known_by_its_bytes(value):
    without_type = read_signed({**EVENT, "type": value})
    assert (without_type.id, without_type.type, without_type.ignored) == ("evt_1", "unreadable", "it has no type")
    without_id = read_signed({**EVENT, "id": value})
    assert without_id.id.startswith("sha256:")
    assert (without_id.payment_id, without_id.ignored) == ("pay_1", None), "the hint is good"


@pytest.mark.parametrize("value", [None, "", 7, [], "x" * 101])
def test_an_event_of_a_payment_that_names_none_is_ignored(value):
    assert read_signed({**EVENT, "data": {**EVENT["data"], "id": value}}).ignored == "it names no payment"


def test_a_refusal_says_which_header_it_was():
    for signature, why in ((None, "no_signature"), ("", "no_signature"), ("0" * 64, "wrong_signature")):
        with pytest.raises(NotAuthentic) as raised:
            read_webhook(BODY, signature=signature, authorization=None, keys=WebhookKeys([KEY]))
        assert raised.value.why == why
    with pytest.raises(NotAuthentic) as raised:
        read(authorization="wrong", expected="right")
    assert raised.value.why == "wrong_authorization"


@pytest.mark.parametrize(("name", "longest"), [("id", 100), ("action_id", 100), ("reference", 200)])
def test_a_field_of_the_payment_that_is_huge_or_no_text_is_untold_and_the_event_still_counts(name, longest):
    fits = "x" * longest
    fact = {"id": "payment_id"}.get(name, name)
    assert getattr(read_signed({**EVENT, "data": {**EVENT["data"], name: fits}}), fact) == fits
    for value in (fits + "x", "x" * 100_000, "", None, 7, [], {}, "a\x00b", "a\r\nb", "\ud800"):
        event = read_signed({**EVENT, "data": {**EVENT["data"], name: value}})
        assert getattr(event, fact) is None
        assert event.id == "evt_1"


def test_an_event_of_a_kind_nobody_knows_is_read_all_the_same():
    event = read_signed({"id": "evt_9", "type": "dispute_of_tomorrow", "data": {}, "new": {"deep": [1]}})
    assert (event.id, event.type, event.payment_id) == ("evt_9", "dispute_of_tomorrow", None)
    assert event.ignored == "it names no payment"


def test_a_signed_body_may_have_any_line_ends_and_spaces():
    assert read(BODY.replace(b", ", b",\r\n\t") + b"\r\n") == FACTS


def test_what_an_event_tells_of_a_dispute_is_kept_and_what_cannot_be_read_is_left_out():
    data = {
        "id": "dsp_1",
        "payment_id": "pay_1",
        "payment_reference": "abc-1",
        "amount": 9900,
        "currency": "KRW",
        "category": "general",
        "evidence_required_by": "2027-03-11T00:00:00Z",
        "last_update": "2027-03-01T00:00:00Z",
    }
    event = read_signed({**EVENT, "type": "dispute_received", "data": data})
    assert event.payment_id == "pay_1"
    assert event.dispute == {
        "dispute_id": "dsp_1",
        "payment_id": "pay_1",
        "reference": "abc-1",
        "amount": 9900,
        "currency": "KRW",
        "reason": "general",
        "respond_by": "2027-03-11T00:00:00+00:00",
        "updated_at": "2027-03-01T00:00:00+00:00",
    }
    odd = {**data, "amount": True, "currency": 7, "category": [], "evidence_required_by": "2027-02-30T99:00:00Z"}
    kept = read_signed({**EVENT, "type": "dispute_received", "data": odd}).dispute
    assert set(kept) == {"dispute_id", "payment_id", "reference", "updated_at"}


def test_a_chargeback_names_the_payment_and_a_dispute_without_one_is_ignored():
    chargeback = read_signed({**EVENT, "type": "payment_chargeback"})
    assert (chargeback.payment_id, chargeback.dispute["dispute_id"]) == ("pay_1", "pay_1")
    assert read_signed({**EVENT, "type": "dispute_received"}).ignored == "it names no payment"
