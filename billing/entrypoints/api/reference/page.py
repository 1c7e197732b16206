"""The reference of the API as one page, made from its OpenAPI document: no script, nothing from elsewhere."""

from collections.abc import Mapping
from html import escape
from itertools import groupby
from typing import Any

from billing.entrypoints.api.problems import Problem
from billing.entrypoints.api.reference.markup import code, line, listing, prose
from billing.entrypoints.api.reference.operations import METHODS, operation_section
from billing.entrypoints.api.reference.shapes import Shapes


def reference_page(
    document: Mapping[str, Any], roles: Mapping[str, str], problems: Mapping[str, Problem], *, url: str
) -> str:
    """Return the page. ``roles`` is the least role by method and path, ``url`` where the API is reached."""
    shapes = Shapes(document)
    groups = [
        (tag, list(told)) for tag, told in groupby(_operations(document), key=lambda each: str(each[2]["tags"][0]))
    ]
    title = escape(document["info"]["title"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{title}: the API</title>'
        '<link rel="stylesheet" href="/docs/reference.css"></head><body>'
        f'<nav aria-label="Contents">{_contents(title, groups, shapes)}</nav><main>'
        f"{_opening(document, url)}"
        + "".join(_group(tag, told, shapes, roles) for tag, told in groups)
        + f'<h2 id="objects">Objects</h2>{"".join(section for _, section in shapes.objects())}'
        + f'<h2 id="problems">Problems</h2>{"".join(_problem(name, told) for name, told in problems.items())}'
        + "</main></body></html>"
    )


def _operations(document: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    return [
        (method, path, told[method]) for path, told in document["paths"].items() for method in METHODS if method in told
    ]


def _words(tag: str) -> str:
    return escape(tag.replace("_", " ").capitalize())


def _contents(title: str, groups: list[tuple[str, list[tuple[str, str, Mapping[str, Any]]]]], shapes: Shapes) -> str:
    parts = [f'<a class="title" href="#top">{title}</a>']
    for tag, told in groups:
        links = "".join(
            f'<li><a href="#{escape(operation["operationId"])}">{_words(operation["operationId"])}</a></li>'
            for _, _, operation in told
        )
        parts.append(f"<details><summary>{_words(tag)}</summary><ul>{links}</ul></details>")
    named = "".join(f'<li><a href="#{escape(name)}">{escape(name)}</a></li>' for name, _ in shapes.objects())
    parts.append(f"<details><summary>Objects</summary><ul>{named}</ul></details>")
    parts.append('<a href="#problems">Problems</a><a href="/openapi.json">The OpenAPI document</a>')
    return "".join(parts)


def _opening(document: Mapping[str, Any], url: str) -> str:
    info = document["info"]
    shown = f"export API={url}\nexport KEY=$(billing keys create shop --role backend | grep ^bk_)"
    return (
        f'<header id="top"><h1>{escape(info["title"])} <small>{escape(info["version"])}</small></h1>'
        f"<p>{line(info['summary'])}.</p>{prose(info['description'])}"
        f"{listing('For the examples of this page, in a shell', shown)}</header>"
    )


def _group(tag: str, told: list[tuple[str, str, Mapping[str, Any]]], shapes: Shapes, roles: Mapping[str, str]) -> str:
    sections = "".join(
        operation_section(method, path, operation, shapes, roles.get(f"{method.upper()} {path}"))
        for method, path, operation in told
    )
    return f'<h2 id="{escape(tag)}">{_words(tag)}</h2>{sections}'


def _problem(name: str, problem: Problem) -> str:
    return (
        f'<section class="shape" id="problem-{escape(name)}"><h3>{code(name)} <small>{problem.status}</small></h3>'
        f"<p>{line(problem.title)}. {line(problem.remedy)}</p></section>"
    )
