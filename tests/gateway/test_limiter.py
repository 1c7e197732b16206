"""How fast requests leave, on a clock of the test's own."""

import asyncio
import time

import pytest

from billing.gateway.limiter import RECOVERS_IN, RateLimiter


def slots(limiter, count, now):
    return [limiter.take(now) for _ in range(count)]


def test_requests_are_spaced_evenly_and_the_first_leaves_at_once():
    assert slots(RateLimiter(4), 5, 10.0) == [10.0, 10.25, 10.5, 10.75, 11.0]


def test_a_batch_queues_behind_the_one_before_it():
    limiter = RateLimiter(4)
    slots(limiter, 8, 10.0)
    assert limiter.take(10.5) == 12.0


def test_rest_is_not_saved_up_for_a_burst():
    limiter = RateLimiter(4)
    slots(limiter, 1, 10.0)
    assert slots(limiter, 3, 500.0) == [500.0, 500.25, 500.5]


def test_no_second_has_more_than_its_share_whatever_the_pattern_of_batches():
    limiter = RateLimiter(64)
    left = [slot for start in range(0, 40, 3) for slot in slots(limiter, 120, start / 10)]
    assert all(sum(1 for slot in left if second <= slot < second + 1) <= 64 for second in range(int(left[-1])))


def test_an_answer_that_turns_a_request_away_takes_a_tenth_of_the_rate():
    limiter = RateLimiter(80)
    limiter.turned_away(10.0)
    assert limiter.rate(10.0) == 72
    assert slots(limiter, 3, 10.0) == pytest.approx([10.0, 10 + 1 / 72, 10 + 2 / 72])


def test_what_was_under_way_together_counts_once():
    limiter = RateLimiter(80)
    for late in (0, 0.2, 0.9):
        limiter.turned_away(10.0 + late)
    assert limiter.rate(10.0) == 72


def test_the_rate_is_halved_as_long_as_requests_are_turned_away():
    limiter = RateLimiter(60)
    limiter.turned_away(10.0)
    limiter.turned_away(12.0)
    assert limiter.rate(12.0) == pytest.approx((54 + 2) / 2)
    limiter.turned_away(30.0)
    assert limiter.rate(30.0) == pytest.approx((28 + 18) * 9 / 10)


@pytest.mark.parametrize("allowed", [25, 50, 75])
def test_it_stays_near_what_the_gateway_allows_when_others_take_a_part_of_it(allowed):
    limiter, taken, turned_away, now = RateLimiter(100), [], 0, 0.0
    while now < 300:
        now = limiter.take(now)
        if sum(1 for each in taken[-allowed:] if each > now - 1) < allowed:
            taken.append(now)
        else:
            turned_away += 1
            limiter.turned_away(now)
    assert len(taken) / 300 > 0.8 * allowed
    assert turned_away < len(taken) / 20


def test_it_slows_down_to_an_eighth_and_no_further():
    limiter = RateLimiter(80)
    for second in range(20):
        limiter.turned_away(10.0 + second)
    assert limiter.rate(29.0) == 10


def test_the_rate_grows_back_evenly_and_never_beyond_what_was_configured():
    limiter = RateLimiter(80)
    limiter.turned_away(0.0)
    assert limiter.rate(RECOVERS_IN / 20) == pytest.approx(76)
    assert limiter.rate(RECOVERS_IN / 10) == pytest.approx(80)
    assert limiter.rate(RECOVERS_IN * 9) == 80


def test_no_place_is_taken_long_before_it_comes_so_that_a_rate_that_grows_back_counts():
    rate, waiting = 0.5, 60
    limiter = RateLimiter(rate)

    async def many():
        begun = time.monotonic()
        tasks = [asyncio.create_task(limiter.wait()) for _ in range(waiting)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        return begun, limiter.take(begun), time.monotonic()

    begun, place, ended = asyncio.run(many())
    due = 1 + (ended - begun) * rate
    assert (place - begun) * rate <= due + 1, "only those whose turn has come, or comes next, have a place"
