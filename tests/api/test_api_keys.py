"""API keys over HTTP: what opens the API, for how long, and what each role may do."""

import asyncio
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from api_world import NO_ENGINE, client, served_api, wanted
from fastapi.routing import iter_route_contexts
from harness import kst
from sqlalchemy.exc import OperationalError
from waiting import HANG_SECONDS, until

from billing.config.settings import SANDBOX_API_KEY, Settings
from billing.domain.api_keys import ENTROPY_BYTES, KeyMode, KeyStanding, compose_key, key_digest, key_id
from billing.domain.public_ids import Kind, public_id
from billing.domain.roles import Role
from billing.entrypoints.api.app import create_app
from billing.entrypoints.api.auth import DOCUMENTATION_PATHS
from billing.entrypoints.api.callers import READ_APART_SECONDS, KeyRing, NotLetIn
from billing.entrypoints.api.roles import LEAST_ROLE
from billing.entrypoints.built_in_key import built_in_key_in_words
from billing.operations.api_keys import create_key, revoke_key, rotate_key
from billing.store.api_keys import known_keys, note_use

OPEN = {"/healthz", "/readyz", "/webhooks/checkout", "/v1/return/{token}", *DOCUMENTATION_PATHS}
NOW = datetime.now(UTC)


def operations():
    """Every operation of the app, as the table of roles names it; but for those that are open to all."""
    routes = list(iter_route_contexts(create_app(Settings(), NO_ENGINE).routes))
    assert len(routes) > 20
    return {f"{method} {route.path}" for route in routes for method in route.methods if route.path not in OPEN}


def made(api, name="shop-backend", role=Role.BACKEND, mode=KeyMode.TEST):
    return create_key(api.world.engine, name, role, mode, now=NOW)


