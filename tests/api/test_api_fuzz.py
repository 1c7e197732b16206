"""Whatever is sent, the answer is an error of the one shape, and nothing is written."""

import json
from uuid import UUID

from api_world import wanted
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing.domain.public_ids import Kind, public_id

NOBODY = public_id(Kind.SUBSCRIPTION, UUID(int=0))
POSTS = [
    "/v1/subscriptions",
    *[
        f"/v1/subscriptions/{NOBODY}/{act}"
        for act in ("replace-source", "cancel", "undo-cancel", "pause", "resume", "consent")
    ],
    "/v1/refunds",
    *[f"/v1/plans/nothing/{act}" for act in ("archive", "pause", "resume")],
]
GETS = [
    *[f"/v1/{name}" for name in ("subscriptions", "events", "invoices", "charges", "refunds", "plans", "prices")],
    f"/v1/subscriptions/{NOBODY}",
    "/v1/customers/x/access",
]
FIELDS = [*wanted(), "phone", "locale", "os_type", "at", "reason", "resume_at", "charge_id", "amount", "x"]
QUERIES = [
    *["limit", "cursor", "customer_id", "customer_reference", "state", "after", "subscription_id", "grace_days"],
    *["plan", "created_from", "archived", "x"],
]

# Surrogates on their own too: JSON can carry them, escaped.
texts = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ["WEB", "now", "basic", "2027-03-01T00:00:00Z"]
)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
trees = st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
bodies = trees | st.dictionaries(st.sampled_from(FIELDS), values | trees, max_size=8)


def is_answered_in_shape(answer):
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["type"] == f"urn:kakaopay-billing:problem:{problem['code']}"
        assert problem["status"] == answer.status_code
        assert problem["detail"]
        assert problem["request_id"]


@settings(max_examples=40)
@given(path=st.sampled_from(POSTS), body=bodies)
@example(path="/v1/subscriptions", body={"\ud800": {"\x00": []}})
def test_no_body_breaks_an_endpoint(still, path, body):
    answer = still.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code >= 400
    is_answered_in_shape(answer)
    assert still.world.scalar("SELECT count(*) FROM customer") == 0


@settings(max_examples=25)
@given(path=st.sampled_from(GETS), query=st.dictionaries(st.sampled_from(QUERIES), st.text(max_size=12), max_size=3))
def test_no_query_breaks_an_endpoint(still, path, query):
    is_answered_in_shape(still.call("GET", path, params=query))


def test_the_feed_may_be_asked_from_its_far_end(both):
    assert both.get("/v1/events", after=f"evt_{10**18 - 1}")["data"] == []
