"""Pages are templates: nothing puts HTML together in Python, and no template lets a value through unescaped."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment, StrictUndefined, nodes

from billing.entrypoints import html as engine_pages
from billing.entrypoints.api import returning
from billing.entrypoints.api.reference import page as reference
from billing.sandbox import html as sandbox_pages

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [each for room in ("billing", "examples") for each in (ROOT / room).rglob("templates")]
FAULTY_ANSWERS = {"answering.py", "mischief.py"}
"""Where the sandbox answers as a broken gateway does."""
ENVIRONMENTS = {
    "sandbox": sandbox_pages.environment(),
    "return": engine_pages.templates_beside(returning.__file__),
    "reference": engine_pages.templates_beside(reference.__file__),
}


def test_no_module_puts_html_together():
    tag = re.compile(r"</(a|b|body|dd|div|form|h\d|html|li|p|span|td)>")
    files = [each for room in ("billing", "examples", "plans") for each in (ROOT / room).rglob("*.py")]
    assert {each.name for each in files if tag.search(each.read_text("utf-8"))} == FAULTY_ANSWERS


@pytest.mark.parametrize("made", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_every_value_is_escaped_and_must_be_given(made: Environment):
    assert made.autoescape is True
    assert made.undefined is StrictUndefined
    assert made.list_templates()


@pytest.mark.parametrize(
    "file", [each for folder in FOLDERS for each in folder.glob("*.html")], ids=lambda file: file.stem
)
def test_no_template_switches_escaping_off_or_has_a_script(file):
    text = file.read_text(encoding="utf-8")
    parsed = Environment(autoescape=True).parse(text)
    assert "safe" not in {each.name for each in parsed.find_all(nodes.Filter)}
    assert not list(parsed.find_all(nodes.ScopedEvalContextModifier))
    assert not re.search(r"<script|\son\w+=|https?://", text)