def asked(api, key, method="GET", path="/v1/plans", body=None):
    return api.call(method, path, body, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def forgetful(sqlite_world):
    """An API that believes what it read of a key for a fifth of a second."""
    with served_api(key_seconds=0.2) as served:
        yield served.put(sqlite_world)


def test_every_operation_has_a_least_role_and_no_role_is_for_an_operation_that_is_gone():
    assert operations() == set(LEAST_ROLE)


ADMINS_ROOMS = {"keys", "audit", "webhook_endpoints", "webhook_deliveries"}


def test_to_look_is_for_all_to_act_for_customers_is_for_backends_and_the_rest_is_for_admins():
    for operation, role in LEAST_ROLE.items():
        method, _, path = operation.partition(" ")
        room = path.removeprefix("/v1").split("/")[1]
        sells = room in ("plans", "prices") and method != "GET"
        by_hand = path.endswith(("/erase", "/settle", "/settle-revocation", "/settle-dispute")) or (
            room == "refund_obligations" and method != "GET"
        )
        if room in ADMINS_ROOMS or sells or by_hand:
            assert role is Role.ADMIN, operation
        else:
            assert role is (Role.READ if method == "GET" else Role.BACKEND), operation


def test_an_operation_for_which_no_role_is_named_is_for_nobody(api, monkeypatch):
    monkeypatch.delitem(LEAST_ROLE, "GET /v1/plans")
    assert "a role that no key has" in api.refused(api.call("GET", "/v1/plans"), 403, "forbidden")


def test_a_key_opens_the_api_and_its_name_is_written_down_with_what_it_does(both):
    key = made(both)
    answer = asked(both, key.secret, "POST", "/v1/subscriptions", wanted())
    assert answer.status_code == 201
    assert both.world.events("subscription.created")[0]["actor"] == "key:shop-backend"


@pytest.mark.parametrize(
    ("role", "method", "path", "needs"),
    [
        (Role.READ, "POST", "/v1/subscriptions", "backend"),
        (Role.READ, "POST", "/v1/keys", "admin"),
        (Role.BACKEND, "POST", "/v1/keys", "admin"),
    ],
)
def test_a_role_that_is_not_enough_is_told_which_one_is(api, role, method, path, needs):
    key = made(api, role=role)
    answer = asked(api, key.secret, method, path, {"anything": "at all"})
    assert f"needs a key of the role {needs}" in api.refused(answer, 403, "forbidden")
    assert asked(api, key.secret).status_code == 200


def test_an_admin_key_makes_rotates_and_revokes_keys_and_shows_each_secret_once(api):
    answer = api.post("/v1/keys", {"name": "shop-backend", "role": "read"})
    assert answer.status_code == 201
    key = answer.json()
    assert asked(api, key["secret"]).status_code == 200
    rotated = api.post(f"/v1/keys/{key['id']}/rotate", {"overlap_hours": 1}).json()
    assert rotated["previous_hint"] == key["secret"][:12]
    assert [asked(api, each["secret"]).status_code for each in (key, rotated)] == [200, 200]
    revoked = api.post(f"/v1/keys/{key['id']}/revoke").json()
    assert revoked["revoked_at"] is not None
    assert "secret" not in revoked
    assert "cannot be undone" in api.refused(api.post(f"/v1/keys/{key['id']}/rotate"), 409, "key_revoked")


def test_a_bad_name_an_id_of_something_else_and_a_name_in_use_are_refused(api):
    api.refused(api.post("/v1/keys", {"name": "Shop Backend"}), 422, "invalid_request")
    api.refused(api.post("/v1/keys", {"name": "shop", "role": "root"}), 422, "invalid_request")
    told = api.refused(api.post("/v1/keys/cus_bu7w7dqrcfbcfaztircfkvlgmy/revoke"), 422, "invalid_request")
    assert told == "key_id the id of an API key begins with key_; this is the id of a customer"
    api.refused(api.post("/v1/keys/web/rotate"), 422, "invalid_request")
    api.refused(api.post(f"/v1/keys/{public_id(Kind.API_KEY, UUID(int=1))}/rotate"), 404, "not_found")
    made(api)
    taken = api.post("/v1/keys", {"name": "shop-backend"})
    told = api.refused(taken, 409, "name_taken")
    assert taken.json()["current"] == next(key for key in api.data("/v1/keys") if key["name"] == "shop-backend")
    assert told == "there is a key shop-backend already: rotate or revoke it, or choose another name."


def test_a_secret_that_still_works_is_ended_by_a_second_rotation_only_if_that_is_said(forgetful):
    first = made(forgetful)
    path = f"/v1/keys/{public_id(Kind.API_KEY, first.row.id)}/rotate"
    lost = forgetful.post(path).json()
    answer = forgetful.post(path)
    assert '"end_previous": true' in forgetful.refused(answer, 409, "conflict")
    assert answer.json()["current"]["previous_ends_at"] == lost["previous_ends_at"]
    assert asked(forgetful, first.secret).status_code == 200
    assert forgetful.post(path, {"end_previous": True}).json()["previous_hint"] == lost["hint"]
    time.sleep(0.25)
    forgetful.refused(asked(forgetful, first.secret), 401, "unauthorized")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda key: key[:-1], "cut off or mistyped"),
        (lambda key: key[:20] + ("a" if key[20] != "a" else "b") + key[21:], "cut off or mistyped"),
        (lambda key: key.replace("bk_test_", "sk_test_"), "begins with bk_test_ or bk_live_"),
        (lambda _key: compose_key(KeyMode.TEST, b"x" * ENTROPY_BYTES), "not known here"),
        (lambda _key: compose_key(KeyMode.LIVE, b"x" * ENTROPY_BYTES), "a live key, and this installation takes test"),
    ],
)
def test_a_key_that_opens_nothing_is_told_why(api, change, says):
    key = made(api).secret
    assert says in api.refused(asked(api, change(key)), 401, "unauthorized")


def test_a_revoked_key_opens_nothing_once_what_was_read_of_it_is_forgotten(forgetful):
    key = made(forgetful)
    assert asked(forgetful, key.secret).status_code == 200
    revoke_key(forgetful.world.engine, key.row.id, now=NOW)
    time.sleep(0.25)
    assert "it was revoked" in forgetful.refused(asked(forgetful, key.secret), 401, "unauthorized")


def test_a_rotated_key_works_on_until_the_overlap_ends_and_not_after_it(forgetful):
    def rotated(name, ago):
        first, then = made(forgetful, name), datetime.now(UTC) - ago
        overlap = timedelta(hours=1)
        return first, rotate_key(forgetful.world.engine, first.row.id, KeyMode.TEST, overlap=overlap, now=then)

    works_on = rotated("one", timedelta(0))
    assert [asked(forgetful, key.secret).status_code for key in works_on] == [200, 200]
    first, second = rotated("another", timedelta(hours=1))
    assert "it was replaced" in forgetful.refused(asked(forgetful, first.secret), 401, "unauthorized")
    assert asked(forgetful, second.secret).status_code == 200


