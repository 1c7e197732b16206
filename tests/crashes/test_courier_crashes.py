"""A courier that dies anywhere loses no event, leaves none out, and sends none more than once again."""

from collections import Counter
from itertools import count

from crashing import Boundaries, survive, watch
from harness import fresh_world
from receiving import Post, receiving

from billing.domain.cases import Note
from billing.store.deliveries import LEASE
from billing.store.writes import Author, note


def tell(world, *names):
    for name in names:
        with world.engine.database.transaction() as tx:
            note(tx, None, Note("plan.renamed", {"new": name}), Author("test", world.now), subject=("plan", "basic"))


def test_a_courier_that_dies_anywhere_loses_nothing_and_sends_each_event_at_most_once_again(sandbox, database_url):
    with fresh_world(sandbox.url, database_url) as world, receiving() as receiver:
        boundaries = Boundaries()
        watch(world.engine.database, boundaries)
        post = Post(world)
        post.endpoint(receiver)
        deaths = 0
        for at in count(1):
            receiver.requests.clear()
            tell(world, f"{at} a", f"{at} b")
            receiver.status = 500 if at % 3 == 0 else 200
            boundaries.arm(at)
            died = survive(world, boundaries, post.carry)
            boundaries.arm(None)
            receiver.status = 200
            post.carry(seconds=LEASE.total_seconds() + 1)
            told = Counter(each.event["data"]["name"] for each in receiver.requests)
            assert told.keys() == {f"{at} a", f"{at} b"}, f"died at boundary {at}"
            assert max(told.values()) <= 2, f"died at boundary {at}"
            assert set(post.states()) == {"delivered"}, f"died at boundary {at}"
            deaths += died
            if not died:
                break
        assert deaths > 15
