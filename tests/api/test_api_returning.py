import asyncio
import threading
import time
from dataclasses import replace

import pytest
from api_world import client, served_api, wanted
from waiting import HANG_SECONDS, until

from billing.entrypoints.api import returning
from billing.entrypoints.api.return_looks import LOOK_APART_SECONDS, MOST_LOOKS, Looks


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


def test_who_leaves_the_wallet_undecided_lands_on_the_failure_url_with_the_state(api):
    answer = api.come_back(api.enrol()["redirect_url"], "leave")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{wanted()['failure_url']}?")
    assert "payment=pending" in answer.headers["location"]


def test_a_subscriber_of_an_app_comes_back_into_the_app(sqlite_world):
    ends = {"success_url": "com.example.shop:///paid?from=app#top", "failure_url": "com.example.shop://failed"}
    with served_api(api={"app_schemes": ["com.example.shop"]}) as served:
        api = served.put(sqlite_world)
        made = api.enrol(terminal_type="APP", os_type="IOS", **ends)
        answer = api.come_back(made["redirect_url"])
    told = f"from=app&subscription_id={made['id']}&payment=captured#top"
    assert answer.headers["location"] == f"com.example.shop:///paid?{told}"


def test_an_app_that_is_not_listed_is_refused_with_the_setting(still):
    answer = still.post("/v1/subscriptions", wanted(terminal_type="APP", os_type="IOS", success_url="shop://paid"))
    (told,) = answer.json()["errors"]
    assert (answer.status_code, told["field"]) == (422, "success_url")
    assert "api.app_schemes" in told["detail"]


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
    api.world.faults(latency_ms=2000)
    answer = api.http.get(f"/v1/return/{token_of(api)}")
    # Who is kept waiting is told that the payment was captured.
    assert "payment=pending" in answer.headers["location"]
    until(lambda: api.subscription(made["id"])["state"] == "active", "that the look-up goes on without them")


def test_a_subscriber_gets_back_whatever_goes_wrong(api, monkeypatch):
    def break_down(*_args, **_more):
        raise RuntimeError("a secret that must not be shown")

    api.enrol()
    monkeypatch.setattr(returning, "settle_return", break_down)
    answer = api.http.get(f"/v1/return/{token_of(api)}")
    assert answer.status_code == 303
    assert "payment=pending" in answer.headers["location"]


def looks_at_the_gateway(api):
    return len([each for each in api.world.sandbox("GET", "requests") if each["method"] == "GET"])


def looks_that_hang(api):
    return len([each for each in api.world.sandbox("GET", "requests") if each["status"] is None])


def test_a_link_that_is_opened_again_and_again_asks_the_gateway_once_in_a_while(api):
    api.enrol()
    before = looks_at_the_gateway(api)
    link, begun = f"/v1/return/{token_of(api)}", time.monotonic()
    first = api.http.get(link)
    once = looks_at_the_gateway(api) - before
    assert once > 0
    for _ in range(20):
        assert api.http.get(link).headers["location"] == first.headers["location"]
    most = 1 + int((time.monotonic() - begun) / LOOK_APART_SECONDS)
    looks = looks_at_the_gateway(api) - before
    assert looks <= most * once
    time.sleep(LOOK_APART_SECONDS)
    api.http.get(link)
    assert looks_at_the_gateway(api) - before == looks + once


def test_one_link_that_many_open_keeps_no_other_request_waiting(api, monkeypatch):
    api.enrol()
    gateway = api.world.engine.gateway
    monkeypatch.setattr(gateway, "_limits", replace(gateway._limits, answer_seconds=2 * HANG_SECONDS))
    link, opened = f"/v1/return/{token_of(api)}", []
    api.world.faults(latency_ms=60_000)

    def open_link():
        with client(api.url) as http:
            opened.append(http.get(link).status_code)

    threads = [threading.Thread(target=open_link) for _ in range(100)]
    for thread in threads:
        thread.start()
    try:
        # Whoever opened the link was answered already, or is looked up for at a gateway that does not answer.
        until(lambda: len(opened) + looks_that_hang(api) >= 100 or looks_that_hang(api) > MOST_LOOKS, "the storm")
        assert looks_that_hang(api) <= MOST_LOOKS
        assert api.http.get("/v1/plans").status_code == 200
        assert looks_that_hang(api) >= 1
    finally:
        api.world.sandbox("POST", "reset")  # what hangs is answered
        for thread in threads:
            thread.join()
    assert set(opened) == {303}


def test_links_beyond_those_that_are_looked_up_are_answered_at_once():
    looks, go_on = Looks(apart_seconds=0), threading.Event()

    async def many():
        async def look(number, patience=0.1):
            return await looks.look(f"link-{number}", lambda: go_on.wait(HANG_SECONDS), patience_seconds=patience)

        given_up = await asyncio.gather(*(look(number) for number in range(MOST_LOOKS)))
        turned_away, under_way = await look(99), looks._under_way
        go_on.set()
        # Those that nobody waits for any more still count, and one more was not even begun.
        assert under_way == MOST_LOOKS
        await asyncio.to_thread(until, lambda: not looks._under_way, "the end of the looks")
        return given_up, turned_away, await look(100, patience=HANG_SECONDS)

    assert asyncio.run(many()) == ([None] * MOST_LOOKS, None, True)


def test_what_is_remembered_of_links_goes_with_the_time():
    looks = Looks(apart_seconds=0.05)

    async def one_after_another():
        for number in range(20):
            assert await looks.look(f"link-{number}", lambda: "told", patience_seconds=HANG_SECONDS) == "told"
            await asyncio.sleep(0.01)

    asyncio.run(one_after_another())
    assert len(looks._begun) < 10
