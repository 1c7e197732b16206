"""What is due is found by a partial index, however many rows there are."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import bindparam, inspect, text

from billing.domain.reconciling import Phase, Place
from billing.store.columns import UtcDateTime
from billing.store.due import Kind, _due, due_by
from billing.store.reconciliation import captured_query
from billing.store.writes import table_of


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_due_row_is_found_by_its_partial_index(database, kind):
    due = due_by(kind)
    table = table_of(due.model)
    index = {each.name: each for each in table.indexes}.get(due.index)
    assert index is not None, f"the table {table.name} has no index {due.index} for what is due of kind {kind.value}"
    key = next(iter(table.primary_key)).name
    assert [column.name for column in index.columns] == [due.column, key], f"{due.index} is not in order of due rows"
    for dialect in ("sqlite", "postgresql"):
        where = str(index.dialect_options[dialect]["where"])
        assert where == due.where, f"{due.index} is of other rows than those of kind {kind.value}"
    made = {each["name"] for each in inspect(database.engine).get_indexes(table.name)}
    if due.index in made:  # else the test of the migrations says which one is not made
        plan = _plan(database, _due(kind, bindparam("now", type_=UtcDateTime()), 500, None))
        assert due.index in plan, plan


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_page_of_captured_charges_is_read_along_its_partial_index(database, goes_on):
    """The rounds of reconciliation read no more of ten million charges than the page that they ask about."""
    at = datetime(2027, 3, 1, tzinfo=UTC)
    place = Place(Phase.CAPTURED, at, at, at if goes_on else None, str(uuid4()) if goes_on else None)
    plan = _plan(database, captured_query(place, 16))
    assert "captured_charge" in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    assert "Sort" not in plan, plan


def _plan(database, query):
    compiled = query.compile(database.engine, compile_kwargs={"literal_binds": False})
    with database.snapshot() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN QUERY PLAN " if tx.dialect.name == "sqlite" else "EXPLAIN "
        now = datetime(2027, 3, 1, tzinfo=UTC)
        values = compiled.construct_params({"now": now})
        if tx.dialect.name == "sqlite":
            told = [_plain(values[name]) for name in compiled.positiontup]
            rows = tx.exec_driver_sql(explain + str(compiled), tuple(told))
        else:
            rows = tx.exec_driver_sql(explain + str(compiled), values)
        return "\n".join(str(tuple(row)) for row in rows)


def _plain(value):
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    return value.hex if isinstance(value, UUID) else value
