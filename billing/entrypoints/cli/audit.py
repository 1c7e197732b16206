"""`billing audit`: what people decided, and whether anybody tampered with the record of it."""

import re
from typing import Annotated, Final

import typer

from billing.domain.audit import Decision, Entry
from billing.domain.public_ids import brief_subject
from billing.entrypoints.cli.context import session_of
from billing.entrypoints.cli.lazy import HELP_NAMES, MARKUP
from billing.entrypoints.cli.options import AsJson, Limit
from billing.entrypoints.cli.output import complain, moments, print_json, print_table, say
from billing.entrypoints.cli.terminal import write_line
from billing.operations.audit import Head, verify_trail
from billing.store.audit import list_entries

app = typer.Typer(
    help="What people decided: list, verify.",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    context_settings=HELP_NAMES,
)
_UNGUARDED: Final = "is dropped or off, so entries can be changed; find out who did it, then make it anew"
_HEAD: Final = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{8,64})")


@app.command("list")
def list_them(context: typer.Context, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List what people decided by command or with an API key, the newest first."""
    session = session_of(context)
    with session.reading().database.snapshot() as tx:
        entries = list_entries(tx, limit)
    if as_json:
        print_json([_object(entry) for entry in entries])
        return
    at, times = moments("At", [(entry.decision.at, session.zone) for entry in entries])
    print_table(
        (">No.", at, "~Who", "What", "Of", "~Why"),
        [
            (str(entry.number), time, told.actor, told.act, _subject(told), told.reason)
            for entry, time in zip(entries, times, strict=True)
            for told in [entry.decision]
        ],
        empty="Nobody has decided anything yet.",
    )


def _subject(decision: Decision) -> str:
    """Return what was decided about; there is one installation, whose number says nothing."""
    if decision.subject_type == "installation":
        return ""
    return brief_subject(decision.subject_type, decision.subject_id)


@app.command()
def verify(
    context: typer.Context,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", help="A head that was noted before, such as 12:9f86d081: entries up to it must still be there."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no entry was changed, removed or slipped in; names the first that was. Exits 1 if so, or if the
    database's own guards against that are gone.

    It prints the head. Note it down elsewhere and give it to --head next time: who can write to the database can cut
    off the end, or write everything anew, and only a head that they cannot reach shows that.
    """
    noted = _read(head) if head is not None else None
    told = verify_trail(session_of(context).reading().database, noted)
    last = f"{told.head.number}:{told.head.hash}" if told.head is not None else None
    if as_json:
        shown = {"entries": told.entries, "head": last, "broken": told.broken, "missing_guards": told.missing_guards}
        print_json({"holds": told.broken is None, **shown})
    elif told.broken is not None:
        complain(f"the audit trail does not hold: {told.broken.why}")
    else:
        say(f"The audit trail holds: {told.entries} entries.", "green")
        if last is not None:
            write_line(f"head {last}")
    if told.missing_guards:
        complain(f"the database does not guard the audit trail: the trigger {told.missing_guards[0]} {_UNGUARDED}")
    if told.broken is not None or told.missing_guards:
        raise typer.Exit(1)


def _read(text: str) -> Head:
    found = _HEAD.fullmatch(text)
    if found is None:
        raise typer.BadParameter(
            f"{text[:40]!r} is no head; write one as `audit verify` prints it, such as 12:9f86d081"
        )
    return Head(int(found[1]), found[2])


def _object(entry: Entry) -> dict[str, object]:
    told = entry.decision
    return {
        "number": entry.number,
        "at": told.at,
        "actor": told.actor,
        "act": told.act,
        "subject_type": told.subject_type,
        "subject_id": told.subject_id,
        "reason": told.reason,
        "details": told.details,
        "hash": entry.hash,
    }
