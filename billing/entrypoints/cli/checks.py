"""What an examination of the doctor finds."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """What was examined, what was found, and what to do if it is not in order."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Check:
    """Return that something is in order."""
    return Check(name, Verdict.OK, found)


def warning(name: str, found: str, remedy: str) -> Check:
    """Return that a person should look at something."""
    return Check(name, Verdict.WARNING, found, remedy)


def wrong(name: str, found: str, remedy: str) -> Check:
    """Return that something is wrong."""
    return Check(name, Verdict.WRONG, found, remedy)
