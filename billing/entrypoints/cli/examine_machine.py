"""What the doctor finds about the machines: room for the database, its clock, its connections."""

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from billing.entrypoints.cli.checks import Check, ok, warning, wrong
from billing.entrypoints.cli.context import Session
from billing.entrypoints.clock import machine_now
from billing.store.heartbeats import load_heartbeats
from billing.store.server_facts import read_server_facts

_MEGABYTE: Final = 1024 * 1024
_LEAST_FREE: Final = 100 * _MEGABYTE
_WARNED_FREE: Final = 1024 * _MEGABYTE
_SKEW: Final = timedelta(seconds=60)
_OTHERS: Final = 2
"""Processes with a pool beside the daemons: one API, and a command."""


def disk(session: Session) -> Check:
    """A SQLite file grows, with its log beside it; without room, or leave to write there, nothing is done."""
    database = session.engine.database
    if not database.is_sqlite:
        return ok("disk", "the data are on a server")
    file = Path(database.location)
    folder = file.parent
    if not folder.is_dir():
        return wrong("disk", f"there is no folder {folder}", f"`mkdir -p {folder}`, or correct database.url")
    unwritable = next((each for each in (folder, file) if each.exists() and not os.access(each, os.W_OK)), None)
    if unwritable is not None:
        remedy = f"`chown {os.getuid()} {unwritable}` as root, or run as its owner"
        return wrong("disk", f"{unwritable} cannot be written by this user", remedy)
    free = shutil.disk_usage(folder).free
    told = f"{free // _MEGABYTE} MB are free in {folder}"
    remedy = "make room there, or move the file and set database.url"
    if free < _LEAST_FREE:
        return wrong("disk", told, remedy)
    return warning("disk", told, remedy) if free < _WARNED_FREE else ok("disk", told)


def database_clock(session: Session) -> Check:
    """Leases of daemons are compared with instants of other machines."""
    facts = read_server_facts(session.engine.database)
    if facts is None:
        return ok("database clock", "this machine's")
    skew = (machine_now() - facts.now).total_seconds()
    told = f"this machine's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the database server's"
    if abs(skew) > _SKEW.total_seconds():
        return warning("database clock", told, "set the clocks of both by NTP")
    return ok("database clock", f"agrees with this machine's within {abs(skew):.0f} s")


def connections(session: Session) -> Check:
    """Each process opens as many connections as its pool holds; the server refuses those beyond its limit."""
    database = session.engine.database
    facts = read_server_facts(database)
    if facts is None:
        return ok("connections", "none: SQLite is a file")
    with database.snapshot() as tx:
        processes = len(load_heartbeats(tx)) + _OTHERS
    size = session.settings.database.pool_size
    told = (
        f"{facts.connections} of {facts.most_connections} are in use; {processes} processes may open {size} each "
        "(daemons, an API, a command)"
    )
    if processes * size > facts.most_connections:
        remedy = f"lower database.pool_size to {max(1, facts.most_connections // processes)}, or raise max_connections"
        return warning("connections", told, remedy)
    return ok("connections", told)


EXAMINATIONS: Final[tuple[Callable[[Session], Check], ...]] = (database_clock, connections)
