"""``python -m billing.sandbox`` and the server in a test's own process."""

import re
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from billing.sandbox import defaults
from billing.sandbox.__main__ import main
from billing.sandbox.testing import SandboxServer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_cleanly_even_while_an_answer_hangs(number):
    command = [sys.executable, "-m", "billing.sandbox", "--port", "0", "--seed", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = re.fullmatch(r"sandbox listening on (http://127\.0\.0\.1:\d+)\n", line).group(1)
        requests.put(f"{url}/_sandbox/faults", json={"read_timeout": 1, "timeout_seconds": 600}, timeout=5)
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


def test_starting_and_stopping_in_a_test_takes_less_than_a_tenth_of_a_second():
    started = time.monotonic()
    for _ in range(5):
        with SandboxServer() as sandbox:
            assert sandbox.url.startswith("http://127.0.0.1:")
    assert (time.monotonic() - started) / 5 < 0.1
