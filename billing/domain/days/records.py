"""Days that no invoice explains: what they were, and why. Written when they pass, and never changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class DayKind(StrEnum):
    """What a day of a subscription is. Every day is exactly one of these."""

    PAID = "paid"
    TRIAL = "trial"
    FORGIVEN = "forgiven"
    """Access was given, and nobody is billed for it: by a person, or because an outage left it unbilled."""
    OWED = "owed"
    """Access is given, and the open period is still to be paid: in grace, or while an outcome is pending."""
    NONE = "none"
    """No access, and no bill."""


class UnbilledReason(StrEnum):
    """Why days were not billed when their period came due."""

    OUTAGE = "outage"
    """The engine was down, charging was stopped by an operator, or the plan was paused."""
    PAUSED = "paused"
    """The subscription was paused."""
    NO_ACCESS = "no_access"
    """A debt was open longer than its own period, so that the subscriber had no access."""
    NOT_DUE = "not_due"
    """It ended or was paused before the charge was due, on the day after a return for which money was taken."""


@dataclass(frozen=True, slots=True)
class DayRecord:
    """Days of one kind, from ``start`` to the day before ``end``, that no paid period or trial covers.

    OWED with OUTAGE: the days of an outage that are billed late, because the catch-up policy says ``all``, or
    because a person decided so. Those of them that are forgiven in the end have a record of that, too.
    """

    start: date
    end: date
    kind: DayKind
    reason: UnbilledReason

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"a record of days ends after it starts; {self.start} to {self.end} does not")


def forgiven_between(
    start: date, end: date, reason: UnbilledReason, *, lost: Sequence[DayRecord] = ()
) -> Iterator[DayRecord]:
    """Yield what the days of a period are that nobody is billed for: forgiven, but for those that gave no access.

    ``lost``: days without access, oldest first; those outside of ``start`` to the day before ``end`` do not count.
    """
    for each in lost:
        if each.end <= start or end <= each.start:
            continue
        if start < each.start:
            yield DayRecord(start, each.start, DayKind.FORGIVEN, reason)
        yield DayRecord(max(start, each.start), min(each.end, end), each.kind, each.reason)
        start = each.end
    if start < end:
        yield DayRecord(start, end, DayKind.FORGIVEN, reason)