def test_the_last_use_of_a_key_is_written_down_without_being_waited_for(both):
    key = made(both)
    assert asked(both, key.secret).status_code == 200
    used = until(lambda: both.world.scalar("SELECT last_used_at FROM api_key"), "the note")
    assert str(datetime.now(UTC).year) in str(used)


def test_a_use_is_written_down_at_most_once_a_minute_by_all_processes_together(world):
    key = create_key(world.engine, "shop", Role.READ, KeyMode.TEST, now=NOW)
    used = []
    for seconds in (0, 59, 60, 61):
        with world.engine.database.transaction() as tx:
            note_use(tx, key.row.id, NOW + timedelta(seconds=seconds))
        used.append(str(world.scalar("SELECT last_used_at FROM api_key")))
    assert used[0] == used[1] < used[2] == used[3]


def test_a_request_without_a_key_is_refused_before_its_body_has_come(still):
    with socket.create_connection(("127.0.0.1", urlsplit(still.url).port), timeout=HANG_SECONDS) as line:
        line.sendall(b"POST /v1/subscriptions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert b" 401 " in line.recv(65536)


def test_a_key_of_the_database_needs_the_database(api, monkeypatch):
    key = made(api).secret

    def fail(*_args, **_more):
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr("billing.entrypoints.api.app.known_keys", fail)
    api.refused(asked(api, key), 503, "database_unavailable")


def test_the_built_in_key_is_there_beside_the_bundled_sandbox_only(sqlite_world):
    with served_api(
        gateway={"base_url": "https://x.api.sandbox.checkout.com"}, secrets={"gateway_secret_key": "sk_sbox_x"}
    ) as served:
        api = served.put(sqlite_world)
        api.refused(api.call("GET", "/v1/plans"), 401, "unauthorized")
        assert asked(api, made(api).secret).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7", "billing.internal"])  # noqa: S104 - told, not bound
def test_the_built_in_key_opens_no_api_that_other_machines_reach(sqlite_world, host):
    with served_api(api={"host": host}) as served:
        api = served.put(sqlite_world)
        for method, path in (("GET", "/v1/plans"), ("POST", "/v1/keys"), ("GET", "/metrics")):
            api.refused(api.call(method, path), 401, "unauthorized")
        assert asked(api, made(api).secret).status_code == 200
    assert "does not open it" in built_in_key_in_words(Settings(api={"host": host}))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_the_built_in_key_opens_an_api_that_only_this_machine_reaches(host):
    assert Settings(api={"host": host}).built_in_api_key().get_secret_value() == SANDBOX_API_KEY
    assert "opens it as an admin" in built_in_key_in_words(Settings(api={"host": host}))


def test_nothing_is_said_of_the_built_in_key_where_it_never_opens_anything():
    live = Settings(mode="live", secrets={"gateway_secret_key": "sk_x"})
    away = Settings(gateway={"base_url": "https://x.api.sandbox.checkout.com"})
    for settings in (live, away):
        assert settings.built_in_api_key() is None
        assert built_in_key_in_words(settings) is None


def test_the_time_of_the_test_clock_neither_ends_a_key_nor_keeps_it(api):
    key = made(api)
    second = rotate_key(api.world.engine, key.row.id, KeyMode.TEST, overlap=timedelta(hours=24), now=datetime.now(UTC))
    api.go_to(kst("2027-03-01 12:00"))
    assert [asked(api, each.secret).status_code for each in (key, second)] == [200, 200]


class Books:
    """A ring over rows in memory that counts how often it looks into them."""

    def __init__(self, *keys, mode=KeyMode.TEST, **more):
        self.reads = 0
        self.begun = threading.Event()
        self.rows = [self.standing(key) for key in keys]
        self.uses = []
        self.ring = KeyRing(self.read, lambda *use: self.uses.append(use), mode=mode, **more)

    @staticmethod
    def standing(key):
        return KeyStanding(key_id(key_digest(key)), "shop", Role.BACKEND, key_digest(key), None, None, None, None)

    def read(self):
        self.reads += 1
        read = list(self.rows)
        self.begun.set()
        time.sleep(0.01)
        return read


def key_of(number):
    return compose_key(KeyMode.TEST, number.to_bytes(ENTROPY_BYTES, "big"))


@pytest.mark.parametrize(("mode", "other"), [(KeyMode.TEST, KeyMode.LIVE), (KeyMode.LIVE, KeyMode.TEST)])
def test_a_key_of_the_other_mode_opens_nothing_though_it_is_known(mode, other):
    good, foreign = (compose_key(each, b"x" * ENTROPY_BYTES) for each in (mode, other))
    ring = Books(good, foreign, mode=mode).ring
    assert asyncio.run(ring.caller_of(good)).name == "shop"
    with pytest.raises(NotLetIn, match=f"a {other} key, and this installation takes {mode} keys"):
        asyncio.run(ring.caller_of(foreign))


def test_many_requests_with_several_keys_cost_one_look_and_a_note_for_each():
    books = Books(key_of(1), key_of(2))

    async def all_at_once():
        await asyncio.gather(*(books.ring.caller_of(key_of(1 + number % 2)) for number in range(100)))
        await books.ring.caller_of(key_of(1))

    asyncio.run(all_at_once())
    books.ring.write_uses()
    assert books.reads == 1
    assert len(books.uses) == 2


def test_guessing_costs_the_database_little_and_keeps_out_nobody_whose_key_is_good():
    books = Books(key_of(1), key_of(2))

    async def guess():
        guesses = [asyncio.create_task(books.ring.caller_of(key_of(number))) for number in range(3, 503)]
        callers = [await books.ring.caller_of(key_of(number)) for number in (1, 2, 1)]
        return callers, await asyncio.gather(*guesses, return_exceptions=True)

    callers, told = asyncio.run(guess())
    assert len({caller.key_id for caller in callers}) == 2
    assert {type(each) for each in told} == {NotLetIn}
    assert books.reads <= 2


def test_keys_are_read_no_more_often_however_long_somebody_guesses():
    books = Books(key_of(1))

    async def guess():
        for number in range(2, 7):
            with pytest.raises(NotLetIn):
                await books.ring.caller_of(key_of(number))

    begun = time.monotonic()
    asyncio.run(guess())
    assert 2 <= books.reads <= 1 + (time.monotonic() - begun) / READ_APART_SECONDS


def test_a_key_that_was_made_while_the_keys_were_read_opens_the_api_all_the_same():
    books = Books(key_of(1), trusted_seconds=2 * HANG_SECONDS)

    async def made_meanwhile():
        reading = asyncio.create_task(books.ring.caller_of(key_of(1)))
        await asyncio.to_thread(books.begun.wait)
        books.rows.append(books.standing(key_of(2)))
        caller = await asyncio.wait_for(books.ring.caller_of(key_of(2)), HANG_SECONDS)
        await reading
        return caller

    assert asyncio.run(made_meanwhile()).key_id == books.rows[1].id
    assert books.reads == 2


def test_a_flood_of_guesses_keeps_out_no_key_that_was_not_seen_yet(api):
    keys = [made(api, f"shop-{number}").secret for number in range(10)]
    seen, ended = [], threading.Event()

    def flood(begin):
        with client(api.url) as http:
            number = begin
            while not ended.is_set():
                number += 1
                seen.append(http.get("/v1/plans", headers={"Authorization": f"Bearer {key_of(number)}"}).status_code)

    threads = [threading.Thread(target=flood, args=(1000 * each,)) for each in range(1, 61)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    told = [asked(api, key).status_code for key in keys]
    ended.set()
    for thread in threads:
        thread.join()
    assert told == [200] * 10
    assert set(seen) == {401}


def test_whoever_holds_a_revoked_key_is_told_so_for_a_month(world):
    key, engine = create_key(world.engine, "shop", Role.READ, KeyMode.TEST, now=NOW), world.engine
    revoke_key(engine, key.row.id, now=NOW)
    create_key(engine, "shop", Role.READ, KeyMode.TEST, now=NOW)
    with engine.database.snapshot() as tx:
        found = [len(known_keys(tx, revoked_after=NOW - timedelta(days=days))) for days in (-1, 0, 1)]
    assert found == [1, 1, 2]
