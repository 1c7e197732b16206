"""Every call is told to the observer: how long the exchange took, and of which class the answer was."""

import time
from datetime import UTC, datetime

import pytest
from requests_to_send import a_payment, a_refund, a_renewal, an_error, fresh_client
from scripted_server import ScriptedServer, answer, cut

from billing.entrypoints.metrics.instruments import Instruments

SINCE, UNTIL = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC)


class Notes:
    def __init__(self):
        self.exchanges, self.begun, self.answers = [], [], []

    def exchanged(self, call, seconds):
        self.exchanges.append((call, seconds))
        self.begun.append(time.monotonic() - seconds)

    def answered(self, call, told):
        self.answers.append((call, told))


def told_by(script, work, **limits):
    notes = Notes()
    with ScriptedServer([script]) as server, fresh_client(server.url, observer=notes, **limits) as client:
        work(client)
    return notes


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (answer(202, a_payment()), "accepted"),
        (answer(422, an_error("source_id_unknown")), "refused"),
        (answer(401), "not_sent"),
        (answer(500), "unknown"),
        (cut, "unknown"),
    ],
    ids=["202", "422", "401", "500", "cut"],
)
def test_a_payment_is_told_with_the_class_of_its_answer(script, told):
    notes = told_by(script, lambda client: client.create_payments([a_renewal()]))
    assert notes.answers == [("create_payment", told)]
    assert [call for call, _ in notes.exchanges] == ["create_payment"]


ASKED = {
    "create_refund": lambda client: client.create_refunds([a_refund()]),
    "find_by_id": lambda client: client.find_by_id(["pay_1"]),
    "find_by_reference": lambda client: client.find_by_reference(["ref"]),
    "find_refunds": lambda client: client.find_refunds(["pay_1"]),
    "search_payments": lambda client: client.search_payments(SINCE, UNTIL, limit=10),
    "list_disputes": lambda client: client.list_disputes(SINCE, limit=10),
    "find_disputes": lambda client: client.find_disputes(["dsp_1"]),
    "revoke_source": lambda client: client.revoke_sources(["src_1"]),
}


@pytest.mark.parametrize("call", ASKED)
def test_every_other_call_is_told_under_its_name(call):
    notes = told_by(answer(500), ASKED[call])
    assert notes.answers == [(call, "unreadable" if call.startswith(("find", "search", "list")) else "unknown")]


@pytest.mark.parametrize("call", ASKED)
def test_whatever_is_told_has_a_series_waiting(call):
    instruments = Instruments()
    for status in (200, 202, 404, 422, 500):
        with ScriptedServer([answer(status, {})]) as server, fresh_client(server.url, observer=instruments) as client:
            ASKED[call](client)
    assert instruments.registry.get_sample_value("billing_gateway_seconds_count", {"call": call}) >= 5


def test_the_wait_for_its_turn_is_no_latency():
    places = []

    def work(client):
        client.create_payments([a_renewal()] * 5)
        places.extend(client._writes._next - back / 4 for back in (5, 4, 3, 2, 1))

    notes = told_by(answer(202, a_payment()), work, writes_per_second=4)
    assert len(notes.begun) == 5
    assert all(begun >= place - 0.01 for begun, place in zip(sorted(notes.begun), places, strict=True))
