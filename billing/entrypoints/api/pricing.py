"""Prices that are asked for, as prices that can be sold."""

from billing.entrypoints.api.desk import Desk
from billing.entrypoints.api.errors import invalid
from billing.entrypoints.api.models import PriceAsked
from plans.calendar import Interval, IntervalUnit
from plans.catalog import Price
from plans.money import Money


def price_asked(desk: Desk, wanted: PriceAsked) -> Price:
    """Return the price that is asked for.

    :raises ApiError: its currency is not charged here, or the amount is out of KakaoPay's bounds.
    """
    limits, amount = desk.settings.limits.as_limits(), wanted.amount
    if amount.currency not in limits.currencies:
        raise invalid({"amount.currency": f"is not charged here; use {limits.currency_list}"})
    refusal = limits.refusal_of(amount.amount, amount.currency)
    if refusal is not None:
        raise invalid({"amount.amount": refusal})
    interval = Interval(IntervalUnit(wanted.interval), wanted.interval_count)
    return Price(Money(amount.amount, amount.currency), interval, wanted.trial_days)
