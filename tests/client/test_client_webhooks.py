"""Which webhooks are believed."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from billing.client import NotAuthentic, verify_webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes....").decode()
OTHER = "whsec_" + base64.b64encode(b"another one of 24 bytes.").decode()
EVENT = {
    "object": "event",
    "id": "evt_42",
    "type": "invoice.payment_failed",
    "created_at": "2027-03-01T01:00:00Z",
    "sequence": 7,
    "subject": {"object": "charge", "id": "ch_x"},
    "subscription_id": "sub_x",
    "customer_id": None,
    "data": {"next_attempt_at": "2027-03-02T01:00:00Z", "decline_class": "retry_later"},
    "of_a_later_version": True,
}
BODY = json.dumps(EVENT, ensure_ascii=False).encode()


def signed(body=BODY, secret=SECRET, ago=timedelta(0), **changes):
    at = datetime.now(UTC) - ago
    headers = {
        "Webhook-Id": "evt_42",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("evt_42", at, body.decode("utf-8", "surrogateescape")),
    }
    return {name: value for name, value in (headers | changes).items() if value is not None}


def test_what_is_signed_is_read():
    event = verify_webhook(BODY, signed(), SECRET)
    assert (event.id, event.type, event.sequence, event.subject.id) == ("evt_42", "invoice.payment_failed", 7, "ch_x")
    assert event.created_at == datetime(2027, 3, 1, 1, tzinfo=UTC)
    assert event.data["decline_class"] == "retry_later"


def test_while_one_secret_replaces_the_other_both_are_good():
    assert verify_webhook(BODY, signed(secret=OTHER), SECRET, OTHER).id == "evt_42"
    both = signed()["Webhook-Signature"] + " " + signed(secret=OTHER)["Webhook-Signature"]
    assert verify_webhook(BODY, signed(**{"Webhook-Signature": both}), OTHER).id == "evt_42"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, {}),
        (BODY, signed(secret=OTHER)),
        (BODY.replace(b"42", b"43"), signed()),
        (BODY + b" ", signed()),
        (BODY, signed(ago=timedelta(hours=1))),
        (BODY, signed(ago=timedelta(hours=-1))),
        (BODY, signed(**{"Webhook-Id": "evt_43"})),
        (BODY, signed(**{"Webhook-Id": None})),
        (BODY, signed(**{"Webhook-Timestamp": "soon"})),
        (BODY, signed(**{"Webhook-Signature": "v1"})),
        (BODY, signed(**{"Webhook-Signature": "v1,%%%"})),
        (BODY, signed(**{"Webhook-Signature": "v1a,AAAA"})),
        (b"\xff", signed()),
        (b"", signed()),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, bytes) else "",
)
def test_anything_else_is_not_believed(body, headers):
    with pytest.raises(NotAuthentic, match="signature"):
        verify_webhook(body, headers, SECRET)


def test_something_signed_that_is_no_event_is_not_taken_for_one():
    with pytest.raises(NotAuthentic, match="holds no event"):
        verify_webhook(b"{}", signed(b"{}"), SECRET)


@pytest.mark.parametrize("secrets", [(), ("",), ("whsec_",), ("whsec_a",)])
def test_a_secret_that_is_none_is_said_to_be_none(secrets):
    with pytest.raises(ValueError, match="whsec_…"):
        verify_webhook(BODY, signed(), *secrets)
