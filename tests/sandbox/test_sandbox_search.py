"""Searching payments by time window and fields, page by page."""

from urllib.parse import urlsplit

import pytest
from test_sandbox_auth import FORM, bearer

DAY = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T23:59:59Z"}


def search(shop, **body):
    answer = shop.call("POST", "/payments/search", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def references(answer):
    return [each["reference"] for each in answer["data"]]


@pytest.fixture
def three_days(shop):
    """A captured enrolment, a declined charge and a captured one, on three days."""
    source = shop.enrolled()
    shop.script("kim@example.test", script=["20051", "ok"])
    shop.at("2026-03-02T00:00:00Z")
    shop.later(source, reference="later-1", amount=100)
    shop.at("2026-03-03T00:00:00Z")
    shop.later(source, reference="later-2", amount=5000)
    shop.at("2026-03-04T00:00:00Z")
    return shop


def test_the_window_includes_both_its_ends_and_the_newest_comes_first(three_days):
    assert references(search(three_days)) == ["later-2", "later-1", "first-1"]
    assert references(search(three_days, **{"from": "2026-03-02T00:00:00Z"})) == ["later-2", "later-1"]
    assert references(search(three_days, to="2026-03-02T00:00:00Z")) == ["later-1", "first-1"]
    assert references(search(three_days, **DAY)) == ["first-1"]
    assert references(search(three_days, **{"from": "2026-03-02T09:00:00", "to": "2026-03-03T09:00:00+09:00"})) == [
        "later-2"
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("reference:'later-1'", ["later-1"]),
        ("status:captured", ["later-2", "first-1"]),
        ('status:"Declined" AND currency:KRW', ["later-1"]),
        ("amount:>100 AND amount:<=5000", ["later-2"]),
        ("reference:first-1 OR amount:100", ["later-1", "first-1"]),
        ("NOT (status:declined OR amount:12900)", ["later-2"]),
        ("customer_email:'kim@example.test' AND payment_type:Recurring AND amount:<101", ["later-1"]),
        ("id:'pay_none'", []),
        ("", ["later-2", "later-1", "first-1"]),
    ],
)
def test_fields_narrow_it(three_days, query, found):
    assert references(search(three_days, query=query)) == found


def test_an_item_is_the_payment_as_it_is_shown_by_its_id(three_days):
    (item,) = search(three_days, query="reference:later-1")["data"]
    assert item == three_days.get(item)


def test_pages_follow_their_links_and_a_payment_that_comes_in_shifts_none(shop):
    for n in range(5):
        shop.first(reference=f"first-{n}")
        shop.at(f"2026-03-01T00:00:0{n + 1}Z")
    page, seen = search(shop, limit=2), []
    while True:
        seen += references(page)
        if "_links" not in page:
            break
        link = urlsplit(page["_links"]["next"]["href"])
        shop.first(reference="meanwhile")
        page = shop.call("GET", f"{link.path}?{link.query}").json()
    assert seen == ["first-4", "first-3", "first-2", "first-1", "first-0"]


def test_a_new_payment_shows_up_late(shop):
    shop.faults(list_lag_seconds=20)
    shop.first()
    assert search(shop)["data"] == []
    shop.at("2026-03-01T00:00:20Z")
    assert references(search(shop)) == ["first-1"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"limit": 0}, "limit_invalid"),
        ({"limit": 1001}, "limit_invalid"),
        ({"query": 7}, "query_invalid"),
        ({"query": "colour:red"}, "query_invalid"),
        ({"query": "status:captured AND"}, "query_invalid"),
        ({"query": "(status:captured"}, "query_invalid"),
        ({"query": "captured"}, "query_invalid"),
        ({"query": "(" * 500 + "id:1"}, "query_invalid"),
        ({"query": "reference:" + "x" * 1024}, "query_invalid"),
        ({"from": "yesterday"}, "from_invalid"),
        ({"to": 5}, "to_invalid"),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from_invalid"),
    ],
)
def test_a_bad_search_is_refused(shop, body, code):
    answer = shop.call("POST", "/payments/search", json=body)
    assert (answer.status_code, answer.json()["error_codes"]) == (422, [code])


@pytest.mark.parametrize("path", ["x?token=", "x?token=e30=", "x?token=%FF", "x"])
def test_a_page_that_nobody_named_is_not_there(shop, path):
    assert shop.call("GET", f"/payments/search/{path}").status_code == 404


def test_it_takes_a_scope_of_its_own(shop):
    for scope, status in (("gateway", 403), ("payments:search", 200)):
        token = shop.call("POST", "/connect/token", data=FORM | {"scope": scope}).json()["access_token"]
        assert shop.call("POST", "/payments/search", json={}, headers=bearer(token)).status_code == status


def test_the_faults_of_reads_strike_it(shop):
    shop.faults(read_500=1.0, unprocessed_502=1.0)
    assert shop.call("POST", "/payments/search", json={}).status_code == 500
