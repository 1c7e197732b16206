"""A small SaaS that sells a sentence a day: what it asks the billing engine, and what it is told by it.

Settings come from the environment: BILLING_URL and BILLING_KEY, WEBHOOK_SECRET, SAAS_URL, SAAS_FILE.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

import pages
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from members import Member, Members

from billing.client import (
    Billing,
    BillingError,
    Conflict,
    InvalidRequest,
    NotAuthentic,
    NotFound,
    Unavailable,
    verify_webhook,
)
from billing.client.models import Subscription

BILLING = Billing(os.environ["BILLING_URL"], os.environ["BILLING_KEY"])
URL = os.environ["SAAS_URL"]
MEMBERS = Members(Path(os.environ["SAAS_FILE"]))
COOKIE, SECRET = "member", secrets.token_bytes(32)
app = FastAPI(title="오늘의 문장", openapi_url=None)


async def body_of(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(body_of)]


def form_of(body: Body) -> dict[str, str]:
    """Return what a form was filled in with."""
    return dict(parse_qsl(body.decode(errors="replace")))


Form = Annotated[dict[str, str], Depends(form_of)]


# --- joining -----------------------------------------------------------------------------------------


@app.get("/")
def sign_up() -> Response:
    return HTMLResponse(pages.sign_up(BILLING.plans.list().data, {}))


@app.post("/join")
def join(form: Form) -> Response:
    """Make a member and send them to KakaoPay. Pressed twice it goes on with the same subscription."""
    member = MEMBERS.join(form.get("name", ""), form.get("email", ""))
    try:
        made = BILLING.subscriptions.create(
            plan=form.get("plan", ""),
            customer_reference=member.reference,
            name=member.name,
            email=member.email,
            terminal_type="WEB",
            success_url=f"{URL}/welcome",
            failure_url=f"{URL}/welcome",
        )
    except InvalidRequest as problem:
        # What the API says of a field is for developers; members are told in their own language.
        wrong = [error.field for error in problem.errors] or ["?"]
        return HTMLResponse(pages.sign_up(BILLING.plans.list().data, form, wrong), 422)
    except Unavailable:
        return HTMLResponse(pages.later(), 503)
    except Conflict:  # they are subscribed already
        return signed_in(member, "/account")
    MEMBERS.remember(member, made.customer_id)
    return signed_in(member, made.redirect_url or "/welcome")


@app.get("/welcome")
def welcome(request: Request, payment: str = "pending") -> Response:
    """Where KakaoPay sends the subscriber back to. What the address says is a hint; the subscription counts."""
    member = member_of(request)
    subscription = subscription_of(member)
    if member is None or subscription is None:
        return RedirectResponse("/", 303)
    if subscription.state in ("active", "trialing"):
        return HTMLResponse(pages.welcome(member))
    if payment == "pending" and subscription.state == "incomplete":
        return HTMLResponse(pages.waiting(member))
    return HTMLResponse(pages.not_paid(member))


# --- what is paid for --------------------------------------------------------------------------------


@app.get("/read")
def read(request: Request) -> Response:
    """The gate asks who may use what: never a state, which says nothing about paid days and grace."""
    member = member_of(request)
    try:
        rights = BILLING.customers.access(member.reference).plans if member else ()
    except NotFound:
        rights = ()
    allowed = next((each for each in rights if each.allowed), None)
    if member is None or allowed is None:
        return HTMLResponse(pages.closed(member), 402)
    return HTMLResponse(pages.sentence(member, allowed.until))


@app.get("/account")
def account(request: Request) -> Response:
    member = member_of(request)
    return HTMLResponse(pages.account(member, subscription_of(member))) if member else RedirectResponse("/", 303)


@app.post("/account/{act}")
def change(act: str, request: Request) -> Response:
    """Cancel at the end of what is paid, take that back, or make a new agreement in the wallet."""
    subscription = subscription_of(member_of(request))
    if subscription is None:
        return RedirectResponse("/", 303)
    try:
        return RedirectResponse(change_subscription(act, subscription) or "/account", 303)
    except Conflict:  # a button that was pressed twice, or on a page from before: show how it stands now
        return RedirectResponse("/account", 303)


def change_subscription(act: str, subscription: Subscription) -> str | None:
    """Do what a button says; return where to go on, if not back to the account."""
    if act == "cancel":
        BILLING.subscriptions.cancel(subscription.id, at="period_end", reason="canceled on the account page")
    elif act == "stay":
        BILLING.subscriptions.undo_cancel(subscription.id)
    elif act == "wallet":
        made = BILLING.subscriptions.replace_source(
            subscription.id, terminal_type="WEB", success_url=f"{URL}/account", failure_url=f"{URL}/account"
        )
        return made.redirect_url
    return None


# --- what the engine tells ---------------------------------------------------------------------------


@app.post("/webhooks/billing")
def take_webhook(request: Request, body: Body) -> Response:
    """Believe nothing that is not signed, do nothing twice, and answer quickly. What counts is asked for again."""
    try:
        event = verify_webhook(body, request.headers, os.environ["WEBHOOK_SECRET"])
    except NotAuthentic:
        return Response(status_code=401)
    notice = pages.notice_of(event)
    if event.customer_id and notice is not None:
        MEMBERS.notify_once(event.id, event.customer_id, notice)
    return Response(status_code=204)


# --- who is asking -----------------------------------------------------------------------------------


def signed_in(member: Member, to: str) -> Response:
    """Send a member on, with a cookie that nobody else can make."""
    answer = RedirectResponse(to, 303)
    answer.set_cookie(COOKIE, f"{member.id}.{_seal(member.id)}", httponly=True, samesite="lax")
    return answer


def member_of(request: Request) -> Member | None:
    told, _, seal = request.cookies.get(COOKIE, "").partition(".")
    if not told.isdecimal() or not hmac.compare_digest(seal, _seal(int(told))):
        return None
    return MEMBERS.find(int(told))


def subscription_of(member: Member | None) -> Subscription | None:
    """Return the newest subscription of a member."""
    if member is None:
        return None
    return next(iter(BILLING.subscriptions.list(customer_reference=member.reference, limit=1).data), None)


def _seal(member_id: int) -> str:
    return hmac.new(SECRET, str(member_id).encode(), hashlib.sha256).hexdigest()


@app.exception_handler(BillingError)
def billing_is_away(_request: Request, _error: BillingError) -> Response:
    return HTMLResponse(pages.away(), 503)
