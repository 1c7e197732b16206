"""When a charge or a refund hangs, and what a person reads about it."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.charging import GatewayPayment, PaymentStatus
from billing.domain.hanging import HangingBounds, why_open, why_refund_not_shown, why_refund_open, why_unread

NOW = datetime(2027, 3, 4, 3, tzinfo=UTC)
SENT = NOW - timedelta(days=3)
BOUNDS = HangingBounds(timedelta(days=3), timedelta(days=2), timedelta(days=4))


@pytest.mark.parametrize(("is_present", "bound"), [(False, BOUNDS.renewal), (True, BOUNDS.present)])
def test_a_charge_hangs_from_its_bound_on(is_present, bound):
    assert BOUNDS.hangs(NOW - bound, NOW, subscriber_is_present=is_present)
    assert not BOUNDS.hangs(NOW - bound + timedelta(seconds=1), NOW, subscriber_is_present=is_present)


def test_a_refund_hangs_from_its_bound_on_and_one_that_was_not_sent_never_does():
    assert BOUNDS.refund_hangs(NOW - BOUNDS.refund, NOW)
    assert not BOUNDS.refund_hangs(SENT, NOW)
    assert not BOUNDS.refund_hangs(None, NOW)


def test_a_reason_tells_the_status_and_for_how_long():
    payment = GatewayPayment("pay_1", PaymentStatus.OPEN, "Pending")
    reasons = [
        why_open(payment, SENT, NOW),
        why_refund_open(SENT, NOW),
        why_refund_not_shown(SENT, NOW),
        why_unread("HTTP 500", SENT, NOW),
    ]
    assert all("3 days" in each for each in reasons), reasons
    assert "still Pending" in reasons[0]
    assert "still Pending" in reasons[1]
    assert "not shown" in reasons[2]
    assert reasons[3].endswith("HTTP 500")
