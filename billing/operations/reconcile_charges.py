"""Asks the gateway about charges on our own account, and settles, keeps or parks what it tells that is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, case, func, select
from sqlmodel import col

from billing.domain.charging import Found, GatewayPayment, LookUp, PaymentStatus, Unreadable
from billing.domain.comparing import differences
from billing.domain.identity import reference_prefix, subscription_of
from billing.domain.reconciling import AWAITED_FOR, SETTLES_WITHIN, holds_money
from billing.domain.states import COUNTED_REFUND_STATES, LIVE_CHARGE_STATES, ChargeState, RefundState
from billing.operations.engine import Engine, Reconciling, Tally
from billing.operations.foreign_refunds import adopt_refunds
from billing.operations.mismatches import name_mismatch
from billing.operations.settle_found import settle_found
from billing.operations.strays import keep_strays, stray_ids
from billing.store.among import among
from billing.store.installation import InstallationRow, load_installation
from billing.store.queries import KnownCharge, charges_by_reference
from billing.store.reconciliation import AskedCharge, load_asked
from billing.store.tables import Refund, Subscription

_NOT_FINDINGS = frozenset({"refund_rechecks"})
_TOOK_MONEY = (PaymentStatus.CAPTURED, PaymentStatus.UNCLEAR)


@dataclass(slots=True)
class Asked:
    """What a page of questions came to."""

    reads: int = 0
    found: int = 0
    unread: int = 0
    awaited_since: datetime | None = None
    """When the earliest payment was requested whose charge may yet be found."""
    doubtful: list[UUID] = field(default_factory=list)
    """Captured charges that the gateway tells otherwise: to be asked about once more before that counts."""

    def settled(self, tally: Tally) -> None:
        """Count what was settled or kept."""
        self.found += sum(number for name, number in tally.acts.items() if name not in _NOT_FINDINGS)


def ask_about_captured(engine: Engine, charges: Sequence[AskedCharge], now: datetime, *, confirming: bool) -> Asked:
    """Ask about captured charges: payments beside them, refunds that are not ours, and what differs (``now``: UTC).

    A difference is doubtful at first. When ``confirming``, it counts: it is named, and the subscription parked.
    """
    asked = Asked()
    answers = _ask_by_reference(engine, charges, asked, with_codes=False)
    payments = {
        payment.id: payment
        for charge, told in answers
        if isinstance(told, Found)
        for payment in told.payments
        if payment.reference == charge.reference
    }
    readable = [charge for charge, told in answers if isinstance(told, Found)]
    absent = _ask_by_id(engine, [each for each in readable if each.gateway_payment_id not in payments], payments, asked)
    settle_news(engine, list(payments.values()), asked, now)
    adopted = adopt_refunds(engine, payments.values(), now=now)
    asked.reads += adopted.acts["refunds_adopted"]
    asked.settled(adopted)
    with engine.database.snapshot() as tx:
        current = {each.id: each for each in load_asked(tx, [each.id for each in readable])}
        refunds = refunds_of(tx, list(payments))
    for charge in readable:
        row = current.get(charge.id)
        if row is None or row.state is not ChargeState.CAPTURED:
            continue
        told = _difference(row, payments, absent, refunds, now)
        if told is None:
            continue
        if not confirming:
            asked.doubtful.append(row.id)
        elif name_mismatch(engine, row, told, park=row.id not in absent, now=now):
            asked.found += 1
    return asked


def ask_about_live(engine: Engine, charges: Sequence[AskedCharge], now: datetime) -> Asked:
    """Ask about charges that are under way or parked: one that has ended lands, whatever it was set aside for."""
    asked = Asked()
    payments = [
        payment
        for charge, told in _ask_by_reference(engine, charges, asked, with_codes=True)
        if isinstance(told, Found)
        for payment in told.payments
        if payment.reference == charge.reference and not _is_why_it_is_parked(charge, payment)
    ]
    settle_news(engine, payments, asked, now)
    asked.settled(adopt_refunds(engine, payments, now=now))
    return asked


def settle_news(engine: Engine, payments: Sequence[GatewayPayment], asked: Asked, now: datetime) -> None:
    """Settle those of these payments, of whatever reference, that took or may take money past what is known."""
    rules = engine.rules.reconciling
    with engine.database.snapshot() as tx:
        installation = load_installation(tx)
        known = charges_by_reference(tx, [payment.reference for payment in payments if payment.reference])
        strays = stray_ids(tx, [payment.id for payment in payments])
        unknown = [payment.reference for payment in payments if payment.reference and payment.reference not in known]
        owned = _of_known_subscriptions(tx, unknown)
    prefix = reference_prefix(installation.id)
    news, orphans = [], []
    for payment in payments:
        charge = known.get(payment.reference or "")
        if payment.id in strays:
            continue
        if charge is not None:
            if _is_news(payment, charge):
                news.append(payment)
            continue
        ours = (payment.reference or "").startswith(prefix)
        if not holds_money(payment) or not (ours or is_ours_without_reference(payment, rules)):
            continue
        if ours and _is_awaited(payment, installation, now, is_owned=payment.reference in owned):
            asked.awaited_since = min(asked.awaited_since or now, payment.requested_on or now)
        else:
            orphans.append(payment)
    asked.settled(settle_found(engine, news, known, prefix, now))
    asked.found += keep_strays(engine, [(None, payment) for payment in orphans], now)


def is_ours_without_reference(payment: GatewayPayment, rules: Reconciling) -> bool:
    """Say whether a payment that carries none of our references was taken where only we take payments."""
    elsewhere = payment.channel_id is not None and rules.channel_id not in (None, payment.channel_id)
    return not (rules.shared_channel or elsewhere or payment.method not in (None, "kakaopay", "id"))


def refunds_of(tx: Connection, payment_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return, for each payment, what was given back and what counts as given back, in minor units."""
    done = case((col(Refund.state) == RefundState.REFUNDED, col(Refund.amount_minor)), else_=0)
    counted = case((col(Refund.state).in_(list(COUNTED_REFUND_STATES)), col(Refund.amount_minor)), else_=0)
    rows = tx.execute(
        select(col(Refund.gateway_payment_id), func.sum(done), func.sum(counted))
        .where(col(Refund.gateway_payment_id).in_(payment_ids))
        .group_by(col(Refund.gateway_payment_id))
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in rows}


