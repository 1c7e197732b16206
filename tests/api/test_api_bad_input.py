"""Bad input: each row is refused in the one shape, with the field and what would be right; nothing is written."""

import base64
import json
from uuid import UUID

import pytest
from api_world import APP, wanted

from billing.domain.public_ids import Kind, public_id
from billing.entrypoints.api.paging import write_cursor

NOBODY = public_id(Kind.SUBSCRIPTION, UUID(int=0))
NO_CHARGE = public_id(Kind.CHARGE, UUID(int=0))
LONG = "x" * 60_000
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _nothing_is_written(still):
    before = still.world.scalar("SELECT count(*) FROM event")
    yield
    assert still.world.scalar("SELECT count(*) FROM event") == before
    assert still.world.scalar("SELECT count(*) FROM customer") == 0


def fields_of(answer):
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["code"] == "invalid_request"
    assert problem["request_id"]
    return {each["field"]: each["detail"] for each in problem["errors"]}


TEXT = [
    ("", "1 to"),
    ("   ", "1 to"),
    (LONG, "1 to"),
    ("a\x00b", "U+0000"),
    ("a\r\nSet-Cookie: x", "U+000D"),
    ("a\x1bb", "U+001B"),
    ("\ud800", "U+D800"),
    ("\u202egnp.exe", "U+202E"),
    ("zero\u200bwidth", "U+200B"),
    ("line\u2028separator", "U+2028"),
    ("paragraph\u2029separator", "U+2029"),
    ("\ufeffbom", "U+FEFF"),
    (1, "valid string"),
    (True, "valid string"),
    (None, "valid string"),
    (["a"], "valid string"),
    ({"a": 1}, "valid string"),
]
FIELDS = [
    ("plan", "", "a code such as"),
    ("plan", "Basic", "a code such as"),
    ("plan", "basic\n", "a code such as"),
    ("plan", "x" * 51, "a code such as"),
    ("plan", "../plans", "a code such as"),
    ("plan", "'; DROP TABLE plan; --", "a code such as"),
    ("email", "kim", "e-mail address"),
    ("email", "kim@", "e-mail address"),
    ("email", "@example.test", "e-mail address"),
    ("email", "a@b@example.test", "e-mail address"),
    ("email", "kim@localhost", "e-mail address"),
    ("email", "kim@exa mple.test", "e-mail address"),
    ("email", "kim@-example.test", "e-mail address"),
    ("email", ".kim@example.test", "e-mail address"),
    ("email", "ki..m@example.test", "e-mail address"),
    ("email", "kim@example.test\r\nBcc: all", "e-mail address"),
    ("email", "김@example.test", "e-mail address"),
    ("email", f"{'x' * 250}@a.bc", "e-mail address"),
    ("phone", "", "phone number"),
    ("phone", "12345", "phone number"),
    ("phone", "+0123456789", "phone number"),
    ("phone", "+8201012345678", "phone number"),
    ("phone", "+1234567890123456", "phone number"),
    ("phone", "\u0660\u0661\u0660-1234-5678", "phone number"),
    ("phone", "\uff10\uff11\uff10-1234-5678", "phone number"),
    ("phone", "010-1234-5678; rm", "phone number"),
    ("phone", 1012345678, "valid string"),
    ("locale", "fr", "'ko' or 'en'"),
    ("country", "kr", "ISO 3166-1 alpha-2"),
    ("country", "XX", "ISO 3166-1 alpha-2"),
    ("country", 82, "valid string"),
    ("locale", "KO", "'ko' or 'en'"),
    ("terminal_type", "web", "'WEB', 'WAP' or 'APP'"),
    ("terminal_type", "MINI_APP", "'WEB', 'WAP' or 'APP'"),
    ("terminal_type", 0, "'WEB', 'WAP' or 'APP'"),
    ("os_type", "WINDOWS", "'ANDROID' or 'IOS'"),
]
URLS = [
    "",
    "/done",
    "//127.0.0.1/done",
    "127.0.0.1/done",
    "javascript:alert(1)",
    "ftp://127.0.0.1/done",
    "file:///etc/passwd",
    "http://",
    "http:///done",
    "http://evil.test/done",
    "http://127.0.0.1/a\\b",
    "http://127.0.0.1@evil.test/done",
    "http://kim:secret@127.0.0.1/done",
    "http://127.0.0.1:pw@evil.test/",
    "http://127.0.0.1\\@evil.test/done",
    "http://127.0.0.1.evil.test/done",
    "http://127.0.0.1%2eevil.test/done",
    "http://evil.test#127.0.0.1",
    "http://127.0.0.1:99999/done",
    "http://127.0.0.1:8o/done",
    "http://[::1/done",
    "https://127.0.0.1/done",
    "http://127.0.0.1/done\r\nSet-Cookie: x",
    "http://127.0.0.1/\tdone",
    "http://127.0.0.1/ done",
    "http://127.0.0.1/완료",
    "http://127.0.0.1/\x00",
    "http://127.0.0.1/a/../b",
    "http://127.0.0.1/a/%2E%2e/b",
    "http://127.0.0.1/" + "x" * 1008,
]


