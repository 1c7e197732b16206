"""Asks the gateway about charges: whose outcome is not known, and closed ones that are looked at again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from billing.domain.charging import Accepted, Found, GatewayPayment, LookUp, Outcome
from billing.domain.finding import Absent, Chosen, LookAgain, read_look_up
from billing.domain.invoicing import poll_again_at
from billing.domain.states import ChargeEvent, ChargeState
from billing.operations.batches import pages_of
from billing.operations.engine import ABSENT_SPACING, Engine, Tally
from billing.operations.foreign_refunds import adopt_refunds
from billing.operations.recheck_closed import recheck
from billing.operations.record_outcomes import record_outcomes
from billing.operations.resend_absent import resend_absent
from billing.operations.strays import keep_strays
from billing.store.cases import lock_subscriptions
from billing.store.due import Kind
from billing.store.queries import AskedAbout, load_asked_about
from billing.store.tables import Charge
from billing.store.writes import Author, Change, Move, change, move


def look_up_unsettled(engine: Engine, *, now: datetime) -> Tally:
    """Ask about every charge whose time to be asked about has come at ``now`` (UTC)."""
    tally = Tally()
    for ids in pages_of(engine, Kind.CHARGE, now, takes_turns=True):
        tally.add(look_up(engine, ids, now=now))
    return tally


def look_up(engine: Engine, charge_ids: Sequence[UUID], *, now: datetime) -> Tally:
    """Ask about these charges now and record what the gateway tells. A closed one is left out unless it is due."""
    with engine.database.snapshot() as tx:
        found = load_asked_about(tx, charge_ids)
    tally = _look_up_live(engine, [charge for charge in found if charge.is_live], now)
    tally.add(recheck(engine, [charge for charge in found if not charge.is_live and charge.check_at <= now], now=now))
    return tally


def _look_up_live(engine: Engine, charges: Sequence[AskedAbout], now: datetime) -> Tally:
    outcomes: list[tuple[UUID, Outcome]] = []
    strays: list[tuple[UUID, GatewayPayment]] = []
    postponed: list[tuple[AskedAbout, dict[str, object]]] = []
    absent: list[AskedAbout] = []
    for charge, told in zip(charges, _ask(engine, charges), strict=True):
        match _read(charge, told, now):
            case None:
                # A look-up that failed proves nothing: do nothing, ask again later.
                postponed.append((charge, _later(charge, poll_again_at(now, charge.checks) - now, now)))
            case LookAgain(at):
                seen = {
                    "absent_looks": charge.absent_looks + 1,
                    "last_absent_at": charge.last_absent_at or now,
                }
                postponed.append((charge, {**_later(charge, at - now, now), **seen}))
            case Absent():
                absent.append(charge)
            case Chosen(payment, others):
                outcomes.append((charge.id, Accepted(payment)))
                strays.extend((charge.id, other) for other in others)
    _postpone(engine, postponed, now)
    keep_strays(engine, strays, now)
    tally = Tally()
    tally.acts["look_ups"] += len(charges)
    tally.add(record_outcomes(engine, outcomes, now=now))
    read = [outcome.payment for _, outcome in outcomes if isinstance(outcome, Accepted)]
    tally.add(adopt_refunds(engine, read, now=now))
    tally.add(resend_absent(engine, absent, now=now))
    return tally


def _ask(engine: Engine, charges: Sequence[AskedAbout]) -> list[LookUp]:
    """Ask by the gateway's own id where one was told, else by reference; keep the order."""
    by_id = [charge.gateway_payment_id for charge in charges if charge.gateway_payment_id is not None]
    by_reference = [charge.reference for charge in charges if charge.gateway_payment_id is None]
    found = iter(engine.gateway.find_by_id(by_id))
    listed = iter(engine.gateway.find_by_reference(by_reference))
    return [next(listed if charge.gateway_payment_id is None else found) for charge in charges]


def _read(charge: AskedAbout, told: LookUp, now: datetime) -> LookAgain | Absent | Chosen | None:
    if not isinstance(told, Found):
        return None
    # The list may match more loosely than it says; only our own reference counts.
    ours = tuple(p for p in told.payments if p.reference == charge.reference)
    if charge.gateway_payment_id is not None and not ours:
        return None
    return read_look_up(
        ours,
        absent_looks=charge.absent_looks,
        last_absent_at=charge.last_absent_at,
        now=now,
        spacing=ABSENT_SPACING,
    )


def _later(charge: AskedAbout, wait: timedelta, now: datetime) -> dict[str, object]:
    return {"check_at": now + wait, "checks": charge.checks + 1}


def _postpone(engine: Engine, postponed: Sequence[tuple[AskedAbout, dict[str, object]]], now: datetime) -> None:
    if not postponed:
        return
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [charge.subscription_id for charge, _ in postponed])
        current = {charge.id: charge for charge in load_asked_about(tx, [c.id for c, _ in postponed])}
        moves, changes = [], []
        for charge, written in postponed:
            if current.get(charge.id) != charge:
                continue  # settled, sent or asked about by another daemon while we asked
            if charge.state is ChargeState.SENDING:
                told = Move(charge.id, charge.state, ChargeEvent.LOSE, written, charge.subscription_id)
                moves.append(told)
            else:
                changes.append(Change(charge.id, charge.state, written))
        move(tx, Charge, moves, Author(engine.actor, now))
        change(tx, Charge, changes)
