"""The frame of every page: banner, artwork, styles. No script, nothing from elsewhere."""

from datetime import datetime, timedelta, timezone
from html import escape
from typing import Final

from aiohttp import web

from billing.sandbox.instants import SECOND, Instant

BANNER: Final = "샌드박스 · 실제 결제가 아닙니다 (Sandbox \N{EN DASH} no real money)"

_SEOUL: Final = timezone(timedelta(hours=9))

_STYLE: Final = """
*{box-sizing:border-box}
body{margin:0;word-break:keep-all;background:#eef1ee;color:#1d2b2a;line-height:1.5;
 font:16px/1.5 system-ui,"Apple SD Gothic Neo","Noto Sans KR","Noto Sans CJK KR","Malgun Gothic",sans-serif}
.banner{background:#1d2b2a;color:#fff;text-align:center;font-size:13px;padding:8px 12px}
main{max-width:26rem;margin:0 auto;padding:20px 16px 40px}
header{display:flex;align-items:center;gap:10px;margin-bottom:16px}
header svg{width:44px;height:44px;flex:none}
header strong{display:block;font-size:17px}
small{color:#5a6a68;font-size:13px;display:block}
.card{background:#fff;border-radius:16px;padding:20px;margin-bottom:16px;
 box-shadow:0 1px 3px rgb(29 43 42/.12)}
.amount{font-size:34px;font-weight:700;letter-spacing:-.02em;margin:2px 0 8px;overflow-wrap:anywhere}
h1{font-size:20px;margin:0 0 4px}
dl{display:grid;grid-template-columns:auto 1fr;gap:6px 16px;margin:16px 0 0;padding-top:14px;
 border-top:1px solid #e3e8e5}
dt{color:#5a6a68}
dd{margin:0;text-align:right;overflow-wrap:anywhere}
.tag{display:inline-block;border-radius:99px;padding:2px 12px;font-size:14px;font-weight:600;
 background:#d9efe6;color:#0b5b45}
.tag.off{background:#f3dfdb;color:#8c2f1b}
.note{background:#f6f8f5;border-radius:10px;padding:12px 14px;font-size:15px;margin-top:14px}
form{margin:0}
button,.button{display:block;width:100%;min-height:54px;border-radius:14px;border:0;font:inherit;font-weight:700;
 font-size:17px;cursor:pointer;margin-top:10px;text-align:center;text-decoration:none;padding:14px}
button small,.button small{color:inherit;opacity:.8;font-weight:400}
.card .button{margin-top:18px}
.go{background:#0b6e53;color:#fff}
.no{background:#fff;color:#8c2f1b;border:1px solid #d9b3aa}
.out{background:transparent;color:#40514f;font-weight:500;text-decoration:underline}
button:focus-visible,a:focus-visible{outline:3px solid #d98a1f;outline-offset:2px}
.row{display:flex;justify-content:space-between;align-items:center;gap:12px;padding:12px 0;color:inherit;
 text-decoration:none;border-bottom:1px solid #e3e8e5;overflow-wrap:anywhere}
.row:last-child{border:0}
"""

#: A folded note with a coin rising behind it; drawn for this sandbox.
_ARTWORK: Final = """<svg viewBox="0 0 48 48" aria-hidden="true">
<rect width="48" height="48" rx="12" fill="#0b6e53"/>
<circle cx="31" cy="17" r="8" fill="#f2b45a"/>
<circle cx="31" cy="17" r="4.6" fill="none" stroke="#b8741a" stroke-width="1.6"/>
<path d="M9 22h30v13a3 3 0 0 1-3 3H12a3 3 0 0 1-3-3z" fill="#fff"/>
<path d="M9 22l15 9 15-9" fill="none" stroke="#0b6e53" stroke-width="2.2"/></svg>"""


def page(title: str, content: str, *, status: int = 200) -> web.Response:
    """A whole page. ``content`` is HTML; what came from outside must have been escaped."""
    text = (
        f'<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<style>{_STYLE}</style></head><body><div class="banner" role="note">{BANNER}</div><main><header>'
        f"{_ARTWORK}<div><strong>연습용 지갑</strong><small>Practice wallet</small></div></header>"
        f"{content}</main></body></html>"
    )
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)


def notice(korean: str, english: str, more: str = "", *, status: int = 200) -> web.Response:
    """A page that only says something."""
    content = f'<div class="card"><h1>{escape(korean)}</h1><small lang="en">{escape(english)}</small>{more}</div>'
    return page(korean, content, status=status)


def facts(pairs: list[tuple[str, str]]) -> str:
    """A list of names and values, escaped."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value)
    return f"<dl>{rows}</dl>"


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
