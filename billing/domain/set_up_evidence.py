"""Counts of subscribers → is a set-up class the fault of our account or of one wallet, and what follows.

One response code can mean either ("invalid merchant" is also told of a wallet that was closed), so no single decline
decides. What decides is how many distinct subscribers met one in a window, against how many were captured in it.

A gateway may withhold the reasons of its declines. Of renewals that are declined without one at the first try, one or
two say nothing. When most subscribers meet that at once it is no wallet's trouble, so they count towards the share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

EVIDENCE: Final = "the evidence: "
"""How the reason begins when it was the evidence that threw the stop switch."""


@dataclass(frozen=True, slots=True)
class SetUpPolicy:
    """When a set-up class is our account's fault, and how often one invoice is tried while it is not. Configuration."""

    window: timedelta = timedelta(hours=24)
    """Only charges sent within it count."""
    subscribers: int = 5
    """So many distinct subscribers must have met a set-up class,"""
    share: float = 0.5
    """and they must be at least this share of those charged since the first of them."""
    without_captures: int = 2
    """So many are enough where nobody was captured in the whole window."""
    tries: int = 3
    """Of one invoice with one agreement; after them the subscriber is asked, or the subscription is parked."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Distinct subscribers of charges that were sent since some instant. One that is ``failed`` is nothing else."""

    failed: int
    captured: int
    undecided: int
    """Their charge has no outcome yet: it may still be captured."""

    @property
    def charged(self) -> int:
        return self.failed + self.captured + self.undecided


@dataclass(frozen=True, slots=True)
class SetUpEvidence:
    """What is known when a charge meets a set-up class, that charge included."""

    window: Counts
    """Of the whole window, or of the time since charging was last allowed, if that is shorter."""
    stretch: Counts
    """Of the time since :func:`stretch_begins`. Who was declined without a known reason is ``failed`` here, too."""
    is_stopped: bool = False
    """Charging is stopped already, so nothing can be told from what nobody tries."""
    unexplained: int = 0
    """How many of those who failed in the stretch met no set-up class, but a decline without a known reason."""


class Trouble(StrEnum):
    """Whose trouble a set-up class is, and so what follows for the subscriber who met it."""

    ACCOUNT = "account"
    """Ours: charging stops, and the invoice is tried again when a person allows it."""
    OPEN = "open"
    """Not known yet: the invoice is tried again soon."""
    WALLET = "wallet"
    """The wallet's, for others are captured: only the subscriber can help."""
    UNPROVEN = "unproven"
    """It was tried often enough, and nobody was captured: a person must look."""


def stretch_begins(first_failures: Sequence[datetime], policy: SetUpPolicy) -> datetime | None:
    """Return the instant from which the share is taken, or None while too few subscribers failed.

    ``first_failures`` tells for each failed subscriber when their first failed charge in the window was sent (UTC).
    The last ``policy.subscribers`` of them make the stretch: an account that breaks at noon is seen at noon, however
    many were captured in the morning. Tries that follow the first do not make a subscriber count as a later one.
    """
    if len(first_failures) < policy.subscribers:
        return None
    return sorted(first_failures)[-policy.subscribers]


def account_is_at_fault(evidence: SetUpEvidence, policy: SetUpPolicy) -> str | None:
    """Say why charging must stop, or None. Who is undecided counts as if captured: a stop needs what is sure."""
    window, stretch = evidence.window, evidence.stretch
    if window.failed >= policy.without_captures and window.captured + window.undecided == 0:
        return f"{window.failed} subscribers met an error of our set-up, and nobody was captured{_since(policy)}"
    if stretch.failed >= policy.subscribers and stretch.failed >= policy.share * stretch.charged:
        what = "met an error of our set-up"
        if evidence.unexplained:
            what += f" (of {evidence.unexplained} no reason is known)"
        return f"{stretch.failed} of the {stretch.charged} subscribers charged last {what}"
    return None


def trouble_of(evidence: SetUpEvidence, tries: int, policy: SetUpPolicy) -> Trouble:
    """Return whose trouble it is. ``tries`` counts the set-up failures of the invoice, the present one included."""
    if evidence.is_stopped or account_is_at_fault(evidence, policy) is not None:
        return Trouble.ACCOUNT
    if tries < policy.tries:
        return Trouble.OPEN
    return Trouble.WALLET if evidence.window.captured else Trouble.UNPROVEN


def trouble_of_unexplained(evidence: SetUpEvidence, policy: SetUpPolicy) -> Trouble:
    """Return whose trouble a decline without a known reason is: our account's, if the evidence says so."""
    return Trouble.ACCOUNT if account_is_at_fault(evidence, policy) is not None else Trouble.OPEN


def _since(policy: SetUpPolicy) -> str:
    return f" in the last {policy.window / timedelta(hours=1):g} hours"
