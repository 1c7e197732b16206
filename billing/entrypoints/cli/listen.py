"""`billing listen`: shows events as they happen, and forwards them to a program on a developer's machine."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from billing.bootstrap import make_sender
from billing.domain.deliveries import why_no_endpoint
from billing.domain.public_events import PUBLIC_TYPES, unknown_patterns, wants
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.instants import event_number
from billing.entrypoints.cli.output import moment, write_json_line
from billing.entrypoints.cli.terminal import lost_output, write_line
from billing.entrypoints.clock import machine_now
from billing.outbox.addresses import networks_of, why_not_there
from billing.outbox.sender import Sender, body_of, signed
from billing.outbox.vault import draw_secret
from billing.store.database import Database
from billing.store.public_facts import list_recorded, told_outside
from billing.store.settled_events import SettledEvents, read_horizon

_LOOK_SECONDS: Final = 0.2
_PAGE: Final = 100


def listen(
    context: typer.Context,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only these types, such as invoice.paid or subscription.*; may be repeated."),
    ] = None,
    forward: Annotated[
        str | None,
        typer.Option("--forward", help="POST each event, signed, to this URL as well.", metavar="URL"),
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", help="Begin behind this event, not with what comes.", metavar="EVENT")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
) -> None:
    """Show what happens as it happens, as webhooks tell it, until Ctrl-C."""
    session = session_of(context)
    wanted = types or []
    unknown = unknown_patterns(wanted)
    if unknown:
        raise typer.BadParameter(f"{unknown[0][:60]!r} is no type of event; write one such as {PUBLIC_TYPES[1]}")
    if forward is not None:
        allowed = networks_of(session.settings.allowed_networks())
        problem = why_no_endpoint(forward, is_live=False) or why_not_there(forward, allowed)
        if problem is not None:
            raise typer.BadParameter(f"--forward {problem}")
    events = _events(session, event_number(after) if after is not None else None, wanted)
    try:
        if forward is None:
            for event in events:
                if event is None:
                    time.sleep(_LOOK_SECONDS)
                else:
                    _show(session, event, as_json=as_json)
        else:
            asyncio.run(_forward(session, events, forward, as_json=as_json))
    except KeyboardInterrupt:
        return


def _events(session: Session, after: int | None, wanted: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    """Return events for ever, from now on unless ``after`` is told, and None whenever there is none."""
    database = session.reading().database
    if after is None:
        with database.snapshot() as tx:
            after = read_horizon(tx).newest
    write_line("Listening; Ctrl-C ends it.", to_error=True)
    return _following(database, after, [each for each in PUBLIC_TYPES if wants(wanted, each)])


def _following(database: Database, after: int, types: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    settled = SettledEvents()
    while True:
        with database.snapshot() as tx:
            up_to = settled.up_to(tx)
            found = list_recorded(tx, after=after, up_to=up_to, limit=_PAGE, types=types)
            told = told_outside(tx, found)
        yield from (told[each.id] for each in found if told[each.id]["type"] in types)
        after = found[-1].id if len(found) == _PAGE else max(after, up_to)
        if not found:
            yield None


async def _forward(session: Session, events: Iterator[dict[str, Any] | None], url: str, *, as_json: bool) -> None:
    secret = draw_secret()
    write_line(f"Forwarding to {url}; the signing secret is {secret}", to_error=True)
    async with make_sender(session.settings) as sender:
        for event in events:
            if event is None:
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                _show(session, event, as_json=as_json)
                await _post(sender, url, event, secret)


async def _post(sender: Sender, url: str, event: dict[str, Any], secret: str) -> None:
    body = body_of(event)
    answer = await sender.post(url, signed(event["id"], body, [secret], machine_now()), body)
    write_line(f"{event['id']}: {answer.error or answer.status}", to_error=True)


def _show(session: Session, event: dict[str, Any], *, as_json: bool) -> None:
    at = moment(datetime.fromisoformat(event["created_at"]), session.zone)
    if as_json:
        write_json_line(body_of(event))
    else:
        write_line(f"{at}  {event['id']}  {event['type']}  {event['subject']['id']}")
    if lost_output() is not None:
        raise typer.Exit
