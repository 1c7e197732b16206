"""Who watches the calls to the gateway: how long each took, and of which class its answer was."""

from typing import Final, Protocol

from billing.domain.charging import (
    Accepted,
    Found,
    LookUp,
    NotSent,
    Outcome,
    RefundAccepted,
    RefundLookUp,
    RefundOutcome,
    RefundsFound,
    Refused,
    RevocationOutcome,
    Revoked,
    Search,
    SearchPage,
    SearchRefused,
    Unknown,
    Unreadable,
)
from billing.domain.disputes import DisputeAnswer, DisputesRead, DisputesRefused

CLASSES: Final[dict[type, str]] = {
    NotSent: "not_sent",
    Refused: "refused",
    Accepted: "accepted",
    RefundAccepted: "accepted",
    Revoked: "accepted",
    Unknown: "unknown",
    Found: "read",
    RefundsFound: "read",
    SearchPage: "read",
    DisputesRead: "read",
    SearchRefused: "unreadable",
    DisputesRefused: "unreadable",
    Unreadable: "unreadable",
}
"""What asks money to move is not sent, refused, accepted or unknown; what asks a question is read or unreadable."""


class GatewayObserver(Protocol):
    """Told of every call. It is called from the gateway's thread and must be quick and never raise."""

    def exchanged(self, call: str, seconds: float) -> None:
        """One HTTP exchange took so long, without the wait for its turn."""
        ...

    def answered(self, call: str, answer: str) -> None:
        """A call ended with an answer of this class, one of :data:`CLASSES`."""
        ...


class Unobserved:
    """Nobody watches."""

    def exchanged(self, _call: str, _seconds: float) -> None:
        """Do nothing."""

    def answered(self, _call: str, _answer: str) -> None:
        """Do nothing."""


def class_of(
    answer: Outcome | RefundOutcome | RevocationOutcome | LookUp | RefundLookUp | Search | DisputeAnswer,
) -> str:
    """Return the class of an answer, one of :data:`CLASSES`."""
    return CLASSES[type(answer)]
