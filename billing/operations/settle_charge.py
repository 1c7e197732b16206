"""A charge that hangs, settled by hand as failed: the gateway is asked first, and only money it holds forbids it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from uuid import UUID

from sqlalchemy import Connection

from billing.domain.cases import Case
from billing.domain.charging import Accepted, Found, GatewayPayment, LookUp, PaymentStatus, Unreadable
from billing.domain.decline_classes import DeclineClass
from billing.domain.failing import settle_failure
from billing.domain.finding import choose
from billing.domain.instants import in_utc
from billing.domain.settlement import mismatch
from billing.domain.states import LIVE_CHARGE_STATES, ChargeEvent, ChargeState
from billing.operations.engine import Conflict, Engine, NotFound, Refusal
from billing.operations.first_charges import GatewayUnavailable
from billing.operations.record_outcomes import record_outcomes
from billing.operations.refund_parked import refund_parked
from billing.operations.request_keys import done
from billing.operations.strays import keep_strays
from billing.store.cases import load_cases
from billing.store.settlements import apply_settlements
from billing.store.writes import Author


@dataclass(frozen=True, slots=True)
class SettledCharge:
    """A charge that has ended without money. ``by_hand``: this act ended it, and not what the gateway said."""

    charge_id: UUID
    subscription_id: UUID
    state: ChargeState
    by_hand: bool


class StillSent(Refusal):
    """It is being sent at this moment; after ``retry_after`` seconds its answer is known, or given up."""

    code = "charge_in_flight"
    says_what_to_do = True

    def __init__(self, named: str, ends_at: datetime, now: datetime) -> None:
        super().__init__(f"{named} is being sent: its answer is waited for until {in_utc(ends_at)}")
        self.retry_after = max(1, ceil((ends_at - now).total_seconds()))


def settle_charge(engine: Engine, charge_id: UUID, *, reason: str, now: datetime) -> SettledCharge:
    """End a charge without an outcome as failed at ``now`` (UTC), after asking Checkout.com what became of it.

    An end that Checkout.com tells is recorded instead. That it is open there, or not known, is no hindrance. The
    charge counts as failed by nobody's fault: its invoice is charged again by the rules for technical failures, and
    whatever waited for the charge can go on. Should it be captured all the same, it pays the invoice if that is still
    unpaid, or is given back. What it captured with another amount than was asked for is given back at once. Done
    again, it changes nothing.

    :raises NotFound: there is no such charge.
    :raises Conflict: the money was taken, or is held: that is recorded.
    :raises StillSent: it is being sent.
    :raises GatewayUnavailable: Checkout.com could not be asked.
    :raises Refusal: it does not tell how much was captured.
    """
    case = _case(engine, charge_id)
    if case.charge_state not in LIVE_CHARGE_STATES:
        return _ended(case)
    if case.charge_state is ChargeState.SENDING and case.check_at is not None and now < case.check_at:
        raise StillSent(f"charge {charge_id}", case.check_at, now)
    own, others = _ask(engine, case)
    keep_strays(engine, [(charge_id, other) for other in others], now)
    if own is not None and own.status is not PaymentStatus.OPEN:
        return _record(engine, case, own, reason, now)
    if own is not None and own.is_authorised:
        raise Conflict(
            f"payment {own.id} of charge {charge_id} is {own.raw_status} at Checkout.com: "
            "the money is held for it, and its capture is waited for"
        )
    with engine.database.transaction() as tx:
        current = _locked(tx, charge_id)
        if current.charge_state not in LIVE_CHARGE_STATES:
            return _ended(current)
        if _seen(current) != _seen(case):
            raise Conflict(f"charge {charge_id} changed while Checkout.com was asked: look at it again")
        _close(tx, engine, current, own, reason, now)
        done(tx, engine)
    return SettledCharge(charge_id, case.subscription_id, ChargeState.EXPIRED, by_hand=True)


def _case(engine: Engine, charge_id: UUID) -> Case:
    with engine.database.transaction() as tx:
        return _locked(tx, charge_id)


def _locked(tx: Connection, charge_id: UUID) -> Case:
    cases = load_cases(tx, [charge_id])
    if not cases:
        raise NotFound(f"there is no charge {charge_id}")
    return cases[0]


def _seen(case: Case) -> tuple[object, ...]:
    """Return what tells whether a charge was sent, answered or released since it was read."""
    return case.charge_state, case.gateway_payment_id, case.sends


def _ended(case: Case) -> SettledCharge:
    if case.charge_state is ChargeState.CAPTURED:
        raise Conflict(f"charge {case.charge_id} is captured: to give the money back, refund it")
    return SettledCharge(case.charge_id, case.subscription_id, case.charge_state, by_hand=False)


def _ask(engine: Engine, case: Case) -> tuple[GatewayPayment | None, Sequence[GatewayPayment]]:
    """Return the charge's own payment, if the gateway knows one, and others that have its reference."""
    told: Sequence[LookUp] = engine.gateway.find_by_reference([case.reference])
    if case.gateway_payment_id is not None:
        told = [*told, *engine.gateway.find_by_id([case.gateway_payment_id])]
    payments: dict[str, GatewayPayment] = {}
    for answer in told:
        if isinstance(answer, Unreadable) and not answer.not_found:
            raise GatewayUnavailable(
                f"Checkout.com could not be asked about charge {case.charge_id} ({answer.reason}), and only then can "
                "it be settled by hand: try again later"
            )
        if isinstance(answer, Found):
            payments |= {each.id: each for each in answer.payments if each.reference == case.reference}
    if case.gateway_payment_id is not None:
        own = payments.pop(case.gateway_payment_id, None)
        return own, tuple(payments.values())
    if not payments:
        return None, ()
    chosen = choose(tuple(payments.values()))
    return chosen.payment, chosen.others


def _record(engine: Engine, case: Case, payment: GatewayPayment, reason: str, now: datetime) -> SettledCharge:
    """Record the end that the gateway tells, and say how the charge stands then. Another amount is given back."""
    record_outcomes(engine, [(case.charge_id, Accepted(payment))], now=now)
    current = _case(engine, case.charge_id)
    if current.charge_state is ChargeState.PARKED and mismatch(case, payment) is not None:
        refund_parked(engine, case.charge_id, reason=reason, now=now)
        current = _case(engine, case.charge_id)
    if current.charge_state is ChargeState.CAPTURED:
        raise Conflict(
            f"Checkout.com says that charge {case.charge_id} is captured: it is recorded, and settled by that"
        )
    return _ended(current)


def _close(tx: Connection, engine: Engine, case: Case, own: GatewayPayment | None, reason: str, now: datetime) -> None:
    policy = engine.rules.settlement
    failed = settle_failure(case, ChargeEvent.SETTLE, DeclineClass.TECHNICAL, None, now, policy)
    written = {**failed.charge, "error": f"settled by hand: {reason}"[:500]}
    if own is not None:
        written["gateway_payment_id"] = own.id
    apply_settlements(tx, [(case, replace(failed, charge=written))], Author(engine.actor, now))
