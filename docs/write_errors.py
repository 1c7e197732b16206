"""Writes the tables of docs/errors.md from the table of problems in the code. `--check` only compares."""

import sys
from http import HTTPStatus
from itertools import groupby
from pathlib import Path

from billing.client.problems import problem_of
from billing.entrypoints.api.problems import PROBLEMS

PAGE = Path(__file__).resolve().parent / "errors.md"
BEGIN, END = "<!-- problems: written by `make errors` -->", "<!-- end of problems -->"


def tables() -> str:
    """Return every problem by its status, with the error that the client raises for it."""
    lines = []
    by_status = sorted(PROBLEMS.items(), key=lambda each: each[1].status)
    for status, group in groupby(by_status, key=lambda each: each[1].status):
        raised = type(problem_of(status, b'{"status": 0, "code": ""}')).__name__
        lines += [f"### {status} {HTTPStatus(status).phrase}", "", f"`billing.client` raises `{raised}`.", ""]
        lines += ["| code | what it is | what to do |", "| --- | --- | --- |"]
        lines += [f"| `{code}` | {problem.title} | {problem.remedy} |" for code, problem in group]
        lines.append("")
    return "\n".join(lines)


def page_with_tables(page: str) -> str:
    """Return the page with its tables written anew."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    now = PAGE.read_text(encoding="utf-8")
    written = page_with_tables(now)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if now == written else "docs/errors.md tells of other problems than the code; run `make errors`")
    PAGE.write_text(written, encoding="utf-8")
    print(f"{PAGE.name}: {len(PROBLEMS)} problems written")