@pytest.mark.parametrize("field", ["customer_reference", "name"])
@pytest.mark.parametrize(("value", "right"), TEXT, ids=lambda value: ascii(value)[:20])
def test_text_that_cannot_be_stored_or_seen(still, field, value, right):
    if (field, value) == ("name", None):
        right = "is required: there is no customer of this reference yet"
    body = wanted() | {field: value}
    # Escaped, since a lone surrogate can only be sent so.
    answer = still.post("/v1/subscriptions", content=json.dumps(body), headers=JSON)
    assert right in fields_of(answer)[field]


@pytest.mark.parametrize(("field", "value", "right"), FIELDS, ids=lambda value: ascii(value)[:24])
def test_a_field_that_is_wrong_is_named_with_what_would_be_right(still, field, value, right):
    told = fields_of(still.post("/v1/subscriptions", wanted() | {field: value}))
    assert right in told[field]
    assert list(told) == [field]


@pytest.mark.parametrize("field", ["success_url", "failure_url"])
@pytest.mark.parametrize("url", URLS, ids=lambda url: ascii(url)[:40])
def test_nobody_is_sent_to_an_address_that_is_not_listed(still, field, url):
    assert list(fields_of(still.post("/v1/subscriptions", wanted() | {field: url}))) == [field]


def test_the_return_addresses_are_checked_for_new_sources_too(still):
    body = {"terminal_type": "WEB", **APP, "failure_url": "http://evil.test"}
    answer = still.post(f"/v1/subscriptions/{NOBODY}/replace-source", body)
    assert "api.return_urls (http://127.0.0.1, http://localhost)" in fields_of(answer)["failure_url"]


@pytest.mark.parametrize("field", ["plan", "customer_reference", "terminal_type", "success_url"])
def test_what_is_missing_is_named(still, field):
    assert fields_of(still.post("/v1/subscriptions", wanted(**{field: None})))[field] == "is required"


def test_all_that_is_wrong_is_told_at_once(still):
    told = fields_of(still.post("/v1/subscriptions", {"plan": "basic", "nmae": "Kim"}))
    assert set(told) == {"nmae", "customer_reference", "terminal_type", "success_url", "failure_url"}
    assert told["nmae"] == "is not known; did you mean name?"


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        (f"/v1/subscriptions/{NOBODY}/cancel", {"when": "now"}, {"when": "is not known; there are at, on, reason"}),
        (f"/v1/subscriptions/{NOBODY}/pause", {"resume": 1}, {"resume": "is not known; did you mean resume_at?"}),
        (
            "/v1/refunds",
            {"charge_id": NO_CHARGE, "reason": "x", "amount": {"amount": 1, "currency": "KRW", "won": 1}},
            {"amount.won": "is not known; there are amount, currency"},
        ),
    ],
)
def test_of_a_name_that_is_not_known_the_names_there_are_in_its_place_are_told(still, path, body, told):
    assert fields_of(still.post(path, body)) == told


