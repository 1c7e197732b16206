"""`billing webhooks endpoints`: where this engine sends events."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from billing.bootstrap import make_vault
from billing.domain.public_ids import Kind, NotAnId, numbered_id, public_id, uuid_of
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.instants import after
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Reason, Yes
from billing.entrypoints.cli.output import agreed, moment, print_json, print_table, say
from billing.entrypoints.cli.terminal import write_line
from billing.entrypoints.clock import machine_now
from billing.operations import webhook_endpoints as acts
from billing.operations.engine import NotFound
from billing.outbox.addresses import networks_of
from billing.store.endpoints import EndpointRow, list_endpoints, load_endpoint

app = typer.Typer(
    help="Where events are sent: create, list, update, enable, disable, rotate, test, delete.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)
EndpointMeant = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The we_ id of an endpoint, or its URL.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only these types, such as invoice.paid or subscription.*; may be repeated."),
]
Description = Annotated[str | None, typer.Option("--description", help="For people.", metavar="TEXT")]


@app.command()
def create(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="Where to send, such as https://shop.example.com/webhooks.")],
    types: Types = None,
    description: Description = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Have what happens from now on sent to a URL, and show the secret that signs it, once."""
    session = session_of(context)
    made = acts.create_endpoint(
        session.acting(reason),
        make_vault(session.settings),
        url,
        event_types=types or [],
        description=description or "",
        is_live=session.is_live,
        allowed=networks_of(session.settings.allowed_networks()),
        now=machine_now(),
    )
    _told(made, "The endpoint is made. Verify what comes with this secret, shown this once:", as_json=as_json)


@app.command("list")
def list_them(context: typer.Context, as_json: AsJson = False) -> None:
    """List the endpoints, the oldest first."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        rows = list_endpoints(tx)
    if as_json:
        print_json([_object(row) for row in rows])
        return
    print_table(
        ("~URL", "~Types", "~State", "~Id"),
        [(row.url, ", ".join(row.event_types) or "all", _state(session, row), _id(row)) for row in rows],
        empty="There are no endpoints yet: make one with `billing webhooks endpoints create URL`.",
    )


@app.command()
def update(
    context: typer.Context,
    endpoint: EndpointMeant,
    url: Annotated[str | None, typer.Option("--url", help="Send to this URL from now on.")] = None,
    types: Types = None,
    description: Description = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Change URL, types (all with `--type '*'`) or description; what is not named stays."""
    session = session_of(context)
    told = {"url": url, "event_types": types, "description": description}
    changes = {name: value for name, value in told.items() if value is not None}
    if not changes:
        raise typer.BadParameter("nothing to change: say --url, --type or --description")
    ident = endpoint_meant(session, endpoint)
    row = acts.update_endpoint(
        session.acting(reason),
        ident,
        changes,
        is_live=session.is_live,
        allowed=networks_of(session.settings.allowed_networks()),
        now=machine_now(),
    )
    _changed(row, f"The endpoint is changed: {', '.join(changes)}.", as_json=as_json)


@app.command()
def disable(context: typer.Context, endpoint: EndpointMeant, reason: Reason = None, as_json: AsJson = False) -> None:
    """Send nothing to an endpoint; what happens meanwhile is sent when it is enabled again."""
    session = session_of(context)
    row = acts.disable_endpoint(session.acting(reason), endpoint_meant(session, endpoint), now=machine_now())
    _changed(row, f"{row.url} is sent nothing any more, until it is enabled.", as_json=as_json)


@app.command()
def enable(context: typer.Context, endpoint: EndpointMeant, reason: Reason = None, as_json: AsJson = False) -> None:
    """Send to an endpoint again, beginning with everything that it missed."""
    session = session_of(context)
    row = acts.enable_endpoint(session.acting(reason), endpoint_meant(session, endpoint), now=machine_now())
    _changed(row, f"{row.url} is sent everything that it missed, the oldest first.", as_json=as_json)