def _ask_by_reference(
    engine: Engine, charges: Sequence[AskedCharge], asked: Asked, *, with_codes: bool
) -> list[tuple[AskedCharge, LookUp]]:
    answers = engine.gateway.find_by_reference([charge.reference for charge in charges], with_codes=with_codes)
    asked.reads += len(charges)
    asked.unread += sum(isinstance(told, Unreadable) for told in answers)
    return list(zip(charges, answers, strict=True))


def _ask_by_id(
    engine: Engine, charges: Sequence[AskedCharge], payments: dict[str, GatewayPayment], asked: Asked
) -> set[UUID]:
    """Add the payments of charges that the list did not show; return the charges whose payment is not known there."""
    absent = set()
    answers = engine.gateway.find_by_id([str(charge.gateway_payment_id) for charge in charges])
    asked.reads += len(charges)
    for charge, told in zip(charges, answers, strict=True):
        if isinstance(told, Found):
            payments |= {payment.id: payment for payment in told.payments}
        elif told.not_found:
            absent.add(charge.id)
        else:
            asked.unread += 1
    return absent


def _difference(
    charge: AskedCharge,
    payments: Mapping[str, GatewayPayment],
    absent: set[UUID],
    refunds: Mapping[str, tuple[int, int]],
    now: datetime,
) -> str | None:
    if charge.id in absent:
        return "captured here, but the gateway does not know it"
    payment = payments.get(charge.gateway_payment_id or "")
    if payment is None:
        return None
    return "; ".join(differences(payment, charge, refunds.get(payment.id, (0, 0)), now)) or None


def _is_news(payment: GatewayPayment, charge: KnownCharge) -> bool:
    """Say whether a payment tells more than its charge already counts."""
    if charge.gateway_payment_id not in (None, payment.id):
        return holds_money(payment)
    if charge.state in LIVE_CHARGE_STATES:
        return payment.status is not PaymentStatus.OPEN
    return payment.status in _TOOK_MONEY and charge.state is not ChargeState.CAPTURED


def _is_why_it_is_parked(charge: AskedCharge, payment: GatewayPayment) -> bool:
    if charge.state is not ChargeState.PARKED or payment.id != charge.gateway_payment_id:
        return False
    asked = (charge.amount_minor, charge.currency)
    told = (payment.captured_minor or payment.amount_minor, payment.currency or charge.currency)
    return payment.status is PaymentStatus.UNCLEAR or told != asked


def _of_known_subscriptions(tx: Connection, references: Sequence[str]) -> set[str]:
    """Return those of these references that name a subscription of ours."""
    named = {each: subscription_of(each) for each in references}
    ids = [each for each in named.values() if each is not None]
    if not ids:
        return set()
    known = set(tx.execute(select(col(Subscription.id)).where(among(col(Subscription.id), ids))).scalars())
    return {reference for reference, subscription_id in named.items() if subscription_id in known}


def _is_awaited(payment: GatewayPayment, installation: InstallationRow, now: datetime, *, is_owned: bool) -> bool:
    """Say whether a payment without a charge may still find one: it is too new, or a gap hid its charge.

    What the engine does anew after a gap has the same reference; of a subscription that is forgotten nothing is done.
    """
    requested = payment.requested_on
    if requested is not None and now - requested < SETTLES_WITHIN:
        return True
    if not is_owned:
        return False
    doubted, since = installation.doubted_until, installation.doubted_since
    in_the_gap = since is None or requested is None or requested >= since - AWAITED_FOR
    return doubted is not None and in_the_gap and now < doubted + AWAITED_FOR
