"""When a refund that a person settled as failed is asked about again."""

from datetime import UTC, datetime, timedelta

from billing.domain.hanging import HangingBounds
from billing.domain.rechecks import SETTLED_LOOKS, next_look_at_settled

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def test_it_is_asked_about_for_a_week_and_without_end_while_it_is_open():
    assert next_look_at_settled(5, NOW, is_open=False) == {"check_at": NOW + timedelta(hours=6), "checks": 6}
    assert next_look_at_settled(SETTLED_LOOKS, NOW, is_open=False) == {"check_at": None}
    daily = {"check_at": NOW + timedelta(days=1), "checks": SETTLED_LOOKS + 1}
    assert next_look_at_settled(SETTLED_LOOKS, NOW, is_open=True) == daily


def test_a_refund_hangs_from_its_bound_on_and_never_before_it_was_sent():
    bounds = HangingBounds(refund=timedelta(days=3))
    assert bounds.refund_hangs(NOW - timedelta(days=3), NOW)
    assert not bounds.refund_hangs(NOW - timedelta(days=3, seconds=-1), NOW)
    assert not bounds.refund_hangs(None, NOW)
