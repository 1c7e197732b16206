"""Looks again at charges that have ended: for a capture that came late, and for a second payment after a resend."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from billing.domain.charging import Accepted, Found, GatewayPayment, LookUp, Outcome, PaymentStatus
from billing.domain.finding import choose
from billing.domain.rechecks import next_recheck, try_again, watch
from billing.domain.states import ChargeState
from billing.operations.engine import Engine, Tally
from billing.operations.foreign_refunds import adopt_refunds
from billing.operations.record_outcomes import record_outcomes
from billing.operations.strays import keep_strays, stray_ids
from billing.store.cases import lock_subscriptions
from billing.store.queries import AskedAbout, load_asked_about
from billing.store.tables import Charge
from billing.store.writes import Change, change

_TOOK_MONEY: Final = (PaymentStatus.CAPTURED, PaymentStatus.UNCLEAR)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a recheck showed: the charge's own payment and others, and when to look again."""

    charge: AskedAbout
    next: dict[str, object]
    own: GatewayPayment | None = None
    others: tuple[GatewayPayment, ...] = ()


def recheck(engine: Engine, charges: Sequence[AskedAbout], *, now: datetime) -> Tally:
    """Ask about closed charges by their references, which shows every payment of each (``now``: UTC).

    The next recheck is written last: a crash before it means that the same is seen and recorded once more.
    """
    tally = Tally()
    if not charges:
        return tally
    # Whether it took money is asked; why it was declined is written down already.
    answers = engine.gateway.find_by_reference([charge.reference for charge in charges], with_codes=False)
    answers = _without_strays(engine, answers)
    seen = [_read(charge, told, now) for charge, told in zip(charges, answers, strict=True)]
    keep_strays(engine, [(each.charge.id, other) for each in seen for other in each.others], now)
    late: list[tuple[UUID, Outcome]] = [
        (each.charge.id, Accepted(each.own)) for each in seen if each.own is not None and _is_news(each)
    ]
    tally.acts["rechecks"] += len(charges)
    tally.add(record_outcomes(engine, late, now=now))
    tally.add(adopt_refunds(engine, [each.own for each in seen if each.own is not None], now=now))
    _look_again(engine, seen)
    return tally


def _without_strays(engine: Engine, answers: Sequence[LookUp]) -> list[LookUp]:
    """Leave out payments that were found astray: what becomes of them is seen to elsewhere."""
    with engine.database.snapshot() as tx:
        found = [payment.id for told in answers if isinstance(told, Found) for payment in told.payments]
        astray = stray_ids(tx, found)
    return [
        Found(tuple(payment for payment in told.payments if payment.id not in astray))
        if isinstance(told, Found)
        else told
        for told in answers
    ]


def _read(charge: AskedAbout, told: LookUp, now: datetime) -> _Seen:
    later = next_recheck(charge.state, charge.checks, now)
    no_proof = try_again(charge.state, charge.checks, charge.absent_looks, now)
    if not isinstance(told, Found):
        return _Seen(charge, no_proof)
    # The list may match more loosely than it says; only our own reference counts.
    ours = tuple(payment for payment in told.payments if payment.reference == charge.reference)
    if charge.gateway_payment_id is None:
        if not ours:
            return _Seen(charge, later)
        chosen = choose(ours)
        own, others = chosen.payment, chosen.others
        if own.status not in _TOOK_MONEY:
            others = ()  # beside nothing that counts there is nothing astray
    else:
        known = [payment for payment in ours if payment.id == charge.gateway_payment_id]
        others = tuple(payment for payment in ours if payment.id != charge.gateway_payment_id)
        if not known:
            return _Seen(charge, no_proof, None, others)  # the list lags, or was cut short
        own = known[0]
    if own.status in (PaymentStatus.OPEN, PaymentStatus.UNCLEAR):
        return _Seen(charge, watch(charge.absent_looks, now), own, others)
    return _Seen(charge, later, own, others)


def _is_news(seen: _Seen) -> bool:
    took_money = seen.own is not None and seen.own.status in _TOOK_MONEY
    names_source = seen.own is not None and seen.own.source_id is not None
    return took_money and (seen.charge.state is not ChargeState.CAPTURED or names_source)


def _look_again(engine: Engine, seen: Sequence[_Seen]) -> None:
    with engine.database.transaction() as tx:
        lock_subscriptions(tx, [each.charge.subscription_id for each in seen])
        current = {charge.id: charge for charge in load_asked_about(tx, [each.charge.id for each in seen])}
        # What was captured just now, or looked at by another process meanwhile, has a plan of its own.
        changes = [
            Change(each.charge.id, each.charge.state, each.next)
            for each in seen
            if current.get(each.charge.id) == each.charge
        ]
        change(tx, Charge, changes)
