"""The pages: Korean first, English second. No script, no style from elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from html import escape
from zoneinfo import ZoneInfo

from members import Member

from billing.client.models import Event, Plan, Subscription

SEOUL = ZoneInfo("Asia/Seoul")
STYLE = """
*{box-sizing:border-box}body{margin:0;background:#faf7f2;color:#25221d;word-break:keep-all;
font:17px/1.65 system-ui,"Apple SD Gothic Neo","Noto Sans KR","Noto Sans CJK KR","Malgun Gothic",sans-serif}
nav{display:flex;justify-content:space-between;align-items:center;max-width:40rem;margin:0 auto;padding:22px 20px}
nav a{color:inherit;text-decoration:none}nav .logo{font-weight:800;font-size:20px;letter-spacing:-.02em}
nav span a{margin-left:18px;color:#6b6357}main{max-width:40rem;margin:0 auto;padding:8px 20px 64px}
h1{font-size:34px;line-height:1.3;letter-spacing:-.03em;margin:28px 0 10px}h2{font-size:19px;margin:0 0 6px}
p{margin:0 0 14px}small,[lang=en]{color:#7d7466;font-size:14px}
p [lang=en],h1 [lang=en],.notice [lang=en]{display:block;line-height:1.5}
h1 [lang=en]{font-size:16px;font-weight:500;letter-spacing:0;margin-top:6px}
.card{background:#fff;border:1px solid #ebe4d8;border-radius:18px;padding:24px;margin:18px 0}
.notice{background:#fff4d6;border-color:#f0dca4}.quote{font:22px/1.75 "Nanum Myeongjo","Noto Serif KR",serif}
label{display:block;margin-bottom:14px;font-weight:600;font-size:15px}
input{display:block;width:100%;margin-top:5px;padding:13px 14px;font:inherit;font-weight:400;border:1px solid #d8cfbf;
border-radius:12px}
.plans{display:grid;gap:10px;margin-bottom:18px}.plans label{display:flex;gap:12px;align-items:center;margin:0;
padding:14px 16px;border:1px solid #d8cfbf;border-radius:12px;font-weight:500}.plans input{width:auto;margin:0}
.plans b{margin-left:auto}.plans label:has(:checked){border-color:#25221d;box-shadow:inset 0 0 0 1px #25221d}
button,.button{display:block;width:100%;padding:15px;border:0;border-radius:14px;background:#25221d;color:#fff;
font:inherit;font-weight:700;text-align:center;text-decoration:none;cursor:pointer}
button.kakao{background:#fee500;color:#191600}button.plain{background:none;color:#8c2f1b;font-weight:600;
border:1px solid #e3c9c1}button [lang=en],.button [lang=en]{
display:block;font-size:13px;font-weight:400;color:inherit;opacity:.75}
dl{display:grid;grid-template-columns:auto 1fr;gap:8px 18px;margin:14px 0 20px}
dt{color:#7d7466}dd{margin:0;text-align:right}
.tag{background:#e4f0e6;color:#1f5f33;border-radius:99px;padding:2px 12px;font-size:14px;font-weight:700}
.tag.late{background:#fbe3d6;color:#8c2f1b}
:focus-visible{outline:3px solid #d98a1f;outline-offset:2px}
"""
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


def both(korean: str, english: str) -> str:
    """Return a text in both languages."""
    return f'{korean}<span lang="en">{english}</span>'


def page(title: str, content: str, member: Member | None = None, *, refresh: int | None = None) -> str:
    """Return a whole page, with the member's notice if there is one."""
    links = '<a href="/read">읽기</a><a href="/account">내 구독</a>' if member else ""
    notice = f'<div class="card notice" role="status">{member.notice}</div>' if member and member.notice else ""
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        f'<!doctype html><html lang="ko"><head><meta charset="utf-8">{again}'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)} · 오늘의 문장</title>'
        f'<style>{STYLE}</style></head><body><nav><a class="logo" href="/">오늘의 문장</a><span>{links}</span></nav>'
        f"<main>{notice}{content}</main></body></html>"
    )


FIELDS = {"name": ("이름을", "name"), "email": ("이메일 주소를", "e-mail address"), "plan": ("요금제를", "plan")}
AS_AN_EXAMPLE = "예제라서 비밀번호를 묻지 않아요. 실제 서비스에서는 본인인지 꼭 확인하세요."


def sign_up(plans: tuple[Plan, ...], form: Mapping[str, str], wrong: Sequence[str] = ()) -> str:
    """Return the page to join on, filled in as before, with the fields that were wrong."""
    choices = "".join(
        f'<label><input type="radio" name="plan" value="{plan.id}" {"checked" if number == 0 else ""}>'
        f"{escape(plan.name)}<b>{money(plan.price.amount.amount)} / {per(plan)}</b></label>"
        for number, plan in enumerate(plans)
    )
    named = [FIELDS[field] for field in wrong if field in FIELDS] or [("입력한 내용을", "form")] * bool(wrong)
    told = "".join(
        f'<div class="card notice" role="alert">{both(f"{korean} 확인해 주세요.", f"Check the {english}.")}</div>'
        for korean, english in named
    )
    name, email = escape(form.get("name", "")), escape(form.get("email", ""))
    return page(
        "가입",
        f"<h1>{both('매일 아침, 한 문장.', 'One sentence, every morning.')}</h1>"
        f"<p>{both('언제든지 해지할 수 있어요.', 'Leave whenever you like.')}</p>{told}"
        '<form class="card" method="post" action="/join"><label>이름 <small lang="en">Name</small>'
        f'<input name="name" required maxlength="100" autocomplete="name" value="{name}"></label>'
        '<label>이메일 <small lang="en">E-mail</small>'
        f'<input name="email" type="email" required autocomplete="email" value="{email}"></label>'
        f'<div class="plans">{choices}</div>'
        f'<button class="kakao">{both("카카오페이로 시작하기", "Start with KakaoPay")}</button></form>'
        f"<p>{both(AS_AN_EXAMPLE, 'This example asks for no password. A real service makes sure who you are.')}</p>",
    )


def waiting(member: Member) -> str:
    """Return the page for the seconds until the payment is known; it asks again by itself."""
    text = both("결제를 확인하고 있어요.", "Your payment is being looked up; this takes a few seconds.")
    return page("확인 중", f'<div class="card" role="status"><p>{text}</p></div>', member, refresh=2)


def later() -> str:
    """Return the page while no payment can begin: the wallet does not answer, or the operator stopped charging."""
    return page(
        "잠시 후 다시",
        f"<h1>{both('지금은 결제를 시작할 수 없어요.', 'No payment can be started now.')}</h1>"
        f"<p>{both('요금은 청구되지 않았어요. 잠시 후 다시 시도해 주세요.', 'You were not charged.')}</p>"
        f'<a class="button" href="/">{both("다시 해 보기", "Try again")}</a>',
    )


def not_paid(member: Member) -> str:
    """Return the page for a member who came back without a payment."""
    return page(
        "결제 안 됨",
        f"<h1>{both('결제가 되지 않았어요.', 'The payment was not made.')}</h1>"
        f'<a class="button" href="/">{both("다시 해 보기", "Try again")}</a>',
        member,
    )


def welcome(member: Member) -> str:
    """Return the page after the first payment."""
    return page(
        "환영합니다",
        f"<h1>{both(f'{escape(member.name)} 님, 환영해요!', 'Welcome!')}</h1>"
        f'<a class="button" href="/read">{both("오늘의 문장 읽기", "Read the sentence of today")}</a>',
        member,
    )


def sentence(member: Member, until: date | None) -> str:
    """Return what members pay for."""
    known = (
        f"<small>{both(f'{until:%Y.%m.%d} 전까지 읽을 수 있어요. ', 'Yours until that day.')}</small>" if until else ""
    )
    return page(
        "읽기",
        '<div class="card"><p class="quote">천천히 가는 것을 두려워 말고, 멈추는 것을 두려워하라.</p>'
        f'<p lang="en">Be not afraid of going slowly; be afraid only of standing still.</p>{known}</div>',
        member,
    )


def closed(member: Member | None) -> str:
    """Return the gate, for those who may not read."""
    return page(
        "구독이 필요해요",
        f"<h1>{both('구독하면 읽을 수 있어요.', 'This is for subscribers.')}</h1>"
        f'<a class="button" href="/">{both("구독하기", "Subscribe")}</a>',
        member,
    )


def account(member: Member, subscription: Subscription | None) -> str:
    """Return a member's subscription with what can be done about it."""
    if subscription is None:
        return closed(member)
    korean, english, is_late = STATES[subscription.state]
    facts = [("요금제", escape(subscription.plan_name)), ("요금", money(subscription.price.amount.amount))]
    if subscription.next_due_at:
        facts.append(("다음 결제일", day(subscription.next_due_at)))
    if subscription.next_attempt_at:
        facts.append(("다시 시도하는 날", day(subscription.next_attempt_at)))
    if subscription.cancel_at:
        facts.append(("해지 예정일", day(subscription.cancel_at)))
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    acts = ""
    if subscription.source_required or subscription.state == "past_due":
        acts += _button("wallet", "kakao", "카카오페이 다시 연결하기", "Connect KakaoPay again")
    if subscription.cancel_at:
        acts += _button("stay", "", "해지 취소하기", "Keep my subscription")
    elif subscription.state in ("active", "trialing", "past_due", "paused"):
        acts += _button("cancel", "plain", "구독 해지하기", "Cancel at the end of what is paid")
    elif subscription.state in ("canceled", "incomplete_expired"):
        acts += f'<a class="button" href="/">{both("다시 구독하기", "Subscribe again")}</a>'
    return page(
        "내 구독",
        f'<div class="card"><h2>{escape(member.name)} 님의 구독 '
        f'<span class="tag{" late" if is_late else ""}" id="state">{korean}</span></h2>'
        f"<small lang=en>{english}</small><dl>{rows}</dl>{acts}</div>",
        member,
    )


def notice_of(event: Event) -> str | None:
    """Return what a member is told of an event: nothing any more when it is empty, nothing new when it is None."""
    match event.type:
        case "invoice.payment_failed" if event.data.get("next_attempt_at"):
            again = day(datetime.fromisoformat(event.data["next_attempt_at"]))
            return both(
                f"결제가 되지 않았어요. {again}에 다시 시도합니다.", "A payment failed; it will be tried again."
            )
        case "subscription.source_required":
            return both("카카오페이 연결이 끊어졌어요. 다시 연결해 주세요.", "Please connect KakaoPay again.")
        case "subscription.canceled":
            return both("구독이 끝났어요.", "Your subscription has ended.")
        case "subscription.activated" | "subscription.renewed" | "subscription.recovered":
            return ""
    return None


def _button(act: str, style: str, korean: str, english: str) -> str:
    button = f'<button class="{style}">{both(korean, english)}</button>'
    return f'<form method="post" action="/account/{act}"><p>{button}</p></form>'


def money(amount: int) -> str:
    return f"{amount:,}원"


def per(plan: Plan) -> str:
    return {"day": "일", "week": "주", "month": "월", "year": "년"}[plan.price.interval]


def day(instant: datetime) -> str:
    return f"{instant.astimezone(SEOUL):%Y.%m.%d}"
