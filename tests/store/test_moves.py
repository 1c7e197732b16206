"""Guarded moves: written for all rows or for none, whatever their number, and each with its event."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, select
from sqlmodel import col

from billing.domain.states import IllegalMove, SourceEvent, SourceState, SubscriptionState
from billing.store.tables import Customer, Event, Plan, Price, Source, Subscription
from billing.store.writes import MOST_ROWS_IN_A_STATEMENT, Author, Change, Move, StaleRow, change, move
from plans.calendar import IntervalUnit

NOW = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
AUTHOR = Author("test", NOW)
PENDING, ACTIVE, REVOKED = SourceState.PENDING, SourceState.ACTIVE, SourceState.REVOKED
OWNER = UUID(int=7)


def _owner(tx):
    values = {
        "id": OWNER,
        "reference": "c",
        "name": "kim",
        "email": "k@example.test",
        "locale": "ko",
        "created_at": NOW,
    }
    tx.execute(insert(Customer).values(**values))


def _sources(tx, number, state=PENDING):
    rows = [
        {"id": uuid4(), "customer_id": OWNER, "gateway_source_id": f"src_{n}", "state": state, "created_at": NOW}
        for n in range(number)
    ]
    tx.execute(insert(Source), rows)
    return [row["id"] for row in rows]


@pytest.fixture
def owned(database):
    with database.transaction() as tx:
        _owner(tx)
    return database


def _states(database):
    with database.snapshot() as tx:
        counted = tx.execute(select(col(Source.state), func.count()).group_by(col(Source.state)))
        return {row[0]: row[1] for row in counted}


def _events(database):
    with database.snapshot() as tx:
        return tx.execute(select(func.count()).select_from(Event)).scalar_one()


@pytest.mark.parametrize("number", [1, 2, MOST_ROWS_IN_A_STATEMENT, 2 * MOST_ROWS_IN_A_STATEMENT + 1])
def test_any_number_of_rows_moves_at_once_and_each_has_its_event(owned, number):
    with owned.transaction() as tx:
        ids = _sources(tx, number)
        move(tx, Source, [Move(each, PENDING, SourceEvent.CONFIRM) for each in ids], AUTHOR)
    assert _states(owned) == {ACTIVE: number}
    assert _events(owned) == number


@pytest.mark.parametrize("number", [1, 2, 50])
def test_one_row_in_another_state_stops_the_move_of_all(owned, number):
    with owned.transaction() as tx:
        ids = _sources(tx, number)
        move(tx, Source, [Move(ids[-1], PENDING, SourceEvent.CONFIRM)], AUTHOR)
    with pytest.raises(StaleRow, match=f"1 of {number} source rows"), owned.transaction() as tx:
        move(tx, Source, [Move(each, PENDING, SourceEvent.CONFIRM) for each in ids], AUTHOR)
    assert _states(owned).get(ACTIVE) == 1
    assert _events(owned) == 1


def test_a_row_that_is_not_there_is_stale(owned):
    with pytest.raises(StaleRow), owned.transaction() as tx:
        move(tx, Source, [Move(uuid4(), PENDING, SourceEvent.CONFIRM)], AUTHOR)


def test_a_move_that_the_table_of_states_does_not_have_writes_nothing(owned):
    with owned.transaction() as tx:
        (one,) = _sources(tx, 1)
    with pytest.raises(IllegalMove), owned.transaction() as tx:
        move(tx, Source, [Move(one, PENDING, SourceEvent.SUSPECT)], AUTHOR)
    assert _states(owned) == {PENDING: 1}
    assert _events(owned) == 0


def test_rows_that_write_different_columns_move_together(owned):
    with owned.transaction() as tx:
        first, second, third = _sources(tx, 3)
        later = NOW.replace(year=2028)
        moves = [
            Move(first, PENDING, SourceEvent.CONFIRM),
            Move(second, PENDING, SourceEvent.DISCARD, {"created_at": later}),
            Move(third, PENDING, SourceEvent.DISCARD, {"created_at": later}),
        ]
        move(tx, Source, moves, AUTHOR)
    assert _states(owned) == {ACTIVE: 1, REVOKED: 2}


@pytest.mark.parametrize("number", [1, 2, 7])
def test_a_column_is_emptied_in_any_number_of_rows_and_dates_and_instants_keep_their_type(owned, number):
    with owned.transaction() as tx:
        tx.execute(insert(Plan).values(code="basic", name="Basic", created_at=NOW))
        price = {
            "id": uuid4(),
            "plan_code": "basic",
            "version": 1,
            "amount_minor": 9900,
            "currency": "KRW",
            "interval_unit": IntervalUnit.MONTH,
            "interval_count": 1,
            "trial_days": 0,
            "created_at": NOW,
        }
        tx.execute(insert(Price).values(**price))
        row = {
            "customer_id": OWNER,
            "plan_code": "basic",
            "price_id": price["id"],
            "state": SubscriptionState.CANCELED,
            "zone": "Asia/Seoul",
            "anchor": date(2027, 1, 31),
            "billed_index": 0,
            "next_due_at": NOW,
            "expires_at": NOW,
            "resume_at": NOW,
            "parked_reason": "look",
            "paid_through": date(2027, 3, 31),
            "created_at": NOW,
        }
        ids = [uuid4() for _ in range(number)]
        tx.execute(insert(Subscription), [{**row, "id": each} for each in ids])
    emptied = {"resume_at": None, "parked_reason": None, "paid_through": date(2028, 2, 29), "next_due_at": NOW}
    with owned.transaction() as tx:
        change(tx, Subscription, [Change(each, SubscriptionState.CANCELED, emptied) for each in ids])
    with owned.snapshot() as tx:
        columns = (
            col(Subscription.resume_at),
            col(Subscription.parked_reason),
            col(Subscription.paid_through),
            col(Subscription.next_due_at),
        )
        rows = tx.execute(select(*columns)).all()
    assert [tuple(each) for each in rows] == [(None, None, date(2028, 2, 29), NOW)] * number


def test_nothing_to_move_is_no_statement(owned):
    with owned.transaction() as tx:
        move(tx, Source, [], AUTHOR)
        change(tx, Source, [Change(uuid4(), PENDING, {})])
    assert _events(owned) == 0
