"""Endpoints and deliveries, as an admin's program handles them."""

import pytest
from receiving import Post, receiving
from standardwebhooks import WebhookVerificationError

PATH = "/v1/webhook_endpoints"
URL = "https://shop.example.com/hooks"


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


def create(api, url=URL, **more):
    answer = api.post(PATH, {"url": url, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_an_endpoint_is_made_shown_changed_and_removed_and_its_secret_shown_once(both):
    made = create(both, event_types=["invoice.*"], description="shop")
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made["object"] == "webhook_endpoint"
    assert made["id"].startswith("we_")
    assert (made["state"], made["event_types"], made["created_by"]) == ("enabled", ["invoice.*"], "key:sandbox")
    assert both.get(f"{PATH}/{made['id']}") == made
    assert both.get(PATH)["data"] == [made]
    changed = both.call("PATCH", f"{PATH}/{made['id']}", {"url": f"{URL}/2", "event_types": []}).json()
    assert changed == made | {"url": f"{URL}/2", "event_types": []}
    gone = both.call("DELETE", f"{PATH}/{made['id']}").json()
    assert gone == {"object": "webhook_endpoint", "id": made["id"], "deleted": True}
    both.refused(both.call("GET", f"{PATH}/{made['id']}"), 404, "not_found")
    assert both.get(PATH)["data"] == []


def test_a_secret_is_not_told_again_to_the_same_request(api):
    key = {"Idempotency-Key": "endpoint-1"}
    first = api.post(PATH, {"url": URL}, headers=key).json()
    again = api.post(PATH, {"url": URL}, headers=key).json()
    assert again == first | {"secret": None}
    assert len(api.get(PATH)["data"]) == 1


def test_an_event_reaches_the_endpoint_and_is_what_the_feed_shows(both, receiver):
    secret = create(both, receiver.url)["secret"]
    both.subscribe()
    Post(both.world).carry()
    feed = {each["id"]: each for each in both.get("/v1/events", limit=100)["data"]}
    assert receiver.requests
    for request in receiver.requests:
        assert request.verified(secret) == feed[request.event["id"]]


def test_a_test_event_is_sent_and_its_delivery_logged(api, receiver):
    receiver.answer = b"thanks"
    made = create(api, receiver.url, event_types=["refund.failed"])
    told = api.post(f"{PATH}/{made['id']}/test").json()
    assert told["type"] == "webhook_endpoint.test"
    Post(api.world).carry()
    assert receiver.ids == [told["id"]]
    [delivery] = api.get("/v1/webhook_deliveries", endpoint_id=made["id"])["data"]
    assert delivery["event_id"] == told["id"]
    assert (delivery["state"], delivery["status"], delivery["answer"]) == ("delivered", 200, "thanks")
    assert (delivery["tries"], delivery["next_try_at"], delivery["error"]) == (1, None, None)
    assert api.get(f"/v1/webhook_deliveries/{delivery['id']}") == delivery


def test_a_delivery_is_sent_again_when_asked_for(api, receiver):
    made = create(api, receiver.url)
    api.post(f"{PATH}/{made['id']}/test")
    Post(api.world).carry()
    [delivery] = api.get("/v1/webhook_deliveries", state="delivered")["data"]
    again = api.post(f"/v1/webhook_deliveries/{delivery['id']}/resend").json()
    assert again["state"] == "pending"
    Post(api.world).carry()
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1


def test_deliveries_are_listed_page_by_page_newest_first(api, receiver):
    for _ in range(2):
        create(api, receiver.url)
    api.subscribe()
    Post(api.world).carry()
    whole = api.get("/v1/webhook_deliveries", limit=100)["data"]
    assert len(whole) == 14
    # A page that ends between the two deliveries of one event.
    first = api.get("/v1/webhook_deliveries", limit=7)
    second = api.get("/v1/webhook_deliveries", limit=7, cursor=first["next_cursor"])
    assert first["data"] + second["data"] == whole
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    one = whole[0]["event_id"]
    assert [each["event_id"] for each in api.get("/v1/webhook_deliveries", event_id=one)["data"]] == [one, one]


def test_what_happens_while_an_endpoint_is_disabled_is_sent_when_it_is_enabled(api, receiver):
    made = create(api, receiver.url, event_types=["subscription.*"])
    off = api.post(f"{PATH}/{made['id']}/disable").json()
    assert (off["state"], off["disabled_because"]) == ("disabled", "requested")
    api.subscribe()
    Post(api.world).carry()
    assert receiver.requests == []
    answer = api.post(f"{PATH}/{made['id']}/test")
    assert "enable it first" in api.refused(answer, 409, "conflict")
    assert answer.json()["current"]["state"] == "disabled"
    on = api.post(f"{PATH}/{made['id']}/enable").json()
    assert (on["state"], on["disabled_because"], on["failing_since"]) == ("enabled", None, None)
    api.refused(api.post(f"{PATH}/{made['id']}/enable"), 409, "conflict")
    Post(api.world).carry()
    assert sorted(receiver.types) == ["subscription.activated", "subscription.created"]


def test_both_secrets_sign_until_the_overlap_ends(api, receiver):
    made = create(api, receiver.url)
    fresh = api.post(f"{PATH}/{made['id']}/rotate-secret", {"overlap_hours": 1}).json()
    assert fresh["previous_secret_ends_at"] is not None
    api.post(f"{PATH}/{made['id']}/test")
    Post(api.world).carry()
    assert receiver.requests[0].verified(made["secret"]) == receiver.requests[0].verified(fresh["secret"])
    last = api.post(f"{PATH}/{made['id']}/rotate-secret", {"overlap_hours": 0, "end_previous": True}).json()
    api.post(f"{PATH}/{made['id']}/test")
    Post(api.world).carry()
    assert receiver.requests[1].verified(last["secret"])
    with pytest.raises(WebhookVerificationError):
        receiver.requests[1].verified(fresh["secret"])


def test_a_secret_that_still_signs_is_ended_by_a_second_rotation_only_if_that_is_said(api, receiver):
    made = create(api, receiver.url)
    path = f"{PATH}/{made['id']}/rotate-secret"
    lost = api.post(path).json()
    answer = api.post(path)
    assert '"end_previous": true' in api.refused(answer, 409, "conflict")
    assert answer.json()["current"]["previous_secret_ends_at"] == lost["previous_secret_ends_at"]
    api.post(f"{PATH}/{made['id']}/test")
    Post(api.world).carry()
    assert receiver.requests[0].verified(made["secret"])
    assert api.post(path, {"end_previous": True}).status_code == 200


@pytest.mark.parametrize(("body", "field"), [
    ({"url": "ftp://shop.example.com/"}, "url"), ({"url": "https://kim:word@shop.example.com/"}, "url"),
    ({"url": "https://shop.example.com:22/"}, "url"),
    ({"url": "http://169.254.169.254/x"}, "url"), ({"url": "http://10.0.0.1/"}, "url"),
    ({"url": "http://[fd00::1]/"}, "url"), ({"url": "http://[::ffff:10.0.0.1]/"}, "url"),
    ({"url": "http://167772161/"}, "url"), ({"url": "http://0xa9fea9fe/"}, "url"), ({"url": ""}, "url"), ({}, "url"),
    ({"url": URL, "event_types": ["invoice.payed"]}, "event_types.0"),
    ({"url": URL, "event_types": "*"}, "event_types"), ({"url": URL, "description": "x" * 201}, "description"),
    ({"url": URL, "description": "a\nb"}, "description"), ({"url": URL, "secret": "whsec_x"}, "secret"),
])  # fmt: skip
def test_a_bad_endpoint_is_refused_with_its_field_and_nothing_is_made(still, body, field):
    before = still.get(PATH)["data"]
    answer = still.post(PATH, body)
    still.refused(answer, 422, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    assert still.get(PATH)["data"] == before


@pytest.mark.parametrize("field", ["url", "event_types", "description"])
def test_null_changes_nothing_of_an_endpoint_and_is_refused_as_of_a_customer(api, field):
    made = api.post(PATH, {"url": URL, "event_types": ["invoice.paid"], "description": "the shop"}).json()
    answer = api.call("PATCH", f"{PATH}/{made['id']}", {field: None})
    assert field in api.refused(answer, 422, "invalid_request")
    assert api.get(f"{PATH}/{made['id']}")[field] == made[field]


def test_everything_is_sent_again_when_no_types_are_named_and_what_is_left_out_stays(api):
    made = api.post(PATH, {"url": URL, "event_types": ["invoice.paid"], "description": "the shop"}).json()
    changed = api.call("PATCH", f"{PATH}/{made['id']}", {"event_types": []}).json()
    assert (changed["event_types"], changed["description"], changed["url"]) == ([], "the shop", URL)


def test_there_are_twenty_endpoints_at_most(api):
    for number in range(20):
        create(api, f"{URL}/{number}")
    assert "delete one first" in api.refused(api.post(PATH, {"url": URL}), 409, "too_many_endpoints")
    page = api.get(PATH, limit=15)
    rest = api.get(PATH, limit=15, cursor=page["next_cursor"])
    assert [each["url"] for each in page["data"] + rest["data"]] == [f"{URL}/{number}" for number in range(20)]
