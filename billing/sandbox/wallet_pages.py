"""What the subscriber sees: the page behind ``_links.redirect``, and their agreements."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from billing.sandbox.agreement_pages import AgreementPages
from billing.sandbox.html import notice, page
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
        return self._question(payment)

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

    def _question(self, payment: Payment) -> web.Response:
        items = payment.echo.get("items") or [{}]
        return page(
            "question.html",
            "결제 확인",
            payment=payment,
            is_recurring=payment.payment_type == "Recurring",
            item=str(items[0].get("name") or ""),
            wallet=str(payment.echo["customer"].get("email") or payment.wallet),
            merchant=self._world.options.merchant,
        )

    def _result(self, payment: Payment) -> web.Response:
        korean, english = _RESULTS[payment.status]
        back = self._return_url(payment, success=payment.status not in _FAILED)
        return page(
            "result.html", korean, english=english, payment=payment, back=back, merchant=self._world.options.merchant
        )


def _unknown() -> web.Response:
    return notice("결제를 찾을 수 없습니다", "There is no such payment, or its link is over.", status=404)
