"""Every command and snippet of the documentation is run, in the order of the page, as a reader would.

What a page shows as ``text`` must be what the block before it printed. A block that cannot be run here says why, in
a comment right before it: ``<!-- not run: … -->``. The pages use the default ports, so one page runs at a time.
"""

import fcntl
import json
import tempfile
from pathlib import Path

import pytest
from fences import blocks_of, goes_on_from, matches
from shell import Shell
from tools import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
NEVER_RUN = {"mermaid"}


@pytest.fixture
def alone():
    """The machine's default ports for ourselves."""
    with (Path(tempfile.gettempdir()) / "kakaopay-billing-docs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("first", [page for page in PAGES if not goes_on_from(page)], ids=lambda page: page.name)
def test_what_a_page_says_to_do_works(first, tmp_path):
    """Pages that go on where another ends are lived through after it, one after the other, in the same shell."""
    with Shell(tmp_path) as shell:
        for page in [first, *(page for page in PAGES if goes_on_from(page) == first)]:
            live_through(page, shell, tmp_path)


def live_through(page, shell, folder):
    printed = ""
    for block in blocks_of(page):
        where = f"{page.name}, line {block.line}"
        if not block.is_run:
            assert len(block.note[1]) > 10, f"{where}: say why it is not run"
        elif block.note is not None:
            (folder / block.note[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            printed = shell.run(block.text)
        elif block.language == "python":
            printed = shell.run_python(block.text)
        elif block.language == "text":
            assert matches(block.text, printed), f"{where}: shown\n{block.text}\nprinted\n{printed}"
        elif block.language == "json":
            json.loads(block.text)
        else:
            assert block.language in NEVER_RUN, f"{where}: nobody knows how to run {block.language!r}"


def test_there_are_pages_and_they_are_run():
    names = {page.name for page in PAGES}
    assert {"quick-start.md", "concepts.md", "enrolment.md", "webhooks-in.md", "going-live.md", "errors.md"} <= names
    run = [block for page in PAGES for block in blocks_of(page) if block.is_run and block.language in ("sh", "python")]
    assert len(run) > 15
