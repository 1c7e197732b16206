"""What must be true of each charge as it is sent and as it arrives, by what the gateway itself has told before."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.world import World


class Sends:
    """The charges that left, and the looks that showed nothing."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._left: dict[str, datetime] = {}
        self._absent: dict[str, list[datetime]] = defaultdict(list)

    def on_absence(self, reference: str) -> None:
        """The list was asked for a reference, and showed nothing."""
        self._absent[reference].append(self._world.clock.now)

    def on_departure(self, body: dict[str, Any], key: str) -> Iterator[tuple[int, str]]:
        """10: no second send under a key without two absent looks after the first."""
        reference = str(body["reference"])
        before = self._left.get(key)
        self._left[key] = self._world.clock.now
        if before is not None and body["source"]["type"] == "id":
            looks = [at for at in self._absent[reference] if at >= before]
            if len(looks) < 2:
                yield 10, f"{reference} was sent again after {len(looks)} absent looks"

    def on_arrival(self, body: dict[str, Any]) -> Iterator[tuple[int, str]]:
        """34: one request at a time for a subscription."""
        reference = str(body["reference"])
        rival = next((each for each in self._world.checkout.paying if _owner(each) == _owner(reference)), None)
        if rival is not None and rival != reference:
            yield 34, f"{reference} arrives while {rival} is under way"


def _owner(reference: str) -> str:
    return reference.rsplit("-", 2)[0]
