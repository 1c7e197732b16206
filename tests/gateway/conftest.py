"""A gateway client over real sockets: one against scripted servers, one against the sandbox."""

import httpx2
import pytest
from pydantic import SecretStr
from requests_to_send import fresh_client
from scripted_server import ScriptedServer
from waiting import HANG_SECONDS

from billing.gateway.auth import SecretKey
from billing.sandbox import defaults


@pytest.fixture(scope="session")
def server():
    with ScriptedServer() as made:
        yield made


@pytest.fixture(scope="session")
def gateway(server):
    """A patient client of the scripted server, for answers that come."""
    with fresh_client(server.url) as made:
        yield made


@pytest.fixture(scope="session")
def hasty(server):
    """A client of the scripted server for answers that do not come in time, so that waiting is cheap."""
    with fresh_client(server.url, answer_seconds=0.4) as made:
        yield made


class Shop:
    """A client of the sandbox, and the sandbox's control interface."""

    def __init__(self, url):
        self.url = url
        self.control = httpx2.Client(base_url=f"{url}/_sandbox", timeout=HANG_SECONDS)
        self.gateway = self.client()
        self.hasty = self.client(answer_seconds=2)

    def client(self, authorization=None, **limits):
        key = SecretKey(SecretStr(defaults.SECRET_KEY))
        return fresh_client(self.url, authorization or key, **limits)

    def put(self, path, **written):
        answer = self.control.put(path, json=written)
        assert answer.status_code == 200, answer.text

    def faults(self, **written):
        self.put("/faults", **written)

    def reset(self):
        self.control.post("/reset", json={"seed": 1})
        self.put("/clock", now="2027-03-01T01:00:00Z")

    def payments(self, reference=None):
        return self.control.get("/payments", params={} if reference is None else {"reference": reference}).json()

    def requests(self):
        return self.control.get("/requests").json()

    def source(self, wallet="kim@example.test"):
        """Return a source that can be charged, without a first payment."""
        answer = self.control.put(f"/wallets/{wallet}", json={"agreement": "active"})
        return answer.json()["source_ids"][0]

    def close(self):
        self.gateway.close()
        self.hasty.close()
        self.control.close()


@pytest.fixture(scope="session")
def opened_shop(sandbox):
    shop = Shop(sandbox.url)
    yield shop
    shop.close()


@pytest.fixture
def shop(opened_shop):
    opened_shop.reset()
    yield opened_shop
    opened_shop.reset()
