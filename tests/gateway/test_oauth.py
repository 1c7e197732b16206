"""OAuth tokens: fetched once for all, obeyed, renewed early, and asked for once more when turned away."""

import base64
import threading
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr
from requests_to_send import a_payment, a_renewal, fresh_client
from scripted_server import ScriptedServer, answer, cut, hang
from waiting import HANG_SECONDS

from billing.domain.charging import Accepted, Found, NotSent, Unreadable
from billing.gateway.auth import OAuth
from billing.gateway.headers import USER_AGENT
from billing.sandbox import defaults

MANY = 40


class Issuer(ScriptedServer):
    """A token endpoint that numbers its tokens."""

    def issues(self, lifetime=3600, *, after=0.0):
        def script(line):
            answer(200, {"access_token": f"token-{len(self.requests)}", "expires_in": lifetime}, after=after)(line)

        return self.plays(script)


@pytest.fixture(scope="module")
def issuer():
    with Issuer() as made:
        yield made


def client_of(url, token_url, *, secret="the-secret", **limits):
    return fresh_client(url, OAuth(token_url, "ack_client", SecretStr(secret)), **limits)


@pytest.fixture
def client(server, issuer):
    with client_of(server.url, f"{issuer.url}/connect/token") as made:
        yield made


def bearers(server):
    return [request.headers["authorization"] for request in server.requests]


def test_a_token_is_asked_for_with_the_credentials_and_used_as_bearer(server, issuer, client):
    issuer.issues()
    server.plays(answer(202, a_payment()))
    assert isinstance(client.create_payments([a_renewal()])[0], Accepted)
    (asked,) = issuer.requests
    assert (asked.method, asked.path) == ("POST", "/connect/token")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"ack_client:the-secret").decode()
    form = parse_qs(asked.body.decode())
    assert form["grant_type"] == ["client_credentials"]
    assert (form["client_id"], form["client_secret"]) == (["ack_client"], ["the-secret"])
    assert form["scope"] == ["gateway vault:instruments"]
    assert asked.headers["user-agent"] == USER_AGENT
    assert bearers(server) == ["Bearer token-1"]


def test_many_requests_at_once_share_one_token(server, issuer, client):
    issuer.issues(after=0.05)
    server.plays(answer(200, {"data": []}))
    assert client.find_by_reference([str(number) for number in range(MANY)]) == [Found(())] * MANY
    assert len(issuer.requests) == 1
    assert set(bearers(server)) == {"Bearer token-1"}


def test_a_token_is_kept_while_it_is_good(server, issuer, client):
    issuer.issues(lifetime=3600)
    server.plays(answer(200, {"data": []}))
    for _ in range(3):
        client.find_by_reference(["x"])
    assert len(issuer.requests) == 1


@pytest.mark.parametrize("lifetime", [0, 59, -5])
def test_a_token_is_renewed_a_minute_before_its_end(server, issuer, client, lifetime):
    issuer.issues(lifetime=lifetime)
    server.plays(answer(200, {"data": []}))
    for _ in range(3):
        client.find_by_reference(["x"])
    assert bearers(server) == ["Bearer token-1", "Bearer token-2", "Bearer token-3"]


def test_a_token_that_is_turned_away_is_replaced_once_and_the_request_sent_again_with_the_same_key(
    server, issuer, client
):
    issuer.issues()
    server.plays(answer(401), answer(202, a_payment()))
    assert isinstance(client.create_payments([a_renewal()])[0], Accepted)
    assert bearers(server) == ["Bearer token-1", "Bearer token-2"]
    first, second = server.requests
    assert first.body == second.body
    assert first.headers["cko-idempotency-key"] == second.headers["cko-idempotency-key"]


def test_a_client_that_is_turned_away_twice_stops_the_run(server, issuer, client):
    issuer.issues()
    server.plays(answer(401))
    (outcome,) = client.create_payments([a_renewal()])
    assert isinstance(outcome, NotSent)
    assert outcome.stop_the_run is True
    assert len(server.requests) == 2


def test_when_many_requests_are_turned_away_at_once_one_new_token_serves_them_all(server, issuer, client):
    issuer.issues()
    all_are_here = threading.Barrier(MANY)

    def turn_the_first_token_away(line):
        if line.request.headers["authorization"] == "Bearer token-1":
            place = all_are_here.wait(HANG_SECONDS)
            answer(401, after=0.01 * place)(line)  # most of them after the new token has come
        else:
            answer(200, {"data": []})(line)

    server.plays(turn_the_first_token_away)
    assert client.find_by_reference([str(number) for number in range(MANY)]) == [Found(())] * MANY
    assert len(issuer.requests) == 2
    assert bearers(server).count("Bearer token-2") == MANY


