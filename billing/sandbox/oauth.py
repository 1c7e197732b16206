"""The token endpoint of the OAuth client-credentials grant (access keys page)."""

import base64
import binascii

from aiohttp import web

from billing.sandbox.instants import seconds
from billing.sandbox.world import World


class TokenEndpoint:
    def __init__(self, world: World) -> None:
        self._world = world

    async def issue(self, request: web.Request) -> web.Response:
        """``POST /connect/token``: credentials in the form, in HTTP Basic, or both.

        No scope asked for = all that the key was granted; one more than that is ``invalid_scope``.
        """
        form = await request.post()
        options, world = self._world.options, self._world
        basic = _basic(request.headers.get("Authorization", ""))
        given = basic or (str(form.get("client_id", "")), str(form.get("client_secret", "")))
        if given != (options.client_id, options.client_secret):
            return web.json_response({"error": "invalid_client"}, status=400)
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        scopes = frozenset(str(form.get("scope", "")).split()) or world.scopes
        if not scopes <= world.scopes:
            return web.json_response({"error": "invalid_scope"}, status=400)
        life = world.faults.token_seconds
        token = world.tokens.issue(scopes, world.clock.now() + seconds(life))
        return web.json_response(
            {"access_token": token, "token_type": "Bearer", "expires_in": life, "scope": " ".join(sorted(scopes))}
        )


def _basic(header: str) -> tuple[str, str] | None:
    """The pair of an HTTP Basic header, if it is one."""
    kind, _, text = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password
