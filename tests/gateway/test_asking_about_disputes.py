"""``GET /disputes``: what a page and a dispute tell, what is refused, and what proves nothing."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from requests_to_send import fresh_client
from scripted_server import answer, cut

from billing.domain.charging import Unreadable
from billing.domain.disputes import DisputesRead, DisputesRefused, DisputeState, Told, meaning_of

SINCE = datetime(2027, 3, 1, tzinfo=UTC)
REFUSED = DisputesRefused("HTTP 403: the key has not the scope disputes:view")
TOLD = Told(
    type="dispute_evidence_required",
    dispute_id="dsp_1",
    payment_id="pay_1",
    reference="ref-1",
    amount_minor=9900,
    currency="KRW",
    reason="fraudulent",
    respond_by=SINCE + timedelta(days=10),
    updated_at=SINCE + timedelta(hours=1),
)


def a_dispute(**changes):
    return {
        "id": "dsp_1",
        "category": "fraudulent",
        "status": "evidence_required",
        "amount": 9900,
        "currency": "KRW",
        "reason_code": "13.1",
        "received_on": "2027-03-01T00:00:00Z",
        "last_update": "2027-03-01T01:00:00Z",
        "evidence_required_by": "2027-03-11T00:00:00Z",
        "payment_id": "pay_1",
        "payment_reference": "ref-1",
        **changes,
    }


def a_list(*disputes, **changes):
    return {"limit": 50, "skip": 0, "total_count": len(disputes), "data": list(disputes), **changes}


def ask(server, gateway, script, **page):
    server.plays(script)
    return gateway.list_disputes(SINCE, **{"limit": 50, **page})


def find(server, gateway, script):
    server.plays(script)
    return gateway.find_disputes(["dsp_1"])[0]


def test_a_page_names_since_when_and_how_much_it_may_hold(server, gateway):
    server.plays(answer(200, a_list(a_dispute())))
    seoul = timezone(timedelta(hours=9))
    assert gateway.list_disputes(SINCE.astimezone(seoul), limit=50) == DisputesRead((TOLD,))
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/disputes?from=2027-03-01T00:00:00Z&limit=50&skip=0")


@pytest.mark.parametrize(
    ("page", "changes", "following"),
    [
        ({"limit": 2}, {"total_count": 3}, 2),
        ({"limit": 2, "skip": 1}, {"total_count": 3}, None),
        ({"limit": 2, "skip": 2}, {"total_count": 5}, 4),
        ({"limit": 2}, {"total_count": None}, 2),
        ({"limit": 3}, {"total_count": None}, None),
        ({"limit": 5}, {"total_count": 3}, 2),
    ],
)
def test_the_next_page_is_asked_for_while_there_is_more(server, gateway, page, changes, following):
    told = ask(server, gateway, answer(200, a_list(a_dispute(), a_dispute(id="dsp_2"), **changes)), **page)
    assert told.following == following


def test_an_empty_page_is_the_last_whatever_it_counts(server, gateway):
    assert ask(server, gateway, answer(200, a_list(total_count=9))) == DisputesRead(())


def test_a_dispute_by_itself_names_its_payment_in_an_object(server, gateway):
    body = a_dispute(payment={"id": "pay_1", "reference": "ref-1", "amount": 9900})
    del body["payment_id"], body["payment_reference"]
    assert find(server, gateway, answer(200, body)) == DisputesRead((TOLD,))
    assert server.paths == ["/disputes/dsp_1"]


def test_an_id_cannot_leave_its_place_in_the_address(server, gateway):
    server.plays(answer(404))
    gateway.find_disputes(["../payments?x=1"])
    assert server.paths == ["/disputes/..%2Fpayments%3Fx=1"]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("evidence_required", DisputeState.OPEN),
        ("evidence_under_review", DisputeState.OPEN),
        ("arbitration_under_review", DisputeState.OPEN),
        ("status_of_tomorrow", DisputeState.OPEN),
        ("won", DisputeState.WON),
        ("canceled", DisputeState.WON),
        ("resolved", DisputeState.WON),
        ("arbitration_won", DisputeState.WON),
        ("LOST", DisputeState.LOST),
        ("accepted", DisputeState.LOST),
        ("expired", DisputeState.LOST),
        ("arbitration_lost", DisputeState.LOST),
    ],
)
def test_each_status_means_what_its_event_means(server, gateway, status, state):
    (told,) = find(server, gateway, answer(200, a_dispute(status=status))).told
    rank, meant = meaning_of(told.type)
    assert meant is state
    assert (rank == 0) == (status == "status_of_tomorrow"), "each of today is known by name"


def test_what_cannot_be_read_of_a_dispute_is_left_out(server, gateway):
    odd = a_dispute(amount="lots", currency="won!", category=None, reason_code=None, evidence_required_by="soon")
    (told,) = find(server, gateway, answer(200, odd)).told
    assert (told.amount_minor, told.currency, told.reason, told.respond_by) == (None, None, None, None)


def test_a_dispute_of_another_shape_hides_no_other(server, gateway):
    odd = [a_dispute(id="dsp_odd", status=5), "dsp_3", a_dispute(id="dsp_4", payment_id=None)]
    told = ask(server, gateway, answer(200, a_list(*odd, a_dispute())))
    assert [each.dispute_id for each in told.told] == ["dsp_1"]
    assert [each.split(":")[0] for each in told.unread] == ["dsp_odd", "None", "dsp_4"]


def test_a_key_that_may_not_see_disputes_is_told_which_scope_it_lacks(server, gateway):
    assert ask(server, gateway, answer(403)) == REFUSED
    assert find(server, gateway, answer(403)) == REFUSED


def test_an_account_without_a_list_of_disputes_is_refused_and_a_dispute_that_is_not_found_proves_nothing(
    server, gateway
):
    assert isinstance(ask(server, gateway, answer(404)), DisputesRefused)
    assert find(server, gateway, answer(404)) == Unreadable("HTTP 404", not_found=True)


@pytest.mark.parametrize(
    "script", [answer(500), answer(429), answer(200, b"<html>"), answer(200, b"[]"), answer(200, b'{"data": 1}'), cut]
)
def test_no_other_answer_tells_anything(server, gateway, script):
    assert isinstance(ask(server, gateway, script), Unreadable)
    assert isinstance(find(server, gateway, script), Unreadable)


def test_a_gateway_that_cannot_be_reached_tells_nothing():
    with fresh_client("http://gateway.invalid") as gateway:
        assert isinstance(gateway.list_disputes(SINCE, limit=1), Unreadable)
        assert isinstance(gateway.find_disputes(["dsp_1"])[0], Unreadable)