@pytest.mark.parametrize(
    "name", ["id", "state", "__proto__", "constructor", "amount_minor", "paid_through", "\ud800", ""]
)
def test_what_is_not_asked_for_cannot_be_set(still, name):
    answer = still.post(
        "/v1/subscriptions",
        content=json.dumps(wanted() | {name: "active"}),
        headers=JSON,
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"


@pytest.mark.parametrize("name", ["\u202egnp", "\x1b[31m", "a\x00"])
def test_a_name_that_cannot_be_shown_is_not_shown(still, name):
    assert "?" in fields_of(still.post("/v1/subscriptions", wanted() | {name: 1}))


AMOUNTS = [
    "-1",
    "0",
    "-0",
    "1000000000",
    "1.5",
    "1.0",
    "1e3",
    '"1e30"',
    "2147483648",
    "9007199254740993",
    "9223372036854775808",
    "1e999",
    "true",
    '"900"',
    '"1_000"',
    '" 5 "',
    '"\uff19\uff10\uff10"',
    "[]",
    "[900]",
    "{}",
    "9" * 4000,
]


@pytest.mark.parametrize("amount", AMOUNTS, ids=lambda text: text[:20])
def test_an_amount_is_a_whole_number_of_minor_units(still, amount):
    body = f'{{"charge_id": "{NO_CHARGE}", "amount": {{"amount": {amount}, "currency": "KRW"}}, "reason": "x"}}'
    answer = still.post("/v1/refunds", content=body, headers=JSON)
    assert list(fields_of(answer)) == ["amount.amount"]


@pytest.mark.parametrize("amount", [3000, "3000", [3000]])
def test_money_that_is_no_object_is_told_its_shape(still, amount):
    told = fields_of(still.post("/v1/refunds", {"charge_id": NO_CHARGE, "amount": amount, "reason": "x"}))
    assert told == {"amount": 'must be a JSON object such as {"amount": 3000, "currency": "KRW"}'}


@pytest.mark.parametrize("currency", ["", "krw", "KR", "KRWW", "\uff2b\uff32\uff37", 410, None])
def test_a_currency_is_three_capital_letters(still, currency):
    body = {"charge_id": NO_CHARGE, "amount": {"amount": 1, "currency": currency}, "reason": "x"}
    assert list(fields_of(still.post("/v1/refunds", body))) == ["amount.currency"]


@pytest.mark.parametrize(
    "charge",
    [
        "",
        "x",
        NOBODY,
        NO_CHARGE.upper(),
        NO_CHARGE[:-1],
        NO_CHARGE + "=",
        NO_CHARGE[:-1] + "b",
        str(UUID(int=0)),
        1,
        None,
    ],
)
def test_an_id_is_of_its_kind_and_whole(still, charge):
    told = fields_of(still.post("/v1/refunds", {"charge_id": charge, "reason": "x"}))
    assert list(told) == ["charge_id"]


def test_an_id_of_another_kind_is_named(still):
    told = fields_of(still.post("/v1/refunds", {"charge_id": NOBODY, "reason": "x"}))
    assert "this is the id of a subscription" in told["charge_id"]


BODIES = [
    b"{",
    b"nothing",
    b'{"at": NaN}',
    b'{"at": Infinity}',
    b'{"at": "now", "at": "now"}',
    b'\xef\xbb\xbf{"at": "now"}',
    '{"at": "now"}'.encode("utf-16"),
    b'{"at": "\xff"}',
    b'{"at": "now"} {}',
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b"1" * 5000,
    b"\x1f\x8b\x08\x00",
    b"'now'",
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:16]))
def test_what_is_no_json_is_refused(still, body):
    answer = still.post(
        f"/v1/subscriptions/{NOBODY}/cancel", content=body, headers={"Content-Type": "application/json"}
    )
    still.refused(answer, 400, "bad_json")


