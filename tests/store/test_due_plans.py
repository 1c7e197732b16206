"""What is due is found by a partial index, however many rows there are."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, text

from billing.store.columns import UtcDateTime
from billing.store.due import Kind, _due

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
    query = _due(kind, bindparam("now", type_=UtcDateTime()), 500, None)
    compiled = query.compile(database.engine, compile_kwargs={"literal_binds": False})
    with database.snapshot() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN QUERY PLAN " if tx.dialect.name == "sqlite" else "EXPLAIN "
        now = datetime(2027, 3, 1, tzinfo=UTC)
        values = compiled.construct_params({"now": now})
        if tx.dialect.name == "sqlite":
            values["now"] = now.replace(tzinfo=None).isoformat(" ")
            rows = tx.exec_driver_sql(explain + str(compiled), tuple(values[name] for name in compiled.positiontup))
        else:
            rows = tx.exec_driver_sql(explain + str(compiled), values)
        plan = "\n".join(str(tuple(row)) for row in rows)
    assert INDEX_OF[kind] in plan, plan
