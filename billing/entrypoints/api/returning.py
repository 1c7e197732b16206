"""The subscriber comes back from KakaoPay and is sent on to where the SaaS wants them."""

import re
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

import structlog
from anyio import move_on_after, to_thread
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from billing.domain.public_ids import Kind, public_id
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.operations.engine import NotFound
from billing.operations.settle_return import settle_return
from billing.store.queries import charge_by_token

log = structlog.get_logger()
router = APIRouter(tags=["return"])
PATIENCE_SECONDS: Final = 6.0
"""A subscriber is not kept waiting for the gateway longer than this; the look-up goes on without them."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_UNKNOWN: Final = """<!doctype html>
<html lang="ko"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>링크를 찾을 수 없습니다</title></head>
<body><h1>링크를 찾을 수 없습니다</h1>
<p>주소가 올바르지 않습니다. 이용하시던 서비스로 돌아가 다시 시도해 주세요. 결제는 이 페이지와 관계없이 처리됩니다.</p>
<p lang="en">This link is not known. Please go back to the service you came from and try again.
Your payment does not depend on this page.</p>
</body></html>
"""


@router.get(
    "/v1/return/{token}",
    status_code=303,
    response_class=RedirectResponse,
    responses={404: {"description": "A page that says so", "content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def return_from_wallet(token: str, desk: DeskOfRequest) -> Response:
    """Look the payment up and send the subscriber on with `subscription_id` and `payment` in the query.

    `payment` is a hint for what to show (captured, pending, declined …); what counts is the subscription's state.
    """
    if not _TOKEN.fullmatch(token):
        return _not_known()
    try:
        url = await _looked_up(desk, token)
        if url is None:
            url = await to_thread.run_sync(_without_looking, desk, token)
    except NotFound:
        return _not_known()
    return RedirectResponse(url, 303)


async def _looked_up(desk: Desk, token: str) -> str | None:
    with move_on_after(PATIENCE_SECONDS):
        try:
            settled = await to_thread.run_sync(_settle, desk, token, abandon_on_cancel=True)
        except NotFound:
            raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the subscriber must get back
            log.error("return_not_settled", error=type(error).__name__)
        else:
            return settled
    return None


def _settle(desk: Desk, token: str) -> str:
    return desk.act("settle_return", lambda now: settle_return(desk.engine, token, now=now)).url


def _without_looking(desk: Desk, token: str) -> str:
    with desk.reading() as tx:
        found = charge_by_token(tx, token)
    if found is None:
        raise NotFound("this link is not known")
    return _pending(str(found.success_url), found.subscription_id)


def _pending(url: str, subscription_id: UUID) -> str:
    parts = urlsplit(url)
    told = [
        *parse_qsl(parts.query, keep_blank_values=True),
        ("subscription_id", public_id(Kind.SUBSCRIPTION, subscription_id)),
        ("payment", "pending"),
    ]
    return urlunsplit(parts._replace(query=urlencode(told)))


def _not_known() -> Response:
    return HTMLResponse(_UNKNOWN, 404)
