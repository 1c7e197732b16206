"""Writes the tables of docs/errors.md from the table of problems in the code. `--check` only compares."""

from http import HTTPStatus
from itertools import groupby

from billing.client.problems import problem_of
from billing.entrypoints.api.problems import PROBLEMS
from tools.generated_section import GeneratedSection


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


if __name__ == "__main__":
    GeneratedSection("errors.md", "problems", "errors").write(tables())
