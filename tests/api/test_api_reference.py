"""The page that shows the API to people: everything in it, nothing of it from elsewhere."""

import json
import re
import shlex
from html import unescape

import pytest
from external_tools import browser_page

from billing.entrypoints.api.problems import PROBLEMS
from billing.entrypoints.api.reference.page import reference_page


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
        page.get_by_role("heading", name="Enrol a subscriber").wait_for()
        assert asked == [f"{still.url}/docs", f"{still.url}/docs/reference.css"]
        assert said == []
        assert page.evaluate("getComputedStyle(document.querySelector('pre')).backgroundColor") == "rgb(24, 32, 29)"
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


def test_every_operation_object_and_problem_is_there(page, document):
    sections = set(re.findall(r'<section class="\w+" id="([^"]+)"', page))
    assert {told["operationId"] for _, _, told in operations_of(document)} <= sections
    assert {f"problem-{code}" for code in PROBLEMS} <= sections
    assert {"Subscription", "Money", "ProblemDetails", "NewSubscription"} <= sections


def test_every_link_of_it_leads_somewhere(page, still):
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    links = set(re.findall(r'href="([^"]+)"', page))
    assert {link for link in links if link.startswith("#")} <= {f"#{each}" for each in ids}
    assert {link for link in links if not link.startswith("#")} == {"/docs/reference.css", "/openapi.json"}
    assert still.http.get("/openapi.json").status_code == 200


def test_the_commands_ask_what_the_examples_ask(page, document):
    told = re.findall(r'<section class="operation" id="(\w+)".*?<pre tabindex="0">(curl.*?)</pre>', page, re.DOTALL)
    commands = {name: shlex.split(unescape(command)) for name, command in told}
    for path, method, operation in operations_of(document):
        command = commands[operation["operationId"]]
        assert ("-X" not in command) == (method == "get")
        url = next(word for word in command if word.startswith("$API"))
        if "security" not in operation:  # a subscriber's link is nothing to type
            continue
        assert re.fullmatch(re.escape("$API") + re.sub(r"{\w+}", "[^/{}]+", path) + r"(\?.+)?", url), url
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        assert ("-d" in command) == (body is not None)
        if body is not None:
            assert json.loads(command[command.index("-d") + 1]) == body


def test_the_role_that_an_operation_needs_is_named(page):
    for name, role in (("get_access", "read"), ("create_refund", "backend"), ("create_key", "admin")):
        section = page.partition(f'<section class="operation" id="{name}"')[2]
        assert re.search(r"For a key of the role <code>(\w+)</code>", section)[1] == role
    assert "For anybody." in page.partition('id="healthz"')[2]


def test_what_a_document_says_cannot_become_markup():
    evil = "<script>alert(1)</script>"
    schema = {"properties": {evil: {"type": evil, "pattern": evil, "default": evil}}, "description": evil}
    operation = {
        "tags": [evil],
        "operationId": evil,
        "summary": evil,
        "description": f"`{evil}`",
        "parameters": [{"name": evil, "in": "query", "required": False, "schema": {"enum": [evil]}, "example": evil}],
        "responses": {"200": {"content": {"application/json": {"schema": {"const": evil}, "example": evil}}}},
    }
    document = {
        "info": {"title": evil, "version": evil, "summary": evil, "description": evil},
        "components": {"schemas": {evil: schema}},
        "paths": {f"/{evil}": {"post": operation}},
    }
    assert "<script" not in reference_page(document, {f"POST /{evil}": evil}, PROBLEMS, url=evil)
