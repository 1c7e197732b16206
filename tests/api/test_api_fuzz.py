"""Whatever is sent, the answer is an error of the one shape, and nothing is written."""

import json
from uuid import UUID

from api_world import NO_ENGINE
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing.config.settings import Settings
from billing.domain.public_ids import Kind, public_id
from billing.entrypoints.api.app import create_app

DOCUMENT = create_app(Settings(), NO_ENGINE).openapi()
IN_PATHS = {f"{kind.name.lower()}_id": public_id(kind, UUID(int=0)) for kind in Kind if kind is not Kind.EVENT} | {
    "endpoint_id": public_id(Kind.WEBHOOK_ENDPOINT, UUID(int=0)),
    "key_id": public_id(Kind.API_KEY, UUID(int=0)),
    "obligation_id": public_id(Kind.REFUND_OBLIGATION, UUID(int=0)),
    "event_id": "evt_999999999",
    "plan": "nothing",
    "reference": "nobody",
}


def operations(*methods):
    """Return the operations that need a key, about things that are not there."""
    return [
        (method.upper(), path.format(**IN_PATHS))
        for path, told in DOCUMENT["paths"].items()
        for method in methods
        if method in told and told[method].get("security")
    ]


WRITES, READS = operations("post", "patch"), operations("get")
FIELDS = sorted({name for model in DOCUMENT["components"]["schemas"].values() for name in model.get("properties", {})})
QUERIES = sorted(
    {
        each["name"]
        for told in DOCUMENT["paths"].values()
        for each in told.get("get", {}).get("parameters", [])
        if each["in"] == "query"
    }
)

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


@settings(max_examples=80)
@given(asked=st.sampled_from(WRITES), body=bodies)
@example(asked=("POST", "/v1/subscriptions"), body={"\ud800": {"\x00": []}})
def test_no_body_breaks_an_endpoint(still, asked, body):
    answer = still.call(*asked, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code >= 400
    is_answered_in_shape(answer)
    assert still.world.scalar("SELECT count(*) FROM customer") == 0


@settings(max_examples=50)
@given(
    asked=st.sampled_from(READS),
    query=st.dictionaries(st.sampled_from([*QUERIES, "x"]), st.text(max_size=12), max_size=3),
)
def test_no_query_breaks_an_endpoint(still, asked, query):
    is_answered_in_shape(still.call(*asked, params=query))


def test_the_feed_may_be_asked_from_its_far_end(both):
    assert both.get("/v1/events", after=f"evt_{10**18 - 1}")["data"] == []
