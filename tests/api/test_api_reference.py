"""The API for people: an index that shows everything by itself, and the files of docs/reference that it names."""

import json
import re
import subprocess
import sys
from html import unescape

import pytest
from external_tools import ROOT, browser_page
from jinja2 import UndefinedError

from billing.entrypoints.api.reference.page import reference_page
from billing.entrypoints.html import templates_beside

REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def page(still):
    answer = still.http.get("/docs", headers={"Authorization": ""})
    assert answer.status_code == 200
    return answer.text


@pytest.fixture(scope="module")
def document(still):
    return still.get("/openapi.json")


def operations_of(document):
    return [(path, method, told) for path, each in document["paths"].items() for method, told in each.items()]


def test_a_browser_asks_nobody_else_and_runs_nothing(still):
    with browser_page() as page:
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{still.url}/docs")
        page.get_by_text("Enrol a subscriber").wait_for()
        assert asked == [f"{still.url}/docs", f"{still.url}/docs/reference.css"]
        assert said == []
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.path .get')).backgroundColor")
            == "rgb(43, 95, 158)"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "a phone need not scroll sideways"
        assert page.locator("script").count() == 0


def test_its_policy_allows_its_own_style_and_nothing_more(still):
    for path in ("/docs", "/docs?x=1"):
        policy = still.http.get(path).headers["content-security-policy"].split("; ")
        assert sorted(policy) == [
            "base-uri 'none'",
            "default-src 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "style-src 'self'",
        ]
    assert "style-src" not in still.http.get("/openapi.json").headers["content-security-policy"]
    assert still.http.get("/docs/reference.css").headers["content-type"].startswith("text/css")


def rows_of(page):
    rows = re.findall(r'<tr class="operation" id="(\w+)">(.*?)</tr>', page, re.DOTALL)
    return {name: [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row.split("</td>")] for name, row in rows}


def test_every_operation_is_in_the_index_under_its_name_in_the_document(page, document):
    rows = rows_of(page)
    assert set(rows) == {told["operationId"] for _, _, told in operations_of(document)}
    for path, method, told in operations_of(document):
        name, request, summary, _, _ = (cell.strip() for cell in rows[told["operationId"]])
        assert (name, request) == (told["operationId"], f"{method.upper()} {path}")
        assert summary == told["summary"].replace("`", "")


def test_every_link_of_it_leads_somewhere(page, still):
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert not [each for each in ids if " " in each]
    links = set(re.findall(r'href="([^"]+)"', page))
    assert {link for link in links if link.startswith("#")} <= {f"#{each}" for each in ids}
    assert {link for link in links if not link.startswith("#")} == {"/docs/reference.css", "/openapi.json"}
    assert still.http.get("/openapi.json").status_code == 200


def test_every_file_that_it_names_is_in_the_repository(page):
    named = re.findall(r"<code>(docs/[^<]+)</code>", page)
    assert len(named) == 3
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_the_role_that_an_operation_needs_is_named(page):
    rows = rows_of(page)
    roles = {"get_access": "read", "create_refund": "backend", "create_key": "admin", "healthz": "none"}
    assert {name: rows[name][3].strip() for name in roles} == roles


def test_the_files_of_the_reference_are_written_from_the_api():
    command = [sys.executable, "-m", "tools.write_api_reference", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_document_in_the_repository_is_the_one_that_is_served(document):
    assert json.loads((REFERENCE / "openapi.json").read_text(encoding="utf-8")) == document


def test_every_operation_that_needs_a_key_has_a_method_in_the_reference(document):
    told = (REFERENCE / "client-methods.md").read_text(encoding="utf-8")
    listed = re.findall(r"^`([A-Z]+ /v1/\S+)`, with a key of the role `\w+`", told, re.MULTILINE)
    keyed = [f"{method.upper()} {path}" for path, method, each in operations_of(document) if "security" in each]
    assert sorted(listed) == sorted(each for each in keyed if " /v1/" in each)


def test_what_a_document_says_cannot_become_markup():
    evil = "<script>alert(1)</script>"
    operation = {"tags": [evil], "operationId": evil, "summary": f"`{evil}` {evil}"}
    document = {
        "info": {"title": evil, "version": evil, "summary": evil, "description": f"{evil}\n\n`{evil}`"},
        "paths": {f"/{evil}": {"post": operation}},
    }
    page = reference_page(document, {f"POST /{evil}": evil})
    assert "<script" not in page
    assert "<p><code>&lt;script&gt;" in page


def test_a_template_that_is_not_given_a_value_shows_no_page():
    with pytest.raises(UndefinedError, match="info"):
        templates_beside(reference_page.__code__.co_filename).get_template("reference.html").render(tags={})
