"""Charges what is due: commit the intent → send → record. The network call stands alone between two transactions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.operations.batches import pages_of, together_or_alone
from billing.operations.brake import pull_the_brake
from billing.operations.engine import Engine, Tally
from billing.operations.parking import park_subscription
from billing.operations.send_charges import send_charges
from billing.operations.start_charges import start_due_charges
from billing.store.due import Kind
from billing.store.installation import load_installation
from billing.store.queries import subscription_of_invoice

FIRST_BATCH: Final = 20
"""A run begins with a few charges, so that a wrong key or a dead gateway costs few attempts."""


def charge_due(engine: Engine, *, now: datetime) -> Tally:
    """Charge every open invoice that is due at ``now`` (UTC) and record what the gateway answered."""
    tally = Tally()
    pull_the_brake(engine, now)
    for ids in pages_of(engine, Kind.INVOICE, now, first=FIRST_BATCH):
        with engine.database.snapshot() as tx:
            why_not = load_installation(tx).why_not_charge(now)
        if why_not is not None:
            tally.problems.append(why_not)
            break
        tally.add(
            together_or_alone(
                ids,
                lambda batch: _charge(engine, batch, now),
                lambda row, why: _park(engine, row, why, now),
            )
        )
    return tally


def _charge(engine: Engine, ids: Sequence[UUID], now: datetime) -> Tally:
    with engine.database.transaction() as tx:
        installation = load_installation(tx)
        if installation.why_not_charge(now) is not None:
            return Tally()
        started = start_due_charges(tx, engine, installation, ids, now)
    tally = Tally()
    if started:
        tally.acts["charges_started"] += len(started)
        tally.add(send_charges(engine, started, now))
    return tally


def _park(engine: Engine, invoice_id: UUID, why: str, now: datetime) -> None:
    with engine.database.snapshot() as tx:
        owner = subscription_of_invoice(tx, invoice_id)
    if owner is not None:
        park_subscription(engine, owner, why, now)
