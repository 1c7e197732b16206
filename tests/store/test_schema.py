"""What the database itself refuses, whatever the code does."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import SQLModel

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.states import ChargeState, InvoiceState, SubscriptionState
from billing.store import tables
from billing.store.database import Database, NestedTransaction
from billing.store.database_url import BadDatabaseUrl
from billing.store.migrating import newest_version, upgrade, version_of
from plans.calendar import IntervalUnit

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def put(tx, model, **values):
    tx.execute(insert(model), [values])
    return values


def plan(tx):
    put(tx, tables.Plan, code="basic", name="Basic", created_at=NOW)
    return put(
        tx,
        tables.Price,
        id=uuid4(),
        plan_code="basic",
        version=1,
        amount_minor=9900,
        currency="KRW",
        interval_unit=IntervalUnit.MONTH,
        interval_count=1,
        created_at=NOW,
    )


def customer(tx):
    reference = uuid4().hex
    return put(
        tx, tables.Customer, id=uuid4(), reference=reference, name="a", email="a@b.test", locale="ko", created_at=NOW
    )


def subscription(tx, price, owner, state=SubscriptionState.ACTIVE):
    return put(
        tx,
        tables.Subscription,
        id=uuid4(),
        customer_id=owner["id"],
        plan_code="basic",
        price_id=price["id"],
        state=state,
        zone="Asia/Seoul",
        anchor=date(2027, 3, 1),
        billed_index=0,
        next_due_at=NOW,
        expires_at=NOW,
        created_at=NOW,
    )


def invoice(tx, owner, state=InvoiceState.OPEN, amount=9900, end=date(2027, 4, 1)):
    return put(
        tx,
        tables.Invoice,
        id=uuid4(),
        subscription_id=owner["id"],
        kind=InvoiceKind.RENEWAL,
        period_start=date(2027, 3, 1),
        period_end=end,
        amount_minor=amount,
        currency="KRW",
        state=state,
        created_at=NOW,
    )


def charge(tx, owner, state, attempt_no=1):
    return put(
        tx,
        tables.Charge,
        id=uuid4(),
        invoice_id=owner["id"],
        subscription_id=owner["subscription_id"],
        kind=ChargeKind.RENEWAL,
        automatic=True,
        attempt_no=attempt_no,
        reference=uuid4().hex,
        idempotency_key=str(uuid4()),
        amount_minor=9900,
        currency="KRW",
        state=state,
        created_at=NOW,
        sent_at=NOW,
    )


def test_a_second_live_charge_of_a_subscription_is_refused(database):
    with pytest.raises(IntegrityError), database.transaction() as tx:
        owner = invoice(tx, subscription(tx, plan(tx), customer(tx)))
        charge(tx, owner, ChargeState.PENDING)
        charge(tx, owner, ChargeState.UNKNOWN, attempt_no=2)


def test_a_closed_charge_does_not_stand_in_the_way_of_a_new_one(database):
    with database.transaction() as tx:
        owner = invoice(tx, subscription(tx, plan(tx), customer(tx)))
        charge(tx, owner, ChargeState.DECLINED)
        charge(tx, owner, ChargeState.SENDING, attempt_no=2)


def test_a_second_invoice_for_a_period_is_refused_unless_the_first_is_void(database):
    with database.transaction() as tx:
        owner = subscription(tx, plan(tx), customer(tx))
        invoice(tx, owner, state=InvoiceState.VOID)
        invoice(tx, owner)
    with pytest.raises(IntegrityError), database.transaction() as tx:
        invoice(tx, owner)


def test_a_second_live_subscription_to_a_plan_is_refused_unless_the_first_has_ended(database):
    with database.transaction() as tx:
        price, owner = plan(tx), customer(tx)
        subscription(tx, price, owner, SubscriptionState.CANCELED)
        subscription(tx, price, owner, SubscriptionState.PAST_DUE)
    with pytest.raises(IntegrityError), database.transaction() as tx:
        subscription(tx, price, owner, SubscriptionState.INCOMPLETE)


@pytest.mark.parametrize("values", [{"amount": 0}, {"amount": -9900}, {"end": date(2027, 3, 1)}])
def test_an_invoice_without_an_amount_or_without_days_is_refused(database, values):
    with pytest.raises(IntegrityError), database.transaction() as tx:
        invoice(tx, subscription(tx, plan(tx), customer(tx)), **values)


def test_a_state_that_is_not_in_the_table_of_states_is_refused(database):
    with pytest.raises((IntegrityError, StatementError)), database.transaction() as tx:
        owner = invoice(tx, subscription(tx, plan(tx), customer(tx)))
        tx.execute(text("UPDATE invoice SET state = 'lost' WHERE id = :id"), {"id": owner["id"].hex})
        tx.execute(text("UPDATE invoice SET state = 'lost'"))


def test_an_instant_without_a_zone_is_refused(database):
    with pytest.raises(StatementError, match="naive"), database.transaction() as tx:
        put(tx, tables.Plan, code="basic", name="Basic", created_at=NOW.replace(tzinfo=None))


def test_instants_come_back_in_utc(database):
    with database.transaction() as tx:
        plan(tx)
    with database.snapshot() as tx:
        found = tx.execute(tables.Plan.__table__.select()).one().created_at
    assert found == NOW
    assert found.utcoffset().total_seconds() == 0


def test_the_migrations_make_the_tables_of_the_models(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_migrating_again_changes_nothing(database):
    upgrade(database)
    assert version_of(database) == newest_version()


def test_a_transaction_inside_a_transaction_is_refused_and_both_are_rolled_back(database):
    with pytest.raises(NestedTransaction), database.transaction() as tx:
        plan(tx)
        with database.transaction():
            pass
    with database.snapshot() as tx:
        assert tx.execute(text("SELECT count(*) FROM plan")).scalar() == 0


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://host/name", "mysql"),
        ("sqlite://", "sqlite"),
        ("sqlite:///:memory:", "sqlite"),
        ("nonsense", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_with_what_would_be_right(url, says):
    with pytest.raises(BadDatabaseUrl, match=says) as refused:
        Database(url)
    assert "sqlite:///billing.db" in str(refused.value)


def test_the_location_of_a_database_holds_no_credentials():
    assert Database("postgresql://user:secret@db.example/billing").location == "db.example:5432/billing"
