import threading

from sqlalchemy import text

from billing.domain.cases import Note
from billing.domain.public_ids import Kind, uuid_of
from billing.entrypoints.api.events import SettledEvents
from billing.store.subscription_views import Horizon
from billing.store.writes import Author, note


def read_on(api, after=0, **query):
    answer = api.get("/v1/events", after=after, **query)
    return [each["id"] for each in answer["events"]], answer["next_after"], answer["has_more"]


def test_the_feed_tells_everything_once_in_order(both):
    subscription = both.subscribe()
    whole, last, more = read_on(both)
    assert whole == sorted(whole)
    assert not more
    assert read_on(both, last) == ([], last, False)
    pages, after = [], 0
    for _ in range(10):
        ids, after, more = read_on(both, after, limit=3)
        pages += ids
        if not more:
            break
    assert pages == whole
    told = [
        each
        for each in both.get("/v1/events")["events"]
        if each["subscription_id"] == str(uuid_of(Kind.SUBSCRIPTION, subscription))
    ]
    assert told[0]["type"] == "subscription.created"
    assert told[0]["actor"] == "key:sandbox"
    assert ("subscription.activated", "incomplete", "active") in [
        (each["type"], each["from_state"], each["to_state"]) for each in told
    ]


def test_a_reader_misses_no_event_that_was_numbered_earlier_and_committed_later(served, sandbox, postgres_url):
    from harness import fresh_world

    with fresh_world(sandbox.url, postgres_url) as world:
        api = served.put(world)
        database = world.engine.database
        author = Author("test", world.now)
        _, last, _ = read_on(api)
        slow, go_on = threading.Event(), threading.Event()

        def write_slowly():
            with database.transaction() as tx:
                tx.execute(text("UPDATE installation SET held_because = 'x'"))
                note(tx, None, Note("slow"), author, subject=("installation", "1"))
                slow.set()
                go_on.wait(10)

        writer = threading.Thread(target=write_slowly)
        writer.start()
        slow.wait(10)
        with database.transaction() as tx:
            note(tx, None, Note("quick"), author, subject=("plan", "basic"))
        assert read_on(api, last)[0] == []  # the quick one has the higher number
        go_on.set()
        writer.join()
        ids, _, _ = read_on(api, last)
        assert [each["type"] for each in api.get("/v1/events", after=last)["events"]] == ["slow", "quick"]
        assert len(ids) == 2


def test_under_steady_writing_an_event_is_told_once_all_that_ran_beside_it_have_ended():
    settled = SettledEvents()
    assert settled.up_to(Horizon(newest=10, oldest=100, next=105)) == 0
    assert settled.up_to(Horizon(newest=12, oldest=103, next=107)) == 0
    assert settled.up_to(Horizon(newest=15, oldest=105, next=110)) == 10
    assert settled.up_to(Horizon(newest=16, oldest=109, next=112)) == 10
    assert settled.up_to(Horizon(newest=18, oldest=110, next=113)) == 15
    assert settled.up_to(Horizon(newest=20, oldest=120, next=120)) == 20
