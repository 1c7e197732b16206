"""What holds of every command: it reads well, it has --json, it fits 80 columns."""

import json

import pytest
import typer
from rich.cells import cell_len
from typer.testing import CliRunner

from billing.entrypoints.cli.lazy import ENTRIES
from billing.entrypoints.cli.main import app

READING = [
    ("plans", "list"),
    ("plans", "list", "--archived"),
    ("plans", "show", "basic"),
    ("subscriptions", "list"),
    ("subscriptions", "list", "--state", "active", "--plan", "basic", "--customer", "cust-kim"),
    ("subscriptions", "show", "cust-kim"),
    ("subscriptions", "show", "cust-jung"),
    ("subscriptions", "show", "cust-han"),
    ("customers", "list"),
    ("customers", "show", "cust-kim"),
    ("invoices", "list"),
    ("invoices", "list", "--subscription", "cust-park", "--state", "paid"),
    ("charges", "list"),
    ("charges", "list", "--subscription", "cust-park", "--state", "declined"),
    ("refunds", "list"),
    ("refunds", "owed"),
    ("sources", "list"),
    ("sources", "list", "--customer", "cust-jung", "--state", "revoked"),
    ("events",),
    ("events", "--subscription", "cust-park", "--type", "charge"),
    ("events", "--after", "3", "--limit", "2"),
    ("webhooks",),
    ("webhooks", "endpoints", "list"),
    ("webhooks", "deliveries"),
    ("webhooks", "deliveries", "--state", "failed"),
    ("parked", "list"),
    ("clock", "show"),
    ("verify",),
    ("verify", "--gateway"),
    ("keys", "list"),
    ("keys", "list", "--revoked"),
    ("audit", "list"),
    ("audit", "verify"),
    ("doctor",),
    ("config", "show"),
    ("config", "show", "--set"),
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_reading_command_says_something_that_fits_80_columns(lived, command):
    lived.announce_all()
    told = lived.billing(*command)
    assert told.code == 0, told.err
    assert told.out.strip()
    # A path that is longer stands alone on its line, so that it can be copied.
    assert [line for line in told.out.splitlines() if cell_len(line) > 80 and " " in line.strip()] == []
    assert told.err == ""


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_reading_command_prints_json_and_nothing_else(lived, command):
    lived.announce_all()
    told = lived.billing(*command, "--json")
    assert told.code == 0, told.err
    json.loads(told.out)
    assert told.err == ""


def leaves(command, path=()):
    """Every command that can be run, with its path."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path, command


ALL = [leaf for name, entry in ENTRIES.items() for leaf in leaves(entry.load(name), (name,))]


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_every_command_has_json_and_says_what_it_does_in_a_sentence(path, command):
    first = (command.help or "").strip().split("\n\n")[0]
    assert first.endswith("."), first
    assert first[0].isupper()
    assert any("--json" in parameter.opts for parameter in command.params)
    for parameter in command.params:
        assert getattr(parameter, "help", "x"), f"{path}: {parameter.name} is not explained"


@pytest.mark.parametrize("path", [(), *(path for path, _ in ALL)], ids=" ".join)
def test_help_is_printed_without_a_database(path):
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    assert "Usage: billing" in done.stdout


def test_the_root_help_lists_every_command_with_its_sentence():
    told = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).stdout.replace("│", " ").split())
    for name, entry in ENTRIES.items():
        assert f"{name} {entry.sentence}" in told


def test_without_arguments_the_help_is_shown():
    done = CliRunner().invoke(app, [])
    assert "Check and mend" in done.stdout
    assert done.exit_code == 2


def test_the_version_is_told():
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.stdout.startswith("billing ")


def test_a_group_is_a_typer_of_its_own():
    assert isinstance(ENTRIES["plans"].load("plans"), typer.core.TyperGroup)
