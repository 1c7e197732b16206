"""Pages from the files in ``templates``. No script, nothing from elsewhere."""

from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from billing.sandbox.instants import SECOND, Instant

_SEOUL: Final = timezone(timedelta(hours=9))
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


def page(template: str, title: str, *, status: int = 200, **values: Any) -> web.Response:
    """Render a template as a whole page; every value is escaped. A name that is not given is an error."""
    text = environment().get_template(template).render(title=title, **values)
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=_HEADERS)


def notice(korean: str, english: str, *, status: int = 200) -> web.Response:
    """Return a page that only says something."""
    return page("notice.html", korean, english=english, status=status)


@cache
def environment() -> Environment:
    """Return the templates; each is compiled when it is first used. The engine has its own: entrypoints/html.py."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(money=money, moment=moment)
    return made


def money(minor: int, currency: str) -> str:
    """12,900원; Hong Kong and Singapore dollars with their code and cents."""
    if currency == "KRW":
        return f"{minor:,}원"
    return f"{currency} {minor // 100:,}.{minor % 100:02}"


def moment(instant: Instant | None) -> str:
    """Seoul wall time, as a phone would show it; nothing for None."""
    if instant is None:
        return ""
    when = datetime.fromtimestamp(instant // SECOND, _SEOUL)
    return f"{when.year}년 {when.month}월 {when.day}일 {when:%H:%M}"
