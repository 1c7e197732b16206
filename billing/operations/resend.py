"""Puts deliveries in line again by hand, whatever became of them."""

from datetime import datetime
from uuid import UUID

from billing.domain.public_ids import Kind, numbered_id
from billing.operations.audit import decided
from billing.operations.engine import Engine, NotFound
from billing.operations.request_keys import done
from billing.store.deliveries import DeliveryRow, find_delivery, line_up_again, list_deliveries

_MOST: int = 100


def resend_delivery(engine: Engine, delivery: UUID, *, now: datetime) -> DeliveryRow:
    """Send a delivery again, under the same id, as soon as its endpoint is enabled (``now``: machine, UTC).

    :raises NotFound: there is no such delivery.
    """
    with engine.database.transaction() as tx:
        before = find_delivery(tx, delivery)
        line_up_again(tx, now, delivery=delivery)
        done(tx, engine)
        row = find_delivery(tx, delivery)
        if row is None or before is None:
            raise NotFound("there is no delivery of this id")
        # The row will tell of the tries to come: what became of those before stays here.
        was = {"was": before.state.value, "tries": before.tries, "status": before.status}
        decided(tx, engine, "delivery.resent", ("delivery", str(delivery)), now, details=was)
        return row


def resend_event(engine: Engine, event: int, *, now: datetime) -> list[DeliveryRow]:
    """Send an event again to every endpoint that it was meant for (``now``: machine, UTC).

    :raises NotFound: no endpoint was to be sent it.
    """
    with engine.database.transaction() as tx:
        line_up_again(tx, now, event=event)
        rows = list_deliveries(tx, _MOST, event=event)
        if not rows:
            raise NotFound("no endpoint was to be sent this event")
        about = ("event", numbered_id(Kind.EVENT, event))
        decided(tx, engine, "event.resent", about, now, details={"deliveries": len(rows)})
        return rows
