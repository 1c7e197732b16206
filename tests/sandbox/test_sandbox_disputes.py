"""Disputes: opened and decided from outside, answered by the merchant, told by events."""

import pytest

EVIDENCE = {"recurring_transaction_agreement_text": "agreed on 1 March", "additional_evidence_file": "file_x"}


@pytest.fixture
def disputed(shop, receiver):
    """A captured payment with an open dispute: (payment, dispute)."""
    first = shop.first()
    shop.agree(first)
    shop.drain()
    receiver.came.clear()
    return first, shop.control("POST", "disputes", {"payment_id": first["id"], "category": "fraudulent"})


def charged_back(shop):
    return shop.ledger()[0]["charged_back"]


def types(receiver):
    return [event["type"] for event in receiver.events]


def test_a_dispute_takes_the_money_and_is_told_by_events_about_it(shop, receiver, disputed):
    first, dispute = disputed
    shop.drain()
    assert types(receiver) == ["dispute_received", "dispute_evidence_required"]
    data = receiver.events[1]["data"]
    assert (data["id"], data["payment_id"], data["payment_reference"]) == (dispute["id"], first["id"], "first-1")
    assert (data["amount"], data["currency"], data["evidence_required_by"]) == (12900, "KRW", "2026-03-11T00:00:00Z")
    assert charged_back(shop) == 12900


def test_a_dispute_that_is_won_gives_the_money_back_and_one_that_is_lost_does_not(shop, receiver, disputed):
    first, dispute = disputed
    shop.control("PUT", f"disputes/{dispute['id']}", {"status": "won"})
    assert charged_back(shop) == 0
    second = shop.control("POST", "disputes", {"payment_id": first["id"], "amount": 900})
    assert second["id"] != dispute["id"]
    shop.control("PUT", f"disputes/{second['id']}", {"status": "lost"})
    shop.drain()
    assert charged_back(shop) == 900
    assert types(receiver)[2:] == ["dispute_won", "dispute_received", "dispute_evidence_required", "dispute_lost"]


def test_accepting_ends_it_and_nothing_can_be_done_after(shop, disputed):
    path = f"/disputes/{disputed[1]['id']}"
    assert shop.call("POST", f"{path}/accept").status_code == 200
    assert shop.call("GET", path).json()["status"] == "accepted"
    for act in ("accept", "evidence", "evidence/arbitration"):
        answer = shop.call("POST", f"{path}/{act}")
        assert (answer.status_code, answer.json()["error_codes"]) == (422, ["dispute_already_accepted"])


def test_evidence_is_kept_sent_in_and_sent_in_again_for_arbitration(shop, receiver, disputed):
    path = f"/disputes/{disputed[1]['id']}"
    assert shop.call("GET", f"{path}/evidence").status_code == 404
    assert shop.call("POST", f"{path}/evidence").json()["error_codes"] == ["fields_required"]
    for name, value in EVIDENCE.items():
        assert shop.call("PUT", f"{path}/evidence", json={name: value}).status_code == 204
    assert shop.call("GET", f"{path}/evidence").json().items() >= EVIDENCE.items()
    assert shop.call("GET", f"{path}/evidence/submitted").status_code == 404
    assert shop.call("POST", f"{path}/evidence").status_code == 204
    assert shop.call("GET", path).json()["status"] == "evidence_under_review"
    assert shop.call("GET", f"{path}/evidence/submitted").json()["file_id"].startswith("file_")
    assert shop.call("POST", f"{path}/evidence/arbitration").status_code == 204
    assert shop.call("GET", f"{path}/evidence/arbitration/submitted").json()["file_id"].startswith("file_")
    assert shop.call("GET", f"{path}/schemefiles").json()["files"][0]["dispute_status"] == "evidence_required"
    shop.drain()
    assert types(receiver)[2:] == ["dispute_evidence_submitted", "dispute_arbitration_sent_to_scheme"]


@pytest.mark.parametrize("body", [{}, {"additional_evidence_text": 7}])
def test_bad_evidence_is_refused(shop, disputed, body):
    assert shop.call("PUT", f"/disputes/{disputed[1]['id']}/evidence", json=body).status_code == 422


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("limit=1", 1),
        ("skip=1", 1),
        ("statuses=won,lost", 1),
        ("payment_reference=first-1", 2),
        ("payment_reference=other", 0),
        ("payment_arn=1", 0),
        ("from=2026-03-02T00:00:00Z", 1),
        ("to=2026-03-01T09:00:00+09:00", 1),
    ],
)
def test_the_list_is_narrowed_by_its_filters(shop, disputed, query, found):
    first, dispute = disputed
    shop.control("PUT", f"disputes/{dispute['id']}", {"status": "canceled"})
    shop.control("PUT", "clock", {"now": "2026-03-02T00:00:00Z"})
    second = shop.control("POST", "disputes", {"payment_id": first["id"]})
    shop.control("PUT", f"disputes/{second['id']}", {"status": "lost"})
    answer = shop.call("GET", f"/disputes?{query}").json()
    assert len(answer["data"]) == found
    assert shop.call("GET", f"/disputes?payment_id={first['id']}").json()["data"][0]["id"] == second["id"]
    assert shop.call("GET", f"/disputes?id={dispute['id']}").json()["total_count"] == 1


def test_bad_lists_are_refused_and_unknown_disputes_are_404(shop):
    for query, code in (
        ("limit=-1", "paging_limit_invalid"),
        ("limit=251", "paging_limit_invalid"),
        ("from=x", "from_invalid"),
    ):
        assert shop.call("GET", f"/disputes?{query}").json()["error_codes"] == [code]
    assert shop.call("GET", "/disputes/dsp_none").status_code == 404


def test_both_subjects_find_the_events_of_a_dispute(shop, disputed):
    first, dispute = disputed
    of_payment = shop.call("GET", f"/workflows/events/subject/{first['id']}").json()["data"]
    of_dispute = shop.call("GET", f"/workflows/events/subject/{dispute['id']}").json()["data"]
    assert [each["type"] for each in of_payment][3:] == [each["type"] for each in of_dispute]
    assert len(of_dispute) == 2


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "payment_id"),
        ({"payment_id": "pay_none"}, "payment_id"),
        ({"amount": 12901}, "amount"),
        ({"category": "weather"}, "category"),
        ({"reason_code": ""}, "reason_code"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_impossible_dispute_is_said_to_be_so(shop, body, name):
    first = shop.first()
    shop.agree(first)
    if body and "payment_id" not in body:
        body = {"payment_id": first["id"], **body}
    answer = shop.call("POST", "/_sandbox/disputes", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(name)
    assert shop.control("GET", "disputes") == []


def test_a_decided_dispute_is_not_decided_again(shop, disputed):
    path = f"/_sandbox/disputes/{disputed[1]['id']}"
    assert shop.call("PUT", path, json={"status": "nothing"}).status_code == 422
    shop.control("PUT", f"disputes/{disputed[1]['id']}", {"status": "won"})
    assert shop.call("PUT", path, json={"status": "lost"}).json()["error"].startswith("status: the dispute is decided")
