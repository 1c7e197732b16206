"""Works off what the engine owes: a refund of each payment that must go back, again and again until it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.charging import GatewayRefund, RefundsFound, RefundStatus
from billing.domain.disputes import held_because
from billing.domain.identity import refund_reference
from billing.domain.obligations import PARKED_LOOK, GivenBack, Step, next_try, parked, unreadable
from billing.domain.states import (
    OBLIGATION_MOVES,
    ObligationEvent,
    ObligationState,
    can_move,
)
from billing.operations.batches import pages_of, together_or_alone
from billing.operations.engine import Engine, Tally
from billing.operations.foreign_refunds import adopt_found
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.disputes import open_disputes
from billing.store.due import Kind
from billing.store.obligations import ObligationRow, declined_references, given_back, load_obligations, take_step
from billing.store.settlements import next_refund_no, order_refund
from billing.store.writes import Author


@dataclass(frozen=True, slots=True)
class Look:
    """What the gateway tells of the refunds of a payment: all of them, or why it cannot be read."""

    refunds: Sequence[GatewayRefund] = ()
    unreadable: str | None = None

    given_up: frozenset[str] = frozenset()
    """The references of refunds that failed here, as a person said."""

    @property
    def is_open(self) -> bool:
        """Whether a refund of the payment has not ended there, other than those that a person gave up."""
        return any(
            each.status is RefundStatus.OPEN and (each.reference or "") not in self.given_up for each in self.refunds
        )


NOT_ASKED = Look()


def give_back_owed(engine: Engine, *, now: datetime) -> Tally:
    """Order a refund of everything that is owed and due at ``now`` (UTC); the act after this one sends it."""
    tally = Tally()
    for ids in pages_of(engine, Kind.REFUND_OBLIGATION, now, takes_turns=True):
        tally.add(
            together_or_alone(
                ids,
                lambda batch: try_owed(engine, batch, now=now)[0],
                lambda row, why: _park(engine, row, why, now),
            )
        )
    return tally


def try_owed(engine: Engine, ids: Sequence[UUID], *, now: datetime) -> tuple[Tally, list[UUID]]:
    """See to these obligations as far as they are due (``now``: UTC); return the refunds that were ordered.

    Where a refund may have been made before, the gateway is asked first: what it made must not be made again.
    """
    with engine.database.snapshot() as tx:
        rows = [row for row in load_obligations(tx, ids) if _is_due(row, now)]
    looks = look_at(engine, [row for row in rows if row.owed.tries or row.is_stray or _is_parked(row)], now=now)
    tally, ordered = Tally(), []
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, sorted({row.subscription_id for row in rows}))
        current = {row.id: row for row in load_obligations(tx, [row.id for row in rows], lock=True)}
        refunds = given_back(tx, [row.gateway_payment_id for row in rows])
        disputed = {each.gateway_payment_id: each for each in open_disputes(tx, list(refunds))}
        for row in rows:
            if current.get(row.id) != row:
                continue  # seen to by another process meanwhile, or moved by what the look showed
            step = _held(row, disputed, now) or _step(
                engine, row, refunds[row.gateway_payment_id], looks.get(row.id, NOT_ASKED), now
            )
            take_step(tx, row, step, author)
            tally.acts[f"obligations_{step.event.value if step.event else 'looked_at'}"] += 1
            if step.refund is not None:
                ordered.append(_order(tx, row, step, looks.get(row.id, NOT_ASKED), author))
    return tally, ordered


def look_at(engine: Engine, rows: Sequence[ObligationRow], *, now: datetime) -> Mapping[UUID, Look]:
    """Ask the gateway for the refunds of these payments, and take up what is news here."""
    if not rows:
        return {}
    looks: dict[UUID, Look] = {}
    found: dict[str, tuple[str, Sequence[GatewayRefund]]] = {}
    answers = engine.gateway.find_refunds([row.gateway_payment_id for row in rows])
    for row, told in zip(rows, answers, strict=True):
        if isinstance(told, RefundsFound):
            looks[row.id] = Look(told.refunds)
            found[row.gateway_payment_id] = (row.owed.amount.currency, told.refunds)
        else:
            looks[row.id] = Look(unreadable=told.reason)
    adopt_found(engine, found, now=now)
    with engine.database.snapshot() as tx:
        given_up = declined_references(tx, list(found))
    return {key: replace(look, given_up=given_up) for key, look in looks.items()}


def _is_due(row: ObligationRow, now: datetime) -> bool:
    return row.check_at is not None and row.check_at <= now


def _is_parked(row: ObligationRow) -> bool:
    return row.state is ObligationState.PARKED


def _held(row: ObligationRow, disputed: Mapping[str, AnyRow], now: datetime) -> Step | None:
    """Return the step that holds what is owed of a payment whose dispute is open, or None."""
    dispute = disputed.get(row.gateway_payment_id)
    if dispute is None or row.state is not ObligationState.OWED:
        return None
    return parked(held_because(dispute.gateway_dispute_id, dispute.respond_by), now)


def _step(engine: Engine, row: ObligationRow, given: GivenBack, look: Look, now: datetime) -> Step:
    if look.unreadable is not None:
        return unreadable(row.owed, look.unreadable, now)
    minimum = engine.rules.refund_minimum.get(row.owed.amount.currency, 1)
    hangs_after = engine.rules.settlement.hanging.refund
    is_open = look.is_open
    return next_try(row.owed, given, minimum=minimum, is_open_there=is_open, hangs_after=hangs_after, now=now)


def _order(tx: Connection, row: ObligationRow, step: Step, look: Look, author: Author) -> UUID:
    assert step.refund is not None  # noqa: S101 - asked by the caller
    # A number that an older copy of the database has forgotten would be another request under a used key.
    begins = refund_reference(row.charge_reference, 0).removesuffix("0")
    used = [(each.reference or "").removeprefix(begins) for each in look.refunds]
    highest = max((int(number) for number in used if number.isdigit()), default=0)
    number = max(next_refund_no(tx, row.charge_id), highest + 1)
    return order_refund(
        tx,
        row.charge_id,
        row.gateway_payment_id,
        step.refund.minor,
        step.refund.currency,
        reference=refund_reference(row.charge_reference, number),
        reason=row.reason,
        author=author,
    )


def _park(engine: Engine, obligation_id: UUID, why: str, now: datetime) -> None:
    with engine.database.transaction() as tx:
        for row in load_obligations(tx, [obligation_id], lock=True):
            if can_move(OBLIGATION_MOVES, row.state, ObligationEvent.PARK):
                take_step(tx, row, parked(why, now), Author(engine.actor, now))
            else:
                take_step(tx, row, Step(None, {"check_at": now + PARKED_LOOK}), Author(engine.actor, now))
