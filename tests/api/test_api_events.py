import threading

import pytest
from harness import fresh_world
from sqlalchemy import text
from waiting import HANG_SECONDS

from billing.domain.cases import Note
from billing.entrypoints.api.objects.charges import Charge
from billing.entrypoints.api.objects.customers import Source
from billing.entrypoints.api.objects.invoices import Invoice
from billing.entrypoints.api.objects.plans import Plan
from billing.entrypoints.api.objects.prices import Price
from billing.entrypoints.api.objects.refunds import Refund
from billing.entrypoints.api.objects.subscriptions import Subscription
from billing.entrypoints.api.objects.webhook_endpoints import WebhookEndpoint
from billing.store.settled_events import Horizon, SettledEvents
from billing.store.writes import Author, note
from tools.event_examples import examples

OBJECTS = (Subscription, Invoice, Charge, Refund, Source, Plan, Price, WebhookEndpoint)
OF_EVENTS_ONLY = {"access", "attempt", "cause", "dispute", "first_charge_on", "invoice_kind"}


def read_on(api, **query):
    answer = api.get("/v1/events", **query)
    return [each["id"] for each in answer["data"]], answer["next_cursor"], answer["has_more"]


def tell(tx, name, now, plan="basic"):
    note(tx, None, Note("plan.renamed", {"new": name}), Author("test", now), subject=("plan", plan))


def test_the_feed_tells_everything_once_in_order(both):
    subscription = both.subscribe()
    whole, last, more = read_on(both, limit=100)
    numbers = [int(each.removeprefix("evt_")) for each in whole]
    assert numbers == sorted(numbers)
    assert not more
    assert read_on(both, cursor=last) == ([], last, False)
    pages, cursor = [], {}
    for _ in range(10):
        ids, following, more = read_on(both, limit=3, **cursor)
        cursor = {"cursor": following}
        pages += ids
        if not more:
            break
    assert pages == whole
    told = both.get("/v1/events", subscription_id=subscription)["data"]
    assert (told[0]["type"], told[-1]["type"]) == ("subscription.created", "subscription.activated")
    assert {each["subscription_id"] for each in told} == {subscription}
    assert told[0] == both.get(f"/v1/events/{told[0]['id']}")


def test_events_have_the_words_of_the_objects():
    words = OF_EVENTS_ONLY.union(*(each.model_fields for each in OBJECTS))
    assert {name for _, _, told in examples() for name in told["data"]} - words == set()


def test_what_is_internal_is_not_there(api):
    api.subscribe()
    shown = {each["id"] for each in api.get("/v1/events", limit=100)["data"]}
    for number in range(1, 30):
        answer = api.call("GET", f"/v1/events/evt_{number}")
        assert (answer.status_code == 200) == (f"evt_{number}" in shown)
    assert "internal" in api.refused(api.call("GET", "/v1/events/evt_999"), 404, "not_found")


def test_events_can_be_asked_for_by_type_and_by_what_they_are_about(api):
    subscription = api.subscribe()
    kinds = api.get("/v1/events", type="invoice.*")["data"]
    assert [each["type"] for each in kinds] == ["invoice.issued", "invoice.paid"]
    assert [each["type"] for each in api.get("/v1/events", type="charge.captured")["data"]] == ["charge.captured"]
    mine = api.get("/v1/events", subject_id=subscription)["data"]
    assert {each["subject"]["id"] for each in mine} == {subscription}
    assert [each["sequence"] for each in mine] == [1, 2]
    assert [each["subject"]["id"] for each in api.get("/v1/events", subject_id="basic")["data"]] == ["basic", "basic"]
    after = api.get("/v1/events", after=mine[0]["id"], subject_id=subscription)["data"]
    assert after == mine[1:]


@pytest.mark.parametrize(("query", "field"), [
    ("type=invoice.payed", "type"), ("type=x", "type"), ("subject_id=sub_x", "subject_id"),
    ("subject_id=Not a plan", "subject_id"), ("after=sub_1", "after"), ("cursor=abc", "cursor"),
    ("subscription_id=basic", "subscription_id"), ("limit=101", "limit"),
])  # fmt: skip
def test_a_bad_question_is_told_its_field(still, query, field):
    answer = still.call("GET", f"/v1/events?{query}")
    still.refused(answer, 422, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("first_to_begin", ["slow", "quick"])
def test_a_reader_misses_no_event_that_was_numbered_earlier_and_committed_later(
    served, sandbox, postgres_url, first_to_begin
):
    """Which transaction began first says nothing about which draws its number first."""
    with fresh_world(sandbox.url, postgres_url) as world:
        api = served.put(world)
        database = world.engine.database
        _, last, _ = read_on(api, limit=100)
        slow, go_on = threading.Event(), threading.Event()

        def write_slowly():
            with database.transaction() as tx:
                tell(tx, "slow", world.now, "slow")
                slow.set()
                go_on.wait(HANG_SECONDS)

        writer = threading.Thread(target=write_slowly)
        with database.transaction() as tx:
            if first_to_begin == "quick":
                tx.execute(text("SELECT pg_current_xact_id()"))
            writer.start()
            slow.wait(HANG_SECONDS)
            tell(tx, "quick", world.now, "quick")
        assert read_on(api, cursor=last) == ([], last, False)  # the quick one has the higher number
        go_on.set()
        writer.join()
        told = api.get("/v1/events", cursor=last)["data"]
        assert [each["data"]["name"] for each in told] == ["slow", "quick"]


def test_under_steady_writing_an_event_is_told_once_all_that_wrote_beside_it_have_ended():
    settled = SettledEvents()
    assert settled.note(Horizon(10, frozenset("ab"))) == 0
    assert settled.note(Horizon(12, frozenset("bc"))) == 0
    assert settled.note(Horizon(15, frozenset("cd"))) == 10
    assert settled.note(Horizon(16, frozenset("de"))) == 10
    assert settled.note(Horizon(18, frozenset("ef"))) == 15
    assert settled.note(Horizon(20)) == 20
    assert settled.note(Horizon(20, frozenset("g"))) == 20
