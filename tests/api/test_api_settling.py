"""Charges without an outcome, settled by hand over the API."""

from datetime import UTC, datetime
from uuid import UUID

from api_world import event

from billing.domain.api_keys import KeyMode
from billing.domain.public_ids import Kind, public_id
from billing.domain.roles import Role
from billing.operations.api_keys import create_key

BECAUSE = {"as": "failed", "reason": "support says it will not be captured"}
NO_CHARGE = public_id(Kind.CHARGE, UUID(int=0))


def hung(api, script="hang", until="2027-03-04 12:00"):
    """Return a subscription and its renewal, which has no end after four days."""
    subscription = api.subscribe()
    api.world.wallet("kim@example.test", script=[script])
    api.world.live_through(until)
    api.go_to(until)
    [charge] = api.data("/v1/charges", subscription_id=subscription, state="parked")
    return subscription, charge["id"]


def settle(api, charge, body=BECAUSE, **more):
    return api.post(f"/v1/charges/{charge}/settle", body, **more)


def test_a_charge_that_hangs_is_settled_and_what_waited_for_it_goes_on(both):
    subscription, charge = hung(both)
    [invoice] = both.data("/v1/invoices", subscription_id=subscription, state="open")
    assert both.post(f"/v1/invoices/{invoice['id']}/void", {"reason": "asked to"}).status_code == 409
    shown = settle(both, charge)
    assert shown.status_code == 200
    assert (shown.json()["id"], shown.json()["state"]) == (charge, "expired")
    assert both.post(f"/v1/invoices/{invoice['id']}/void", {"reason": "asked to"}).status_code == 200


def test_asked_again_it_is_answered_with_the_charge_as_it_is(api):
    _, charge = hung(api)
    first = settle(api, charge)
    assert settle(api, charge).json() == first.json()
    assert len(api.world.events("charge.settled")) == 1


def test_it_is_entered_in_the_audit_trail_with_its_reason(api):
    _, charge = hung(api)
    settle(api, charge)
    [entry] = [each for each in api.get("/v1/audit")["data"] if each["act"] == "charge.settled"]
    assert entry["reason"] == BECAUSE["reason"]


def test_it_is_for_admins(api):
    _, charge = hung(api)
    key = create_key(api.world.engine, "shop", Role.BACKEND, KeyMode.TEST, now=datetime.now(UTC))
    answer = settle(api, charge, headers={"Authorization": f"Bearer {key.secret}"})
    assert "admin" in api.refused(answer, 403, "forbidden")


def test_money_that_was_taken_is_a_conflict_that_shows_it(api):
    _, charge = hung(api, script="pending:100")
    api.go_to("2027-03-04 18:00")
    answer = settle(api, charge)
    assert "is captured: it is recorded" in api.refused(answer, 409, "conflict")
    assert answer.json()["current"]["state"] == "captured"


def test_bad_input_is_named(api):
    _, charge = hung(api)
    assert "reason" in api.refused(settle(api, charge, {"as": "failed"}), 422, "invalid_request")
    api.refused(settle(api, charge, BECAUSE | {"as": "captured"}), 422, "invalid_request")
    api.refused(settle(api, NO_CHARGE), 404, "not_found")


def hung_refund(api, **faults):
    """Return a refund of 31 January, which has no end after three days."""
    subscription = api.subscribe()
    api.world.faults(**faults or {"refund_hang": 1})
    [charge] = api.data("/v1/charges", subscription_id=subscription)
    made = api.post("/v1/refunds", {"charge_id": charge["id"], "reason": "sorry"}).json()
    api.world.live_through("2027-02-03 20:00")
    api.go_to("2027-02-03 20:00")
    assert api.get(f"/v1/refunds/{made['id']}")["state"] == "parked"
    return made["id"]


def settle_refund(api, refund, body=BECAUSE, **more):
    return api.post(f"/v1/refunds/{refund}/settle", body, **more)


def test_a_refund_that_hangs_is_settled_and_another_can_be_ordered(both):
    refund = hung_refund(both)
    again = {"charge_id": both.get(f"/v1/refunds/{refund}")["charge_id"], "reason": "once more"}
    both.refused(both.post("/v1/refunds", again), 409, "not_refundable")
    shown = settle_refund(both, refund)
    assert (shown.status_code, shown.json()["id"], shown.json()["state"]) == (200, refund, "declined")
    assert settle_refund(both, refund).json() == shown.json()
    assert both.post("/v1/refunds", again).status_code == 201
    [entry] = [each for each in both.get("/v1/audit")["data"] if each["act"] == "refund.settled"]
    assert entry["reason"] == BECAUSE["reason"]
    failed = both.get("/v1/events", type="refund.failed")["data"]
    [told] = [each for each in failed if each["subject"]["id"] == refund]
    assert told["data"]["state"] == "declined"


