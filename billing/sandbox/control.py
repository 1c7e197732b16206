"""The sandbox's own HTTP interface, under ``/_sandbox/``: no key needed, because nothing here is real."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from billing.sandbox.answering import Wire
from billing.sandbox.bodies import ledger_row
from billing.sandbox.call import Refused, read_json
from billing.sandbox.checks import is_one_of, is_text, is_url, is_whole
from billing.sandbox.clock_control import clock_row, set_clock
from billing.sandbox.courier import Courier
from billing.sandbox.demands import foreign
from billing.sandbox.demands.control import profiles_row, set_profiles
from billing.sandbox.disputes.control import dispute_rows, post_dispute, put_dispute
from billing.sandbox.events import SHAPES
from billing.sandbox.faults import change, describe
from billing.sandbox.runner import Runner
from billing.sandbox.wallet_control import BadSetting, change_wallet, wallet_row
from billing.sandbox.webhooks import Webhooks
from billing.sandbox.workflows.event_types import TYPES
from billing.sandbox.world import World

Answer = Any

_KNOWN_TYPES: Final = (*SHAPES, *TYPES["dispute"][2], foreign.TYPE)
Act = Callable[[web.Request], Awaitable[Answer]]


class Control:
    def __init__(self, world: World, runner: Runner, courier: Courier, wire: Wire) -> None:
        self._world = world
        self._runner = runner
        self._courier = courier
        self._wire = wire

    def routes(self) -> list[web.RouteDef]:
        table: list[tuple[str, str, Act]] = [
            ("GET", "payments", self.payments),
            ("GET", "wallets", self.wallets),
            ("PUT", "wallets/{key:.+}", self.put_wallet),
            ("GET", "disputes", self.disputes),
            ("POST", "disputes", self.post_dispute),
            ("PUT", "disputes/{id}", self.put_dispute),
            ("GET", "faults", self.faults),
            ("PUT", "faults", self.put_faults),
            ("GET", "webhooks", self.webhooks),
            ("PUT", "webhooks", self.put_webhooks),
            ("GET", "profiles", self.profiles),
            ("PUT", "profiles", self.put_profiles),
            ("GET", "clock", self.clock),
            ("PUT", "clock", self.put_clock),
            ("POST", "drain", self.drain),
            ("POST", "reset", self.reset),
            ("GET", "requests", self.requests),
        ]
        return [web.route(method, f"/_sandbox/{path}", self._handler(act)) for method, path, act in table]

    def _handler(self, act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Answer as JSON; what is wrong with a request is said in one sentence."""

        async def handle(request: web.Request) -> web.Response:
            try:
                answer = await act(request)
            except BadSetting as error:
                return web.json_response({"error": str(error)}, status=422)
            except Refused as refused:
                return web.json_response({"error": "there is no such thing"}, status=refused.status)
            self._world.store.flush()
            return web.json_response(answer)

        return handle

    async def payments(self, request: web.Request) -> Answer:
        """The whole ledger, oldest first; ``?reference=`` narrows it."""
        ledger, reference = self._world.ledger, request.query.get("reference")
        found = ledger.payments.values() if reference is None else ledger.with_reference(reference)
        return [ledger_row(each) for each in found]

    async def wallets(self, _request: web.Request) -> Answer:
        return [wallet_row(self._world, each) for each in self._world.ledger.wallets.values()]

    async def put_wallet(self, request: web.Request) -> Answer:
        wanted = await _object(request)
        return wallet_row(self._world, change_wallet(self._world, request.match_info["key"], wanted))

    async def disputes(self, _request: web.Request) -> Answer:
        return dispute_rows(self._world)

    async def post_dispute(self, request: web.Request) -> Answer:
        return post_dispute(self._world, await _object(request))

    async def put_dispute(self, request: web.Request) -> Answer:
        return put_dispute(self._world, request.match_info["id"], await _object(request))

    async def faults(self, request: web.Request) -> Answer:
        return describe(self._world.faults) if "describe" in request.query else vars(self._world.faults)

    async def put_faults(self, request: web.Request) -> Answer:
        """Set those given, keep the others; null brings a default back."""
        try:
            self._world.faults = change(self._world.faults, await _object(request))
        except ValueError as error:
            raise BadSetting(str(error)) from None
        self._courier.resize()
        self._world.keep_settings()
        return vars(self._world.faults)

    async def webhooks(self, _request: web.Request) -> Answer:
        """Where events go. The key and the authorization are not shown."""
        webhooks = self._world.webhooks
        return {
            "url": webhooks.url,
            "events": webhooks.events,
            "key_set": bool(webhooks.key),
            "authorization_set": webhooks.authorization is not None,
        }

    async def put_webhooks(self, request: web.Request) -> Answer:
        """Set those given, keep the others; ``url`` null stops all deliveries."""
        wanted = await _object(request)
        _check_webhooks(wanted)
        self._world.webhooks = Webhooks(**(vars(self._world.webhooks) | wanted))
        if self._world.webhooks.url is None:
            self._world.agenda.drop_deliveries()
        self._world.keep_settings()
        return await self.webhooks(request)

    async def profiles(self, _request: web.Request) -> Answer:
        return profiles_row(self._world)

    async def put_profiles(self, request: web.Request) -> Answer:
        """Switch those given, ``strict`` for all; keep the others."""
        try:
            set_profiles(self._world, await _object(request))
        except ValueError as error:
            raise BadSetting(str(error)) from None
        return profiles_row(self._world)

    async def clock(self, _request: web.Request) -> Answer:
        return clock_row(self._world)

    async def put_clock(self, request: web.Request) -> Answer:
        await set_clock(self._world, self._runner, await _object(request))
        return clock_row(self._world)

    async def drain(self, _request: web.Request) -> Answer:
        await self._runner.drain()
        return clock_row(self._world)

    async def reset(self, request: web.Request) -> Answer:
        """Back to the pristine state; ``{"seed": N}`` begins another world."""
        wanted = await _object(request)
        seed = wanted.get("seed")
        if set(wanted) - {"seed"} or not (seed is None or is_whole(seed, 0, 2**63)):
            raise BadSetting("seed: must be a whole number of 0 or more; nothing else can be sent")
        self._world.reset(seed)
        self._courier.begin()
        self._wire.release()
        self._world.wake()
        return {"seed": self._world.dice.seed}

    async def requests(self, _request: web.Request) -> Answer:
        """The latest gateway requests, oldest first; never a key or token."""
        return list(self._world.requests)


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        document = read_json(await request.read())
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BadSetting("the body must be a JSON object")
    return document


def _check_webhooks(wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if name not in {"url", "key", "authorization", "events"}:
            raise BadSetting(f"{name}: there is no such webhook setting")
        if name == "url" and value is not None and not is_url(value):
            raise BadSetting("url: must be an absolute http or https URL, or null")
        if name == "key" and not is_text(value, 1000):
            raise BadSetting("key: must be a string of 1 to 1000 characters")
        if name == "authorization" and value is not None and not (is_text(value, 1000) and value.isprintable()):
            raise BadSetting("authorization: must be one line of text, or null")
        known = isinstance(value, list) and all(is_one_of(each, _KNOWN_TYPES) for each in value)
        if name == "events" and value is not None and not known:
            raise BadSetting(f"events: must be null or a list of {', '.join(SHAPES)}")
