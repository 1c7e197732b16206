"""Where processes come from: ``python nursery.py`` imports everything once and forks a child for each line it reads.

A line is a JSON object: ``program`` (billing or sandbox), ``arguments`` and ``log``, the file that takes what the
child says. The answer is the child's process id. A child is the same command as from a shell, but there in 50 ms.
"""

import json
import os
import signal
import sys
from typing import Any

import billing.entrypoints.api.app
import billing.entrypoints.cli.lazy
import billing.entrypoints.cli.serve
import billing.entrypoints.cli.serve_api  # noqa: F401 - imported here, so that no child has to
from billing.entrypoints.cli.main import app
from billing.sandbox.__main__ import main as run_sandbox


def reap(*_: object) -> None:
    """Let children that ended go at once, so that a dead one is not taken for a living one."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def live(job: dict[str, Any]) -> None:
    """Be the command of a job; never return."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, number)
        if job["program"] == "sandbox":
            run_sandbox(job["arguments"])
        else:
            app(job["arguments"])
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live(json.loads(line))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
