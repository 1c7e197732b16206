"""``python -m billing.sandbox`` and the server in a test's own process."""

import re
import signal
import socket
import subprocess
import sys

import pytest
import requests
from typer.testing import CliRunner
from waiting import HANG_SECONDS

from billing.entrypoints.cli.main import app
from billing.sandbox import defaults
from billing.sandbox.__main__ import main
from billing.sandbox.demands.profiles import STRICT
from billing.sandbox.testing import SandboxServer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_cleanly_even_while_an_answer_hangs(number):
    command = [sys.executable, "-m", "billing.sandbox", "--port", "0", "--seed", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = re.fullmatch(r"sandbox listening on (http://127\.0\.0\.1:\d+)\n", line).group(1)
        requests.put(f"{url}/_sandbox/faults", json={"read_timeout": 1, "timeout_seconds": 600}, timeout=HANG_SECONDS)
        with pytest.raises(requests.Timeout):
            requests.get(f"{url}/payments/pay_x", timeout=0.1)
        process.send_signal(number)
        rest, errors = process.stdout.read(), process.stderr.read()
    assert (process.returncode, errors) == (0, "")
    for text in (defaults.SECRET_KEY, "/_sandbox/payments", "/_sandbox/wallets", "seed            3"):
        assert text in rest


def test_a_taken_port_is_told_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit, match="the sandbox cannot start"):
            main(["--port", str(taken.getsockname()[1]), "--quiet"])


@pytest.mark.parametrize("arguments", [["--port", "99999"], ["--time-scale", "0"], ["--port", "x"], ["--colour"]])
def test_a_senseless_argument_is_told_without_a_trace(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_help_names_the_keys_that_work(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for key in (
        defaults.SECRET_KEY,
        defaults.PROCESSING_CHANNEL_ID,
        defaults.CLIENT_ID,
        defaults.CLIENT_SECRET,
    ):
        assert key in text


def test_one_is_started_and_stopped_in_a_test_after_the_other():
    urls = set()
    for _ in range(5):
        with SandboxServer() as sandbox:
            assert requests.get(f"{sandbox.url}/_sandbox/clock", timeout=HANG_SECONDS).status_code == 200
            urls.add(sandbox.url)
    for url in urls:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/_sandbox/clock", timeout=HANG_SECONDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "costumer"], "costumer: there is no such profile; there are strict, content-type"),
        (["--granted-scopes", "gatewey"], "gatewey is no scope"),
    ],
)
def test_an_unknown_profile_or_scope_is_told_with_those_that_exist(arguments, said, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err
    told = CliRunner().invoke(app, ["sandbox", *arguments], env={"COLUMNS": "400"})
    assert told.exit_code == 2
    assert said in told.output


def test_the_command_line_chooses_profiles_and_a_reset_comes_back_to_them():
    command = [sys.executable, "-m", "billing.entrypoints.cli.main", "sandbox", "--port", "0", "--quiet"]
    command += ["--strict", "--profile", "merchant-initiated", "--granted-scopes", "gateway"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().split()[-1]
        for _ in range(2):
            told = requests.get(f"{url}/_sandbox/profiles", timeout=HANG_SECONDS).json()
            on = {name for name, each in told["profiles"].items() if each["on"]}
            assert on == STRICT - {"no-merchant-initiated"} | {"merchant-initiated"}
            assert told["scopes"] == ["gateway"]
            requests.put(f"{url}/_sandbox/profiles", json={"strict": False}, timeout=HANG_SECONDS)
            requests.post(f"{url}/_sandbox/reset", json={}, timeout=HANG_SECONDS)
        process.terminate()
