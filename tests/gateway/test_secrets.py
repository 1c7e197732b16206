"""Secrets are used and never shown: not by repr, not in an outcome, not in an error, not in a log at any level."""

import logging
import traceback
from datetime import UTC, datetime

import pytest
import structlog
from pydantic import SecretStr
from requests_to_send import a_payment, a_refund, a_renewal, an_error, fresh_client
from scripted_server import ScriptedServer, answer, cut, raw

from billing.gateway.auth import OAuth, SecretKey
from billing.gateway.webhooks import NotAuthentic, WebhookKeys, read_webhook, sign

CANARY = "canary-7f3a"
KEY = f"sk_{CANARY}"
TOKEN = f"token-{CANARY}"


class Overheard(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.said = []

    def emit(self, record):
        self.said.append(f"{record.getMessage()} {record.__dict__}")


@pytest.fixture
def overheard():
    """Everything that anybody logs in this process, at every level, structlog's lines included."""
    handler, root = Overheard(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    for name in ("httpx2", "httpcore2", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        yield lambda: "\n".join([*handler.said, *(str(line) for line in lines)])
    root.removeHandler(handler)
    root.setLevel(before)


def clients_of(server):
    oauth = OAuth(f"{server.url}/connect/token", "ack_client", SecretStr(f"secret-{CANARY}"))
    yield fresh_client(server.url, SecretKey(SecretStr(KEY)))
    yield fresh_client(server.url, oauth)


SCRIPTS = {
    "accepted": answer(202, a_payment()),
    "refused": answer(422, an_error("source_id_unknown")),
    "turned away": answer(401),
    "no sense": answer(200, b"<html>"),
    "cut": cut,
    "not HTTP": raw(b"\x00\x01\x02"),
}


SINCE, UNTIL = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_no_outcome_and_no_log_line_shows_a_key_or_a_token(overheard, script):
    def token_first(line):
        if line.request.path == "/connect/token":
            answer(200, {"access_token": TOKEN, "expires_in": 3600})(line)
        else:
            script(line)

    with ScriptedServer().plays(token_first) as server:
        for client in clients_of(server):
            with client:
                told = [
                    client.create_payments([a_renewal()]),
                    client.create_refunds([a_refund()]),
                    client.find_by_reference(["x"]),
                    client.find_by_id(["x"]),
                    client.find_refunds(["x"]),
                    client.search_payments(SINCE, UNTIL, limit=1),
                    client.list_disputes(SINCE, limit=1),
                    client.find_disputes(["x"]),
                    client.revoke_sources(["src_1"]),
                    client.check_health(),
                    client,
                    vars(client),
                    client._authorization,
                ]
            assert CANARY not in repr(told)
        sent = " ".join(request.headers["authorization"] for request in server.requests)
        assert KEY in sent, "the key was used"
        assert TOKEN in sent, "the token was used"
    assert CANARY not in overheard()
    for library in ("aiohttp.client", "httpx2", "asyncio"):
        logging.getLogger(library).debug("a word of %s", library)
        assert f"a word of {library}" in overheard(), "it would have been overheard"


@pytest.mark.parametrize("script", [answer(400, {"error": "invalid_client"}), answer(200, b"<"), cut])
def test_a_token_endpoint_that_fails_shows_no_client_secret(overheard, script):
    with ScriptedServer().plays(script) as server:
        *_, client = clients_of(server)
        with client:
            assert CANARY not in repr(client.create_payments([a_renewal()]))
    assert CANARY not in overheard()


def test_keys_show_themselves_in_no_repr():
    key = SecretKey(SecretStr(KEY))
    keys = WebhookKeys([CANARY, f"{CANARY}-2"], authorization=CANARY)
    assert CANARY not in f"{key!r} {key} {keys!r} {keys}"


@pytest.mark.parametrize(
    ("signature", "authorization"),
    [(None, CANARY), ("0" * 64, CANARY), (sign(b"{", CANARY), "wrong")],
)
def test_a_refused_webhook_shows_neither_the_key_nor_the_right_signature(signature, authorization):
    keys = WebhookKeys([CANARY], authorization=CANARY)
    with pytest.raises(NotAuthentic) as raised:
        read_webhook(b"{", signature=signature, authorization=authorization, keys=keys)
    told = "".join(traceback.format_exception(raised.value, chain=True))
    assert CANARY not in told
    assert sign(b"{", CANARY) not in told
