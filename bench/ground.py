"""Where races are run: seeded databases of several sizes, made once, copied for each race."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.contestants import Api, BillingDaemon, Contestant, Gateway, Script, WentWrong, billing
from bench.files import Files
from bench.postgres import Server
from bench.race import Result, Terms, race
from bench.seeding import seed
from billing.store.database import Database

OTHERS: Final = 10_000
"""Subscriptions that are not due, beside those that are."""


class Ground:
    """A database server with a template for each number of due subscriptions."""

    def __init__(self, server: Server | Files, folder: Path) -> None:
        self.server = server
        self._gateway_port, self._api_port = free_ports(2)
        self._log = folder / "bench.log"
        self._made: set[str] = set()

    def template(self, due: int, others: int = OTHERS) -> str:
        """Return the name of a database with so many subscriptions, made at the first call."""
        name = f"seeded_{due}_{others}"
        if name not in self._made:
            url = self.server.fresh()
            with self._log.open("ab") as log:
                if billing(["migrate"], url, self._gateway_port, log).wait():
                    raise WentWrong(f"the database could not be migrated; see {self._log}")
            seed(url, due=due, others=others)
            self.server.keep(name)
            self._made.add(name)
        return name

    def race(
        self, name: str, terms: Terms, *, others: int = OTHERS, gateway: Sequence[str] = (), **settings: str
    ) -> Result:
        """Run one race on a fresh copy: of a floor, of the ``engine``, or of its whole ``cycle`` with webhooks."""
        url = self.server.fresh(self.template(terms.renewals, others))
        if name == "cycle":
            gateway = [*gateway, "--outcome", "pending", "--webhooks-to", str(self._api_port)]
        with ExitStack() as stack:
            asked = Gateway(self._gateway_port, "--latency-ms", str(terms.latency_ms), *gateway)
            stack.callback(asked.stop)
            contestants: list[Contestant] = []
            for _ in range(terms.processes):
                contestants.append(self._contestant(name, url, terms, settings))
                stack.callback(contestants[-1].stop)
            if name == "cycle":
                contestants.append(Api(url, self._gateway_port, self._api_port, self._log))
                stack.callback(contestants[-1].stop)
            return race(contestants, url, terms, asked, self.server.cpu_seconds)

    @contextmanager
    def loaded(self, terms: Terms, *, others: int, with_daemon: bool, **settings: str) -> Iterator["Loaded"]:
        """Run gateway and API, and one daemon if asked so, on a fresh copy; the clock stands before all that is due."""
        url = self.server.fresh(self.template(terms.renewals, others))
        with ExitStack() as stack:
            gateway = Gateway(self._gateway_port, "--latency-ms", str(terms.latency_ms))
            stack.callback(gateway.stop)
            database = Database(url)
            stack.callback(database.dispose)
            api = Api(url, self._gateway_port, self._api_port, self._log)
            stack.callback(api.stop)
            api.wait_until_ready(database)
            if with_daemon:
                daemon = BillingDaemon(url, self._gateway_port, terms.in_flight, self._log, **settings)
                stack.callback(daemon.stop)
                daemon.wait_until_ready(database)
            yield Loaded(f"http://127.0.0.1:{self._api_port}", database, api, gateway)

    def api(self, terms: Terms) -> tuple[str, int, Api]:
        """Start the API on a fresh copy; return the database's URL, the port, and the process to stop."""
        url = self.server.fresh(self.template(terms.renewals))
        return url, self._api_port, Api(url, self._gateway_port, self._api_port, self._log)

    def _contestant(self, name: str, url: str, terms: Terms, settings: dict[str, str]) -> Contestant:
        if name in ("engine", "cycle"):
            return BillingDaemon(url, self._gateway_port, terms.in_flight, self._log, **settings)
        return Script(f"bench.{name}", url, self._gateway_port, terms.in_flight)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An API with its gateway, to be asked."""

    url: str
    database: Database
    api: Api
    gateway: Gateway

    def charged(self) -> int:
        """Return how many renewals the gateway took."""
        taken: int = self.gateway.count()["payments"]
        return taken


def free_ports(number: int) -> list[int]:
    """Return ports of this machine that nobody listens on."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports
