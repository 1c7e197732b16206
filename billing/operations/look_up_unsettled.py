"""Asks the gateway about charges: whose outcome is not known, and closed ones that are looked at again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never
from uuid import UUID

from billing.domain.cases import ChargeKind
from billing.domain.charging import Accepted, Found, GatewayPayment, LookUp, Outcome, Unreadable
from billing.domain.finding import Absent, Chosen, LookAgain, read_look_up
from billing.domain.hanging import why_unread
from billing.domain.polling import poll_again_at
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


@dataclass(frozen=True, slots=True)
class _Later:
    """A charge that was asked about in vain, and what is written with it."""

    charge: AskedAbout
    written: Mapping[str, object]
    event: ChargeEvent | None = None
    data: Mapping[str, object] = field(default_factory=dict)


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
    postponed: list[_Later] = []
    absent: list[AskedAbout] = []
    for charge, told in zip(charges, _ask(engine, charges), strict=True):
        found = _read(charge, told, now)
        match found:
            case None:
                # A look-up that failed proves nothing: do nothing, ask again later.
                postponed.append(_unread(engine, charge, told, now))
            case LookAgain() | Absent() if charge.state is ChargeState.PARKED:
                postponed.append(_absent_after_all(charge, now))
            case LookAgain(at):
                seen = {
                    "absent_looks": charge.absent_looks + 1,
                    "last_absent_at": charge.last_absent_at or now,
                }
                postponed.append(_Later(charge, {**_asked(charge), "check_at": at, **seen}))
            case Absent():
                absent.append(charge)
            case Chosen(payment, others):
                outcomes.append((charge.id, Accepted(payment)))
                strays.extend((charge.id, other) for other in others)
            case _:
                assert_never(found)
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


def _asked(charge: AskedAbout) -> dict[str, object]:
    return {"checks": charge.checks + 1}


def _unread(engine: Engine, charge: AskedAbout, told: LookUp, now: datetime) -> _Later:
    """Ask again later about a charge of which the gateway told nothing; park it if that goes on for too long."""
    written = {**_asked(charge), "check_at": poll_again_at(now, charge.checks)}
    present = charge.kind is not ChargeKind.RENEWAL
    hangs = engine.rules.settlement.hanging.hangs(charge.sent_at, now, subscriber_is_present=present)
    if charge.state is ChargeState.PARKED or not hangs:
        return _Later(charge, written)
    reason = told.reason if isinstance(told, Unreadable) else "another payment"
    why = why_unread(reason, charge.sent_at, now)
    return _Later(charge, {**written, "error": why}, ChargeEvent.PARK, {"error": why})


def _absent_after_all(charge: AskedAbout, now: datetime) -> _Later:
    """Let a charge go on that was parked while the gateway could not be read: it may be sent again, or be over."""
    first_look = {"absent_looks": 1, "last_absent_at": now, "check_at": now + ABSENT_SPACING}
    reason = "Checkout.com answers again, and does not know it"
    return _Later(charge, {**_asked(charge), **first_look, "error": None}, ChargeEvent.RELEASE, {"reason": reason})


def _postpone(engine: Engine, postponed: Sequence[_Later], now: datetime) -> None:
    if not postponed:
        return
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [later.charge.subscription_id for later in postponed])
        current = {charge.id: charge for charge in load_asked_about(tx, [later.charge.id for later in postponed])}
        moves, changes = [], []
        for later in postponed:
            charge = later.charge
            if current.get(charge.id) != charge:
                continue  # settled, sent or asked about by another daemon while we asked
            event = later.event or (ChargeEvent.LOSE if charge.state is ChargeState.SENDING else None)
            if event is not None:
                moves.append(Move(charge.id, charge.state, event, later.written, charge.subscription_id, later.data))
            else:
                changes.append(Change(charge.id, charge.state, later.written))
        move(tx, Charge, moves, Author(engine.actor, now))
        change(tx, Charge, changes)
