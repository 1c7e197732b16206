"""How many connections there are: room for a new one is made by closing the one that was silent longest."""

from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Gauge

from billing.entrypoints.api.rejections import Rejected, Rejections

MOST_CONNECTIONS: Final = 2048
FILES_KEPT: Final = 384
"""Open files that are not connections: the database's, the log's, and connections that arrive within one turn."""


class Connection(Protocol):
    """A connection of a client."""

    def give_way(self) -> None:
        """Close at once."""
        ...


class Connections:
    """Knows every connection, and which of them wait for their client. Belongs to one event loop."""

    def __init__(self, most: int, rejections: Rejections, registry: CollectorRegistry) -> None:
        self.most = most
        self._rejections = rejections
        self._open: set[Connection] = set()
        self._silent: dict[Connection, None] = {}  # the one that was silent longest comes first
        open_now = Gauge("billing_api_connections", "Connections that are open.", registry=registry)
        open_now.set_function(lambda: float(len(self._open)))
        Gauge("billing_api_connections_most", "Connections that there may be.", registry=registry).set(most)

    def opened(self, connection: Connection) -> None:
        """Take on a connection, which may have to give way at once if all others are busy."""
        self._open.add(connection)
        self._silent[connection] = None
        if len(self._open) > self.most:
            oldest = next(iter(self._silent))
            self.closed(oldest)
            self._rejections.note(Rejected.NO_ROOM, "connection_closed_for_room", most=self.most)
            oldest.give_way()

    def busy(self, connection: Connection) -> None:
        """Tell that a whole request of it has arrived."""
        self._silent.pop(connection, None)

    def silent(self, connection: Connection) -> None:
        """Tell that everything it asked for was answered."""
        if connection in self._open:
            self._silent[connection] = None

    def closed(self, connection: Connection) -> None:
        """Tell that it is closed."""
        self._open.discard(connection)
        self._silent.pop(connection, None)


def most_connections(open_files: int) -> int:
    """Return how many connections there may be where a process may open so many files."""
    return max(1, min(MOST_CONNECTIONS, max(open_files - FILES_KEPT, open_files // 2)))
