"""How the gateway is told that an agreement is revoked: again and again until it confirms, and not for ever."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, assert_never

from billing.domain.charging import NotSent, Refused, RevocationOutcome, Revoked, Unknown
from billing.domain.states import REVOCATION_MOVES, RevocationEvent, RevocationState, next_state

WAITS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720, 720, 720, 1440))
"""After each try that the gateway did not confirm; after the last of them a person is asked."""
MOST_TRIES: Final = len(WAITS) + 1
LONGEST_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class RevocationStep:
    """The columns of the source that a step writes, and what its event tells; no event: nothing to tell."""

    columns: Mapping[str, object]
    event: RevocationEvent | None = None
    told: Mapping[str, object] = field(default_factory=dict)


def ask(state: RevocationState, now: datetime) -> RevocationStep:
    """Return the step by which the gateway is to be told at ``now`` (UTC). What it has confirmed is not asked again."""
    match state:
        case RevocationState.CONFIRMED:
            return RevocationStep({})
        case RevocationState.REQUESTED:
            return RevocationStep({"revocation_due_at": now})
        case RevocationState.NONE | RevocationState.PARKED:
            fresh = {"revocation_due_at": now, "revocation_tries": 0, "revocation_error": None}
            return _moved(state, RevocationEvent.REQUEST, fresh)
        case _:
            assert_never(state)


def after_answer(tries: int, outcome: RevocationOutcome, now: datetime) -> RevocationStep:
    """Return what an answer to the try with this number, counted from 1, changes of a requested revocation (UTC).

    That the gateway does not know the agreement, or has revoked it, is a confirmation too: it cannot be charged.
    """
    match outcome:
        case Revoked(how):
            done = {"revocation_due_at": None, "revocation_error": None}
            return _moved(RevocationState.REQUESTED, RevocationEvent.CONFIRM, done, {"how": how, "tries": tries})
        case Refused(status, codes):
            why = f"HTTP {status}: {', '.join(codes) or 'no code'}"
        case NotSent(reason) | Unknown(reason):
            why = reason
        case _:
            assert_never(outcome)
    why = why[:LONGEST_ERROR]
    if tries >= MOST_TRIES:
        parked = {"revocation_due_at": None, "revocation_error": why}
        return _moved(RevocationState.REQUESTED, RevocationEvent.PARK, parked, {"error": why, "tries": tries})
    return RevocationStep({"revocation_due_at": now + WAITS[tries - 1], "revocation_error": why})


def settle(state: RevocationState, reason: str) -> RevocationStep:
    """Return the step by which a person says that an agreement cannot be charged any more. Said again: no step.

    :raises IllegalMove: it is not being revoked.
    """
    if state is RevocationState.CONFIRMED:
        return RevocationStep({})
    done = {"revocation_due_at": None, "revocation_error": None}
    return _moved(state, RevocationEvent.SETTLE, done, {"reason": reason})


def withdraw(state: RevocationState) -> Mapping[str, object]:
    """Return the columns of a source that the subscriber has agreed to anew: nothing is to be revoked any more."""
    if state is RevocationState.NONE:
        return {}
    cleared = {"revocation_due_at": None, "revocation_tries": 0, "revocation_error": None}
    return _moved(state, RevocationEvent.WITHDRAW, cleared).columns


def _moved(
    state: RevocationState,
    event: RevocationEvent,
    columns: Mapping[str, object],
    told: Mapping[str, object] | None = None,
) -> RevocationStep:
    reached = next_state(REVOCATION_MOVES, state, event)
    return RevocationStep({**columns, "revocation": reached}, event, {"revocation": reached.value, **(told or {})})
