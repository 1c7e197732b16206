"""Terminals that lack letters, pipes whose reader left, disks that are full: text degrades, acts are done."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from test_every_command import ALL, READING
from typer.testing import CliRunner
from waiting import HANG_SECONDS

from billing.entrypoints.cli.main import app

ENCODINGS = ["euc-kr", "ascii"]
"""Of Korean terminals (CP949 has all that EUC-KR has, and more), and of the POSIX locale."""
AS_TIME_GOES = [("clock", "show"), ("doctor",), ("config", "show"), ("config", "show", "--set")]
FULL = Path("/dev/full")
NAME = "김민준 👩‍👩‍👧 é"


def told_in(shop, encoding, *arguments, **options):
    """Run a command whose stdin, stdout and stderr have an encoding, as those of a terminal."""
    runner = CliRunner(charset=encoding)
    done = runner.invoke(app, ["--config", str(shop.config), *arguments], env={"COLUMNS": "80"}, **options)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout_bytes.decode(encoding), done.stderr_bytes.decode(encoding)


@pytest.fixture
def named(lived):
    """Names with letters that no Korean terminal has, wherever people type them."""
    lived.announce_all()
    lived.write("UPDATE customer SET name = :name", name=NAME)
    lived.write("UPDATE plan SET name = :name", name=NAME)
    lived.write("UPDATE refund SET reason = :name", name=NAME)
    return lived


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_every_reading_command_says_the_same_on_a_terminal_that_lacks_letters(named, encoding, command):
    code, out, err = told_in(named, encoding, *command)
    assert (code, err) == (0, "")
    assert "₩" not in out
    # A path that is longer stands alone on its line, so that it can be copied.
    assert [line for line in out.splitlines() if cell_len(line) > 80 and " " in line.strip()] == []


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_json_is_the_same_in_every_encoding(named, encoding, command):
    code, out, _ = told_in(named, encoding, *command, "--json")
    assert code == 0
    read = json.loads(out)
    if command not in AS_TIME_GOES:
        assert read == named.billing(*command, "--json").json


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", [(), *(path for path, _ in ALL)], ids=" ".join)
def test_the_help_of_every_command_is_printed(encoding, path):
    done = CliRunner(charset=encoding).invoke(app, [*path, "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    assert "Usage: billing" in done.stdout_bytes.decode(encoding)


def test_the_won_sign_becomes_its_code_and_other_letters_an_escape(named):
    _, out, _ = told_in(named, "euc-kr", "customers", "show", "cust-kim")
    assert "김민준 \\ud83d\\udc69" in out
    _, out, _ = told_in(named, "euc-kr", "invoices", "list")
    assert "KRW 9,900" in out
    _, out, _ = told_in(named, "ascii", "customers", "show", "cust-kim")
    assert "\\uae40\\ubbfc\\uc900" in out


def test_columns_stay_aligned_where_a_sign_became_longer(named):
    _, out, _ = told_in(named, "euc-kr", "charges", "list")
    ends = {
        line.index("KRW ") + len("KRW ") + len(line.split("KRW ")[1].split()[0])
        for line in out.splitlines()
        if "KRW " in line
    }
    assert len(ends) == 1, "the amounts are flush right"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_act_whose_words_the_terminal_lacks_is_done_and_ends_with_0(named, encoding):
    code, out, err = told_in(named, encoding, "stop", NAME)
    assert (code, err) == (0, "")
    assert "Charging is stopped" in out
    assert named.ask("SELECT stopped_because FROM installation") == NAME


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_refusal_with_such_words_is_a_sentence_too(named, encoding):
    code, _, err = told_in(named, encoding, "plans", "show", NAME)
    assert code == 1
    assert err.startswith("error: ")


def test_an_answer_in_letters_that_the_terminal_lacks_is_a_no(named):
    code, _, err = told_in(named, "ascii", "plans", "archive", "basic", input="ㅛ\n".encode())
    assert code == 1
    assert "Nothing was changed." in err


def as_process(shop, *arguments, stdout, **variables):
    command = [sys.executable, "-m", "billing.entrypoints.cli.main", "--config", str(shop.config), *arguments]
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **variables}
    return subprocess.run(
        command, env=environment, stdout=stdout, stderr=subprocess.PIPE, timeout=HANG_SECONDS, check=False
    )


def test_a_process_in_the_posix_locale_does_its_act(named):
    done = as_process(named, "stop", "because", stdout=subprocess.PIPE, LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, b"")
    done = as_process(named, "invoices", "list", stdout=subprocess.PIPE, LC_ALL="C")
    assert b"KRW 9,900" in done.stdout


def test_a_process_that_has_read_its_standard_input_still_runs_a_command():
    code = "import sys; sys.stdin.readline(); from billing.entrypoints.cli.main import app; app(['--version'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="a job\nanother\n",
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_an_act_on_a_full_disk_is_done_and_the_exit_code_says_that_it_could_not_be_told(named):
    with FULL.open("wb") as full:
        done = as_process(named, "stop", "because", stdout=full)
    assert done.returncode == 3
    assert done.stderr.decode() == "error: it was done, but its output could not be written: No space left on device\n"
    assert named.ask("SELECT stopped_because FROM installation") == "because"
    with FULL.open("wb") as full:
        assert as_process(named, "go", "--yes", "--json", stdout=full).returncode == 3
    assert named.ask("SELECT stopped_because FROM installation") is None


def test_an_act_whose_reader_left_is_done_and_nothing_is_complained_of(named):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = as_process(named, "stop", "because", stdout=pipe)
    assert (done.returncode, done.stderr) == (3, b"")
    assert named.ask("SELECT stopped_because FROM installation") == "because"


def test_what_is_refused_ends_with_1_wherever_it_is_written(named):
    with FULL.open("wb") as full:
        assert as_process(named, "plans", "show", "gold", stdout=full).returncode == 1


def test_json_escapes_what_could_move_the_cursor(lived):
    lived.write("UPDATE customer SET name = :name WHERE reference = 'cust-kim'", name="\u202egnp 김 👩‍👩‍👧 \u3164")
    out = lived.billing("customers", "show", "cust-kim", "--json").out
    assert "\u202e" not in out
    assert "\u3164" not in out
    assert json.loads(out)["customer"]["name"] == "\u202egnp 김 👩‍👩‍👧 \u3164"
