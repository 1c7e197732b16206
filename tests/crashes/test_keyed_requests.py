"""A client that got no answer sends its request again under its key: it is done once, wherever the process died."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from crashing import heal, make_mortal, survive
from flows import _charge_of, _next_day, _subscribed
from harness import START, WEB, email, fresh_world
from soundness import assert_sound
from sqlalchemy import event, update

from billing.operations.customers import Subscriber, create_customer
from billing.operations.enrol_subscriber import enrol_subscriber
from billing.operations.first_charges import GatewayUnavailable, continue_enrolment
from billing.operations.request_keys import (
    LEASE,
    Answer,
    Asked,
    KeyInUse,
    claim_request,
    forget_claim,
    keep_answer,
    let_go,
    made_under,
)
from billing.operations.request_refund import request_refund
from billing.operations.retry_charge import retry_invoice
from billing.store.database import Database
from billing.store.request_tables import KeyedRequest


def refunded(engine, world, who, made):
    if made is not None:
        return UUID(made)
    return request_refund(engine, _charge_of(world, who), 100, reason="sorry", now=world.now)


def enrolled(engine, world, who, made):
    if made is not None:
        return continue_enrolment(engine, UUID(made), WEB, now=world.now).subscription_id
    subscriber = Subscriber(f"cust-{who}", who, email(who))
    return enrol_subscriber(engine, subscriber, "daily", WEB, now=world.now).subscription_id


def retried(engine, world, who, made):
    [row] = world.rows(f"SELECT i.id FROM invoice i {OF_WHO} AND i.state = 'open'", who=f"cust-{who}")
    if made is None:
        retry_invoice(engine, UUID(str(row["id"])), now=world.now)
    return UUID(str(row["id"]))


def _owing(world, who):
    _subscribed(world, who)
    world.wallet(email(who), script=["20051", "20051"])
    _next_day(world, 11)
    world.sweep()
    world.wait(minutes=2)
    world.sweep()
    world.wait(minutes=1)


OF_WHO = (
    "JOIN subscription s ON s.id = i.subscription_id JOIN customer u ON u.id = s.customer_id WHERE u.reference = :who"
)


def made_by(world, who, table):
    query = {
        "refund": "SELECT r.id FROM refund r JOIN charge c ON c.id = r.charge_id JOIN subscription s "
        "ON s.id = c.subscription_id JOIN customer u ON u.id = s.customer_id WHERE u.reference = :who",
        "subscription": "SELECT s.id FROM subscription s JOIN customer u ON u.id = s.customer_id "
        "WHERE u.reference = :who",
        # One entry for an attempt by hand: two of them are two invoices, which the answer is none of.
        "retry": f"SELECT i.id FROM charge c JOIN invoice i ON i.id = c.invoice_id {OF_WHO} AND c.attempt_no = 2 "
        f"UNION ALL SELECT c.id FROM charge c JOIN invoice i ON i.id = c.invoice_id {OF_WHO} AND c.attempt_no > 2",
    }[table]
    return {UUID(str(row["id"])) for row in world.rows(query, who=f"cust-{who}")}


FLOWS = {
    "refund": (_subscribed, refunded),
    "retry": (_owing, retried),
    "subscription": (lambda world, _who: _next_day(world, 12), enrolled),
}


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
                    engine = replace(world.engine, claim=claim)
                    done = act(engine, world, who, made_under(database, claim))
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


@pytest.fixture
def two(postgres_url):
    """Two processes on one PostgreSQL."""
    both = [Database(postgres_url), Database(postgres_url)]
    yield both
    for each in both:
        each.dispose()


def test_of_two_who_find_what_one_left_at_the_same_moment_one_takes_it_up(two):
    (first, second), asked, overtaken = two, Asked("shop", "key", "f" * 64), []
    claim_request(first, asked, now=START, machine_now=START)

    @event.listens_for(second.engine, "before_cursor_execute")
    def overtake(_connection, _cursor, statement, *_more):
        """The second has read the row; before it writes, the first has taken the request up."""
        if statement.startswith("UPDATE keyed_request"):
            with first.engine.begin() as tx:
                overtaken.append(tx.execute(update(KeyedRequest).values(busy_until=START + 3 * LEASE)).rowcount)

    with pytest.raises(KeyInUse):
        claim_request(second, asked, now=START, machine_now=START + 2 * LEASE)
    assert overtaken == [1]


def test_a_slow_process_whose_request_another_has_taken_up_does_nothing_of_it(world):
    """Of the two acts exactly one commits, however late the first is."""
    database, asked = world.engine.database, Asked("shop", "key", "f" * 64)
    slow = replace(world.engine, claim=claim_request(database, asked, now=START, machine_now=START))
    quick = replace(world.engine, claim=claim_request(database, asked, now=START, machine_now=START + LEASE))
    kim, lee = Subscriber("cust-kim", "kim", email("kim")), Subscriber("cust-lee", "lee", email("lee"))
    with pytest.raises(KeyInUse):
        create_customer(slow, kim, now=START)
    made = create_customer(quick, lee, now=START)
    assert [row["reference"] for row in world.rows("SELECT reference FROM customer")] == ["cust-lee"]
    assert made_under(database, quick.claim) == str(made)
