"""How hard the gateway is pressed, how long anything may take, and what is left behind afterwards."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from requests_to_send import a_payment, a_refund, a_renewal, fresh_client
from scripted_server import ScriptedServer, answer, endless, hang
from waiting import HANG_SECONDS, until

from billing.domain.charging import Accepted, Found, NotSent, Unknown

NO_REFERENCE = a_payment(reference=None)


def requests(count):
    return [a_renewal(f"ref-{number}") for number in range(count)]


def sockets_of_this_process():
    return sum(1 for each in Path("/proc/self/fd").iterdir() if str(_target(each)).startswith("socket:"))


def _target(link):
    try:
        return link.readlink()
    except FileNotFoundError:
        return ""


# --- rates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["at once", "after a pause that saves nothing up"])
def test_writes_leave_no_closer_together_than_the_limit_allows(server, pause):
    server.plays(answer(202, NO_REFERENCE))
    with fresh_client(server.url, writes_per_second=50) as gateway:
        gateway.create_payments(requests(1))
        time.sleep(pause)
        begun = time.monotonic()
        gateway.create_payments(requests(12))
    for number, request in enumerate(server.requests[1:]):
        assert request.at >= begun + number / 50 - 0.001


def test_charges_refunds_and_revocations_share_the_limit_of_writes_and_reads_have_their_own(server):
    server.plays(answer(202, {**NO_REFERENCE, "action_id": "act_1", "data": []}))
    with fresh_client(server.url, writes_per_second=5, reads_per_second=20) as gateway:
        writes, reads = gateway._writes, gateway._reads
        acts = [
            (writes, reads, gateway.create_payments, requests(1)),
            (writes, reads, gateway.create_refunds, [a_refund()]),
            (writes, reads, gateway.revoke_sources, ["src_1"]),
            (reads, writes, gateway.find_by_reference, ["ref"]),
            (reads, writes, gateway.find_by_id, ["pay_1"]),
            (reads, writes, gateway.find_refunds, ["pay_1"]),
        ]
        for limit, other, act, asked in acts:
            before, others = limit._next, other._next
            act(asked)
            assert limit._next > before, "it takes the next place of its own limit"
            assert other._next == others, "and none of the other"


def test_no_more_requests_are_in_flight_than_allowed(server):
    server.plays(answer(202, NO_REFERENCE, after=0.02))
    with fresh_client(server.url, in_flight=5) as gateway:
        outcomes = gateway.create_payments(requests(40))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert server.most_at_once == 5


def test_two_hundred_requests_are_in_flight_at_once():
    all_are_here = threading.Barrier(200)

    def wait_for_the_others(line):
        all_are_here.wait(HANG_SECONDS)
        answer(202, NO_REFERENCE)(line)

    with ScriptedServer().plays(wait_for_the_others) as server:
        with fresh_client(server.url, in_flight=200, answer_seconds=2 * HANG_SECONDS) as gateway:
            outcomes = gateway.create_payments(requests(200))
        assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes[0]
        assert server.most_at_once == 200


def test_many_threads_may_use_one_client(server, gateway):
    server.plays(answer(200, {"data": []}))
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(gateway.find_by_reference, [[f"r{n}-{i}" for i in range(20)] for n in range(16)]))
    assert told == [[Found(())] * 20] * 16
    assert len(server.requests) == 320


# --- deadlines ------------------------------------------------------------------------------------


def test_what_has_not_left_when_the_batch_is_over_is_not_sent_at_all(server):
    server.plays(answer(202, NO_REFERENCE))
    with fresh_client(server.url, writes_per_second=5, batch_seconds=1.0) as gateway:
        gateway.check_health()  # what has to be opened is open
        server.plays(answer(202, NO_REFERENCE))
        outcomes = gateway.create_payments(requests(20))
        sent = [outcome for outcome in outcomes if isinstance(outcome, Accepted)]
        assert 1 <= len(sent) <= 6
        assert outcomes[len(sent) :] == [NotSent("its turn came too late")] * (20 - len(sent))
        assert len(server.requests) == len(sent)
        time.sleep(0.2)
        assert len(server.requests) == len(sent), "nothing leaves later"


def test_refunds_have_the_same_end_of_their_batch(server):
    server.plays(answer(202, {"action_id": "act_1"}))
    with fresh_client(server.url, writes_per_second=0.7, batch_seconds=1.0) as gateway:
        outcomes = gateway.create_refunds([a_refund(reference=f"ref-{number}") for number in range(3)])
    assert outcomes[1:] == [NotSent("its turn came too late")] * 2
    assert len(server.requests) == 1


def test_a_batch_behind_a_gateway_that_never_answers_ends_and_what_never_left_is_not_sent(server):
    server.plays(hang)
    with fresh_client(server.url, in_flight=4, answer_seconds=1.0, batch_seconds=1.7) as gateway:
        outcomes = gateway.create_payments(requests(16))
    unknown = [outcome for outcome in outcomes if isinstance(outcome, Unknown)]
    # Four are on the way at once, and after a second four more; a slow machine sends fewer of them.
    assert 1 <= len(unknown) <= 8
    assert len(server.requests) <= len(unknown)
    assert outcomes.count(NotSent("its turn came too late")) == 16 - len(unknown)


def test_a_connection_that_is_never_made_is_given_up_at_the_deadline():
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for each in crowd:
            each.setblocking(False)
            each.connect_ex(address)
        with fresh_client(f"http://127.0.0.1:{address[1]}", answer_seconds=0.3) as gateway:
            (outcome,) = gateway.create_payments([a_renewal()])
        assert outcome == Unknown("no whole answer within 0.3 s")
        for each in crowd:
            each.close()


# --- what is left behind --------------------------------------------------------------------------


def gateway_threads():
    return [thread for thread in threading.enumerate() if thread.name == "gateway" and thread.is_alive()]


def test_closing_leaves_no_thread_and_no_socket():
    with ScriptedServer().plays(answer(202, NO_REFERENCE)) as server:
        threads, sockets = gateway_threads(), sockets_of_this_process()
        gateway = fresh_client(server.url, in_flight=20)
        gateway.create_payments(requests(50))
        assert len(gateway_threads()) == len(threads) + 1
        gateway.close()
        assert gateway_threads() == threads
        until(lambda: server.open_now == 0, "the end of every connection")
        until(lambda: sockets_of_this_process() <= sockets, "the end of every socket")


def test_closing_twice_or_before_the_first_use_is_no_trouble(server):
    gateway = fresh_client(server.url)
    gateway.close()
    server.plays(answer(200, {"data": []}))
    gateway.check_health()
    gateway.close()
    gateway.close()


def test_a_client_that_was_closed_opens_again_when_it_is_used_again(server):
    server.plays(answer(200, {"data": []}))
    gateway = fresh_client(server.url)
    for _ in range(2):
        assert gateway.find_by_reference(["a", "b"]) == [Found(())] * 2
        gateway.close()


def test_nothing_is_started_before_it_is_needed(server):
    threads = gateway_threads()
    with fresh_client(server.url):
        assert gateway_threads() == threads


def test_closing_lets_nobody_wait_for_ever(server):
    server.plays(hang)
    gateway = fresh_client(server.url, answer_seconds=2 * HANG_SECONDS)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(gateway.create_payments, requests(3))
        until(lambda: len(server.requests) == 3, "the arrival of the requests")
        gateway.close()
        outcomes = waiting.result(timeout=HANG_SECONDS)
    assert [type(outcome) for outcome in outcomes] == [Unknown] * 3


@pytest.mark.parametrize("script", [hang, endless(202)], ids=["silent", "endless"])
def test_a_connection_that_was_given_up_is_closed_and_not_kept(script):
    with ScriptedServer().plays(script) as server, fresh_client(server.url, answer_seconds=0.2) as gateway:
        gateway.create_payments(requests(5))
        assert server.accepted == 5
        until(lambda: server.open_now == 0, "the end of every connection")


def test_connections_are_kept_and_used_again(server):
    server.plays(answer(202, NO_REFERENCE))
    with fresh_client(server.url, in_flight=3) as gateway:
        for _ in range(10):
            gateway.create_payments(requests(3))
    assert len(server.requests) == 30
    assert server.accepted <= 3