@app.command()
def rotate(
    context: typer.Context,
    endpoint: EndpointMeant,
    overlap: Annotated[
        str,
        typer.Option("--overlap", help="How long the present secret signs too: 30min, 24h, 7d.", metavar="DURATION"),
    ] = "24h",
    at_once: Annotated[
        bool, typer.Option("--at-once", help="The present secret ends now; for one that leaked.")
    ] = False,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give an endpoint another secret and show it once; both sign until the overlap ends."""
    session = session_of(context)
    engine, now, ident = session.acting(reason), machine_now(), endpoint_meant(session, endpoint)
    lasts = timedelta(0) if at_once else after(now, overlap, session.zone) - now
    with engine.database.snapshot() as tx:
        row = load_endpoint(tx, ident)
    end_previous = row is not None and len(row.sealed(now)) > 1
    if end_previous:
        agreed("The secret was rotated before: the one before it ends now. Rotate again?", yes=yes)
    elif at_once:
        agreed("Rotate at once? What is sent verifies with the new secret only.", yes=yes)
    made = acts.rotate_secret(
        engine, make_vault(session.settings), ident, overlap=lasts, now=now, end_previous=end_previous
    )
    ends = moment(made.row.previous_ends_at, session.zone)
    until = f"The one before signs too until {ends}." if ends else "The one before has ended."
    _told(made, f"The secret is rotated. {until} The new one, shown this once:", as_json=as_json)


@app.command("test")
def send_test(context: typer.Context, endpoint: EndpointMeant, reason: Reason = None, as_json: AsJson = False) -> None:
    """Have a test event sent to this endpoint, and to no other."""
    session = session_of(context)
    number = acts.test_endpoint(session.acting(reason), endpoint_meant(session, endpoint), now=machine_now())
    event = numbered_id(Kind.EVENT, number)
    if as_json:
        print_json({"event": event})
        return
    say(f"{event} is on its way, if a daemon runs.")
    say(f"See what became of it: billing webhooks deliveries --event {event}", "dim")


@app.command()
def delete(
    context: typer.Context, endpoint: EndpointMeant, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Remove an endpoint with its secret and its deliveries; it cannot be undone."""
    session = session_of(context)
    engine, ident = session.acting(reason), endpoint_meant(session, endpoint)
    agreed(f"Delete endpoint {endpoint}, with the log of its deliveries?", yes=yes)
    acts.remove_endpoint(engine, ident, now=machine_now())
    if as_json:
        print_json({"id": public_id(Kind.WEBHOOK_ENDPOINT, ident), "deleted": True})
    else:
        say("The endpoint is deleted.")


def endpoint_meant(session: Session, meant: str) -> UUID:
    """Return the endpoint of an id or a URL.

    :raises NotFound: there is none, or several have the URL.
    """
    try:
        return uuid_of(Kind.WEBHOOK_ENDPOINT, meant)
    except NotAnId:
        with session.reading().database.snapshot() as tx:
            found = [row.id for row in list_endpoints(tx) if row.url == meant]
    if len(found) != 1:
        why = "several endpoints have this URL" if found else f"there is no endpoint {meant[:60]}"
        raise NotFound(f"{why}: `billing webhooks endpoints list` shows the ids") from None
    return found[0]


def _told(made: acts.FreshSecret, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**_object(made.row), "secret": made.secret})
        return
    say(sentence)
    # Alone and unbroken on its line, so that it can be copied, or piped, whole.
    write_line(made.secret)
    say(f"Its id is {_id(made.row)}.", "dim")


def _changed(row: EndpointRow, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_object(row))
    else:
        say(sentence)


def _object(row: EndpointRow) -> dict[str, Any]:
    names = ("url", "description", "state", "disabled_because", "failing_since", "previous_ends_at", "created_at")
    shown = {name: getattr(row, name) for name in names}
    return {"id": _id(row), "event_types": list(row.event_types), **shown, "created_by": row.created_by}


def _id(row: EndpointRow) -> str:
    return public_id(Kind.WEBHOOK_ENDPOINT, row.id)


def _state(session: Session, row: EndpointRow) -> str:
    if row.disabled_because is not None:
        return f"disabled: {row.disabled_because}"
    return f"failing since {moment(row.failing_since, session.zone)}" if row.failing_since else "enabled"
