"""What the subscriber sees: the page behind ``_links.redirect``, and their agreements."""

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from billing.sandbox.agreement_pages import AgreementPages
from billing.sandbox.html import facts, moment, money, notice, page
from billing.sandbox.records import Payment
from billing.sandbox.settling import agree, reject
from billing.sandbox.world import World

#: Status → what the result page says, in Korean and English.
_RESULTS = {
    "Captured": ("결제가 완료되었습니다", "The payment is done."),
    "Partially Refunded": ("결제가 일부 환불되었습니다", "Part of the payment has been refunded."),
    "Refunded": ("결제가 환불되었습니다", "The payment has been refunded."),
    "Declined": ("결제가 거절되었습니다", "The payment was declined."),
    "Expired": ("결제 시간이 지났습니다", "The time to pay is over."),
    "Canceled": ("결제가 취소되었습니다", "The payment was canceled."),
    "Voided": ("결제가 취소되었습니다", "The payment was voided."),
    "Returned": ("결제 금액이 반환되었습니다", "The payment was returned."),
    **dict.fromkeys(("Paid", "Partially Captured"), ("결제가 완료되었습니다", "The payment is done.")),
    **dict.fromkeys(("Authorized", "Retry Scheduled"), ("결제를 처리하고 있습니다", "The payment is being processed.")),
    "Pending": ("결제를 처리하고 있습니다", "The payment is being processed."),
}
_FAILED = frozenset({"Declined", "Expired", "Canceled", "Voided"})


class WalletPages:
    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            *AgreementPages(self._world).routes(),
            web.get("/wallet/{token}", self.show),
            web.post("/wallet/{token}/agree", self.agree),
            web.post("/wallet/{token}/reject", self.reject),
            web.post("/wallet/{token}/leave", self.leave),
        ]

    async def show(self, request: web.Request) -> web.Response:
        payment = self._payment(request)
        if payment is None:
            return _unknown()
        if payment.status != "Pending" or payment.agreed:
            return self._result(payment)
        return page("결제 확인", self._question(payment))

    async def agree(self, request: web.Request) -> web.Response:
        """Agree and pay; the second time only shows what came of the first."""
        payment = self._payment(request)
        if payment is None:
            return _unknown()
        if payment.status != "Pending" or payment.agreed:
            return self._result(payment)
        agree(self._world, payment)
        self._world.store.flush()
        # Still Pending counts as success here: the landing page proves nothing, as in the real world.
        return self._return(payment, success=payment.status not in _FAILED)

    async def reject(self, request: web.Request) -> web.Response:
        payment = self._payment(request)
        if payment is None:
            return _unknown()
        if payment.status != "Pending" or payment.agreed:
            return self._result(payment)
        reject(self._world, payment)
        self._world.store.flush()
        return self._return(payment, success=False)

    async def leave(self, request: web.Request) -> web.Response:
        """Go back without a decision: the payment stays Pending until it expires."""
        payment = self._payment(request)
        return _unknown() if payment is None else self._return(payment, success=False)

    def _payment(self, request: web.Request) -> Payment | None:
        return self._world.ledger.by_token(request.match_info["token"])

    def _return(self, payment: Payment, *, success: bool) -> web.Response:
        url = self._return_url(payment, success=success)
        return web.Response(status=303, headers={"Location": url, "Referrer-Policy": "no-referrer"})

    def _return_url(self, payment: Payment, *, success: bool) -> str:
        """The merchant's page, with ``cko-payment-id`` added as Checkout.com's hosted pages do."""
        url, name = (
            payment.success_url if success else payment.failure_url,
            self._world.faults.return_parameter,
        )
        if not name:
            return url
        parts = urlsplit(url)
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), (name, payment.id)])
        return urlunsplit(parts._replace(query=query))

    def _question(self, payment: Payment) -> str:
        """Merchant, amount, whether it recurs, and the three ways on."""
        recurring = payment.payment_type == "Recurring"
        kind = "정기 결제 · Recurring" if recurring else "한 번만 결제 · One-time"
        consent = (
            '<p class="note">동의하면 지금 결제되고, 앞으로는 이 상점이 정해진 날에 '
            "<b>다시 묻지 않고</b> 결제합니다. 금액은 바뀔 수 있으며 언제든지 해지할 수 있습니다."
            "<small lang=en>If you agree you pay now, and this shop may charge you again without asking. "
            "You can end it at any time.</small></p>"
        )
        items = payment.echo.get("items") or [{}]
        pairs = [
            ("상품", str(items[0].get("name") or "")),
            ("주문 번호", payment.reference),
            ("지갑", str(payment.echo["customer"].get("email") or payment.wallet)),
            ("유효 시간", moment(payment.expires_at)),
        ]
        return (
            f'<div class="card"><small>{escape(self._world.options.merchant)}에 결제</small>'
            f'<div class="amount">{escape(money(payment.amount, payment.currency))}</div>'
            f'<span class="tag">{kind}</span>{consent if recurring else ""}{facts(pairs)}</div>'
            + _button(payment, "agree", "go", "동의하고 결제하기", "Agree and pay")
            + _button(payment, "reject", "no", "거절하기", "Reject")
            + _button(payment, "leave", "out", "나중에 하기 (나가기)", "Leave without deciding")
        )

    def _result(self, payment: Payment) -> web.Response:
        korean, english = _RESULTS[payment.status]
        back = self._return_url(payment, success=payment.status not in _FAILED)
        more = (
            facts([("상점", self._world.options.merchant), ("금액", money(payment.amount, payment.currency))])
            + f'<a class="button go" href="{escape(back)}" rel="noreferrer">상점으로 돌아가기</a>'
        )
        return notice(korean, english, more)


def _button(payment: Payment, act: str, style: str, korean: str, english: str) -> str:
    return (
        f'<form method="post" action="/wallet/{payment.token}/{act}">'
        f'<button class="{style}">{korean}<small lang="en">{english}</small></button></form>'
    )


def _unknown() -> web.Response:
    return notice("결제를 찾을 수 없습니다", "There is no such payment, or its link is over.", status=404)
