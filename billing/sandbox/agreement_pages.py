"""The subscriber's agreements, to look at and to cut, as the wallet's own app offers it."""

from html import escape
from urllib.parse import quote

from aiohttp import web

from billing.sandbox.html import facts, moment, money, notice, page
from billing.sandbox.records import Source
from billing.sandbox.wallet_control import set_agreement
from billing.sandbox.world import World

_STATES = {
    "active": ("이용 중", "active", ""),
    "cut": ("해지됨", "ended", " off"),
    "none": ("동의 전", "not agreed to yet", " off"),
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
        key = request.query.get("wallet")
        if key is None:
            return self._wallets()
        wallet = self._world.ledger.wallets.get(key.lower() if "@" in key else key)
        if wallet is None:
            return notice("지갑을 찾을 수 없습니다", "There is no such wallet.", status=404)
        rows = [
            _row(f"/wallet/agreements/{each}", self._world.options.merchant, self._tag(each)) for each in wallet.sources
        ]
        return page("자동결제 관리", _list("자동결제 관리", wallet.key, rows))

    async def show(self, request: web.Request) -> web.Response:
        source = self._world.ledger.sources.get(request.match_info["src"])
        return _unknown() if source is None else page("자동결제 상세", self._detail(source))

    async def cut(self, request: web.Request) -> web.Response:
        """End the agreement; later charges will be declined. A second time changes nothing."""
        source = self._world.ledger.sources.get(request.match_info["src"])
        if source is None:
            return _unknown()
        if source.agreement == "active":
            set_agreement(self._world, source, "cut")
            self._world.store.flush()
        return web.Response(status=303, headers={"Location": f"/wallet/agreements/{source.id}"})

    def _wallets(self) -> web.Response:
        rows = [
            _row(_list_url(key), key, f"<small>{len(wallet.sources)}건</small>")
            for key, wallet in self._world.ledger.wallets.items()
        ]
        return page("지갑 선택", _list("지갑 선택", "Choose a wallet", rows))

    def _tag(self, source_id: str) -> str:
        korean, _, style = _STATES[self._world.ledger.sources[source_id].agreement]
        return f'<span class="tag{style}">{korean}</span>'

    def _detail(self, source: Source) -> str:
        first = self._world.ledger.payments.get(source.payment_id)
        korean, english, style = _STATES[source.agreement]
        charged = [
            each
            for each in self._world.ledger.of_wallet(source.wallet)
            if each.source_id == source.id and each.captured
        ]
        latest = max(charged, key=lambda each: each.captured_at or 0, default=None)
        pairs = [
            ("지갑", source.wallet),
            ("동의한 날", moment(source.agreed_at)),
            ("해지한 날", moment(source.cut_at)),
            ("첫 결제", money(first.amount, first.currency) if first else ""),
            ("최근 결제", money(latest.captured, latest.currency) if latest else ""),
            ("최근 결제일", moment(latest.captured_at) if latest else ""),
            ("결제 횟수", f"{len(charged)}회"),
            ("상점의 상태", "상점이 사용을 중지함" if source.revoked else ""),
        ]
        end = (
            f'<form method="post" action="/wallet/agreements/{source.id}/cut">'
            '<button class="no">자동결제 해지하기</button></form>'
            '<small lang="en">End this agreement: the shop can no longer charge this wallet.</small>'
        )
        return (
            f'<div class="card"><h1>{escape(self._world.options.merchant)}</h1>'
            f'<span class="tag{style}">{korean} · {english}</span>{facts(pairs)}</div>'
            f"{end if source.agreement == 'active' else ''}"
            f'<a class="button out" href="{escape(_list_url(source.wallet))}">목록으로</a>'
        )


def _list_url(wallet: str) -> str:
    return f"/wallet/agreements?wallet={quote(wallet)}"


def _row(url: str, name: str, tag: str) -> str:
    return f'<a class="row" href="{escape(url)}"><span>{escape(name)}</span>{tag}</a>'


def _list(title: str, under: str, rows: list[str]) -> str:
    content = "".join(rows) or "<p>아직 없습니다.<small lang=en>Nothing here yet.</small></p>"
    return f'<div class="card"><h1>{escape(title)}</h1><small>{escape(under)}</small>{content}</div>'


def _unknown() -> web.Response:
    return notice("자동결제를 찾을 수 없습니다", "There is no such agreement.", status=404)
