"""The smallest and the largest payment of each currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from plans.money import EXPONENTS, Money


class LimitsError(ValueError):
    """Limits that do not hold together."""


@dataclass(frozen=True)
class Limits:
    """The currencies that may be charged, and the bounds of one payment, in minor units, both included.

    :raises LimitsError: when a currency is unknown or has no bounds, or 1 ≤ minimum ≤ maximum does not hold.
    """

    currencies: frozenset[str]
    minimum: Mapping[str, int]
    maximum: Mapping[str, int]

    def __post_init__(self) -> None:
        for currency in sorted(self.currencies):
            if currency not in EXPONENTS:
                raise LimitsError(f"{currency!r} is not a known currency")
            if currency not in self.minimum or currency not in self.maximum:
                raise LimitsError(f"{currency} needs both a minimum and a maximum")
            if not 1 <= self.minimum[currency] <= self.maximum[currency]:
                raise LimitsError(f"the minimum of {currency} is at least 1 and not over its maximum")

    def refusal(self, amount: Money) -> str | None:
        """Say why `amount` cannot be one payment and what would be right; None when it can."""
        if amount.currency not in self.currencies:
            return f"{amount.currency} is not charged here; use {self.currency_list}"
        return self.refusal_of(amount.minor, amount.currency)

    def refusal_of(self, minor: int, currency: str) -> str | None:
        """Do the same for a number that may be too large to be `Money`, in one of `currencies`."""
        low, high = Money(self.minimum[currency], currency), Money(self.maximum[currency], currency)
        unit = "whole won" if currency == "KRW" else "minor units"
        right = f"use {low.minor} to {high.minor} ({unit})"
        if minor > high.minor:
            return f"{minor} is over the KakaoPay limit of {high}; {right}"
        if minor < low.minor:
            return f"{minor} is under the KakaoPay minimum of {low}; {right}"
        return None

    @property
    def currency_list(self) -> str:
        return ", ".join(sorted(self.currencies))


DEFAULT_LIMITS = Limits(
    currencies=frozenset({"KRW", "HKD", "SGD"}),
    minimum=MappingProxyType({"KRW": 50, "HKD": 1, "SGD": 1}),
    maximum=MappingProxyType({"KRW": 2_000_000, "HKD": 999_999_999, "SGD": 999_999_999}),
)
"""KakaoPay takes ₩50 to ₩2,000,000 a payment (Alipay+ and PPRO publish the same); for Hong Kong and Singapore
dollars no bounds are published, so only the nine digits of an amount are kept."""
