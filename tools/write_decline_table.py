"""Writes the table of decline classes of docs/concepts.md from their rows in the code. `--check` only compares."""

from billing.domain.decline_classes import DeclineClass, Fault, row_of
from tools.generated_section import GeneratedSection

FAULTS = {Fault.SUBSCRIBER: "the subscriber", Fault.PROVIDER: "the provider", Fault.MERCHANT: "you"}


def table() -> str:
    """Return every class with what it means, in English and Korean, whose fault it is, and what follows."""
    lines = ["| class | what it means | in Korean | whose fault | what follows |", "| --- | --- | --- | --- | --- |"]
    for decline in DeclineClass:
        row = row_of(decline)
        told = (f"`{decline.value}`", row.meaning_en, row.meaning_ko, FAULTS[row.fault], row.follows)
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    GeneratedSection("concepts.md", "decline classes", "declines").write(table())
