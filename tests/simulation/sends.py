"""What must be true of each charge as it arrives at the gateway, by what the gateway itself has seen before."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.simulation.world import World

_LATEST: Final = timedelta(minutes=3)
"""A request is processed at most so long after it was sent; looks of that time count as looks after the send."""


class Sends:
    """The charges that arrived, and the looks that showed nothing."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._arrived: dict[str, datetime] = {}
        self._absent: dict[str, list[datetime]] = defaultdict(list)

    def on_absence(self, reference: str) -> None:
        """The list was asked for a reference, and showed nothing."""
        self._absent[reference].append(self._world.clock.now)

    def judge(self, body: dict[str, Any], key: str) -> Iterator[tuple[int, str]]:
        """10: no second send under a key without two absent looks. 34: one request at a time for a subscription."""
        now, reference = self._world.clock.now, str(body["reference"])
        before = self._arrived.get(key)
        self._arrived[key] = now
        if before is not None and body["source"]["type"] == "id":
            looks = [at for at in self._absent[reference] if at >= before - _LATEST]
            if len(looks) < 2:
                yield 10, f"{reference} was sent again after {len(looks)} absent looks"
        rival = next((each for each in self._world.checkout.paying if _owner(each) == _owner(reference)), None)
        if rival is not None and rival != reference:
            yield 34, f"{reference} arrives while {rival} is under way"


def _owner(reference: str) -> str:
    return reference.rsplit("-", 2)[0]
