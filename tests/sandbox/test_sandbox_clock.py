"""Sandbox time: frozen, moved forward, or real."""

from datetime import UTC, datetime

import pytest
from waiting import until


def test_time_moves_only_forward_once_frozen(shop):
    answer = shop.call("PUT", "/_sandbox/clock", json={"now": "2026-02-28T23:59:59Z"})
    assert answer.status_code == 422
    assert shop.at("2026-03-01T00:00:00+00:00")["now"] == "2026-03-01T00:00:00.000000Z"
    assert shop.at("2026-03-01T10:00:00+09:00")["now"] == "2026-03-01T01:00:00.000000Z"


@pytest.mark.parametrize("body", [{}, {"now": "tomorrow"}, {"now": "2026-04-01T00:00:00"}, {"now": 5}, {"then": 1}, []])
def test_what_is_no_instant_is_refused(shop, body):
    assert shop.call("PUT", "/_sandbox/clock", json=body).status_code == 422


def test_next_names_the_coming_thing_or_nothing(shop):
    assert shop.control("GET", "clock")["next"] is None
    first = shop.first()
    assert shop.control("GET", "clock")["next"] == "2026-03-01T00:15:00.000000Z"
    shop.agree(first)
    assert shop.control("GET", "clock")["next"] is None


def test_things_happen_in_the_order_of_time_and_at_their_own_instants(shop):
    source = shop.enrolled()
    for n, seconds in enumerate((50, 10, 30)):
        shop.script(source, script=[{"outcome": "ok", "settle_seconds": seconds}])
        shop.later(source, reference=f"later-{n}")
    shop.at("2026-03-01T06:00:00Z")
    ids = [row["id"] for row in shop.ledger()[1:]]
    processed = [shop.call("GET", f"/payments/{each}/actions").json()[0]["processed_on"] for each in ids]
    assert [each[11:19] for each in processed] == ["00:00:50", "00:00:10", "00:00:30"]


def test_a_pristine_sandbox_runs_in_real_time(shop):
    shop.control("POST", "reset")
    before = datetime.now(UTC)
    clock = shop.control("GET", "clock")
    assert clock["frozen"] is False
    assert before <= datetime.fromisoformat(clock["now"]) <= datetime.now(UTC)
    source = shop.enrolled()
    shop.script(source, script=[{"outcome": "ok", "settle_seconds": each} for each in (3600, 0.05)])
    in_an_hour, soon = shop.later(source), shop.later(source, reference="later-2")
    until(lambda: shop.status(soon) == "Captured", "the capture")
    assert shop.status(in_an_hour) == "Pending"


def test_time_that_has_begun_cannot_be_set_back_by_thawing_or_freezing(shop):
    shop.at("2999-01-01T00:00:00Z")
    shop.first()
    assert shop.call("PUT", "/_sandbox/clock", json={"now": None}).status_code == 422
    shop.control("POST", "reset")
    shop.first()
    assert shop.call("PUT", "/_sandbox/clock", json={"now": "2026-03-01T00:00:00Z"}).status_code == 422
    assert shop.at("2999-01-01T00:00:00Z")["frozen"] is True


def test_a_thawed_clock_catches_up(shop):
    source = shop.enrolled()
    later = shop.later(source)
    shop.at(None)
    assert shop.status(later) == "Captured"
    assert shop.control("GET", "clock")["frozen"] is False


def test_reset_forgets_everything(shop):
    shop.faults(webhook_lost=1)
    shop.script("lee@example.test", balance=1)
    shop.first()
    shop.control("POST", "reset")
    assert shop.ledger() == shop.control("GET", "wallets") == shop.control("GET", "requests") == []
    assert shop.control("GET", "faults")["webhook_lost"] == 0
    assert shop.control("GET", "clock")["next"] is None


def test_reset_may_bring_another_seed_but_nothing_else(shop):
    assert shop.control("POST", "reset", {"seed": 7}) == {"seed": 7}
    assert shop.control("POST", "reset") == {"seed": 7}
    assert shop.call("POST", "/_sandbox/reset", json={"seed": "x"}).status_code == 422
    assert shop.call("POST", "/_sandbox/reset", json={"sed": 1}).status_code == 422
