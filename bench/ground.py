"""Where races are run: seeded databases of several sizes, made once, copied for each race."""

import socket
from pathlib import Path
from typing import Final

from bench.postgres import Server
from bench.race import Gateway, Result, Terms, WentWrong, billing, race
from bench.seeding import seed

OTHERS: Final = 10_000
"""Subscriptions that are not due, beside those that are."""


class Ground:
    """PostgreSQL with a template for each number of due subscriptions."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.port = _free_port()
        self._log = folder / "bench.log"
        self._made: set[str] = set()

    def template(self, due: int, others: int = OTHERS) -> str:
        """Return the name of a database with so many subscriptions, made at the first call."""
        name = f"seeded_{due}_{others}"
        if name not in self._made:
            url = self.server.copy("template1", "bench")
            gateway = Gateway(self.port)
            with self._log.open("ab") as log:
                done = billing(["migrate"], url, gateway, 1, log).wait()
            gateway.stop()
            if done:
                raise WentWrong(f"the database could not be migrated; see {self._log}")
            seed(url, due=due, others=others)
            # The installation is bound to its database's name, so each race runs under the name it was made under.
            self.server.run(f"ALTER DATABASE bench RENAME TO {name}")
            self._made.add(name)
        return name

    def race(self, contestant: str, terms: Terms, *, others: int = OTHERS) -> Result:
        """Run one race on a fresh copy."""
        url = self.server.copy(self.template(terms.renewals, others), "bench")
        self.server.run("CHECKPOINT")
        gateway = Gateway(self.port, "--latency-ms", str(terms.latency_ms))
        try:
            return race(contestant, url, terms, gateway, self.server.cpu_seconds, self._log)
        finally:
            gateway.stop()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
