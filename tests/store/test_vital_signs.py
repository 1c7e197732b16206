"""The vital signs count what is late, unknown and parked, and read it by partial indexes."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from billing.operations.parking import park_subscription
from billing.store.vital_signs import COUNTED_TO, LATE_AFTER, load_vital_signs, vital_signs_query

NOW = datetime(2027, 3, 1, tzinfo=UTC)
INDEXES = (
    "due_subscription",
    "due_invoice",
    "one_live_charge",
    "unknown_charge",
    "set_up_failure",
    "unsettled_refund",
    "webhook_to_process",
    "parked_subscription",
    "parked_charge",
    "parked_refund",
    "open_obligation",
    "parked_obligation",
    "parked_webhook",
    "open_stray_payment",
)


def signs_of(world):
    with world.engine.database.snapshot() as tx:
        return load_vital_signs(tx, world.now)


def test_every_sign_is_read_by_a_partial_index(database):
    compiled = vital_signs_query().compile(database.engine)
    with database.snapshot() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(text("SET LOCAL enable_seqscan = off"))
            rows = tx.exec_driver_sql(
                f"EXPLAIN {compiled}", compiled.construct_params({"now": NOW, "late": NOW, "lately": NOW})
            )
        else:
            told = compiled.construct_params(dict.fromkeys(("now", "late", "lately"), "2027-03-01"))
            values = tuple(told[name] for name in compiled.positiontup)
            rows = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)
        plan = "\n".join(str(tuple(row)) for row in rows)
    assert [index for index in INDEXES if index not in plan] == [], plan


def test_a_quiet_world_shows_none_of_them(world):
    world.subscribe()
    signs = signs_of(world)
    assert (signs.overdue_renewals, signs.overdue_charges, signs.unknown_charges) == (0, 0, 0)
    assert set(signs.parked.values()) == {0}
    assert (signs.oldest_due_renewal, signs.oldest_unsettled_charge, signs.oldest_unsettled_refund) == (None,) * 3


def test_a_renewal_that_nobody_made_is_overdue_after_a_quarter_of_an_hour(world):
    world.subscribe()
    due = world.next_due()
    world.go_to(due + timedelta(minutes=5))
    assert (signs_of(world).overdue_renewals, signs_of(world).oldest_due_renewal) == (0, due)
    world.go_to(due + LATE_AFTER + timedelta(seconds=1))
    assert signs_of(world).overdue_renewals == 1
    world.sweep()
    assert signs_of(world).overdue_renewals == 0


def test_an_invoice_that_nobody_charges_is_overdue_but_not_one_that_is_set_aside(world):
    subscription = world.subscribe()
    with world.engine.database.transaction() as tx:
        tx.execute(text("UPDATE installation SET stopped_because = 'a person'"))
    world.sweep_at(world.next_due())
    world.go_to(world.now + LATE_AFTER + timedelta(seconds=1))
    assert signs_of(world).overdue_charges == 1
    park_subscription(world.engine, subscription, "odd", world.now)
    assert (signs_of(world).overdue_charges, signs_of(world).parked["subscription"]) == (0, 1)


def test_a_lost_answer_is_an_unknown_charge_and_ages(world):
    world.subscribe()
    world.faults(processed_500=1.0)
    sent_at = world.next_due()
    world.sweep_at(sent_at)
    world.go_to(sent_at + timedelta(minutes=1))
    signs = signs_of(world)
    assert signs.unknown_charges == 1
    assert world.now - signs.oldest_unsettled_charge == timedelta(minutes=1)


def test_a_count_ends_at_its_bound(world):
    with world.engine.database.transaction() as tx:
        tx.execute(
            text(
                "INSERT INTO webhook (event_id, type, state, received_at, next_try_at, tries) "
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10050) "
                "SELECT 'evt_' || i, 'odd', 'parked', :now, :now, 0 FROM n"
            ),
            {"now": world.now.replace(tzinfo=None) if tx.dialect.name == "sqlite" else world.now},
        )
    assert signs_of(world).parked["webhook"] == COUNTED_TO
