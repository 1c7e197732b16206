import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from billing.entrypoints.api.desk import Desk
from billing.operations.engine import Refusal
from billing.store.writes import StaleRow

LOCKED = OperationalError("UPDATE", {}, Exception("database is locked"))
TAKEN = IntegrityError("INSERT", {}, Exception("unique"))
DOWN = OperationalError("UPDATE", {}, Exception("disk I/O error"))


def tries_of(desk, *errors):
    """Run an act that raises these errors, one a try, and then succeeds; return how often it was tried."""
    left, tried = list(errors), []

    def work(now):
        tried.append(now)
        if left:
            raise left.pop(0)
        return "done"

    try:
        assert desk.act("x", work) == "done"
    except (OperationalError, Refusal) as error:
        return len(tried), error
    return len(tried), None


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((), (1, None)),
        ((LOCKED,), (2, None)),
        ((TAKEN, StaleRow("x")), (3, None)),
        ((LOCKED, LOCKED, LOCKED), (3, LOCKED)),
        ((DOWN,), (1, DOWN)),
    ],
)
def test_an_act_that_loses_a_race_is_run_three_times_at_most(still, errors, expected):
    assert tries_of(Desk(still.settings, still.world.engine), *errors) == expected


def test_a_refusal_is_not_tried_again(still):
    refusal = Refusal("no")
    assert tries_of(Desk(still.settings, still.world.engine), refusal) == (1, refusal)
