"""What differs between a payment as the gateway tells it and its charge here."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from billing.domain.charging import GatewayPayment, PaymentStatus
from billing.domain.reconciling import SETTLES_WITHIN
from billing.domain.states import LIVE_CHARGE_STATES, ChargeState
from plans.money import Money


class Compared(Protocol):
    """A charge with what a payment is compared with. Amounts in minor units."""

    @property
    def state(self) -> ChargeState: ...

    @property
    def gateway_payment_id(self) -> str | None: ...

    @property
    def amount_minor(self) -> int: ...

    @property
    def currency(self) -> str: ...

    @property
    def sent_at(self) -> datetime: ...


def differences(payment: GatewayPayment, charge: Compared, refunds: tuple[int, int], now: datetime) -> Iterator[str]:
    """Yield a sentence for each difference at ``now`` (UTC).

    ``refunds``: what was given back here, and what counts as given back, in minor units.
    """
    if charge.gateway_payment_id not in (None, payment.id):
        if payment.status not in (PaymentStatus.CAPTURED, PaymentStatus.OPEN):
            return  # a second send of a first payment, which nobody had a link to: it took nothing
        yield f"{payment.raw_status} at the gateway beside {charge.gateway_payment_id}, which the charge counts"
        return
    asked = Money(charge.amount_minor, charge.currency)
    if (payment.amount_minor or asked.minor, payment.currency or asked.currency) != (asked.minor, asked.currency):
        yield f"{payment.amount_minor} {payment.currency} at the gateway, {asked.minor} {asked.currency} here"
    if payment.status is PaymentStatus.CAPTURED and payment.captured_minor not in (None, asked.minor):
        yield f"{payment.captured_minor} captured at the gateway, {asked.minor} asked for here (minor units)"
    yield from _status_difference(payment, charge, now)
    done, counted = refunds
    back = payment.refunded_minor
    if payment.status is PaymentStatus.RETURNED and charge.state is ChargeState.CAPTURED:
        back = payment.captured_minor or asked.minor  # all of it, whatever was refunded before
    if back is not None and not done <= back <= counted:
        yield f"{back} refunded at the gateway, {done} here (minor units)"


def _status_difference(payment: GatewayPayment, charge: Compared, now: datetime) -> Iterator[str]:
    here = charge.state
    captured = payment.status in (PaymentStatus.CAPTURED, PaymentStatus.RETURNED)
    if payment.status is PaymentStatus.RETURNED and here is not ChargeState.CAPTURED:
        return  # no money of it is with us, and none is counted
    if captured is (here is ChargeState.CAPTURED):
        return
    settling = here in LIVE_CHARGE_STATES and here is not ChargeState.PARKED and now - charge.sent_at < SETTLES_WITHIN
    if not settling:
        yield f"{payment.raw_status} at the gateway, {here.value} here"
