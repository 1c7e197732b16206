"""Money in whole minor units, one table of exponents, and one named rounding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from types import MappingProxyType
from typing import Self

LARGEST_MINOR = 10**12
"""No amount of this engine comes near; what is larger is a bug, and still fits a 64-bit column."""

MOST_PARTS = 10_000

_NO_DECIMALS = "BIF DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_TWO_DECIMALS = (
    "AED ARS AUD BDT BGN BND BRL CAD CHF CNY COP CRC CZK DKK DOP EGP EUR GBP GEL GHS HKD HUF IDR ILS INR"
    " KES KHR KZT LAK LKR MAD MMK MNT MOP MUR MXN MYR NGN NOK NPR NZD PEN PHP PKR PLN QAR RON RSD SAR SEK SGD"
    " THB TRY TWD TZS UAH USD UYU UZS ZAR ZMW"
)
_THREE_DECIMALS = "BHD JOD KWD LYD OMR TND"

EXPONENTS: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(_NO_DECIMALS.split(), 0)
    | dict.fromkeys(_TWO_DECIMALS.split(), 2)
    | dict.fromkeys(_THREE_DECIMALS.split(), 3),
)
"""Decimals of each known currency, as Checkout.com counts minor units: 9900 of KRW is ₩9,900, 8800 of HKD is
HK$88.00. Where its lists and ISO 4217 disagree (CLF, CLP, IQD) a currency is left out rather than guessed."""

SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        "AUD": "A$",
        "CNY": "CN¥",
        "EUR": "€",
        "GBP": "£",
        "HKD": "HK$",
        "JPY": "¥",
        "KRW": "₩",
        "SGD": "S$",
        "USD": "US$",
    }
)
"""How amounts are written; a currency that has no sign here is written with its code."""


class MoneyError(ValueError):
    """A sum of money that cannot be, or that cannot be worked with as asked."""


class AmountError(MoneyError):
    """The amount is not a whole number of minor units within bounds."""


class UnknownCurrencyError(MoneyError):
    """The currency is not one of the codes in `EXPONENTS`."""


class CurrencyMismatch(MoneyError):
    """Two amounts of different currencies were added, subtracted or ordered."""


@total_ordering
@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units of one currency.

    `Money(9900, "KRW")` is ₩9,900; `Money(8800, "HKD")` is HK$88.00. It may be negative: a refund is a
    negative change. Equality across currencies is false; order across currencies is an error.

    :raises AmountError: when `minor` is not an `int` (a `bool` is none), or is beyond 10¹² either way.
    :raises UnknownCurrencyError: when `currency` is not an upper-case code of `EXPONENTS`.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        _require_int(self.minor, "an amount")
        if abs(self.minor) > LARGEST_MINOR:
            raise AmountError("an amount lies within ±1,000,000,000,000 minor units; this one does not")
        if self.currency not in EXPONENTS:
            raise UnknownCurrencyError(
                f"{self.currency!r} is not a known currency; write its three capital letters, such as 'KRW'",
            )

    def __add__(self, other: Self) -> "Money":
        self._require_same_currency(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Self) -> "Money":
        self._require_same_currency(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Self) -> bool:
        self._require_same_currency(other)
        return self.minor < other.minor

    def __str__(self) -> str:
        exponent = EXPONENTS[self.currency]
        sign = "-" if self.minor < 0 else ""
        whole, part = divmod(abs(self.minor), 10**exponent)
        decimals = f".{part:0{exponent}d}" if exponent else ""
        return f"{sign}{SYMBOLS.get(self.currency, self.currency + ' ')}{whole:,}{decimals}"

    @property
    def is_zero(self) -> bool:
        return self.minor == 0

    def allocate(self, weights: Sequence[int]) -> list["Money"]:
        """Divide into one part per weight, by largest remainder, so that the parts add up to the whole.

        A unit left over goes to the part that lost most by rounding down, the earlier one of equals.

        :raises AmountError: unless there are 1 to 10,000 weights, none negative, of which one is above 0.
        """
        _require_weights(weights)
        total = sum(weights)
        shares = [divmod(abs(self.minor) * weight, total) for weight in weights]
        left_over = abs(self.minor) - sum(share for share, _ in shares)
        neediest = sorted(range(len(shares)), key=lambda part: -shares[part][1])[:left_over]
        sign = -1 if self.minor < 0 else 1
        extra = set(neediest)
        return [Money(sign * (share + (part in extra)), self.currency) for part, (share, _) in enumerate(shares)]

    def split(self, parts: int) -> list["Money"]:
        """Divide into `parts` parts that differ by one minor unit at most; the earlier ones are larger.

        :raises AmountError: unless `parts` is 1 to 10,000.
        """
        _require_int(parts, "a number of parts")
        if not 1 <= parts <= MOST_PARTS:
            raise AmountError(f"money is split into 1 to {MOST_PARTS:,} parts, not {parts}")
        return self.allocate([1] * parts)

    def _require_same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self} and {other} are of different currencies")


def divide_half_up(numerator: int, denominator: int) -> int:
    """Divide and round to the nearest whole number, a half away from zero: 5/2 is 3, -5/2 is -3.

    The only rounding of money here. Python's `round` sends a half to the even side, and floats lose won.

    :raises AmountError: when either is not an `int`, or the denominator is not above 0.
    """
    _require_int(numerator, "a numerator")
    _require_int(denominator, "a denominator")
    if denominator <= 0:
        raise AmountError(f"a denominator is above 0, not {denominator}")
    nearest = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -nearest if numerator < 0 else nearest


def vat_included(gross: Money, tax_free: int = 0) -> Money:
    """Find the Korean VAT (10 %) inside a gross price: (gross - tax_free) / 11, rounded half up.

    KakaoPay's formula for payments and cancels where none is given; what is left is the supply value.
    VAT of ₩29,900 is ₩2,718 and the supply ₩27,182. `tax_free` is in minor units of the same currency.

    :raises AmountError: unless 0 ≤ `tax_free` ≤ `gross`.
    """
    _require_int(tax_free, "a tax-free amount")
    if not 0 <= tax_free <= gross.minor:
        raise AmountError(f"a tax-free amount lies within 0 and the gross amount {gross}; {tax_free} does not")
    return Money(divide_half_up(gross.minor - tax_free, 11), gross.currency)


def _require_int(value: object, what: str) -> None:
    # A bool is an int to isinstance, and True won is a mistake upstream.
    if type(value) is not int:
        raise AmountError(f"{what} is a whole number (int), not {type(value).__name__}")


def _require_weights(weights: Sequence[int]) -> None:
    if not 1 <= len(weights) <= MOST_PARTS:
        raise AmountError(f"money is divided into 1 to {MOST_PARTS:,} parts, not {len(weights)}")
    for weight in weights:
        _require_int(weight, "a weight")
    if min(weights) < 0 or sum(weights) == 0:
        raise AmountError("weights are 0 or more, and one of them is above 0")
