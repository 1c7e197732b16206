"""What is due is found by a partial index, however many rows there are."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import bindparam, text

from billing.domain.reconciling import Phase, Place
from billing.store.columns import UtcDateTime
from billing.store.due import Kind, _due
from billing.store.reconciliation import captured_query

INDEX_OF = {
    Kind.WEBHOOK: "webhook_to_process",
    Kind.CHARGE: "charge_to_ask_about",
    Kind.ENROLMENT: "incomplete_subscription",
    Kind.PAUSE: "subscription_to_resume",
    Kind.LAST_PERIOD: "subscription_to_end",
    Kind.PAUSE_TO_COME: "subscription_to_pause",
    Kind.GIVING_UP: "invoice_to_give_up",
    Kind.SUBSCRIPTION: "due_subscription",
    Kind.INVOICE: "due_invoice",
    Kind.REFUND_OBLIGATION: "obligation_to_see_to",
    Kind.REFUND: "refund_to_ask_about",
    Kind.REVOCATION: "revocation_to_tell",
    Kind.STRAY: "open_stray_payment",
    Kind.KEYED_REQUEST: "request_to_forget",
}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_due_row_is_found_by_its_partial_index(database, kind):
    plan = _plan(database, _due(kind, bindparam("now", type_=UtcDateTime()), 500, None))
    assert INDEX_OF[kind] in plan, plan


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