def test_a_refund_that_was_made_is_a_conflict_that_shows_it(api):
    refund = hung_refund(api, refund_seconds_min=4 * 86400, refund_seconds_max=4 * 86400)
    api.go_to("2027-02-04 18:00")
    answer = settle_refund(api, refund)
    assert "is refunded: it is booked" in api.refused(answer, 409, "conflict")
    assert answer.json()["current"]["state"] == "refunded"


def test_bad_input_about_a_refund_is_named(api):
    refund = hung_refund(api)
    assert "reason" in api.refused(settle_refund(api, refund, {"as": "failed"}), 422, "invalid_request")
    api.refused(settle_refund(api, refund, BECAUSE | {"as": "refunded"}), 422, "invalid_request")
    api.refused(settle_refund(api, public_id(Kind.REFUND, UUID(int=0))), 404, "not_found")


def test_a_revocation_that_is_not_confirmed_is_settled(both):
    subscription = both.subscribe()
    source = both.get(f"/v1/subscriptions/{subscription}")["source_id"]
    path = f"/v1/sources/{source}"
    cut = {"reason": "cut in KakaoTalk"}
    assert "not being revoked" in both.refused(both.post(f"{path}/settle-revocation", cut), 409, "conflict")
    both.world.faults(unprocessed_502=1.0)
    assert both.post(f"{path}/revoke", {"reason": "asked to"}).json()["revocation"] == "requested"
    assert both.post(f"{path}/settle-revocation", cut).json()["revocation"] == "confirmed"
    assert both.post(f"{path}/settle-revocation", cut).status_code == 200
    [entry] = [each for each in both.get("/v1/audit")["data"] if each["act"] == "source.revocation_settled"]
    assert entry["reason"] == "cut in KakaoTalk"
    both.refused(both.post(f"{path}/settle-revocation", {}), 422, "invalid_request")
    nobody = public_id(Kind.SOURCE, UUID(int=0))
    both.refused(both.post(f"/v1/sources/{nobody}/settle-revocation", cut), 404, "not_found")


def disputed(api):
    """Return a charge whose dispute was told, and its end was not."""
    subscription = api.subscribe()
    [charge] = api.data("/v1/charges", subscription_id=subscription)
    told = {"id": "dsp_1", "payment_id": api.world.payments()[0]["id"], "amount": 9900, "currency": "KRW"}
    api.webhook(event(type="dispute_received", data=told))
    api.world.wait(minutes=1)
    return charge["id"]


def test_a_dispute_whose_end_was_lost_is_settled_and_the_charge_can_be_refunded(both):
    charge = disputed(both)
    wanted = {"charge_id": charge, "reason": "sorry"}
    both.refused(both.post("/v1/refunds", wanted), 409, "charge_disputed")
    path, won = f"/v1/charges/{charge}/settle-dispute", {"dispute": "dsp_1", "as": "won", "reason": "the dashboard"}
    [shown] = both.post(path, won).json()["disputes"]
    assert (shown["state"], shown["status"]) == ("won", "settled_by_hand")
    assert both.post(path, won).status_code == 200
    both.refused(both.post(path, won | {"as": "lost"}), 409, "conflict")
    assert both.post("/v1/refunds", wanted).status_code == 201
    [entry] = [each for each in both.get("/v1/audit")["data"] if each["act"] == "charge.dispute_settled"]
    assert entry["reason"] == "the dashboard"


def test_bad_input_about_a_dispute_is_named(api):
    path, won = f"/v1/charges/{disputed(api)}/settle-dispute", {"dispute": "dsp_1", "as": "won", "reason": "seen"}
    assert "dispute of the charge" in api.refused(api.post(path, won | {"dispute": "dsp_2"}), 422, "invalid_request")
    api.refused(api.post(path, won | {"as": "open"}), 422, "invalid_request")
    api.refused(api.post(path, {"dispute": "dsp_1", "as": "won"}), 422, "invalid_request")
    api.refused(api.post(f"/v1/charges/{NO_CHARGE}/settle-dispute", won), 404, "not_found")
