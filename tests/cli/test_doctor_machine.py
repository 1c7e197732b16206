"""What the doctor says of the machine, and that its sentences can be copied."""

from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from sqlalchemy.exc import OperationalError

from billing.bootstrap import open_engine
from billing.entrypoints.cli import errors, examine_machine
from billing.entrypoints.cli.checks import Verdict
from billing.entrypoints.cli.context import Session
from billing.entrypoints.cli.copyable import lines_of

MEGABYTE = 1024 * 1024


def finding(shop, name):
    checks = shop.billing("doctor", "--json").json["checks"]
    [found] = [each for each in checks if each["name"] == name]
    return found["verdict"], f"{found['found']} → {found['remedy']}"


@pytest.mark.parametrize(("free", "verdict"), [(5000, "ok"), (500, "warning"), (50, "wrong")])
def test_a_disk_that_fills_up_is_told_with_what_to_do(lived, monkeypatch, free, verdict):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free * MEGABYTE))
    found, words = finding(lived, "disk")
    assert found == verdict
    assert f"{free} MB are free in {lived.config.parent}" in words


def test_a_folder_that_is_not_there_is_told_with_the_command_that_makes_it(empty, tmp_path):
    empty.config.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/no/such/folder.db"\n', encoding="utf-8")
    verdict, words = finding(empty, "disk")
    assert verdict == "wrong"
    assert f"there is no folder {tmp_path}/no/such" in words
    assert f"`mkdir -p {tmp_path}/no/such`" in words


def test_a_folder_that_this_user_may_not_write_in_is_told(lived, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, _: path != lived.config.parent)
    verdict, words = finding(lived, "disk")
    assert verdict == "wrong"
    assert f"{lived.config.parent} cannot be written by this user" in words
    assert "`chown" in words


@pytest.mark.parametrize("pool_size", [8, 64])
def test_a_server_is_asked_for_its_clock_and_its_connections(postgres_url, tmp_path, pool_size):
    file = tmp_path / "config.toml"
    file.write_text(f'[database]\nurl = "{postgres_url}"\npool_size = {pool_size}\n', encoding="utf-8")
    session = Session(file)
    with open_engine(session.settings, actor="cli:test"):
        clock, connections = examine_machine.database_clock(session), examine_machine.connections(session)
    session.close()
    assert clock.verdict is Verdict.OK
    assert (connections.verdict is Verdict.WARNING) is (pool_size == 64)
    assert f"may open {pool_size} each" in connections.found


@pytest.mark.parametrize("width", [80, 40, 200])
def test_nothing_that_is_copied_is_broken_at_any_width(width):
    path = "/srv/" + "a-long-folder/" * 12 + "billing.db"
    text = f"others may read {path} and more: run `chmod 600 {path}` and then `billing go --adopt` again"
    lines = list(lines_of(text, width))
    assert " ".join(lines) == text
    for whole in (path, f"`chmod 600 {path}`", "`billing go --adopt`"):
        assert any(whole in line for line in lines)
    assert all(cell_len(line) <= width or " " not in line.partition("`")[0] for line in lines)


def test_a_path_of_any_length_is_printed_whole_by_the_doctor(empty, tmp_path):
    place = tmp_path / ("long-" * 30) / "billing.db"
    empty.config.write_text(f'[database]\nurl = "sqlite:///{place}"\n', encoding="utf-8")
    for width in (80, 200):
        assert f"`mkdir -p {place.parent}`" in empty.billing("doctor", width=width).out


CAUSES = [
    *("unable to open database file", "attempt to write a readonly database", "database or disk is full"),
    *("connection refused", 'password authentication failed for user "x"', "too many clients"),
    *('database "billing" does not exist', "file is not a database", "database disk image is malformed", "whatever"),
]


@pytest.mark.parametrize("cause", CAUSES)
def test_an_error_of_the_database_names_its_cause_and_a_next_step_that_is_not_the_doctor(cause):
    told = errors.sentence_of(OperationalError("SELECT 1", {}, Exception(cause)))
    assert told.startswith(f"the database cannot be used ({cause}); ")
    assert len(told.partition("; ")[2]) > 20
    assert "doctor" not in told
