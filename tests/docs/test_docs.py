"""Every command and snippet of the documentation is run, in the order of the page, as a reader would.

What a page shows as ``text`` must be what the block before it printed. A block that cannot be run here says why, in
a comment right before it: ``<!-- not run: … -->``. Their ports are replaced by free ones (:mod:`ports` says how).
"""

import json
import re

import pytest
from external_tools import ROOT
from fences import blocks_of, goes_on_from, matches
from ports import NAMED, free_ports, tell, with_ports
from shell import Shell

PAGES = sorted((ROOT / "docs").glob("*.md"))
NEVER_RUN = {"mermaid"}


@pytest.mark.parametrize("first", [page for page in PAGES if not goes_on_from(page)], ids=lambda page: page.name)
def test_what_a_page_says_to_do_works(first, tmp_path):
    """Pages that go on where another ends are lived through after it, one after the other, in the same shell."""
    ports = free_ports()
    tell(ports, tmp_path)
    with Shell(tmp_path) as shell:
        for page in [first, *(page for page in PAGES if goes_on_from(page) == first)]:
            live_through(page, shell, tmp_path, ports)


def live_through(page, shell, folder, ports):
    printed = ""
    for block in blocks_of(page):
        where = f"{page.name}, line {block.line}"
        text = with_ports(ports, block.text)
        if not block.is_run:
            assert len(block.note[1]) > 10, f"{where}: say why it is not run"
        elif block.note is not None:
            (folder / block.note[1]).write_text(text, encoding="utf-8")
        elif block.language == "sh":
            printed = shell.run(text)
        elif block.language == "python":
            printed = shell.run_python(text)
        elif block.language == "text":
            assert matches(text, printed), f"{where}: shown\n{text}\nprinted\n{printed}"
        elif block.language == "json":
            json.loads(text)
        else:
            assert block.language in NEVER_RUN, f"{where}: nobody knows how to run {block.language!r}"


def test_there_are_pages_and_they_are_run():
    names = {page.name for page in PAGES}
    assert {"quick-start.md", "concepts.md", "enrolment.md", "webhooks-in.md", "going-live.md", "errors.md"} <= names
    run = [block for page in PAGES for block in blocks_of(page) if block.is_run and block.language in ("sh", "python")]
    assert len(run) > 15


def test_every_port_of_the_pages_is_replaced():
    ports = {each: f"free-{each}" for each in NAMED}
    for page in PAGES:
        for block in blocks_of(page):
            if block.is_run:
                assert not re.search(r"127[.]0[.]0[.]1[^\n]{1,3}\d{4}", with_ports(ports, block.text)), page.name
    assert with_ports(ports, "billing sandbox > log &") == "billing sandbox --port free-8700 > log &"
