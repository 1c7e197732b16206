"""The gateway's edge: every request of ``/payments``, ``/instruments`` and ``/workflows`` passes here.

In this order: fault thrown, key checked, idempotency, the act, the answer. The sandbox's own log of
requests is written here too; it never holds a key.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from billing.sandbox import mischief
from billing.sandbox.answering import GARBAGE, Wire, body_of, plain
from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.demands.headers import require_headers
from billing.sandbox.instants import render
from billing.sandbox.records import Answered
from billing.sandbox.routes import Route
from billing.sandbox.world import World, fingerprint

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_VERSION = "1.1683.0+sandbox"


class Edge:
    def __init__(self, world: World, wire: Wire) -> None:
        self._world = world
        self._wire = wire

    def handler(self, route: Route) -> Handler:
        """The aiohttp handler of a route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(route, request)

        return handle

    async def _handle(self, route: Route, request: web.Request) -> web.StreamResponse:
        world = self._world
        call = Call(
            base_url=f"{request.scheme}://{request.host}",
            params=request.match_info,
            query=request.query,
            raw=await request.read(),
            idempotency_key=request.headers.get("Cko-Idempotency-Key"),
        )
        subject = route.subject(world, call)
        name = f"{route.method} {route.path}"
        if route.counted:
            subject = (*subject, world.nth(name, *subject))
        fault = mischief.throw(world, writes=route.writes, name=name, subject=subject)
        call.fault = fault
        request_id = _request_id(world)
        entry = self._log(request, call, fault)
        reply = await self._answer(route, request, call, fault, request_id)
        entry["status"], entry["reference"] = reply.status, call.reference
        world.store.flush()
        if world.faults.unknown_fields and isinstance(reply.document, dict):
            reply.document = {**reply.document, "new_field": {"nested": [None, 1]}}
        reply.headers |= {"Cko-Request-Id": request_id, "Cko-Version": _VERSION}
        return await self._send(request, reply, fault, subject)

    async def _answer(self, route: Route, request: web.Request, call: Call, fault: str, request_id: str) -> Reply:
        """Let the request pass, or turn it away; a refusal becomes Checkout.com's error body."""
        struck = mischief.instead(self._world, fault)
        if struck:
            return struck
        try:
            self._admit(route, request)
            require_headers(self._world.profiles, route.method, request.headers, keyed=route.keyed)
            if route.keyed and call.idempotency_key:
                reply = await self._once(route, call, fault)
            else:
                reply = await self._act(route, call)
        except Refused as refused:
            return _error(refused, request_id)
        return Reply(500) if fault == "processed_500" else reply

    def _admit(self, route: Route, request: web.Request) -> None:
        """Check the bearer key or token. An unknown one gets 401 with an empty body.

        :raises Refused: 401, or 403 if the key or token lacks the scope.
        """
        kind, _, credential = request.headers.get("Authorization", "").partition(" ")
        if credential == self._world.options.secret_key:
            scopes: frozenset[str] | None = self._world.scopes
        else:
            scopes = self._world.tokens.scopes_of(credential, self._world.clock.now())
        if kind != "Bearer" or scopes is None:
            raise Refused(401)
        if not scopes & route.scopes:
            raise Refused(403)

    async def _act(self, route: Route, call: Call) -> Reply:
        latency = self._world.faults.latency_ms / 1000
        if latency and not await self._wire.pause(latency):
            raise Refused(503)  # a reset came: what was asked of the old world must not touch the new one
        return route.act(self._world, call)

    async def _once(self, route: Route, call: Call, fault: str) -> Reply:
        """Run the act under its idempotency key: once at a time, and once per remembered 2xx."""
        world = self._world
        key = f"{route.path.format_map(call.params)} {call.idempotency_key}"
        asked = fingerprint(call.raw)
        known = world.idempotency.find(key, world.clock.now(), world.faults.idempotency_seconds)
        if known:
            if known.asked != asked and world.faults.idempotency_other_body == "422":
                raise Refused(422, "request_invalid")
            return Reply(known.status, known.body)
        if not world.idempotency.claim(key):
            raise Refused(429)
        try:
            reply = await self._act(route, call)
        finally:
            world.idempotency.release(key)
        if fault != "processed_500":  # an answer of 5xx is not remembered, whatever was processed
            body = body_of(reply).decode()
            world.idempotency.remember(Answered(key, world.clock.now(), reply.status, body, asked))
        return reply

    async def _send(
        self, request: web.Request, reply: Reply, fault: str, subject: tuple[str | int, ...]
    ) -> web.StreamResponse:
        body, headers = body_of(reply), reply.headers
        seconds = self._world.faults.timeout_seconds
        match mischief.manner(fault):
            case "timeout":
                return await self._wire.hang(request, seconds)
            case "endless":
                return await self._wire.endless(request, reply.status, headers)
            case "garbage":
                return plain(reply.status, self._world.dice.pick(GARBAGE, "garbage-which", *subject), headers)
            case "drip" if body:
                return await self._wire.drip(request, reply.status, body, headers, seconds)
            case "truncated" if body:
                return await self._wire.truncated(request, reply.status, body, headers)
        return plain(reply.status, body, headers)

    def _log(self, request: web.Request, call: Call, fault: str) -> dict[str, Any]:
        entry = {
            "at": render(self._world.clock.now(), 6),
            "method": request.method,
            "path": request.path,
            "idempotency_key": call.idempotency_key,
            "reference": None,
            "status": None,
            "fault": fault or None,
        }
        self._world.requests.append(entry)
        return entry


def _error(refused: Refused, request_id: str) -> Reply:
    if not refused.codes:
        return Reply(refused.status)
    body = {"request_id": request_id, "error_type": refused.error_type, "error_codes": refused.codes}
    return Reply(refused.status, body)


def _request_id(world: World) -> str:
    number = world.nth("request")
    high, low = (int(world.dice.chance(half, number) * 2**63) for half in ("request-high", "request-low"))
    return str(uuid.UUID(int=(high << 64) | low))
