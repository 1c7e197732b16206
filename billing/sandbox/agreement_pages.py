"""The subscriber's agreements, to look at and to cut, as the wallet's own app offers it."""

from typing import Final, NamedTuple

from aiohttp import web

from billing.sandbox.html import notice, page
from billing.sandbox.records import Source
from billing.sandbox.wallet_control import set_agreement
from billing.sandbox.world import World


class _State(NamedTuple):
    """``style`` is added to the class of the tag."""

    korean: str
    english: str
    style: str


_STATES: Final = {
    "active": _State("이용 중", "active", ""),
    "cut": _State("해지됨", "ended", " off"),
    "none": _State("동의 전", "not agreed to yet", " off"),
}


class AgreementPages:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/wallet/agreements", self.index),
            web.get("/wallet/agreements/{src}", self.show),
            web.post("/wallet/agreements/{src}/cut", self.cut),
        ]

    async def index(self, request: web.Request) -> web.Response:
        """The agreements of one wallet, or without ``?wallet=`` the wallets to choose from."""
        ledger = self._world.ledger
        key = request.query.get("wallet")
        if key is None:
            return page("wallets.html", "지갑 선택", wallets=list(ledger.wallets.values()))
        wallet = ledger.wallets.get(key.lower() if "@" in key else key)
        if wallet is None:
            return notice("지갑을 찾을 수 없습니다", "There is no such wallet.", status=404)
        return page(
            "agreements.html",
            "자동결제 관리",
            wallet=wallet.key,
            sources=[ledger.sources[each] for each in wallet.sources],
            states=_STATES,
            merchant=self._world.options.merchant,
        )

    async def show(self, request: web.Request) -> web.Response:
        source = self._world.ledger.sources.get(request.match_info["src"])
        return _unknown() if source is None else self._detail(source)

    async def cut(self, request: web.Request) -> web.Response:
        """End the agreement; later charges will be declined. A second time changes nothing."""
        source = self._world.ledger.sources.get(request.match_info["src"])
        if source is None:
            return _unknown()
        if source.agreement == "active":
            set_agreement(self._world, source, "cut")
            self._world.store.flush()
        return web.Response(status=303, headers={"Location": f"/wallet/agreements/{source.id}"})

    def _detail(self, source: Source) -> web.Response:
        charged = [
            each
            for each in self._world.ledger.of_wallet(source.wallet)
            if each.source_id == source.id and each.captured
        ]
        return page(
            "agreement.html",
            "자동결제 상세",
            source=source,
            state=_STATES[source.agreement],
            first=self._world.ledger.payments.get(source.payment_id),
            latest=max(charged, key=lambda each: each.captured_at or 0, default=None),
            charges=len(charged),
            merchant=self._world.options.merchant,
        )


def _unknown() -> web.Response:
    return notice("자동결제를 찾을 수 없습니다", "There is no such agreement.", status=404)
