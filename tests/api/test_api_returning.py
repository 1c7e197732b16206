import time

import pytest

from billing.entrypoints.api import returning


def token_of(api):
    return api.world.scalar("SELECT return_token FROM charge")


@pytest.mark.parametrize("token", ["x" * 32, "x", "%00", "a" * 2000, "%F0%9F%92%A9"])
def test_an_unknown_link_is_answered_in_korean_and_english(still, token):
    answer = still.http.get(f"/v1/return/{token}", headers={"Authorization": ""})
    assert answer.status_code == 404
    assert "링크를 찾을 수 없습니다" in answer.text
    assert "This link is not known" in answer.text


def test_a_link_that_no_database_takes_is_not_known_either(both):
    assert both.http.get("/v1/return/%00").status_code == 404


def test_a_subscriber_needs_no_key_to_come_back(api):
    api.enrol()
    answer = api.http.get(f"/v1/return/{token_of(api)}", headers={"Authorization": ""})
    assert answer.status_code == 303
    assert "payment=pending" in answer.headers["location"]


def test_coming_back_twice_changes_nothing(api):
    made = api.enrol()
    first = api.come_back(made["redirect_url"])
    events = len(api.world.events())
    again = api.http.get(f"/v1/return/{token_of(api)}")
    assert again.headers["location"] == first.headers["location"]
    assert len(api.world.events()) == events


def test_a_subscriber_gets_back_when_the_gateway_is_down(api):
    made = api.enrol()
    api.world.agree(made["redirect_url"])
    api.world.faults(outage=True)
    answer = api.http.get(f"/v1/return/{token_of(api)}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://127.0.0.1/done?from=app&")
    assert "payment=pending" in answer.headers["location"]
    assert api.subscription(made["id"])["state"] == "incomplete"


def test_a_subscriber_is_not_kept_waiting_for_a_gateway_that_hangs(api, monkeypatch):
    monkeypatch.setattr(returning, "PATIENCE_SECONDS", 0.2)
    made = api.enrol()
    api.world.agree(made["redirect_url"])
    api.world.faults(latency_ms=800)
    answer = api.http.get(f"/v1/return/{token_of(api)}")
    assert answer.elapsed.total_seconds() < 0.7
    assert "payment=pending" in answer.headers["location"]
    # The look-up goes on without them.
    end = time.monotonic() + 10
    while api.subscription(made["id"])["state"] != "active":
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_subscriber_gets_back_whatever_goes_wrong(api, monkeypatch):
    def break_down(*_args, **_more):
        raise RuntimeError("a secret that must not be shown")

    api.enrol()
    monkeypatch.setattr(returning, "settle_return", break_down)
    answer = api.http.get(f"/v1/return/{token_of(api)}")
    assert answer.status_code == 303
    assert "payment=pending" in answer.headers["location"]
