"""What is said to differ between a payment at the gateway and its charge here."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.charging import GatewayPayment, PaymentStatus
from billing.domain.comparing import differences
from billing.domain.reconciling import SETTLES_WITHIN
from billing.domain.states import ChargeState

NOW = datetime(2027, 3, 1, 3, tzinfo=UTC)
_P, _S = PaymentStatus, ChargeState


@dataclass(frozen=True)
class Kept:
    state: ChargeState = _S.CAPTURED
    gateway_payment_id: str | None = "pay_1"
    amount_minor: int = 9900
    currency: str = "KRW"
    sent_at: datetime = NOW - SETTLES_WITHIN


def compared(status=_P.CAPTURED, kept=None, refunds=(0, 0), *, ident="pay_1", **told):
    payment = GatewayPayment(ident, status, status.value, **told)
    return list(differences(payment, kept or Kept(), refunds, NOW))


def test_nothing_differs_when_both_tell_the_same():
    assert compared(amount_minor=9900, currency="KRW", captured_minor=9900, refunded_minor=0) == []
    assert compared() == [], "what the gateway does not tell differs from nothing"
    assert compared(_P.DECLINED, Kept(_S.DECLINED)) == []


def test_another_amount_or_currency_is_told_with_both():
    assert compared(amount_minor=990) == ["990 None at the gateway, 9900 KRW here"]
    assert compared(amount_minor=9900, currency="USD") == ["9900 USD at the gateway, 9900 KRW here"]
    assert compared(captured_minor=900) == ["900 captured at the gateway, 9900 asked for here (minor units)"]


@pytest.mark.parametrize(("back", "differs"), [(3000, False), (4000, False), (2999, True), (4001, True)])
def test_what_went_back_may_lie_between_what_is_done_and_what_is_under_way(back, differs):
    wanted = [f"{back} refunded at the gateway, 3000 here (minor units)"] if differs else []
    assert compared(refunds=(3000, 4000), refunded_minor=back) == wanted


def test_a_payment_that_was_returned_went_back_whole():
    assert compared(_P.RETURNED, refunds=(9900, 9900), refunded_minor=0) == []
    assert compared(_P.RETURNED) == ["9900 refunded at the gateway, 0 here (minor units)"]
    assert compared(_P.RETURNED, captured_minor=9900) == ["9900 refunded at the gateway, 0 here (minor units)"]
    assert compared(_P.RETURNED, Kept(_S.DECLINED)) == [], "neither side counts its money"


@pytest.mark.parametrize("state", [_S.DECLINED, _S.PARKED])
def test_money_that_is_counted_on_one_side_only_is_told(state):
    assert compared(kept=Kept(state)) == [f"captured at the gateway, {state.value} here"]


def test_a_captured_charge_that_the_gateway_declined_is_told():
    assert compared(_P.DECLINED) == ["declined at the gateway, captured here"]


def test_a_charge_that_was_just_sent_is_given_time_to_settle():
    pending = Kept(_S.PENDING, sent_at=NOW - SETTLES_WITHIN + timedelta(seconds=1))
    assert compared(kept=pending) == []
    assert compared(kept=Kept(_S.PENDING)) == ["captured at the gateway, pending here"]


def test_a_second_payment_of_one_charge_is_told_only_while_it_may_hold_money():
    assert compared(ident="pay_2") == ["captured at the gateway beside pay_1, which the charge counts"]
    assert compared(_P.OPEN, ident="pay_2") == ["open at the gateway beside pay_1, which the charge counts"]
    assert compared(_P.EXPIRED, ident="pay_2") == []
    assert compared(ident="pay_2", kept=Kept(gateway_payment_id=None)) == []
