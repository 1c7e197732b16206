"""Charges what is due: commit the intent → send → record. The network call stands alone between two transactions."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billing.operations.batches import overlapped, pages_of, together_or_alone
from billing.operations.brake import pull_the_brake
from billing.operations.caution import most_at_once
from billing.operations.engine import Engine, Tally
from billing.operations.parking import park_subscription
from billing.operations.send_charges import send_charges
from billing.operations.start_charges import start_due_charges
from billing.store.due import Kind
from billing.store.installation import load_installation
from billing.store.queries import subscription_of_invoice

FIRST_BATCH: Final = 20
"""A run begins with a few charges, so that a wrong key or a dead gateway costs few attempts.

After the evidence stopped charging no more than so many are undecided at once, until one is captured."""
LEAVES_WITHIN: Final = timedelta(seconds=10)
"""A batch is no larger than what the gateway's limit lets out in this time: charges that wait are marked as sending."""


def charge_due(engine: Engine, *, now: datetime) -> Tally:
    """Charge every open invoice that is due at ``now`` (UTC) and record what the gateway answered."""
    tally = Tally()
    pull_the_brake(engine, now)

    def charge(ids: Sequence[UUID]) -> Tally:
        return together_or_alone(
            ids,
            lambda batch: _charge(engine, batch, now),
            lambda row, why: _park(engine, row, why, now),
        )

    tally.add(overlapped(_pages(engine, now, tally), charge, engine.rules.batches_at_once))
    return tally


def _pages(engine: Engine, now: datetime, tally: Tally) -> Iterator[list[UUID]]:
    """Yield what is due while charging is allowed; why it is not is told to ``tally``."""

    def most() -> int:
        return engine.gateway.payments_in(LEAVES_WITHIN.total_seconds())

    for ids in pages_of(engine, Kind.INVOICE, now, takes_turns=True, first=FIRST_BATCH, most=most):
        with engine.database.snapshot() as tx:
            installation = load_installation(tx)
        why_not = installation.why_not_charge(now)
        if why_not is not None:
            tally.problems.append(why_not)
            return
        at_once = most_at_once(engine, installation, FIRST_BATCH, now)
        if at_once is not None:
            if at_once > 0:
                yield ids[:at_once]
            return
        yield ids


def _charge(engine: Engine, ids: Sequence[UUID], now: datetime) -> Tally:
    since = engine.gateway.moment()
    with engine.database.transaction() as tx:
        installation = load_installation(tx)
        if installation.why_not_charge(now) is not None:
            return Tally()
        started = start_due_charges(tx, engine, installation, ids, now)
    tally = Tally()
    if started:
        tally.acts["charges_started"] += len(started)
        tally.add(send_charges(engine, started, now, since=since))
    return tally


def _park(engine: Engine, invoice_id: UUID, why: str, now: datetime) -> None:
    with engine.database.snapshot() as tx:
        owner = subscription_of_invoice(tx, invoice_id)
    if owner is not None:
        park_subscription(engine, owner, why, now)
