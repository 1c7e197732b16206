"""What Schemathesis is told of this API: what is there, and which rules no schema can say.

Loaded by the command itself, in a process of its own: see ``test_api_schemathesis.py``.
"""

import itertools
import json
import os
import re
from pathlib import Path

import schemathesis

PLAN = "basic"
THERE = json.loads(os.environ["THERE"])
SAYABLE = re.compile(
    r"^is required$|: send a JSON object$|^must be a JSON object|^is not known"
    r"|^must be a valid (string|boolean|list|array|number)"
    r"|^must be '\w+'(, '\w+')*( or '\w+')?$"
    r"|^must be (greater|less) than|^must be a whole number from|^must have at (least|most) \d+ (character|item)"
    r"|^must be of the form|^must be a code such as|^must be three capital letters"
    r"|^the id of an? [\w ]+ begins with"
)
"""How a rule sounds that a schema can say; so the document must say it, and what fits the document must not hear it.

A rule about several fields, about today, or about what can be seen is one that no schema can say.
"""
REFUSALS = (400, 413, 415, 422)
NUMBERS = itertools.count()
ANSWERS = Path(os.environ["ANSWERS"])


@schemathesis.check
def valid_data_is_accepted(_context, response, case):
    """Refuse data that fits the document only by a rule that the document cannot say."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code not in REFUSALS:
        return
    told = response.json()
    wrong = [each for each in told.get("errors") or () if SAYABLE.search(each["detail"])]
    assert not wrong, f"what the document allows was refused: {wrong}"


@schemathesis.hook
def filter_case(context, case):  # noqa: ARG001 - Schemathesis looks for these names
    """Archive and pause any plan but the one that others are to be enrolled on."""
    return case.method != "POST" or (case.path_parameters or {}).get("plan") != PLAN


@schemathesis.hook
def before_call(context, case, kwargs):  # noqa: ARG001
    """Say three times of four what a sensible client could have said, so that more than the checks of input is met."""
    if case.meta is None or case.meta.phase.name.value == "coverage":
        return  # these try each value of each field on purpose
    if case.headers and len(case.headers.get("Idempotency-Key", "")) == 1:
        case.headers["Idempotency-Key"] = f"key-{next(NUMBERS)}"  # Schemathesis says the same one again and again
    if not case.meta.generation.mode.is_positive or next(NUMBERS) % 4 == 0:
        return
    path = case.path_parameters or {}
    path |= {name: THERE[name] for name in path if name in THERE}
    if isinstance(case.body, dict):
        case.body = {name: _sensible(name, value) for name, value in case.body.items()}


@schemathesis.hook
def after_call(context, case, response):  # noqa: ARG001
    """Note what each operation was answered."""
    with ANSWERS.open("a", encoding="utf-8") as file:
        file.write(f"{response.status_code} {case.operation.label}\n")


def _sensible(name, value):
    if not isinstance(value, str) or not value:
        return value
    if name.endswith("url"):
        return "http://127.0.0.1/back"
    if name in ("name", "reason", "customer_reference"):
        return "".join(letter for letter in value if letter.isalnum()) or "x"
    return {"email": "kim@example.test", "plan": PLAN, "terminal_type": "WEB"}.get(name, value)
