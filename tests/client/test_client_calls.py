"""When a call is sent again, how long that waits, and what it ends with."""

import json
from datetime import UTC, date, datetime

import pytest

from billing.client import (
    OMIT,
    BillingError,
    Conflict,
    Forbidden,
    InvalidRequest,
    NoAnswer,
    NotFound,
    Problem,
    Retries,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnreadableAnswer,
)
from billing.client.calls import Lost, Reply, Send, Wait, call, carry_out, in_path

GET, POST = call("GET", "/v1/plans"), call("POST", "/v1/subscriptions", body={"plan": "basic"})
DONE = Reply(200, b"done")
LOST = Lost("ReadTimeout")


def problem(status, code="some_code", retry_after=None, **more):
    told = {"status": status, "code": code, "detail": "what would be right", "request_id": "r-1"} | more
    return Reply(status, json.dumps(told).encode(), retry_after)


def lived(made, *replies, retries=None, chance=1.0):
    """Follow a course through replies; return its waits and what it returned or raised."""
    course, waits, answers = carry_out(made, retries or Retries(), chance), [], iter(replies)
    step = next(course)
    try:
        while True:
            if isinstance(step, Wait):
                waits.append(step.seconds)
                step = course.send(None)
            else:
                assert isinstance(step, Send)
                step = course.send(next(answers))
    except StopIteration as end:
        assert not list(answers)
        return waits, end.value
    except BillingError as error:
        assert not list(answers)
        return waits, error


@pytest.mark.parametrize("made", [GET, POST])
@pytest.mark.parametrize(
    "reply",
    [LOST, problem(503), problem(429), problem(409, "idempotency_key_in_use"), problem(409, "charge_in_flight")],
    ids=["lost", "unavailable", "too many", "key in use", "charge in flight"],
)
def test_what_may_pass_is_sent_again(made, reply):
    assert lived(made, reply, DONE) == ([0.5], b"done")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 502])
def test_what_will_not_pass_is_not_sent_again(status):
    waits, error = lived(POST, problem(status))
    assert waits == []
    assert error.status == status


def test_waits_double_and_end_after_four_sends():
    waits, error = lived(GET, LOST, LOST, LOST, LOST)
    assert waits == [0.5, 1.0, 2.0]
    assert isinstance(error, NoAnswer)
    assert "ReadTimeout" in str(error)


def test_waits_are_spread_so_that_many_clients_do_not_come_back_at_once():
    assert lived(GET, LOST, LOST, DONE, chance=0.0)[0] == [0.25, 0.5]


def test_a_wait_that_the_api_asks_for_is_kept():
    assert lived(GET, problem(429, retry_after=7.0), DONE) == ([7.0], b"done")
    assert lived(GET, problem(503, retry_after=0.0), DONE) == ([0.5], b"done")


def test_a_wait_that_is_too_long_ends_the_call():
    waits, error = lived(GET, problem(429, retry_after=31.0))
    assert waits == []
    assert isinstance(error, TooManyRequests)
    assert error.retry_after == 31.0


def test_one_attempt_means_no_retry():
    assert isinstance(lived(GET, LOST, retries=Retries(attempts=1))[1], NoAnswer)


def test_a_post_has_a_key_of_its_own_and_keeps_the_one_it_is_given():
    one, other = call("POST", "/"), call("POST", "/")
    assert len(one.key) >= 24
    assert one.key != other.key
    assert call("POST", "/", key="order-7").headers == {"Idempotency-Key": "order-7"}
    assert GET.headers == {}


def test_who_got_no_answer_is_told_the_key_to_ask_again_with():
    made = call("POST", "/", key="order-7")
    assert lived(made, LOST, retries=Retries(attempts=1))[1].idempotency_key == "order-7"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (405, Problem),
        (409, Conflict),
        (413, InvalidRequest),
        (415, InvalidRequest),
        (422, InvalidRequest),
        (429, TooManyRequests),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
    ],
)
def test_each_status_is_an_error_of_its_own(status, kind):
    error = lived(GET, problem(status, retry_after=60.0))[1]
    assert type(error) is kind


def test_a_problem_says_all_that_it_was_told():
    reply = problem(
        422,
        "invalid_request",
        title="Something in the request cannot be used",
        type="urn:kakaopay-billing:problem:invalid_request",
        errors=[{"field": "email", "detail": "must be an address"}],
        current={"object": "subscription"},
    )
    error = lived(POST, reply)[1]
    assert (error.code, error.detail, error.request_id) == ("invalid_request", "what would be right", "r-1")
    assert error.title == "Something in the request cannot be used"
    assert error.type == "urn:kakaopay-billing:problem:invalid_request"
    assert [(each.field, each.detail) for each in error.errors] == [("email", "must be an address")]
    assert error.current == {"object": "subscription"}
    assert str(error) == "422 invalid_request: what would be right (request r-1)"


@pytest.mark.parametrize("body", [b"<html>502</html>", b"[]", b"{}", b"\xff", b'{"status": "x", "code": 1}'])
def test_an_answer_of_somebody_else_is_said_to_be_that(body):
    error = lived(GET, Reply(404, body))[1]
    assert isinstance(error, UnreadableAnswer)
    assert "is the base URL right?" in str(error)


def test_what_is_left_out_is_not_sent_and_none_is_null():
    made = call("PATCH", "/", {"a": OMIT, "b": True, "c": date(2027, 1, 31)}, {"a": OMIT, "b": None, "c": 5})
    assert (made.query, made.body) == ({"b": "true", "c": "2027-01-31"}, {"b": None, "c": 5})


def test_instants_are_sent_as_rfc_3339_and_must_be_aware():
    assert call("POST", "/", body={"at": datetime(2027, 1, 31, tzinfo=UTC)}).body == {"at": "2027-01-31T00:00:00+00:00"}
    with pytest.raises(ValueError, match="aware"):
        call("POST", "/", body={"at": datetime(2027, 1, 31)})


def test_whatever_an_id_holds_it_stays_one_segment_of_the_path():
    assert in_path("../v1 /?#%김") == "..%2Fv1%20%2F%3F%23%25%EA%B9%80"
