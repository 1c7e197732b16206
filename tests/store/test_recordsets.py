"""Rows as one value, and ids as one parameter."""

import json
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from billing.store.among import among
from billing.store.recordsets import recordset
from billing.store.tables import Event, Plan, Subscription
from billing.store.writes import insert_rows

AT = datetime(2027, 1, 31, 3, tzinfo=UTC)
ID = UUID(int=7)


def test_each_kind_of_value_is_told_as_postgresql_reads_it():
    rows = [{"id": ID, "at": AT, "on": date(2027, 1, 31), "secret": b"\x00\xff", "data": {"a": [None, "원"]}, "n": 9}]
    assert json.loads(recordset(rows)["rows"]) == [
        {
            "id": str(ID),
            "at": "2027-01-31T03:00:00+00:00",
            "on": "2027-01-31",
            "secret": r"\x00ff",
            "data": {"a": [None, "원"]},
            "n": 9,
        }
    ]


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="naive"):
        recordset([{"at": AT.replace(tzinfo=None)}])


def test_a_value_that_no_column_holds_is_refused():
    with pytest.raises(TypeError, match="set cannot be written"):
        recordset([{"at": set()}])


def test_rows_come_back_as_they_were_written(database):
    event = {
        "at": AT,
        "actor": "누구 'quoted' \"and\" {braces}, \\ and a\nline",
        "subject_type": "plan",
        "subject_id": "basic",
        "subscription_id": ID,
        "type": "plan.paused",
        "data": {"won": 9900, "nested": {"null": None, "text": "한국어"}},
    }
    with database.transaction() as tx:
        insert_rows(tx, Event, [event, {**event, "subscription_id": None, "data": {}}])
    with database.snapshot() as tx:
        found = tx.execute(select(*Event.__table__.c).where(col(Event.type) == "plan.paused").order_by(Event.id)).all()
    assert {name: getattr(found[0], name) for name in event} == event
    assert (found[1].subscription_id, found[1].data, found[1].from_state) == (None, {}, None)


def test_columns_that_are_left_out_get_their_defaults(database):
    with database.transaction() as tx:
        insert_rows(tx, Plan, [{"code": "p", "name": "플랜", "created_at": AT}])
        assert tx.execute(select(col(Plan.archived_at)).where(col(Plan.code) == "p")).scalar_one() is None


@pytest.mark.parametrize("ids", [[], [ID], [ID, UUID(int=8), UUID(int=9)]])
def test_no_row_is_among_ids_of_others(database, ids):
    with database.snapshot() as tx:
        assert tx.execute(select(col(Subscription.id)).where(among(col(Subscription.id), ids))).all() == []


def test_rows_are_found_among_numbers(database):
    told = {"at": AT, "actor": "a", "subject_type": "plan", "subject_id": "p", "type": "plan.paused", "data": {}}
    with database.transaction() as tx:
        insert_rows(tx, Event, [told, told, told])
        ids = list(
            tx.execute(select(col(Event.id)).where(col(Event.type) == "plan.paused").order_by(Event.id)).scalars()
        )
        found = tx.execute(select(col(Event.id)).where(among(col(Event.id), ids[:2])).order_by(Event.id))
        assert list(found.scalars()) == ids[:2]
