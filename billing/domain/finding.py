"""What a look-up by reference proves: nothing yet, absence, one payment, or more payments than there may be."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from billing.domain.charging import GatewayPayment, PaymentStatus


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Absent, but not for long enough: the gateway's list lags behind."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Absent:
    """Absent in two looks far enough apart: it was never processed."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The payment that counts for the charge, and any others under the same reference."""

    payment: GatewayPayment
    others: tuple[GatewayPayment, ...]


def read_look_up(
    payments: tuple[GatewayPayment, ...],
    *,
    absent_looks: int,
    last_absent_at: datetime | None,
    now: datetime,
    spacing: timedelta,
) -> LookAgain | Absent | Chosen:
    """Return what a look-up that worked proves. ``now`` is a UTC instant."""
    if payments:
        return choose(payments)
    if absent_looks >= 1 and last_absent_at is not None and now - last_absent_at >= spacing:
        return Absent()
    return LookAgain(now + spacing)


def choose(payments: tuple[GatewayPayment, ...]) -> Chosen:
    """Choose a captured payment before one that took an unclear amount, an open one and a closed one; the earliest."""
    ranked = sorted(
        payments,
        key=lambda payment: (
            _rank(payment.status),
            payment.requested_on.timestamp() if payment.requested_on else float("inf"),
            payment.id,
        ),
    )
    return Chosen(ranked[0], tuple(ranked[1:]))


def _rank(status: PaymentStatus) -> int:
    match status:
        case PaymentStatus.CAPTURED:
            return 0
        case PaymentStatus.UNCLEAR:
            return 1
        case PaymentStatus.OPEN:
            return 2
        case PaymentStatus.DECLINED | PaymentStatus.EXPIRED | PaymentStatus.CANCELED | PaymentStatus.RETURNED:
            return 3
        case _:
            assert_never(status)
