"""A process that is really killed: ``python killing.py`` forks a child for each line it reads, and the child dies.

A line is a JSON object: ``database``, ``sandbox``, ``now``, ``act`` (sweep or refund), ``subject`` and ``at``, the
boundary at which the child sends itself SIGKILL. The answer is the child's exit code: -9 if it was killed, the number
of boundaries if it ran through. Everything is imported before the first fork: a child lives for a tenth of a second.
"""

import json
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.append(str(Path(__file__).resolve().parents[1]))

from crashing import Boundaries, Crashing, watch

from billing.bootstrap import make_gateway, make_rules
from billing.config.settings import GatewaySection, Settings
from billing.operations.engine import Engine
from billing.operations.request_refund import request_refund
from billing.operations.run_due import run_due
from billing.store.database import Database


def live_and_die(job: dict[str, Any]) -> int:
    """Do the act of a job, and be killed in the middle of it; return how many boundaries there were, if not."""
    boundaries = Boundaries(lambda: os.kill(os.getpid(), signal.SIGKILL))
    settings = Settings(gateway=GatewaySection(base_url=job["sandbox"], answer_seconds=10, writes_per_second=2000))
    database = Database(job["database"])
    watch(database, boundaries)
    with make_gateway(settings) as client:
        gateway: Any = Crashing(client, boundaries)
        engine = Engine(database=database, gateway=gateway, rules=make_rules(settings), actor="mortal")
        now = datetime.fromisoformat(job["now"])
        boundaries.arm(job["at"])
        if job["act"] == "refund":
            request_refund(engine, UUID(job["subject"]), None, reason="sorry", now=now)
        else:
            run_due(engine, now=now)
        return len(boundaries.passed)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 0
            try:
                code = live_and_die(json.loads(line))
            finally:
                os._exit(code)  # not the parent's clean-up
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
