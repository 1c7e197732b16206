"""docs/sandbox.md tells every profile as the sandbox does, and no script item that it would refuse."""

import re
from pathlib import Path

from billing.sandbox.demands.profiles import PROFILES
from billing.sandbox.outcomes import read_outcome

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"


def table(heading):
    """Return the rows of the table that begins with this heading, as lists of cells."""
    text = PAGE.read_text(encoding="utf-8")
    rows = re.search(rf"^\| {heading} \|.*\n\| --- \| --- \|\n((?:\|.*\n)+)", text, re.MULTILINE)[1]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows.splitlines()]


def test_every_profile_is_told_with_what_it_does_and_which_one_it_excludes():
    told = {name.strip("`"): doc for name, doc in table("profile")}
    assert list(told) == list(PROFILES)
    for name, profile in PROFILES.items():
        instead = f" (instead of `{profile.instead_of}`)" if profile.instead_of else ""
        assert told[name] == profile.doc + instead


def test_every_script_item_on_the_page_is_one():
    items = [item for first, _ in table("item") for item in re.findall(r"`([^`]+)`", first)]
    assert len(items) > 15
    for item in items:
        read_outcome(item)
