"""Fills a migrated database with subscriptions, some of them due, in a few statements for any number of them."""

import hashlib
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, Connection, Select, Uuid, case, cast, func, insert, literal, select, text
from sqlmodel import SQLModel

from billing.store.database import Database
from billing.store.installation import set_clock
from billing.store.tables import Customer, Plan, Price, Source, Subscription
from billing.store.writes import insert_rows, table_of

BEFORE: Final = datetime(2027, 2, 10, 0, 0, tzinfo=UTC)
"""Where the clock stands while nothing is due."""
DUE: Final = datetime(2027, 2, 10, 1, 0, tzinfo=UTC)
"""The one second at which everything comes due: ten in the morning in Seoul."""
NOW: Final = datetime(2027, 2, 10, 2, 0, tzinfo=UTC)
"""Where the clock stands from the start of a race on."""
LATER: Final = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
AMOUNT: Final = 9900
_PRICE_ID: Final = UUID(int=1)


def seed(url: str, *, due: int, others: int) -> None:
    """Add ``due`` active monthly subscriptions that are due at :data:`DUE`, and ``others`` that are due later."""
    database = Database(url)
    with database.transaction() as tx:
        if tx.dialect.name == "sqlite":
            driver: Any = tx.connection.driver_connection
            driver.create_function("md5", 1, lambda told: hashlib.md5(told.encode()).hexdigest())  # noqa: S324
        else:
            # The rows refer to each other rightly; to look up forty million references takes most of an hour.
            tx.execute(text("SET LOCAL session_replication_role = replica"))
        set_clock(tx, BEFORE)
        _sell(tx)
        _fill(tx, Customer, _customers(tx, due + others))
        _fill(tx, Source, _sources(tx, due + others))
        _fill(tx, Subscription, _subscriptions(tx, due, others))
    # A database that has lived for a while has been vacuumed; otherwise it is done during the race.
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.engine.dialect.name == "sqlite" else "VACUUM (ANALYZE)"))
    database.dispose()


def put_clock(database: Database, at: datetime) -> None:
    """Put the test clock to an instant, at which it stays."""
    with database.transaction() as tx:
        set_clock(tx, at)


def _sell(tx: Connection) -> None:
    insert_rows(tx, Plan, [{"code": "basic", "name": "베이직", "created_at": BEFORE}])
    price = {
        "id": _PRICE_ID,
        "plan_code": "basic",
        "version": 1,
        "amount_minor": AMOUNT,
        "currency": "KRW",
        "interval_unit": "month",
        "interval_count": 1,
        "created_at": BEFORE,
    }
    insert_rows(tx, Price, [price])


def _fill(tx: Connection, model: type[SQLModel], rows: tuple[list[str], Select[Any]]) -> None:
    tx.execute(insert(table_of(model)).from_select(*rows))


def _numbers(most: int) -> CTE:
    first = select(literal(1).label("i")).cte("numbers", recursive=True)
    return first.union_all(select(first.c.i + 1).where(first.c.i < most))


def _id(tx: Connection, kind: str, number: ColumnElement[int]) -> ColumnElement[Any]:
    """Return a random-looking id, so that indexes are filled as ours fill them."""
    hashed = func.md5(_joined(tx, kind, number))
    return cast(hashed, Uuid) if tx.dialect.name == "postgresql" else hashed


def _joined(tx: Connection, kind: str, number: ColumnElement[int]) -> ColumnElement[Any]:
    return func.concat(kind, number) if tx.dialect.name == "postgresql" else func.printf(f"{kind}%d", number)


def _typed(model: type[SQLModel], values: dict[str, object]) -> list[ColumnElement[Any]]:
    table = table_of(model)
    return [literal(value, table.c[name].type) for name, value in values.items()]


def _customers(tx: Connection, most: int) -> tuple[list[str], Select[Any]]:
    numbers = _numbers(most)
    fixed = {"name": "구독자", "email": "subscriber@example.com", "locale": "ko-KR", "created_at": BEFORE}
    columns = ["id", "reference", *fixed]
    return columns, select(
        _id(tx, "customer", numbers.c.i), _joined(tx, "customer-", numbers.c.i), *_typed(Customer, fixed)
    )


def _sources(tx: Connection, most: int) -> tuple[list[str], Select[Any]]:
    numbers = _numbers(most)
    fixed = {"state": "active", "created_at": BEFORE}
    columns = ["id", "customer_id", "gateway_source_id", *fixed]
    return columns, select(
        _id(tx, "source", numbers.c.i),
        _id(tx, "customer", numbers.c.i),
        _joined(tx, "src_", numbers.c.i),
        *_typed(Source, fixed),
    )


def _subscriptions(tx: Connection, due: int, others: int) -> tuple[list[str], Select[Any]]:
    numbers = _numbers(due + others)
    instant = table_of(Subscription).c.next_due_at.type
    fixed = {
        "plan_code": "basic",
        "price_id": _PRICE_ID,
        "state": "active",
        "zone": "Asia/Seoul",
        "anchor": date(2027, 1, 10),
        "billed_index": 0,
        "paid_through": date(2027, 2, 10),
        "expires_at": BEFORE,
        "created_at": BEFORE,
    }
    columns = ["id", "customer_id", "source_id", "next_due_at", *fixed]
    return columns, select(
        _id(tx, "subscription", numbers.c.i),
        _id(tx, "customer", numbers.c.i),
        _id(tx, "source", numbers.c.i),
        case((numbers.c.i <= due, literal(DUE, instant)), else_=literal(LATER, instant)),
        *_typed(Subscription, fixed),
    )
