"""What a period costs."""

from plans.calendar import Period
from plans.catalog import Price
from plans.money import Money

LARGEST_QUANTITY = 10_000


class QuantityError(ValueError):
    """The quantity is not a whole number within 1 and 10,000."""


def price_of_period(price: Price, quantity: int, period: Period) -> Money:  # noqa: ARG001  the same for each period
    """Price one full period: amount times quantity, however many days the period has.

    Whether the wallet takes so much in one payment is another question: see `Limits.refusal`.

    :raises QuantityError: when `quantity` is not an `int` within 1 and 10,000.
    :raises AmountError: when the product is beyond 10¹² minor units.
    """
    if type(quantity) is not int or not 1 <= quantity <= LARGEST_QUANTITY:
        raise QuantityError(f"a quantity is a whole number within 1 and {LARGEST_QUANTITY:,}, not {quantity!r}")
    return Money(price.amount.minor * quantity, price.amount.currency)
