"""Pages from templates: files in the folder ``templates`` beside the module that shows them."""

import re
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

_CODE: Final = re.compile(r"(`+)(.+?)\1")


@cache
def templates_beside(module: str) -> Environment:
    """Return the templates beside a module, named by its ``__file__``; each is compiled when it is first used.

    Every value is escaped, and a name that a template is not given is an error.
    """
    made = Environment(
        loader=FileSystemLoader(Path(module).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(code_spans=code_spans, paragraphs=paragraphs)
    return made


def code_spans(text: str) -> Markup:
    """Return a text in one line, escaped, with what stands between backticks as code."""
    escaped = str(escape(" ".join(text.split())))
    return Markup(_CODE.sub(r"<code>\2</code>", escaped))  # noqa: S704


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, which blank lines part."""
    return [each for each in re.split(r"\n\s*\n", text.strip()) if each.strip()]