@pytest.mark.parametrize("body", [b"[]", b'"now"', b"1", b"true", b'[{"at": "now"}]'])
def test_json_that_is_no_object_is_refused(still, body):
    answer = still.post(
        f"/v1/subscriptions/{NOBODY}/cancel", content=body, headers={"Content-Type": "application/json"}
    )
    assert fields_of(answer) == {"body": "must be a JSON object"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json, text/plain"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_a_body_of_another_kind_is_refused(still, headers):
    answer = still.post(f"/v1/subscriptions/{NOBODY}/cancel", content=b'{"at": "now"}', headers=headers)
    still.refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("act", "body", "field"),
    [
        ("cancel", {"at": "tomorrow"}, "at"),
        ("cancel", {"at": None}, "at"),
        ("cancel", {"reason": "x" * 201}, "reason"),
        ("cancel", {"when": "now"}, "when"),
        *[
            ("pause", {"resume_at": value}, "resume_at")
            for value in (
                "",
                "tomorrow",
                0,
                1893456000,
                True,
                [],
                "2027-03-10",
                "2027-03-10T09:00:00",
                "2027-02-30T09:00:00Z",
                "2027-03-10T24:00:00Z",
                "2027-12-31T23:59:60Z",
                "2027-03-10 09:00:00Z",
                "0000-01-01T00:00:00Z",
                "0001-01-01T00:00:00+14:00",
                "9999-12-31T23:59:59-12:00",
                "2027-03-10T09:00:00+99:00",
                "2027-03-10T09:00:00 Asia/Seoul",
                "٢٠٢٧-03-10T09:00:00Z",
                "2027-03-10T09:00:00Z\n",
                "2027-W10-1T09:00:00Z",
                "1e9",
            )
        ],
    ],
)
def test_acts_take_only_what_they_know(still, act, body, field):
    assert field in fields_of(still.post(f"/v1/subscriptions/{NOBODY}/{act}", body))


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/subscriptions?limit=0", "limit"),
        ("/v1/subscriptions?limit=-1", "limit"),
        ("/v1/subscriptions?limit=101", "limit"),
        ("/v1/subscriptions?limit=1_0", "limit"),
        ("/v1/subscriptions?limit=1.0", "limit"),
        ("/v1/subscriptions?limit=%205", "limit"),
        ("/v1/subscriptions?limit=%EF%BC%95", "limit"),
        ("/v1/subscriptions?limit=99999999999999999999", "limit"),
        ("/v1/subscriptions?limit=", "limit"),
        ("/v1/subscriptions?cursor=abc", "cursor"),
        ("/v1/subscriptions?cursor=%00", "cursor"),
        ("/v1/subscriptions?state=dead", "state"),
        ("/v1/subscriptions?state=active%27%20OR%201=1", "state"),
        ("/v1/subscriptions?customer_reference=", "customer_reference"),
        ("/v1/subscriptions?customer_reference=%00", "customer_reference"),
        ("/v1/subscriptions?customer_id=x", "customer_id"),
        (f"/v1/subscriptions?customer_id={NOBODY}", "customer_id"),
        ("/v1/subscriptions?plan=Basic", "plan"),
        ("/v1/subscriptions?created_from=2027-01-01", "created_from"),
        ("/v1/subscriptions?created_before=yesterday", "created_before"),
        ("/v1/subscriptions?state=active&state=active", "state"),
        ("/v1/subscriptions?custmer=x", "custmer"),
        ("/v1/subscriptions/abc", "subscription_id"),
        ("/v1/subscriptions/%00", "subscription_id"),
        (f"/v1/subscriptions/{NOBODY}%20", "subscription_id"),
        ("/v1/events?after=-1", "after"),
        ("/v1/events?after=9223372036854775808", "after"),
        ("/v1/events?after=9999999999999999999", "after"),
        ("/v1/events?after=x", "after"),
        ("/v1/events?before=1", "before"),
        ("/v1/invoices", "query"),
        ("/v1/invoices?subscription_id=1", "subscription_id"),
        ("/v1/invoices?state=dead", "state"),
        ("/v1/charges?limit=5", "query"),
        ("/v1/refunds", "query"),
        ("/v1/refunds/1", "refund_id"),
        (f"/v1/refunds/{NO_CHARGE}", "refund_id"),
        ("/v1/plans?limit=0", "limit"),
        ("/v1/plans?archived=perhaps", "archived"),
        ("/v1/plans/Basic", "plan"),
        ("/v1/plans/basic?x=1", "x"),
        ("/v1/prices?plan=%00", "plan"),
        ("/v1/customers/x/access?grace_days=367", "grace_days"),
        ("/v1/customers/x/access?grace_days=1e1", "grace_days"),
    ],
)
def test_questions_take_only_what_they_know(still, path, field):
    assert field in fields_of(still.call("GET", path))


