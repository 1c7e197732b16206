"""Text that people type on the command line, or into the file of settings, can be seen."""

import pytest
import typer
from test_every_command import ALL

from billing.entrypoints.cli.lazy import ENTRIES
from billing.entrypoints.cli.options import cleaned

HIDDEN = ["\u202e", "\u3164", "\u200b", "\x1b]0;t\x07", "\ue000", "\ufe0f"]
TYPED = ("reason", "how", "because", "description")
"""The parameters whose text is kept."""


def kept():
    return [(path, each) for path, command in ALL for each in command.params if each.name in TYPED]


def test_the_walk_finds_every_parameter_whose_text_is_kept():
    assert len(kept()) > 20
    assert {each.name for _, each in kept()} == set(TYPED)


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) for path, _ in ALL])
def test_no_text_of_any_command_holds_what_cannot_be_seen(path, command):
    names = [each.name for each in command.params if each.name != "help"]
    fresh = dict(leaves(ENTRIES[path[0]].load(path[0]), (path[0],)))[path]
    for name in names:
        for character in HIDDEN:
            with pytest.raises(typer.BadParameter, match=r"U\+[0-9A-F]+, which cannot be seen"):
                fresh.callback(**{name: f"x{character}"})


def leaves(command, path=()):
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path, command


@pytest.mark.parametrize("character", HIDDEN)
def test_a_reason_that_shows_nothing_is_refused_before_anything_is_done(lived, character):
    before = lived.ask("SELECT COUNT(*) FROM audit_entry")
    for command in (
        ("stop", f"why{character}"),
        ("plans", "pause", "basic", "--yes", "--reason", f"why{character}"),
        ("keys", "create", "shop", "--reason", f"why{character}"),
        ("subscriptions", "cancel", "cust-kim", "--yes", f"--reason=why{character}"),
    ):
        told = lived.billing(*command)
        assert told.code == 2, told
        assert "which cannot be seen; remove it" in told.err
        assert told.err.count("\n") == 1
    assert lived.ask("SELECT COUNT(*) FROM audit_entry") == before


def test_a_reason_is_kept_as_the_api_keeps_it(lived):
    assert lived.billing("stop", " \u1100\u1161 👩‍👩‍👧 ").code == 0
    assert lived.ask("SELECT stopped_because FROM installation") == "가 👩‍👩‍👧"
    for text in ("", "  ", "x" * 201):
        told = lived.billing("stop", text)
        assert told.code == 2
        assert "must have 1 to 200 characters" in told.err


def test_every_reason_is_cleaned_where_it_is_typed():
    for path, parameter in kept():
        if parameter.name != "description":
            assert parameter.callback is not None, f"{' '.join(path)}: {parameter.name} is kept as it was typed"
    with pytest.raises(typer.BadParameter):
        cleaned("")


def test_a_setting_that_holds_what_cannot_be_seen_is_told(lived):
    words = lived.config.read_text()
    lived.config.write_text(f'{words}\n[api]\npublic_url = "http://127.0.0.1:8600\u200b"\n', encoding="utf-8")
    told = lived.billing("plans", "list")
    assert told.code == 1
    assert "api.public_url" in told.err
    assert "U+200B, which cannot be seen; remove it" in told.err


def test_a_secret_that_holds_what_cannot_be_seen_is_told_without_it(lived, monkeypatch):
    monkeypatch.setenv("BILLING_SECRETS__METRICS_KEY", "abcdefghijklmnopqrstuvwxyz\u3164")
    told = lived.billing("plans", "list")
    assert told.code == 1
    assert "BILLING_SECRETS__METRICS_KEY" in told.err
    assert "U+3164" in told.err
    assert "abcdef" not in told.err
