"""Every test that docs/security.md names exists, and every item of it names one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (V\d+\.\d+\.\d+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)))


def test_every_item_is_listed_once_and_names_a_test():
    items = [item for item, _, _ in ROWS]
    assert len(items) == len(set(items)) > 60
    assert [item for item, _, shown in ROWS if not re.fullmatch(r"(`tests/[\w/]+\.py::test_\w+`(<br>)?)+", shown)] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_exists(file, name):
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {each.name for each in module.body if isinstance(each, ast.FunctionDef)}
