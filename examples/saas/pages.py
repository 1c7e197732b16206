"""The pages, from the files in ``templates``: Korean first, English second. No script, no style from elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from members import Member

from billing.client.models import Event, Plan, Subscription

SEOUL = ZoneInfo("Asia/Seoul")
STATES = {
    "incomplete": ("결제 대기", "waiting for the wallet", True),
    "incomplete_expired": ("결제 시간 지남", "the time to pay is over", True),
    "trialing": ("체험 중", "on trial", False),
    "active": ("이용 중", "active", False),
    "past_due": ("결제 실패", "payment failed", True),
    "paused": ("일시 정지", "paused", True),
    "unpaid": ("미납", "unpaid", True),
    "canceled": ("해지됨", "ended", True),
}
FIELDS = {"name": ("이름을", "name"), "email": ("이메일 주소를", "e-mail address"), "plan": ("요금제를", "plan")}


def page(template: str, member: Member | None = None, **values: Any) -> str:
    """Return a whole page, with the member's notice if there is one. Every value is escaped."""
    return TEMPLATES.get_template(template).render(member=member, **values)


def sign_up(plans: tuple[Plan, ...], form: Mapping[str, str], wrong: Sequence[str] = ()) -> str:
    """Return the page to join on, filled in as before, with the fields that were wrong."""
    named = [FIELDS[field] for field in wrong if field in FIELDS] or [("입력한 내용을", "form")] * bool(wrong)
    return page("sign_up.html", plans=plans, form=form, wrong=named)


def waiting(member: Member) -> str:
    """Return the page for the seconds until the payment is known; it asks again by itself."""
    return page("waiting.html", member)


def later() -> str:
    """Return the page while no payment can begin: the wallet does not answer, or the operator stopped charging."""
    return page("later.html")


def away() -> str:
    """Return the page while the billing engine does not answer."""
    return page("away.html")


def not_paid(member: Member) -> str:
    """Return the page for a member who came back without a payment."""
    return page("not_paid.html", member)


def welcome(member: Member) -> str:
    """Return the page after the first payment."""
    return page("welcome.html", member)


def sentence(member: Member, until: date | None) -> str:
    """Return what members pay for."""
    return page("sentence.html", member, until=until)


def closed(member: Member | None) -> str:
    """Return the gate, for those who may not read."""
    return page("closed.html", member)


def account(member: Member, subscription: Subscription | None) -> str:
    """Return a member's subscription with what can be done about it."""
    if subscription is None:
        return closed(member)
    korean, english, is_late = STATES[subscription.state]
    return page("account.html", member, subscription=subscription, korean=korean, english=english, is_late=is_late)


def notice_of(event: Event) -> str | None:
    """Return what a member is told of an event, a line in Korean and one in English.

    It is empty when there is nothing to tell any more, and None when there is nothing new.
    """
    match event.type:
        case "invoice.payment_failed" if event.data.get("next_attempt_at"):
            again = day(datetime.fromisoformat(event.data["next_attempt_at"]))
            return f"결제가 되지 않았어요. {again}에 다시 시도합니다.\nA payment failed; it will be tried again."
        case "subscription.source_required":
            return "카카오페이 연결이 끊어졌어요. 다시 연결해 주세요.\nPlease connect KakaoPay again."
        case "subscription.canceled":
            return "구독이 끝났어요.\nYour subscription has ended."
        case "subscription.activated" | "subscription.renewed" | "subscription.recovered":
            return ""
    return None


def won(amount: int) -> str:
    return f"{amount:,}원"


def per(interval: str) -> str:
    return {"day": "일", "week": "주", "month": "월", "year": "년"}[interval]


def day(instant: datetime) -> str:
    return f"{instant.astimezone(SEOUL):%Y.%m.%d}"


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters.update(won=won, per=per, day=day)
