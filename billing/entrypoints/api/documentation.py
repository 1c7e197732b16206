"""What the API says of itself: /openapi.json for programs, /docs for people. There in sandbox mode only."""

from functools import cache
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from billing.entrypoints.api.auth import DOCUMENTATION_PATHS
from billing.entrypoints.api.reference.page import reference_page
from billing.entrypoints.api.roles import LEAST_ROLE

PAGE, STYLE, DOCUMENT = DOCUMENTATION_PATHS
_STYLE_FILE: Final = Path(__file__).parent / "reference" / "reference.css"
_POLICY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}


def add_documentation(app: FastAPI) -> None:
    """Let an app show its reference. The page is made when it is first asked for."""
    roles = {operation.replace(":path}", "}"): role.value for operation, role in LEAST_ROLE.items()}

    @cache
    def page() -> str:
        return reference_page(app.openapi(), roles)

    def show(_: Request) -> Response:
        return HTMLResponse(page(), headers=_POLICY)

    def style(_: Request) -> Response:
        return Response(_STYLE_FILE.read_bytes(), media_type="text/css")

    app.add_route(PAGE, show, include_in_schema=False)
    app.add_route(STYLE, style, include_in_schema=False)
