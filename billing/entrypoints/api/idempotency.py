"""Every POST that carries an ``Idempotency-Key`` is done once, and answered again as it was answered."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.entrypoints.api.bodies import replayed
from billing.entrypoints.api.callers import Caller
from billing.entrypoints.api.desk import Desk
from billing.entrypoints.api.edge import headers_of, refuse
from billing.entrypoints.api.errors import with_remedy
from billing.entrypoints.api.problems import FieldError
from billing.entrypoints.clock import machine_now
from billing.operations.engine import Claim, Refusal
from billing.operations.request_keys import (
    Answer,
    Asked,
    KeyInUse,
    claim_request,
    forget_claim,
    keep_answer,
    let_go,
)
from billing.store.database import told_plainly
from billing.store.installation import NoInstallation

log = structlog.get_logger()
HEADER: Final = "Idempotency-Key"
_HEADER: Final = HEADER.lower().encode()
REPLAYED: Final = b"idempotent-replayed"
_KEY: Final = re.compile(r"[!-~]{1,255}")
_NOT_LOOKED_AT: Final = frozenset({400, 401, 403, 405, 408, 413, 415, 422, 429})
"""Answers before any act: the key stays free, so that the request can be sent again when it is right."""
_CONFLICT: Final = 409


class Idempotency:
    """Claims a request before its act and keeps the answer after it; what has been answered is answered again.

    What was refused as things stood (404, 409) is kept too: a copy that comes late must not do what its sender
    believes was refused. What is undecided is not kept, a 5xx or a 409 that says when to ask again: sent again, the
    request is done then, unless it had been done and only the answer went wrong.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller | None = scope.get("state", {}).get("caller")
        told = headers_of(scope, _HEADER) if scope["type"] == "http" else []
        if not told or caller is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if len(told) > 1 or not _KEY.fullmatch(told[0]):
            wrong = FieldError(field=HEADER, detail="must be one header of 1 to 255 visible ASCII characters")
            await refuse(scope, send, "invalid_request", f"{wrong.field} {wrong.detail}", errors=[wrong])
            return
        body = (await receive())["body"]
        asked = Asked(caller.holder, told[0], _fingerprint(scope, body))
        await self._answer(scope, replayed(body, receive), send, asked)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, asked: Asked) -> None:
        desk: Desk = scope["app"].state.desk
        try:
            claim = await to_thread.run_sync(_claim, desk, asked)
        except KeyInUse as refusal:
            await refuse(scope, send, refusal.code, with_remedy(refusal), headers={"Retry-After": "1"})
        except Refusal as refusal:
            await refuse(scope, send, refusal.code, with_remedy(refusal))
        except (SQLAlchemyError, NoInstallation) as error:
            log.error("database_unavailable", error=type(error).__name__)
            message = "the database cannot be used now; send the same request again"
            await refuse(scope, send, "database_unavailable", message, headers={"Retry-After": "5"})
        else:
            if isinstance(claim, Claim):
                await self._act(scope, receive, send, desk, claim)
            elif claim.body:
                await _send_again(send, claim)
            else:
                message = "it was done, and what was answered was about a customer who has been erased since"
                await refuse(scope, send, "not_found", message)

    async def _act(self, scope: Scope, receive: Receive, send: Send, desk: Desk, claim: Claim) -> None:
        scope["state"]["claim"] = claim
        messages: list[Message] = []

        async def hold(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, hold)
        except BaseException:
            await to_thread.run_sync(_end, desk, claim, 500, {}, b"")
            raise
        begun = messages[0]
        body = b"".join(message.get("body", b"") for message in messages[1:])
        # Before it is told: whoever hears the answer must never get another one.
        await to_thread.run_sync(_end, desk, claim, begun["status"], Headers(raw=begun["headers"]), body)
        for message in messages:
            await send(message)


def _claim(desk: Desk, asked: Asked) -> Claim | Answer:
    return claim_request(desk.engine.database, asked, now=desk.now(), machine_now=machine_now())


def _end(desk: Desk, claim: Claim, status: int, headers: Mapping[str, str], body: bytes) -> None:
    database = desk.engine.database
    try:
        if _is_undecided(status, headers):
            let_go(database, claim, machine_now=machine_now())
        elif status in _NOT_LOOKED_AT:
            forget_claim(database, claim)
        else:
            keep_answer(database, claim, Answer(status, headers.get("content-type", ""), _without_secrets(body)))
    except SQLAlchemyError as error:
        # The act is done and committed, and marked so: its answer is given. Asked again, what it made is shown.
        log.error("answer_not_kept", error=told_plainly(error))


def _is_undecided(status: int, headers: Mapping[str, str]) -> bool:
    """Say whether it may end in another way: it went wrong on our side, or waits for what is under way."""
    return status >= 500 or (status == _CONFLICT and "retry-after" in headers)


async def _send_again(send: Send, answer: Answer) -> None:
    body = answer.body.encode()
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (REPLAYED, b"true"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _fingerprint(scope: Scope, body: bytes) -> str:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    parts = (scope["method"].encode(), path, scope["query_string"], _canonical(body))
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _canonical(body: bytes) -> bytes:
    """Return the JSON that a body says: in which order and with which spaces it says it makes it no other request.

    Nothing says the same as `{}` where a body may be left out, and where it may not neither is taken.
    """
    if body.strip() in (b"", b"null"):
        return b"{}"
    try:
        return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):  # none at all, or nested so deeply that no model takes it
        return body


def _without_secrets(body: bytes) -> str:
    """Return an answer as it may be kept: what is shown once, under the name `secret`, is null."""
    text = body.decode()
    return json.dumps(_blanked(json.loads(text)), ensure_ascii=False) if '"secret"' in text else text


def _blanked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: None if name == "secret" else _blanked(each) for name, each in value.items()}
    return [_blanked(each) for each in value] if isinstance(value, list) else value
