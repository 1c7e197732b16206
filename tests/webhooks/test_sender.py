"""One POST: bounded in time and size, and never to where it should not go."""

import asyncio
import gzip
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from receiving import LOOPBACK
from scripted_server import ScriptedServer
from standardwebhooks import Webhook, WebhookVerificationError
from waiting import HANG_SECONDS, until

from billing.outbox.sender import MOST_BYTES_KEPT, Sender, body_of, signed
from billing.outbox.vault import CannotOpen, Vault, draw_secret


def send(url, *, allowed=LOOPBACK, deadline=HANG_SECONDS, body="{}"):
    async def go():
        async with Sender(allowed, deadline=deadline) as sender:
            return await sender.post(url, {"content-type": "application/json"}, body)

    return asyncio.run(go())


def test_what_is_sent_verifies_with_either_secret_and_with_no_other():
    old, new = draw_secret(), draw_secret()
    body = body_of({"name": "베이직"})
    headers = signed("evt_1", body, [new, old], datetime.now(UTC))
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers) == {"name": "베이직"}
    with pytest.raises(WebhookVerificationError):
        Webhook(draw_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify(body + " ", headers)


def test_the_status_and_the_answer_are_kept(receiver):
    receiver.status, receiver.answer = 202, "받았어요".encode()
    answer = send(receiver.url)
    assert (answer.status, answer.body, answer.error, answer.is_taken) == (202, "받았어요", None, True)


def test_only_the_first_kilobyte_of_an_answer_is_read(receiver):
    receiver.answer = b"x" * 50_000_000
    answer = send(receiver.url)
    assert answer.is_taken
    assert answer.body == "x" * MOST_BYTES_KEPT
    until(lambda: receiver.hung_up == 1, "the end of the connection before the end of the answer")


def test_an_answer_that_no_row_could_hold_is_kept_all_the_same(receiver):
    receiver.answer = b"a\x00b\xff"
    assert send(receiver.url).body == "a\ufffdb\ufffd"


def test_an_answer_is_asked_for_as_it_is_and_one_that_is_compressed_all_the_same_is_said_to_be(receiver):
    receiver.status, receiver.answer, receiver.headers = 500, gzip.compress(b"sorry"), {"Content-Encoding": "gzip"}
    answer = send(receiver.url)
    assert receiver.requests[0].headers["accept-encoding"] == "identity"
    assert answer.body == "(compressed, although that was not asked for: not kept)"


def test_a_redirect_is_not_followed(receiver, another):
    receiver.status, receiver.headers = 307, {"Location": another.url}
    answer = send(receiver.url)
    assert answer.status == 307
    assert not answer.is_taken
    assert "redirects are not followed" in answer.error
    assert another.requests == []


def test_an_endpoint_that_does_not_answer_is_left_at_the_deadline(receiver):
    receiver.wait = 10
    answer = send(receiver.url, deadline=0.3)
    assert (answer.status, answer.error) == (None, "no whole answer within 0.3 s")


def test_so_is_one_that_drips_its_answer():
    def drip(line):
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(100):
            line.send(b".")
            time.sleep(0.05)

    with ScriptedServer([drip]) as server:
        assert send(server.url, deadline=0.5).error == "no whole answer within 0.5 s"


HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


def test_a_few_interim_answers_are_read_over():
    with ScriptedServer([lambda line: line.send(3 * HINT + TAKEN)]) as server:
        assert send(server.url).status == 204


def test_a_flood_of_interim_answers_is_no_answer_and_takes_nobody_elses_turn():
    sent = []

    def flood(line):
        with suppress(OSError):
            for _ in range(2000):
                line.send(2000 * HINT)
                sent.append(2000)
            line.send(TAKEN)

    async def post(url):
        async with Sender(LOOPBACK, deadline=HANG_SECONDS) as sender:
            turns, posting = 0, asyncio.create_task(sender.post(url, {"content-type": "application/json"}, "{}"))
            while not posting.done():
                turns += 1
                await asyncio.sleep(0)
            return turns, posting.result()

    with ScriptedServer([flood]) as server:
        turns, answer = asyncio.run(post(server.url))
    assert answer.error == "no readable answer (TooManyInterimAnswers)"
    assert len(sent) < 2000, "the flood was cut off"
    assert turns > 1


def test_what_is_no_http_is_no_answer():
    with ScriptedServer([lambda line: line.send(b"SSH-2.0-OpenSSH\r\n") or line.cut()]) as server:
        answer = send(server.url)
    assert answer.status is None
    assert answer.error.startswith("no readable answer")


def test_nobody_there_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/").error == "cannot connect: nothing listens there, or a firewall refuses it"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_a_private_address_is_refused_before_anything_is_sent_however_it_is_written(receiver, host):
    answer = send(receiver.url.replace("127.0.0.1", host), allowed=())
    assert answer.status is None
    assert "not on the open internet" in answer.error
    assert receiver.requests == []


def test_a_name_that_leads_elsewhere_after_it_was_looked_up_is_refused_where_it_leads(receiver, monkeypatch):
    asked = []

    def rebinding(host, port, *_more, **_rest):
        asked.append(host)
        leads_to = "93.184.216.34" if len(asked) % 2 == 0 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads_to, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    answer = send(receiver.url.replace("127.0.0.1", "shop.example.com"), allowed=())
    assert "not on the open internet" in answer.error
    assert asked == ["shop.example.com"]  # the address that was checked is the one that was connected to
    assert receiver.requests == []


def test_proxies_of_the_environment_are_not_used(receiver, another, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", another.url)
    monkeypatch.setenv("http_proxy", another.url)
    assert send(receiver.url).is_taken
    assert another.requests == []


def test_a_vault_opens_what_it_or_an_older_key_closed_and_nothing_else():
    secret = draw_secret()
    assert secret.startswith("whsec_")
    sealed = Vault(["old" * 12]).seal(secret)
    assert secret not in sealed
    assert Vault(["new" * 12, "old" * 12]).open(sealed) == secret
    with pytest.raises(CannotOpen, match="another key"):
        Vault(["new" * 12]).open(sealed)
    for refused in (lambda: Vault([]).seal(secret), lambda: Vault([]).open(sealed)):
        with pytest.raises(CannotOpen, match="is not set"):
            refused()
