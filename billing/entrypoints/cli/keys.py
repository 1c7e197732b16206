"""`billing keys`: what opens our own API."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from billing.domain.api_keys import KeyMode
from billing.domain.public_ids import Kind, public_id
from billing.domain.roles import Role
from billing.entrypoints.cli.context import Session, session_of
from billing.entrypoints.cli.instants import after
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Reason, Yes
from billing.entrypoints.cli.output import agreed, moment, print_json, print_table, say
from billing.entrypoints.cli.terminal import write_line
from billing.entrypoints.clock import machine_now
from billing.operations import api_keys as acts
from billing.store.api_keys import KeyRow, list_keys, load_key

app = typer.Typer(
    help="Keys of this API: create, list, rotate, revoke.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)
KeyMeant = Annotated[str, typer.Argument(metavar="KEY", help="Name of a key, or its key_ id.")]
_MOST: Final = 10_000


@app.command()
def create(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Who holds it, such as shop-backend; every act of it is written down so.")
    ],
    role: Annotated[
        Role, typer.Option("--role", help="read: looks. backend: does what a SaaS needs. admin: does everything.")
    ] = Role.BACKEND,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Make a key for the API and show it once; only its hash is kept."""
    session = session_of(context)
    made = acts.create_key(session.acting(reason), name, role, _mode(session), now=machine_now())
    _told(session, made, f"Key {name} of the role {role} is made. This is the only time it is shown:", as_json=as_json)


@app.command("list")
def list_them(
    context: typer.Context,
    revoked: Annotated[bool, typer.Option("--revoked", help="Show revoked keys too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the keys, how each begins and when it was used last, to the minute."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        rows = sorted(list_keys(tx, _MOST, revoked=revoked), key=lambda row: (row.name, row.created_at))
    now = machine_now()
    if as_json:
        print_json([_object(row, now) for row in rows])
        return
    print_table(
        ("Name", "Role", "Begins", "~Made", "~Last used", "~State"),
        [
            (
                row.name,
                row.role.value,
                row.hint,
                moment(row.created_at, session.zone),
                moment(row.last_used_at, session.zone) or "never",
                _state(session, row, now),
            )
            for row in rows
        ],
        empty="There are no keys yet: make one with `billing keys create NAME`.",
    )


@app.command()
def rotate(
    context: typer.Context,
    key: KeyMeant,
    overlap: Annotated[
        str, typer.Option("--overlap", help="How long the present key still works: 30min, 24h, 7d.", metavar="DURATION")
    ] = "24h",
    at_once: Annotated[bool, typer.Option("--at-once", help="The present key ends now; for one that leaked.")] = False,
    reason: Reason = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give a key another secret and show it once; the present one works on until the overlap ends."""
    session = session_of(context)
    engine, now = session.acting(reason), machine_now()
    lasts = timedelta(0) if at_once else after(now, overlap, session.zone) - now
    with engine.database.snapshot() as tx:
        ident = acts.key_meant(tx, key)
        row = load_key(tx, ident)
    end_previous = False
    if row is not None and row.previous_ends_at is not None and row.previous_ends_at > now:
        agreed(f"Key {row.name} was rotated before: {row.previous_hint}… ends now. Rotate again?", yes=yes)
        end_previous = True
    elif at_once:
        agreed(f"Rotate key {key}? Whoever holds the present one is locked out at once.", yes=yes)
    made = acts.rotate_key(engine, ident, _mode(session), overlap=lasts, now=now, end_previous=end_previous)
    ends = "has ended" if at_once else f"works until {moment(made.row.previous_ends_at, session.zone)}"
    sentence = f"Key {made.row.name} is rotated; {made.row.previous_hint}… {ends}. The new one, shown this once:"
    _told(session, made, sentence, as_json=as_json)


@app.command()
def revoke(
    context: typer.Context, key: KeyMeant, reason: Reason = None, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Let a key open nothing any more, at most 5 seconds from now; it cannot be undone."""
    session = session_of(context)
    engine = session.acting(reason)
    with engine.database.snapshot() as tx:
        ident = acts.key_meant(tx, key)
    agreed(f"Revoke key {key}? Whoever holds it is locked out.", yes=yes)
    row = acts.revoke_key(engine, ident, now=machine_now())
    if as_json:
        print_json(_object(row, machine_now()))
    else:
        say(f"Key {row.name} ({row.hint}…) is revoked.")


def _mode(session: Session) -> KeyMode:
    return KeyMode.LIVE if session.is_live else KeyMode.TEST


def _told(session: Session, made: acts.FreshKey, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json({**_object(made.row, machine_now()), "secret": made.secret})
        return
    say(sentence)
    # Alone and unbroken on its line, so that it can be copied, or piped, whole.
    write_line(made.secret)
    say(f"Send it as `Authorization: Bearer …` to {session.settings.api.public_url}.", "dim")


def _object(row: KeyRow, now: datetime) -> dict[str, object]:
    state = "revoked" if row.revoked_at is not None else "rotating" if _is_rotating(row, now) else "active"
    return {**asdict(row), "id": public_id(Kind.API_KEY, row.id), "state": state}


def _is_rotating(row: KeyRow, now: datetime) -> bool:
    return row.previous_ends_at is not None and row.previous_ends_at > now


def _state(session: Session, row: KeyRow, now: datetime) -> str:
    if row.revoked_at is not None:
        return f"revoked {moment(row.revoked_at, session.zone)}"
    if _is_rotating(row, now):
        return f"active; {row.previous_hint}… until {moment(row.previous_ends_at, session.zone)}"
    return "active"
