"""What stories about the books read: rows with their types, events of a type, payments as the gateway tells them."""

from harness import email
from sqlalchemy import select

from billing.domain.charging import Found
from billing.store.tables import Event
from billing.store.writes import table_of

KIM = email("kim")
DUE = "2027-02-28 10:40"


def rows_of(world, model):
    """Return a table's rows with their types, oldest first."""
    table = table_of(model)
    order = table.c.get("created_at", next(iter(table.primary_key)))
    with world.engine.database.snapshot() as tx:
        return tx.execute(select(table).order_by(order)).all()


def told(world, kind):
    """Return the events of a type, oldest first."""
    return [event for event in rows_of(world, Event) if event.type == kind]


def renew(world, *, at=DUE):
    """Sweep once at an instant at which every renewal of 28 February is due."""
    return world.sweep_at(at)


def stays_open(world):
    """Let payments stay pending until they are looked at again."""
    world.wallet(KIM, script=["pending:1"])


def transactions_of(world, monkeypatch):
    """Return a list that grows by one with each transaction that the engine begins."""
    database, begun = world.engine.database, []
    begin = database.transaction
    monkeypatch.setattr(database, "transaction", lambda: begun.append("one") or begin())
    return begun


def found(world, payment_id):
    (look_up,) = world.engine.gateway.find_by_id([payment_id])
    assert isinstance(look_up, Found)
    (payment,) = look_up.payments
    return payment
