"""What a gateway's answer means as long as it does not say otherwise."""

from datetime import timedelta

from billing.domain.charging import REFUND_WINDOW, NotSent


def test_the_wallet_gives_back_for_365_days():
    assert timedelta(days=365) == REFUND_WINDOW


def test_what_never_left_neither_came_too_fast_nor_stops_a_run_unless_it_says_so():
    told = NotSent("no line")
    assert (told.too_fast, told.stop_the_run) == (False, False)
