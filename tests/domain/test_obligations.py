"""What an owed refund does next, by what became of its refunds."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from billing.domain.obligations import (
    BALANCE_SHORT_WAIT,
    MOST_SHORTAGES,
    OPEN_ELSEWHERE,
    PARKED_LOOK,
    UNDER_WAY_WAIT,
    WAITS,
    GivenBack,
    Obligation,
    OneRefund,
    RefundFailure,
    after_refunds,
    classify_refund_failure,
    next_try,
    unreadable,
)
from billing.domain.states import (
    OBLIGATION_MOVES,
    OPEN_OBLIGATION_STATES,
    ObligationEvent,
    ObligationState,
    RefundState,
)
from plans.money import Money

NOW = datetime(2027, 3, 1, tzinfo=UTC)
BY = NOW + timedelta(days=365)


def owed(state=ObligationState.OWED, **more):
    return Obligation(state, Money(9900, "KRW"), **({"refund_by": BY} | more))


def given(*rows):
    made = [
        OneRefund(UUID(int=number), RefundState(state), amount, NOW + timedelta(hours=number), code)
        for number, (state, amount, code) in enumerate((*row, None)[:3] for row in rows)
    ]
    return GivenBack(tuple(made))


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ("50003", RefundFailure.BALANCE_SHORT),
        ("20158", RefundFailure.FINAL),
        ("30046", RefundFailure.FINAL),
        ("20101", RefundFailure.FINAL),
        ("request_invalid,action_failure_limit_exceeded", RefundFailure.FINAL),
        ("20006", RefundFailure.PASSING),
        ("20068", RefundFailure.PASSING),
        ("refund_amount_exceeds_balance", RefundFailure.PASSING),
        ("99999", RefundFailure.PASSING),
        (None, RefundFailure.PASSING),
    ],
)
def test_a_code_says_when_another_refund_makes_sense(codes, wanted):
    assert classify_refund_failure(codes) is wanted


def test_failures_wait_longer_each_time_and_the_sixth_parks():
    failed = given(("declined", 9900, "20006"))
    for number, wait in enumerate(WAITS):
        step = after_refunds(owed(ObligationState.REFUNDING, failures=number), failed, NOW)
        assert (step.event, step.changes["check_at"]) == (ObligationEvent.FAIL, NOW + wait)
        assert step.changes["failures"] == number + 1
    step = after_refunds(owed(ObligationState.REFUNDING, failures=len(WAITS)), failed, NOW)
    assert step.event is ObligationEvent.PARK


def test_a_short_balance_is_tried_daily_and_uses_up_no_other_try():
    short = given(("declined", 9900, "50003"))
    step = after_refunds(owed(ObligationState.REFUNDING, failures=5), short, NOW)
    assert (step.event, step.changes) == (
        ObligationEvent.FAIL,
        {"check_at": NOW + BALANCE_SHORT_WAIT, "shortages": 1},
    )
    last = after_refunds(owed(ObligationState.REFUNDING, shortages=MOST_SHORTAGES - 1), short, NOW)
    assert last.event is ObligationEvent.PARK


@pytest.mark.parametrize("state", [ObligationState.OWED, ObligationState.REFUNDING, ObligationState.PARKED])
def test_it_ends_when_refunds_of_whoever_give_all_of_it_back(state):
    step = after_refunds(owed(state), given(("refunded", 4900), ("declined", 9900), ("refunded", 5000)), NOW)
    assert (step.event, step.changes["ended_at"]) == (ObligationEvent.SUCCEED, NOW)
    assert after_refunds(owed(state), given(("refunded", 4900), ("pending", 5000)), NOW) is None


def test_only_what_no_refund_claims_is_refunded_next():
    step = next_try(owed(tries=1), given(("declined", 9900), ("refunded", 4900)), minimum=50, now=NOW)
    assert (step.event, step.refund) == (ObligationEvent.TRY, Money(5000, "KRW"))
    assert step.changes == {"check_at": None, "tries": 2}


@pytest.mark.parametrize(("made", "is_open_there"), [([("pending", 4900)], False), ([], True)])
def test_while_a_refund_is_under_way_none_is_made(made, is_open_there):
    step = next_try(owed(), given(*made), minimum=50, is_open_there=is_open_there, now=NOW)
    assert (step.event, step.changes, step.refund) == (None, {"check_at": NOW + UNDER_WAY_WAIT}, None)


@pytest.mark.parametrize(
    ("owes", "made", "why"),
    [
        (owed(refund_by=NOW - timedelta(seconds=1)), [], "365 days"),
        (owed(), [("refunded", 9851)], "under the smallest refund"),
        (owed(), [("parked", 9900)], "is parked"),
    ],
)
def test_what_no_refund_can_give_back_is_parked_at_once_with_the_reason(owes, made, why):
    step = next_try(owes, given(*made), minimum=50, now=NOW)
    assert (step.event, step.refund) == (ObligationEvent.PARK, None)
    assert why in step.changes["parked_reason"]


def test_the_last_instant_at_which_the_wallet_refunds_still_counts():
    assert next_try(owed(refund_by=NOW), given(), minimum=50, now=NOW).event is ObligationEvent.TRY


def test_a_gateway_that_tells_nothing_is_a_failed_try():
    step = unreadable(owed(), "HTTP 404", NOW)
    assert (step.event, step.changes) == (None, {"check_at": NOW + WAITS[0], "failures": 1})
    assert unreadable(owed(failures=len(WAITS)), "HTTP 404", NOW).event is ObligationEvent.PARK
    assert unreadable(owed(refund_by=NOW - timedelta(days=1)), "HTTP 404", NOW).event is ObligationEvent.PARK
    assert set(unreadable(owed(ObligationState.PARKED), "HTTP 404", NOW).changes) == {"check_at"}


def test_nobody_settles_while_a_refund_is_under_way_and_what_ended_stays_so():
    assert ObligationEvent.SETTLE not in OBLIGATION_MOVES[ObligationState.REFUNDING]
    assert OBLIGATION_MOVES[ObligationState.SETTLED] == OBLIGATION_MOVES[ObligationState.REFUNDED] == {}


HUNG = f"refund {UUID(int=0)} is parked: still Pending"


@pytest.mark.parametrize("state", ["declined", "refused"])
def test_what_is_parked_for_a_refund_is_owed_again_when_that_has_failed(state):
    behind = owed(ObligationState.PARKED, parked_reason=HUNG, failures=1)
    step = after_refunds(behind, given((state, 9900)), NOW)
    assert step.event is ObligationEvent.RELEASE
    assert (step.changes["check_at"], step.changes["failures"]) == (NOW + WAITS[1], 2)
    assert step.changes["parked_reason"] is None
    assert step.data["was"] == HUNG


def test_it_stays_parked_for_another_reason_when_no_refund_will_be_taken():
    step = after_refunds(owed(ObligationState.PARKED, parked_reason=HUNG), given(("declined", 9900, "20158")), NOW)
    assert step.event is None
    assert "no refund of it will be taken (20158)" in step.changes["parked_reason"]


def test_the_rest_is_due_at_once_when_a_part_went_back_meanwhile():
    behind = owed(ObligationState.PARKED, parked_reason=HUNG)
    step = after_refunds(behind, given(("declined", 9900), ("refunded", 4000)), NOW)
    assert (step.event, step.changes["check_at"]) == (ObligationEvent.RELEASE, NOW)


@pytest.mark.parametrize(
    "refunds",
    [
        [("parked", 9900)],
        [("unknown", 9900)],
        [("declined", 9900), ("pending", 9900)],
        [("declined", 9900), ("parked", 9900)],
    ],
)
def test_while_a_refund_is_parked_or_under_way_it_stays_parked(refunds):
    assert after_refunds(owed(ObligationState.PARKED, parked_reason=HUNG), given(*refunds), NOW) is None


def test_what_is_parked_for_another_reason_is_not_released_by_a_refund():
    disputed = owed(ObligationState.PARKED, parked_reason="the charge is disputed")
    assert after_refunds(disputed, given(("declined", 9900)), NOW) is None


@pytest.mark.parametrize(("age", "parks"), [(timedelta(days=3), True), (timedelta(days=3, seconds=-1), False)])
def test_a_refund_that_was_not_made_here_is_waited_for_but_not_for_ever(age, parks):
    waits = owed(created_at=NOW - age)
    step = next_try(waits, given(), minimum=1, is_open_there=True, hangs_after=timedelta(days=3), now=NOW)
    if parks:
        assert (step.event, step.changes["parked_reason"]) == (ObligationEvent.PARK, OPEN_ELSEWHERE)
    else:
        assert (step.event, step.changes["check_at"]) == (None, NOW + UNDER_WAY_WAIT)


@pytest.mark.parametrize("state", ObligationState)
def test_only_what_is_owed_is_tried_and_what_is_parked_is_looked_at_again(state):
    step = next_try(owed(state), given(), minimum=50, now=NOW)
    assert (step.event is ObligationEvent.TRY) is (state is ObligationState.OWED)
    looked_at = {ObligationState.PARKED: NOW + PARKED_LOOK, ObligationState.REFUNDING: NOW}
    assert step.changes["check_at"] == looked_at.get(state)


def test_an_obligation_is_as_old_as_the_day_on_which_it_was_made_and_of_no_known_day_never_old():
    waits = owed(created_at=NOW - timedelta(days=3))
    assert waits.hangs(timedelta(days=3), NOW)
    assert not waits.hangs(timedelta(days=3, seconds=1), NOW)
    assert not owed().hangs(timedelta(0), NOW)


@pytest.mark.parametrize("state", ObligationState)
def test_an_obligation_is_open_until_it_was_given_back_or_settled(state):
    assert owed(state).is_open is (state in OPEN_OBLIGATION_STATES)
