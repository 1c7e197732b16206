"""Failed deliveries are found without reading those that were delivered."""

from sqlalchemy import event

from billing.domain.deliveries import DeliveryState
from billing.store.deliveries import list_deliveries


def test_failed_deliveries_are_listed_along_an_index_of_their_own(database):
    asked = []
    with database.transaction() as tx:
        event.listen(tx, "before_cursor_execute", lambda _c, _u, statement, told, *_: asked.append((statement, told)))
        list_deliveries(tx, 20, state=DeliveryState.FAILED)
        [(statement, told)] = asked
        if database.is_sqlite:
            plan = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", told).all()
        else:
            tx.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            plan = tx.exec_driver_sql(f"EXPLAIN {statement}", told).all()
    assert "failed_delivery" in str(plan)
