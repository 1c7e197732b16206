"""What is mutated, in three parts, and the tests that must notice: those of the module itself, and of its users.

Stories are told on SQLite only; what PostgreSQL does otherwise is no business of these modules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, eq=False)
class Part:
    """Modules that are judged together. ``tests`` holds for each module the test files that must notice."""

    name: str
    tests: Mapping[str, tuple[str, ...]]
    options: tuple[str, ...]


def _files(folder: str, names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/test_{name}.py" for name in names.split())


def _pure(room: str, folder: str, tests: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {f"{room}/{module}.py": _files(folder, names) for module, names in tests.items()}


_CATALOG: Final = "catalog catalog_bad_input"
_SETTLING: Final = "settlement every_settlement rechecks"
_STORIES: Final = _files(
    "tests/stories",
    "renewals gateway_trouble_stories dunning_stories enrolment_stories re_enrolment_stories pending_stories"
    " recheck_stories switch_stories other_amount_stories managing_stories creation_stories refund_stories"
    " webhook_stories restore_stories stalled_sender_stories backlog_stories catch_up_stories calendar_stories"
    " books_stories answer_stories",
)

PARTS: Final = (
    Part(
        "plans",
        _pure(
            "plans",
            "tests/plans",
            {
                "calendar": "calendar catalog",
                "catalog": _CATALOG,
                "catalog_fields": _CATALOG,
                "catalog_lines": _CATALOG,
                "changes": "plan_changes",
                "limits": f"{_CATALOG} money",
                "money": "money",
                "pricing": "period_price",
            },
        ),
        # The fixtures of the folders above are for stories; loading them takes longer than these tests.
        ("--confcutdir=tests/plans",),
    ),
    Part(
        "domain",
        _pure(
            "billing/domain",
            "tests/domain",
            {
                "cases": f"states {_SETTLING}",
                "charging": f"charging states {_SETTLING} finding",
                "declines": f"declines {_SETTLING}",
                "dunning": f"dunning states {_SETTLING}",
                "access": "access states",
                "failing": f"{_SETTLING} dunning",
                "finding": "finding",
                "identity": "identity",
                "polling": "renewing",
                "days/grace": "returning",
                "days/paying": _SETTLING,
                "days/releasing": "returning",
                "days/renewing": "renewing",
                "days/returning": "returning",
                "days/schedule": "renewing returning",
                "quiet_hours": "quiet_hours dunning renewing",
                "rechecks": _SETTLING,
                "settlement": _SETTLING,
                "states": f"states {_SETTLING}",
            },
        ),
        ("--confcutdir=tests/domain",),
    ),
    Part(
        "the charging act",
        {
            "billing/operations/charge_due.py": _STORIES,
            "billing/operations/start_charges.py": _STORIES,
            "billing/operations/send_charges.py": _STORIES,
            "billing/operations/record_outcomes.py": _STORIES,
            "billing/store/settlements.py": _STORIES,
        },
        ("-k", "not postgres"),
    ),
)
