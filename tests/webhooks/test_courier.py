"""Events reach the endpoints: each one, signed, again until it is taken; and a dead endpoint harms nobody."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
import receiving
from harness import fresh_world
from receiving import LOOPBACK, VAULT, Post
from standardwebhooks import WebhookVerificationError
from waiting import HANG_SECONDS, until

from billing.domain.cases import Note
from billing.domain.public_ids import Kind, public_id
from billing.operations import fan_out as fanning
from billing.operations.courier import AT_ONCE
from billing.operations.webhook_endpoints import (
    EventsBeingWritten,
    disable_endpoint,
    enable_endpoint,
    remove_endpoint,
    rotate_secret,
    update_endpoint,
)
from billing.operations.webhook_endpoints import (
    test_endpoint as try_endpoint,
)
from billing.outbox.sender import Sender
from billing.outbox.vault import Vault
from billing.store import deliveries as store
from billing.store.settled_events import SettledEvents
from billing.store.writes import Author, note


def tell(world, *names):
    """Let something happen that is told outside, for each name."""
    for name in names:
        with world.engine.database.transaction() as tx:
            note(tx, None, Note("plan.renamed", {"new": name}), Author("test", world.now), subject=("plan", "basic"))


def names(receiver):
    renamed = [each.event for each in receiver.requests if each.event["type"] == "plan.renamed"]
    return [each["data"]["name"] for each in renamed]


def test_what_happens_arrives_signed_with_what_the_feed_tells(post, receiver):
    made = post.endpoint(receiver)
    subscription = post.world.subscribe()
    post.carry()
    receiver.requests.sort(key=lambda each: int(each.event["id"].removeprefix("evt_")))
    assert receiver.types == [
        "customer.created",
        "subscription.created",
        "invoice.issued",
        "charge.captured",
        "source.activated",
        "invoice.paid",
        "subscription.activated",
    ]
    events = [each.verified(made.secret) for each in receiver.requests]
    assert [each["id"] for each in events] == receiver.ids
    assert {each["subscription_id"] for each in events[1:]} == {public_id(Kind.SUBSCRIPTION, subscription)}
    assert set(post.states()) == {"delivered"}
    post.carry(hours=1)
    assert len(receiver.requests) == 7


def test_nothing_is_told_of_what_happened_before_there_was_an_endpoint(lite, receiver):
    tell(lite.world, "before")
    lite.endpoint(receiver)
    tell(lite.world, "after")
    lite.carry()
    assert names(receiver) == ["after"]


@pytest.mark.parametrize("stays_open", [False, True])
def test_an_endpoint_is_made_when_all_that_was_being_written_has_ended_and_is_told_what_comes_after(
    sandbox, postgres_url, receiver, stays_open
):
    written, may_end = threading.Event(), threading.Event()

    def slow():
        with world.engine.database.transaction() as tx:
            told = Note("plan.renamed", {"new": "slow"})
            note(tx, None, told, Author("test", world.now), subject=("plan", "slow"))
            written.set()
            may_end.wait(HANG_SECONDS if stays_open else 0.3)

    with fresh_world(sandbox.url, postgres_url) as world:
        post, other = Post(world), threading.Thread(target=slow)
        other.start()
        written.wait(HANG_SECONDS)
        tell(world, "overtakes")
        if stays_open:
            with pytest.raises(EventsBeingWritten):
                post.endpoint(receiver)
            may_end.set()
            other.join()
        post.endpoint(receiver)
        tell(world, "after")
        post.carry()
        other.join()
    assert names(receiver) == ["after"]


def test_an_endpoint_gets_the_types_it_asked_for(lite, receiver, another):
    lite.endpoint(receiver, event_types=["invoice.*"])
    lite.endpoint(another, event_types=["subscription.activated", "charge.captured"])
    lite.world.subscribe()
    lite.carry()
    assert sorted(receiver.types) == ["invoice.issued", "invoice.paid"]
    assert sorted(another.types) == ["charge.captured", "subscription.activated"]


def test_what_is_not_taken_is_sent_again_ever_more_rarely_with_the_same_id_and_body(lite, receiver):
    lite.endpoint(receiver)
    tell(lite.world, "one")
    receiver.status, receiver.answer = 500, b"sorry"
    tries = []
    for hour in range(71):
        lite.carry(hours=1)
        tries.append(len(receiver.requests))
        assert lite.states() == ["pending"], f"after {hour} hours"
    assert 8 <= len(receiver.requests) <= 25
    assert len(set(receiver.ids)) == 1
    assert len({each.body for each in receiver.requests}) == 1
    assert tries[-1] - tries[35] <= 4  # half a day apart at the end
    (row,) = lite.deliveries()
    assert (row["status"], row["answer"], row["tries"]) == (500, "sorry", len(receiver.requests))
    lite.carry(hours=3)
    assert lite.states() == ["failed"]
    lite.carry(days=3)
    assert len(receiver.requests) == tries[-1] + 1


def test_it_is_sent_again_within_seconds_after_a_short_failure(lite, receiver):
    lite.endpoint(receiver)
    tell(lite.world, "one")
    receiver.status = 503
    lite.carry()
    receiver.status = 204
    lite.carry(seconds=3)
    assert len(receiver.requests) == 1
    lite.carry(seconds=4)
    assert lite.states() == ["delivered"]


def test_a_dead_endpoint_is_switched_off_after_days_with_an_event_and_gets_everything_in_order_when_it_is_back(
    post, receiver, another
):
    dead = post.endpoint(receiver)
    post.endpoint(another)
    receiver.status = 500
    tell(post.world, "one", "two")
    for _ in range(14):
        post.carry(hours=6)
    assert "webhook_endpoint.disabled" in another.types
    told = next(each.event for each in another.requests if each.event["type"] == "webhook_endpoint.disabled")
    assert told["subject"] == {"object": "webhook_endpoint", "id": public_id(Kind.WEBHOOK_ENDPOINT, dead.row.id)}
    assert told["data"] == {"disabled_because": "failing"}
    tell(post.world, "three", "four")
    before = len(receiver.requests)
    post.carry(days=5)
    assert len(receiver.requests) == before  # it is left in peace
    receiver.status, receiver.requests[:] = 200, []
    enable_endpoint(post.world.engine, dead.row.id, now=post.clock())
    post.carry()
    assert sorted(names(receiver)) == ["four", "one", "three", "two"]
    assert set(post.states()) == {"delivered"}


def test_what_happened_or_was_in_line_when_an_endpoint_is_disabled_waits_until_it_is_enabled(lite, receiver):
    made = lite.endpoint(receiver)
    receiver.status = 503
    tell(lite.world, "in line")
    lite.carry()
    tell(lite.world, "not yet in line")
    disable_endpoint(lite.world.engine, made.row.id, now=lite.clock())
    receiver.status, receiver.requests[:] = 200, []
    lite.carry(days=1)
    assert receiver.requests == []
    enable_endpoint(lite.world.engine, made.row.id, now=lite.clock())
    lite.carry()
    assert sorted(names(receiver)) == ["in line", "not yet in line"]


def test_what_was_missed_comes_in_order_and_page_by_page(lite, receiver, monkeypatch):
    monkeypatch.setattr(fanning, "PAGE", 3)
    monkeypatch.setattr(store, "MOST_IN_LINE", 5)
    made = lite.endpoint(receiver)
    disable_endpoint(lite.world.engine, made.row.id, now=lite.clock())
    wanted = [f"name {number:02}" for number in range(20)]
    tell(lite.world, *wanted)
    enable_endpoint(lite.world.engine, made.row.id, now=lite.clock())
    lite.carry()
    assert sorted(names(receiver)) == wanted
    # A few are on the way at once, so one may overtake its neighbours, but not a page.
    assert all(abs(wanted.index(name) - place) < 8 for place, name in enumerate(names(receiver)))


def test_an_endpoint_that_fails_for_days_now_and_then_is_not_switched_off(lite, receiver):
    lite.endpoint(receiver)
    for name in ("one", "two"):
        receiver.status = 500
        tell(lite.world, name)
        for _ in range(8):
            lite.carry(hours=6)
        receiver.status = 200
        lite.carry(hours=15)
    assert set(lite.states()) == {"delivered"}
    assert lite.world.scalar("SELECT state FROM webhook_endpoint") == "enabled"


def test_an_event_is_overtaken_by_a_few_only_even_where_no_more_than_five_connections_may_wait(lite):
    with receiving.receiving(waiting=5) as receiver:
        made = lite.endpoint(receiver)
        disable_endpoint(lite.world.engine, made.row.id, now=lite.clock())
        wanted = [f"name {number:03}" for number in range(210)]
        tell(lite.world, *wanted)
        enable_endpoint(lite.world.engine, made.row.id, now=lite.clock())
        lite.carry()
    assert sorted(names(receiver)) == wanted
    assert max(abs(wanted.index(name) - place) for place, name in enumerate(names(receiver))) < 16


def test_an_endpoint_that_says_it_is_gone_is_switched_off_at_once(lite, receiver):
    made = lite.endpoint(receiver)
    receiver.status = 410
    tell(lite.world, "one")
    lite.carry()
    row = lite.world.rows("SELECT state, disabled_because FROM webhook_endpoint")[0]
    assert (row["state"], row["disabled_because"]) == ("disabled", "gone")
    receiver.status = 200
    enable_endpoint(lite.world.engine, made.row.id, now=lite.clock())
    lite.carry()
    assert names(receiver) == ["one", "one"]


def test_a_hanging_endpoint_delays_no_other(lite, receiver, another):
    lite.endpoint(receiver)
    lite.endpoint(another)
    receiver.wait = 4 * HANG_SECONDS
    tell(lite.world, *(str(number) for number in range(40)))
    stopped = threading.Event()

    async def run():
        async with Sender(LOOPBACK, deadline=3 * HANG_SECONDS) as sender:
            await lite.courier(sender).run(stopped.is_set, every=0.05, patience=0.01)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(asyncio.run, run())
        try:
            until(lambda: len(another.requests) >= 40, "the delivery to the endpoint that does not hang")
        finally:
            stopped.set()
            running.result()
    assert len(another.requests) == 40
    assert 1 <= len(receiver.requests) <= AT_ONCE


def test_a_courier_at_rest_looks_ever_more_seldom_but_stops_and_carries_without_delay(lite, receiver):
    lite.endpoint(receiver)
    stopped, looks = threading.Event(), []

    async def run():
        async with Sender(LOOPBACK, deadline=HANG_SECONDS) as sender:
            courier = lite.courier(sender)
            step = courier.step

            async def counted():
                looks.append(time.monotonic())
                return await step()

            courier.step = counted
            await courier.run(stopped.is_set, every=0.01, at_rest=0.2)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(asyncio.run, run())
        try:
            until(lambda: len(looks) >= 8, "eight looks")
            waits = [later - earlier for earlier, later in pairwise(looks[:8])]
            assert waits[-1] >= 0.2
            tell(lite.world, "one")
            until(lambda: names(receiver) == ["one"], "the delivery")
        finally:
            stopped.set()
            running.result()


def test_two_couriers_share_the_work_and_send_nothing_twice(post, receiver):
    post.endpoint(receiver)
    tell(post.world, *(str(number) for number in range(60)))

    def carry():
        Post(post.world, post.clock).carry()

    threads = [threading.Thread(target=carry) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(receiver.ids) == sorted(set(receiver.ids))
    assert len(receiver.ids) == 60


def test_who_dies_between_sending_and_writing_it_down_leads_to_the_same_id_once_more_when_the_lease_ends(
    post, receiver
):
    post.endpoint(receiver)
    tell(post.world, "one")

    async def die_on_the_way():
        async with Sender(LOOPBACK) as sender:
            arrived = asyncio.Event()
            loop = asyncio.get_running_loop()
            receiver.on_arrival = lambda: loop.call_soon_threadsafe(arrived.set)
            await post.courier(sender).step()
            await arrived.wait()
            receiver.on_arrival = lambda: None

    asyncio.run(die_on_the_way())
    assert post.states() == ["pending"]
    post.carry(seconds=60)
    assert len(receiver.requests) == 1
    post.carry(seconds=31)
    assert receiver.ids[0] == receiver.ids[1]
    assert post.states() == ["delivered"]


def test_an_answer_that_comes_after_another_has_taken_over_is_left_out(lite, receiver):
    lite.endpoint(receiver)
    tell(lite.world, "one")
    now = lite.clock()
    fanning.fan_out(lite.world.engine.database, SettledEvents(), now=now)
    (row,) = lite.deliveries()
    endpoint = UUID(str(row["endpoint_id"]))
    with lite.world.engine.database.transaction() as tx:
        (old,) = store.claim(tx, endpoint, now, 5)
        (new,) = store.claim(tx, endpoint, now + store.LEASE, 5)
        assert not store.end_try(tx, old, {"state": "failed"})
        assert store.end_try(tx, new, {"state": "delivered"})
    assert lite.states() == ["delivered"]


def test_both_secrets_sign_while_one_replaces_the_other(lite, receiver):
    made = lite.endpoint(receiver)
    fresh = rotate_secret(lite.world.engine, VAULT, made.row.id, overlap=timedelta(hours=1), now=lite.clock())
    tell(lite.world, "one")
    lite.carry()
    (request,) = receiver.requests
    assert request.verified(made.secret) == request.verified(fresh.secret)
    lite.clock.ahead += timedelta(hours=2)
    tell(lite.world, "two")
    lite.carry()
    lite.clock.ahead = timedelta(0)
    body, headers = receiver.requests[-1].body, receiver.requests[-1].headers
    assert len(headers["webhook-signature"].split()) == 1
    assert '"two"' in body


def test_a_secret_that_was_rotated_away_at_once_signs_no_more(lite, receiver):
    made = lite.endpoint(receiver)
    fresh = rotate_secret(lite.world.engine, VAULT, made.row.id, overlap=timedelta(0), now=lite.clock())
    tell(lite.world, "one")
    lite.carry()
    assert receiver.requests[0].verified(fresh.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.requests[0].verified(made.secret)


def test_no_secret_stands_in_a_row(lite, receiver):
    made = lite.endpoint(receiver)
    fresh = rotate_secret(lite.world.engine, VAULT, made.row.id, now=lite.clock())
    rows = str(lite.world.rows("SELECT * FROM webhook_endpoint")) + str(lite.world.rows("SELECT * FROM event"))
    for secret in (made.secret, fresh.secret):
        assert secret not in rows
        assert secret.removeprefix("whsec_") not in rows
        assert secret not in repr(made) + repr(fresh)


def test_a_test_event_goes_to_its_endpoint_only_whatever_types_it_asked_for(lite, receiver, another):
    made = lite.endpoint(receiver, event_types=["invoice.paid"])
    lite.endpoint(another)
    number = try_endpoint(lite.world.engine, made.row.id, now=lite.clock())
    lite.carry()
    assert receiver.types == ["webhook_endpoint.test"]
    assert receiver.ids == [f"evt_{number}"]
    assert another.requests == []


def test_an_endpoint_that_moved_is_sent_to_where_it_is_now(lite, receiver, another):
    made = lite.endpoint(receiver)
    receiver.status = 500
    tell(lite.world, "one")
    lite.carry()
    update_endpoint(
        lite.world.engine, made.row.id, {"url": another.url}, is_live=False, allowed=LOOPBACK, now=lite.clock()
    )
    lite.carry(seconds=10)
    assert names(another) == ["one"]


def test_an_endpoint_that_is_removed_takes_its_deliveries_with_it(post, receiver):
    made = post.endpoint(receiver)
    tell(post.world, "one")
    post.carry()
    remove_endpoint(post.world.engine, made.row.id, now=post.clock())
    assert post.deliveries() == []
    tell(post.world, "two")
    post.carry()
    assert names(receiver) == ["one"]


def test_an_event_that_is_committed_late_is_delivered_too(receiver, sandbox, postgres_url):
    with fresh_world(sandbox.url, postgres_url) as world:
        post = Post(world)
        post.endpoint(receiver)
        slow, go_on = threading.Event(), threading.Event()

        def write_slowly():
            with world.engine.database.transaction() as tx:
                author = Author("test", world.now)
                note(tx, None, Note("plan.renamed", {"new": "slow"}), author, subject=("plan", "slow"))
                slow.set()
                go_on.wait(HANG_SECONDS)

        writer = threading.Thread(target=write_slowly)
        writer.start()
        slow.wait(HANG_SECONDS)
        tell(world, "quick")
        post.carry()
        assert receiver.requests == []  # the quick one has the higher number
        go_on.set()
        writer.join()
        post.carry()
        assert sorted(names(receiver)) == ["quick", "slow"]


def test_a_database_without_its_key_sends_nothing_and_goes_on_when_the_key_is_back(lite, receiver, monkeypatch):
    lite.endpoint(receiver)
    tell(lite.world, "one")
    with monkeypatch.context() as patch:
        patch.setattr(receiving, "VAULT", Vault(["another key" * 4]))
        lite.carry()
    assert receiver.requests == []
    lite.carry()
    assert names(receiver) == ["one"]


def test_the_clock_is_the_machines_so_that_receivers_believe_the_timestamp(lite, receiver):
    lite.endpoint(receiver)
    tell(lite.world, "one")  # at a time of the test clock that is long to come
    before = datetime.now(UTC).replace(microsecond=0)
    lite.carry()
    at = datetime.fromtimestamp(int(receiver.requests[0].headers["webhook-timestamp"]), UTC)
    assert before <= at <= datetime.now(UTC)


def test_deliveries_that_ended_long_ago_are_forgotten_but_not_what_a_disabled_endpoint_missed(post, receiver, another):
    post.endpoint(receiver)
    dead = post.endpoint(another)
    another.status = 500
    tell(post.world, "old")
    for hours in (0, 71, 2):  # the last try is made when its three days are over
        post.carry(hours=hours)

    def kept():
        return [each["status"] for each in post.deliveries() if each["event_type"] == "plan.renamed"]

    post.carry(hours=24 * 25)
    assert sorted(kept()) == [200, 500]
    post.carry(hours=24 * 7)
    assert (kept(), post.states()[0]) == ([500], "failed")
    another.status, another.requests[:] = 200, []
    enable_endpoint(post.world.engine, dead.row.id, now=post.clock())
    post.carry()
    assert names(another) == ["old"]
