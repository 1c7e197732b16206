from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from billing.domain.deliveries import next_try_at, why_no_endpoint

QUEUED = datetime(2027, 3, 1, tzinfo=UTC)
ONE, OTHER = UUID(int=1), UUID(int=2)


def tries_of(delivery):
    now, tries = QUEUED, []
    while True:
        following = next_try_at(QUEUED, now, delivery)
        if following is None:
            return tries
        tries.append(following - now)
        now = following


def test_the_waits_grow_from_seconds_to_half_a_day_and_end_after_three_days():
    waits = tries_of(ONE)
    assert timedelta(seconds=4) <= waits[0] <= timedelta(seconds=6)
    assert 12 <= len(waits) <= 25
    assert max(waits) <= timedelta(hours=14.4)
    assert timedelta(days=3) <= sum(waits, timedelta()) <= timedelta(days=3, minutes=5)


def test_two_deliveries_that_failed_together_are_not_sent_again_together():
    assert next_try_at(QUEUED, QUEUED, ONE) != next_try_at(QUEUED, QUEUED, OTHER)


@pytest.mark.parametrize("url", ["https://shop.example.com/hooks", "https://shop.example.com:1024/h?token=x"])
def test_a_url_that_may_be_an_endpoint_s_in_live_mode_too(url):
    assert why_no_endpoint(url, is_live=True) is None


def test_plain_http_is_for_the_sandbox():
    for host in ("127.0.0.1:9000", "255.249.10.0", "[::1]", "[::ffff:127.0.0.1]", "localhost", "shop4", "0x.example"):
        assert why_no_endpoint(f"http://{host}/hooks", is_live=False) is None
    assert "https://" in why_no_endpoint("http://shop.example.com/hooks", is_live=True)


@pytest.mark.parametrize(("url", "says"), [
    ("ftp://shop.example.com/", "must begin with"), ("https:///hooks", "name a host"),
    ("https://user:word@shop.example.com/", "no user"), ("https://user@shop.example.com/", "no user"),
    ("https://shop.example.com/#x", "behind a #"), ("https://shop.example.com:1023/", "port 443"),
    ("https://shop.example.com:99999/", "no URL"), ("https://[::1/", "no URL"),
    ("https://상점.example.com/", "ASCII"), ("https://shop.example.com/a b", "spaces"),
    ("https://shop.example.com/" + "a" * 1000, "at most 1000"), ("shop.example.com", "must begin with"),
    ("http://2130706433/", "four decimal"), ("http://0x7f.1/", "four decimal"), ("http://0177.0.0.1/", "four decimal"),
    ("http://127.1/", "four decimal"), ("http://256.0.0.1/", "four decimal"), ("http://127.0.0.1./", "four decimal"),
])  # fmt: skip
def test_a_url_that_may_not_is_told_what_would_be_right(url, says):
    assert says in why_no_endpoint(url, is_live=False)
