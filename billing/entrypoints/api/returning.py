"""The subscriber comes back from KakaoPay and is sent on to where the SaaS wants them."""

import re
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.return_looks import Looks
from billing.entrypoints.html import templates_beside
from billing.operations.engine import NotFound
from billing.operations.return_links import FAILURE, LEFT_BY
from billing.operations.settle_return import known_return, settle_return

router = APIRouter(tags=["return"])
PATIENCE_SECONDS: Final = 6.0
"""A subscriber is not kept waiting for the gateway longer than this; the look-up goes on without them."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}")


@router.get(
    "/v1/return/{token}",
    status_code=303,
    response_class=RedirectResponse,
    responses={404: {"description": "A page that says so", "content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def return_from_wallet(token: str, request: Request, desk: DeskOfRequest) -> Response:
    """Look the payment up and send the subscriber on with `subscription_id` and `payment` in the query.

    A link that was looked up less than 2 seconds ago tells what was known then; so do all links while many are opened.
    `payment` is a hint for what to show (captured, pending, declined …); what counts is the subscription's state.
    Who left the wallet undecided goes on to the success or the failure URL, whichever KakaoPay sent them to.
    """
    if not _TOKEN.fullmatch(token):
        return _not_known()
    failed = request.query_params.get(LEFT_BY) == FAILURE
    looks: Looks = request.app.state.return_looks
    try:
        known = await looks.read(lambda: known_return(desk.engine, token, left_by_failure=failed).url)
    except NotFound:
        return _not_known()
    looked_up = await looks.look(
        token, lambda: _settle(desk, token, left_by_failure=failed), patience_seconds=PATIENCE_SECONDS
    )
    return RedirectResponse(looked_up or known, 303)


def _settle(desk: Desk, token: str, *, left_by_failure: bool) -> str:
    act = partial(settle_return, desk.engine, token, left_by_failure=left_by_failure)
    return desk.act("settle_return", lambda now: act(now=now)).url


def _not_known() -> Response:
    return HTMLResponse(templates_beside(__file__).get_template("unknown_link.html").render(), 404)
