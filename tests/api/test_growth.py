"""No work grows with the square of what a caller sends: four times as much may take four times as long, not sixteen."""

import asyncio
import contextlib
import json
import time
from datetime import timedelta

import pytest
from api_world import event, signed
from fastapi import Depends, FastAPI

from billing.config.settings import SANDBOX_WEBHOOK_KEY
from billing.domain.api_keys import NotAKey, read_mode
from billing.entrypoints.api.edge import headers_of
from billing.entrypoints.api.errors import ApiError
from billing.entrypoints.api.models import NewSubscription
from billing.entrypoints.api.paging import read_cursor
from billing.entrypoints.api.strict import take_nothing_unknown
from billing.gateway.messages import Unreadable, read_json
from billing.gateway.webhooks import NotAuthentic, WebhookKeys, read_webhook

SMALL, TIMES = 2_000, 4
BETWEEN_LINEAR_AND_SQUARE = 9
"""Of 4 and 16, with room for what the machine does besides."""


def ask(query):
    """Send a query to an endpoint that takes none."""
    app = FastAPI(dependencies=[Depends(take_nothing_unknown)])

    @app.get("/x")
    async def endpoint():
        return {}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        pass

    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": query, "http_version": "1.1"}

    async def call():
        with contextlib.suppress(ApiError):
            await app(scope, receive, send)

    return lambda: asyncio.run(call())


def refusing(work, *errors):
    def run():
        with contextlib.suppress(errors):
            work()

    return run


def webhook(size):
    body = event(extra={f"k{number}": "v" for number in range(size)})
    signature = signed(body)["Cko-Signature"]
    keys = WebhookKeys([SANDBOX_WEBHOOK_KEY])
    return refusing(lambda: read_webhook(body, signature=signature, authorization=None, keys=keys), NotAuthentic)


def text(size, letter="가"):
    return json.dumps({"name": letter * size, "email": "a@" + "b." * size, "phone": "0-" * size}).encode()


WORK = {
    "names of a query": lambda size: ask("&".join(f"a{number}" for number in range(size)).encode()),
    "one name of a query": lambda size: ask(b"&".join([b"type="] * size)),
    "keys of a body": lambda size: lambda: read_json(json.dumps({f"k{n}": n for n in range(size)}).encode()),
    "a list in a body": lambda size: lambda: read_json(json.dumps([{}] * size).encode()),
    "depth of a body": lambda size: refusing(lambda: read_json(b"[" * size), Unreadable),
    "digits of a number": lambda size: refusing(lambda: read_json(b"1" * size * 20), Unreadable),
    "texts of a body": lambda size: refusing(lambda: NewSubscription.model_validate_json(text(size)), ValueError),
    "unknown fields": lambda size: refusing(
        lambda: NewSubscription.model_validate_json(json.dumps({f"k{n}": n for n in range(size)})), ValueError
    ),
    "headers": lambda size: lambda: headers_of({"headers": [(b"x", b"y")] * size}, b"x"),
    "a cursor": lambda size: refusing(lambda: read_cursor("x", "a" * size * 4, "[a-z]+"), ApiError),
    "an API key": lambda size: refusing(lambda: read_mode("bk_test_" + "a" * size * 4), NotAKey),
    "a webhook": webhook,
}


def cpu(work):
    """Return the least CPU time of a few runs, in seconds of this thread."""
    taken = []
    for _ in range(5):
        begun = time.thread_time()
        work()
        taken.append(time.thread_time() - begun)
    return min(taken)


@pytest.mark.parametrize("name", WORK)
def test_four_times_the_input_takes_nothing_like_sixteen_times_the_work(name):
    fixed = timedelta(milliseconds=1).total_seconds()  # what is not about the input, and the clock's own steps
    small, large = (cpu(WORK[name](size)) for size in (SMALL, SMALL * TIMES))
    assert large + fixed < BETWEEN_LINEAR_AND_SQUARE * (small + fixed)