@pytest.mark.parametrize(
    "key",
    [
        [("Idempotency-Key", "")],
        [("Idempotency-Key", "x" * 256)],
        [("Idempotency-Key", "x" * 10_240)],
        [("Idempotency-Key", "a b")],
        [("Idempotency-Key", "키".encode())],
        [("Idempotency-Key", "a"), ("Idempotency-Key", "a")],
    ],
    ids=["empty", "256", "10 kB", "space", "unicode", "twice"],
)
def test_an_idempotency_key_is_visible_ascii(still, key):
    assert "Idempotency-Key" in fields_of(still.post("/v1/subscriptions", wanted(), headers=key))


@pytest.mark.parametrize("act", ["undo-cancel", "resume", "consent"])
@pytest.mark.parametrize(("body", "field"), [(b'{"at": "now"}', "at"), (b"[]", "body"), (b'{"reason": 1}', "reason")])
def test_a_path_that_takes_a_reason_only_refuses_all_else(still, act, body, field):
    answer = still.post(f"/v1/subscriptions/{NOBODY}/{act}", content=body, headers=JSON)
    assert list(fields_of(answer)) == [field]


@pytest.mark.parametrize("body", [b'{"reason": "x"}', b"[]", b"null"])
def test_a_path_that_takes_no_body_refuses_one(still, body):
    path = f"/v1/webhook_endpoints/we_{NOBODY.partition('_')[2]}"
    answer = still.call("DELETE", path, content=body, headers=JSON)
    assert list(fields_of(answer)) == ["body"]


FORGED = [
    '["subscriptions"]',
    '["subscriptions", "2027-01-31T03:00:00+00:00"]',
    '["subscriptions", "2027-01-31T03:00:00", "00000000-0000-0000-0000-000000000000"]',
    '["subscriptions", "2027-02-31T03:00:00+00:00", "00000000-0000-0000-0000-000000000000"]',
    '["subscriptions", "2027-01-31T03:00:00+00:00", "\\u0000"]',
    '["subscriptions", 5, 6]',
    '["invoices", "2027-01-31T03:00:00+00:00", "00000000-0000-0000-0000-000000000000"]',
    '{"subscriptions": 1}',
    "5",
    "[" * 140,
    "no json",
]


@pytest.mark.parametrize("told", FORGED)
def test_a_cursor_that_was_not_given_out_for_this_list_is_refused(still, told):
    cursor = base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")
    told = fields_of(still.call("GET", "/v1/subscriptions", params={"cursor": cursor}))
    assert told == {"cursor": "is not the next_cursor of a page of this list; leave it out to begin at the first"}


@pytest.mark.parametrize("key", [["basic", "x"], ["basic", "1" * 30], ["\x00", "1"], ["basic"]])
def test_a_cursor_of_prices_holds_a_plan_and_a_version(still, key):
    cursor = write_cursor("prices", *key)
    assert list(fields_of(still.call("GET", "/v1/prices", params={"cursor": cursor}))) == ["cursor"]


def test_a_body_over_64_kibibytes_is_refused(still):
    answer = still.post("/v1/subscriptions", wanted(name="x" * 66_000))
    assert "65536" in still.refused(answer, 413, "body_too_large")
