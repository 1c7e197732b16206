"""What a courier sends verifies with the JavaScript library of Standard Webhooks, and what was altered does not."""

import json

import pytest
from external_tools import JAVASCRIPT, node
from receiving import VAULT, Post, receiving

from billing.operations.webhook_endpoints import rotate_secret


@pytest.fixture
def delivered(sqlite_world, tmp_path):
    """A request that a courier made while one secret replaced another, and both secrets."""
    with receiving() as receiver:
        post = Post(sqlite_world)
        made = post.endpoint(receiver, event_types=["subscription.activated"])
        fresh = rotate_secret(sqlite_world.engine, VAULT, made.row.id, now=post.clock())
        sqlite_world.subscribe()
        post.carry()
    [request] = receiver.requests

    def verify(secret, body=request.body):
        file = tmp_path / "delivery.json"
        file.write_text(json.dumps({"secret": secret, "body": body, "headers": request.headers}), encoding="utf-8")
        return node(JAVASCRIPT / "verify.mjs", file)

    return verify, request, made.secret, fresh.secret


def test_either_secret_verifies_it(delivered):
    verify, _, old, new = delivered
    assert verify(old) == verify(new) == "subscription.activated\n"


def test_a_body_that_was_altered_is_refused(delivered):
    verify, request, _, new = delivered
    with pytest.raises(AssertionError, match="No matching signature found"):
        verify(new, request.body.replace("basic", "gold"))
