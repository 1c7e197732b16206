"""A shared sandbox, pristine for each test."""

from collections.abc import Iterator

import pytest
from sandbox_shop import Receiver, Shop

from billing.sandbox.testing import SandboxServer

START = "2026-03-01T00:00:00Z"


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    with SandboxServer() as sandbox:
        yield sandbox.url


@pytest.fixture
def shop(sandbox_url: str) -> Iterator[Shop]:
    """A pristine sandbox with its clock frozen at START."""
    shop = Shop(sandbox_url)
    shop.control("POST", "reset", {"seed": 1})
    shop.at(START)
    yield shop
    shop.http.close()


@pytest.fixture
def receiver(shop: Shop) -> Iterator[Receiver]:
    receiver = Receiver()
    shop.control("PUT", "webhooks", {"url": receiver.url, "key": "키-key", "authorization": "hook-secret"})
    yield receiver
    shop.control("PUT", "webhooks", {"url": None})
    receiver.server.shutdown()
    receiver.server.server_close()
