"""Whether Checkout.com's webhooks come in: the facts, what they mean, and what to do about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

_JUDGED: Final = 20
"""Newest payments that say how things are now; older ones may be from before it was mended."""
_ENOUGH: Final = 3
"""Payments without a webhook that are no accident, if they are most of those that are judged."""
_RECENT: Final = timedelta(days=1)
_OF_THE_GATEWAY: Final = ("wrong_signature", "wrong_authorization")
"""Refusals that somebody who only tries doors does not cause."""
_REMEDIES: Final = {
    "wrong_signature": "set BILLING_SECRETS__WEBHOOK_KEYS to the signature key of the workflow in the dashboard",
    "wrong_authorization": (
        "set BILLING_SECRETS__WEBHOOK_AUTHORIZATION to the Authorization header of the workflow, or take both away"
    ),
    "no_signature": "let the reverse proxy pass on the header Cko-Signature, and set a signature key in the workflow",
    "too_large": "let nothing between Checkout.com and the API change the body of a webhook",
    "not_stored": "mend the database: webhooks that came could not be stored",
    "busy": "start more processes of the API: webhooks came faster than they could be stored",
}
_NOTHING_CAME: Final = (
    "see whether the workflow in the dashboard is active and names https://YOUR-HOST/webhooks/checkout, and whether "
    "that address answers from outside with a valid certificate: `curl -i -X POST` it, 401 is right"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """How often webhooks were turned away for a reason, since ``first_at`` (UTC)."""

    why: str
    number: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Door:
    """What came in and what did not. Instants are UTC, engine time."""

    last_arrival: datetime | None
    refused: tuple[Refused, ...]
    announced: tuple[bool, ...]
    """Of each payment that ended lately, newest first, whether a webhook told of its end."""

    @property
    def unannounced(self) -> int:
        """How many payments were settled by a look-up or a return although their webhook should have come."""
        return self.announced.count(False)


class DoorState(StrEnum):
    OPEN = "open"
    UNTRIED = "untried"
    """No payment ended lately, and nothing was turned away."""
    DOUBTFUL = "doubtful"
    """Some webhooks are missing, or the gateway's last ones were turned away."""
    SHUT = "shut"
    """Most webhooks do not come in."""


def state_of(door: Door, now: datetime) -> DoorState:
    """Return how the door is at ``now`` (UTC)."""
    judged = door.announced[:_JUDGED]
    missing = judged.count(False)
    if missing >= _ENOUGH and 2 * missing > len(judged):
        return DoorState.SHUT
    turned_away = any(each.why in _OF_THE_GATEWAY and now - each.last_at < _RECENT for each in _since_arrival(door))
    if missing or turned_away:
        return DoorState.DOUBTFUL
    return DoorState.OPEN if judged else DoorState.UNTRIED


def remedy_for(door: Door) -> str:
    """Return what to do about a door that is shut or doubtful, by what was turned away since something came in."""
    turned_away = {each.why for each in _since_arrival(door)}
    return next((told for why, told in _REMEDIES.items() if why in turned_away), _NOTHING_CAME)


def _since_arrival(door: Door) -> list[Refused]:
    return [each for each in door.refused if door.last_arrival is None or each.last_at > door.last_arrival]
