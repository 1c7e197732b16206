"""How often a key may ask: so many requests a second, and a burst of them at once."""

import math
import time
from collections import defaultdict
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from billing.entrypoints.api.callers import Caller
from billing.entrypoints.api.edge import refuse
from billing.entrypoints.api.rejections import Rejected, Rejections
from billing.entrypoints.api.token_bucket import TokenBucket

_POLICY: Final = "RateLimit-Policy"
_LEFT: Final = "RateLimit"


class RateLimit:
    """Counts the requests of each key in this process, and turns away what is too much before its body is read.

    Answers tell what is left, in the headers of the draft `draft-ietf-httpapi-ratelimit-headers`.
    """

    def __init__(self, app: ASGIApp, *, per_second: float, burst: int, rejections: Rejections) -> None:
        self._app = app
        self._rejections = rejections
        self._policy = f'"key";q={burst};w={math.ceil(burst / per_second)}'
        self._buckets: defaultdict[str, TokenBucket] = defaultdict(lambda: TokenBucket(per_second, burst))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller | None = scope.get("state", {}).get("caller")
        if scope["type"] != "http" or caller is None:
            await self._app(scope, receive, send)
            return
        bucket = self._buckets[caller.holder]
        wait = bucket.wait_for(time.monotonic())
        told = {_POLICY: self._policy, _LEFT: f'"key";r={int(bucket.tokens)};t={math.ceil(bucket.seconds_to_full)}'}
        if wait > 0:
            self._rejections.note(Rejected.RATE_LIMITED, "rate_limited", key=caller.name)
            message = f"the key {caller.name} asks too often; send the same request again in {math.ceil(wait)} s"
            headers = told | {"Retry-After": str(math.ceil(wait))}
            await refuse(scope, send, "too_many_requests", message, headers=headers)
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                raw = [(name.lower().encode(), value.encode()) for name, value in told.items()]
                message = {**message, "headers": [*message["headers"], *raw]}
            await send(message)

        await self._app(scope, receive, telling)
