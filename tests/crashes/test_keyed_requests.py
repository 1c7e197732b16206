"""A client that got no answer sends its request again under its key: it is done once, wherever the process died."""

from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from crashing import heal, make_mortal, survive
from flows import _charge_of, _next_day, _subscribed
from harness import START, WEB, email, fresh_world
from soundness import assert_sound
from sqlalchemy import event, update

from billing.operations.customers import Subscriber
from billing.operations.enrol_subscriber import enrol_subscriber
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.request_keys import (
    LEASE,
    Answer,
    Asked,
    KeyInUse,
    claim_request,
    forget_claim,
    keep_answer,
    let_go,
)
from billing.operations.request_refund import request_refund
from billing.store.database import Database
from billing.store.request_tables import KeyedRequest


def ordered(world, who, claim):
    return request_refund(world.engine, _charge_of(world, who), 100, reason="sorry", now=world.now, claim=claim)


def enrolled(world, who, claim):
    subscriber = Subscriber(f"cust-{who}", who, email(who))
    return enrol_subscriber(world.engine, subscriber, "daily", WEB, now=world.now, claim=claim).subscription_id


def made_by(world, who, table):
    query = {
        "refund": "SELECT r.id FROM refund r JOIN charge c ON c.id = r.charge_id JOIN subscription s "
        "ON s.id = c.subscription_id JOIN customer u ON u.id = s.customer_id WHERE u.reference = :who",
        "subscription": "SELECT s.id FROM subscription s JOIN customer u ON u.id = s.customer_id "
        "WHERE u.reference = :who",
    }[table]
    return {UUID(str(row["id"])) for row in world.rows(query, who=f"cust-{who}")}


FLOWS = {
    "refund": (_subscribed, ordered),
    "subscription": (lambda world, _who: _next_day(world, 12), enrolled),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("made", FLOWS)
def test_a_request_is_done_once_wherever_the_process_died_between_its_claim_and_its_answer(sandbox, database_url, made):
    prepare, act = FLOWS[made]
    with fresh_world(sandbox.url, database_url) as world:
        boundaries = make_mortal(world)
        deaths = 0
        for at in count(1):
            who = f"u{at}"
            prepare(world, who)
            machine = [START]

            def ask(who=who, machine=machine):
                """Do what the API does with a request: claim it, act, keep the answer, give it."""
                database = world.engine.database
                asked = Asked("shop", f"key-{who}", "f" * 64)
                claim = claim_request(database, asked, now=world.now, machine_now=machine[0])
                if isinstance(claim, Answer):
                    return UUID(claim.body)
                try:
                    done = act(world, who, claim.id)
                except GatewayUnavailable:
                    let_go(database, claim, machine_now=machine[0])
                    raise
                keep_answer(database, claim, Answer(201, "text/plain", str(done)))
                return done

            boundaries.arm(at)
            died = survive(world, boundaries, ask)
            boundaries.arm(None)
            # Past the lease of the claim, and the deadline of a payment that was being sent.
            machine[0] += LEASE
            world.wait(minutes=3)
            first = persistently(world, ask, machine)
            assert ask() == first
            assert made_by(world, who, made) == {first}, f"died at boundary {at}"
            deaths += died
            if not died:
                break
        heal(world)
        assert deaths > 12
        assert_sound(world)


def persistently(world, ask, machine):
    """Ask until there is an answer, as a client does that is told to come back."""
    for _ in range(5):
        try:
            return ask()
        except GatewayUnavailable:
            machine[0] += timedelta(seconds=1)
            world.wait(minutes=12)
    raise AssertionError("no answer")


def test_who_comes_back_from_the_dead_does_not_write_over_the_answer_of_who_took_over(database):
    asked, then = Asked("shop", "key", "f" * 64), START + LEASE
    dead = claim_request(database, asked, now=START, machine_now=START)
    with pytest.raises(KeyInUse):
        claim_request(database, asked, now=START, machine_now=then - timedelta(seconds=1))
    successor = claim_request(database, asked, now=START, machine_now=then)
    keep_answer(database, dead, Answer(500, "text/plain", "late"))
    let_go(database, dead, machine_now=then)
    forget_claim(database, dead)
    keep_answer(database, successor, Answer(201, "text/plain", "made"))
    keep_answer(database, dead, Answer(500, "text/plain", "later still"))
    assert claim_request(database, asked, now=START, machine_now=then) == Answer(201, "text/plain", "made")


def test_of_two_who_find_what_one_left_at_the_same_moment_one_takes_it_up(postgres_url):
    first, second, asked = Database(postgres_url), Database(postgres_url), Asked("shop", "key", "f" * 64)
    claim_request(first, asked, now=START, machine_now=START)
    overtaken = []

    @event.listens_for(second.engine, "before_cursor_execute")
    def overtake(_connection, _cursor, statement, *_more):
        """The second has read the row; before it writes, the first has taken the request up."""
        if statement.startswith("UPDATE keyed_request"):
            with first.engine.begin() as tx:
                overtaken.append(tx.execute(update(KeyedRequest).values(busy_until=START + 3 * LEASE)).rowcount)

    with pytest.raises(KeyInUse):
        claim_request(second, asked, now=START, machine_now=START + 2 * LEASE)
    assert overtaken == [1]
    for each in (first, second):
        each.dispose()