@pytest.mark.parametrize(
    "script",
    [
        answer(400, {"error": "invalid_client"}),
        answer(401),
        answer(500),
        answer(302, b"", [("Location", "/elsewhere")]),
        answer(200, b""),
        answer(200, b"<html>"),
        answer(200, {}),
        answer(200, []),
        answer(200, {"access_token": "x"}),
        answer(200, {"access_token": 7, "expires_in": 3600}),
        answer(200, {"access_token": None, "expires_in": 3600}),
        answer(200, {"access_token": "", "expires_in": 3600}),
        answer(200, {"access_token": "a\r\nb", "expires_in": 3600}),
        answer(200, {"access_token": "김", "expires_in": 3600}),
        answer(200, {"access_token": "x", "expires_in": "3600"}),
        answer(200, {"access_token": "x", "expires_in": None}),
        cut,
    ],
)
def test_without_a_token_nothing_is_sent(server, issuer, client, script):
    issuer.plays(script)
    server.plays(answer(202, a_payment()))
    (outcome,) = client.create_payments([a_renewal()])
    assert isinstance(outcome, NotSent), outcome
    assert isinstance(client.find_by_reference(["x"])[0], Unreadable)
    assert server.requests == []


class Granting(ScriptedServer):
    """A token endpoint that grants some scopes, and refuses a request for any other as a whole."""

    def grants(self, *granted):
        def script(line):
            asked = parse_qs(line.request.body.decode())["scope"][0].split()
            if set(asked) <= set(granted):
                answer(200, {"access_token": "good", "expires_in": 3600})(line)
            else:
                answer(400, {"error": "invalid_scope"})(line)

        return self.plays(script)


def test_a_scope_that_is_not_granted_stops_the_run_and_is_named(server):
    server.plays(answer(202, a_payment()))
    with Granting() as issuer:
        issuer.grants("gateway")
        with client_of(server.url, f"{issuer.url}/connect/token") as client:
            (outcome,) = client.create_payments([a_renewal()])
            health = client.check_health()
    assert isinstance(outcome, NotSent)
    assert outcome.stop_the_run
    assert "invalid_scope: the access key lacks one of the scopes `gateway vault:instruments`" in outcome.reason
    assert (health.reachable, health.authorised, health.refused_scopes) == (True, False, ("vault:instruments",))
    assert server.requests == []


def test_the_scopes_that_are_asked_for_are_those_of_the_configuration(server):
    server.plays(answer(202, a_payment()))
    with Granting() as issuer:
        issuer.grants("gateway")
        oauth = OAuth(f"{issuer.url}/connect/token", "ack_client", SecretStr("x"), scopes=["gateway"])
        with fresh_client(server.url, oauth) as client:
            assert isinstance(client.create_payments([a_renewal()])[0], Accepted)


def test_a_token_endpoint_that_fails_is_asked_once_by_all_who_wait_and_again_by_the_next(server, issuer, client):
    issuer.plays(answer(503, after=0.2))
    server.plays(answer(202, a_payment()))
    outcomes = client.create_payments([a_renewal(f"ref-{number}") for number in range(MANY)])
    assert outcomes == [NotSent("the token endpoint answered HTTP 503")] * MANY
    assert len(issuer.requests) == 1
    issuer.issues()
    assert client.find_by_id(["pay_1"]) != []
    assert len(issuer.requests) == 1
    assert bearers(server) == ["Bearer token-1"]


def test_a_batch_whose_token_comes_too_late_is_not_sent(server, issuer):
    issuer.issues(after=0.3)
    server.plays(answer(202, a_payment()))
    with client_of(server.url, f"{issuer.url}/connect/token", batch_seconds=0.1) as client:
        outcomes = client.create_payments([a_renewal(f"ref-{number}") for number in range(5)])
    assert outcomes == [NotSent("its turn came too late")] * 5
    assert server.requests == []


def test_a_token_endpoint_that_never_answers_is_given_up(server, issuer):
    issuer.plays(hang)
    server.plays(answer(202, a_payment()))
    hasty = OAuth(f"{issuer.url}/connect/token", "ack_client", SecretStr("x"), answer_seconds=0.2)
    with fresh_client(server.url, hasty) as client:
        assert client.create_payments([a_renewal()]) == [NotSent("the token endpoint did not answer")]
    assert server.requests == []


def test_the_sandbox_gives_a_token_for_the_right_credentials_only(shop):
    right = OAuth(f"{shop.url}/connect/token", defaults.CLIENT_ID, SecretStr(defaults.CLIENT_SECRET))
    with shop.client(right) as client:
        assert client.check_health().authorised
        outcome = client.create_payments([a_renewal(source_id=shop.source())])[0]
        assert isinstance(outcome, Accepted), outcome
    wrong = OAuth(f"{shop.url}/connect/token", defaults.CLIENT_ID, SecretStr("wrong"))
    with shop.client(wrong) as client:
        assert client.create_payments([a_renewal(source_id=shop.source())]) == [
            NotSent(
                "the token endpoint answered HTTP 400 invalid_client: it does not know the client id and secret",
                stop_the_run=True,
            )
        ]
        assert client.check_health().authorised is False


def test_a_token_that_the_sandbox_forgot_is_replaced_without_anybody_noticing(shop):
    shop.faults(token_seconds=120)
    right = OAuth(f"{shop.url}/connect/token", defaults.CLIENT_ID, SecretStr(defaults.CLIENT_SECRET))
    with shop.client(right) as client:
        assert client.check_health().authorised
        shop.put("/clock", now="2027-03-01T03:00:00Z")  # the token is over, and the client cannot know
        assert client.check_health().authorised
