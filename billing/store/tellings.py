"""What a sentence about an event is made from, and how it should strike the eye."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from billing.store.report_log import RefundLine
from billing.store.reports import ChargeRow, SubscriptionRow


class Tone(StrEnum):
    """How a line should strike the eye."""

    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    PLAIN = "plain"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Story:
    """What the sentences about one subscription are made from, by the subjects' ids."""

    subscription: SubscriptionRow
    charges: Mapping[str, ChargeRow]
    refunds: Mapping[str, RefundLine]

    @property
    def zone(self) -> str:
        return self.subscription.zone


Telling = tuple[Tone, str]
