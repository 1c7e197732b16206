"""The example SaaS as a subscriber lives with it, in a real browser: join, a month, a failed charge, leaving."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
from external_tools import ROOT, browser_page
from playwright.sync_api import Page
from waiting import HANG_SECONDS, until

EMAIL = "haneul@example.test"


@dataclass
class Shop:
    """What was started with one command, from outside."""

    url: str
    wallets: str
    config: str

    def a_while_passes(self, how_long: str) -> None:
        command = [sys.executable, "-m", "billing.entrypoints.cli.main", "--config", self.config]
        subprocess.run([*command, "clock", "advance", how_long], check=True, capture_output=True, timeout=HANG_SECONDS)

    def wallet_does(self, **written: object) -> None:
        answer = httpx2.put(f"{self.wallets}/_sandbox/wallets/{EMAIL}", json=written)
        assert answer.status_code == 200, answer.text


@contextmanager
def shop_of_one_command() -> Iterator[Shop]:
    command = [sys.executable, ROOT / "examples" / "saas" / "run.py", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        try:
            told = [re.search(pattern, line) for pattern, line in zip(PRINTED, lines, strict=True)]
            assert all(told), lines + process.stdout.readlines()
            yield Shop(*(each[1] for each in told))
        finally:
            process.terminate()
            rest = process.communicate(timeout=HANG_SECONDS)[0]
    assert (process.returncode, rest) == (0, "")


PRINTED = (r"sign up\): +(\S+)", r"wallet\): +(http://[^/]+)/", r"--config (\S+)")


def joins(page: Page, shop: Shop) -> None:
    page.goto(shop.url)
    page.get_by_label("이름").fill("김하늘")
    page.get_by_label("이메일").fill("haneul@nowhere")
    page.get_by_role("button", name="카카오페이로 시작하기").click()
    page.get_by_text("이메일 주소를 확인해 주세요").wait_for()
    assert page.get_by_label("이름").input_value() == "김하늘"
    page.get_by_label("이메일").fill(EMAIL)
    page.get_by_role("button", name="카카오페이로 시작하기").click()
    page.get_by_role("button", name="동의하고 결제하기").click()
    page.get_by_text("환영해요").wait_for()


def may_read(page: Page, shop: Shop) -> bool:
    return page.goto(f"{shop.url}/read").status == 200 and page.get_by_text("천천히 가는 것을").is_visible()


def account_says(page: Page, shop: Shop) -> str:
    page.goto(f"{shop.url}/account")
    return page.locator("#state").inner_text()


def is_told(page: Page, words: str | None) -> None:
    """Wait for what a webhook tells the SaaS, which comes a moment later than what it asks for itself."""
    notice = page.locator(".notice")

    def told() -> bool:
        page.reload()
        return notice.count() == 0 if words is None else notice.get_by_text(words).count() > 0

    until(told, f"the notice {words!r}", every=0.1)


def errors_seen_by(*tabs: Page) -> list[str]:
    """Return a list into which every page that fails is written, now and later."""
    seen: list[str] = []
    for tab in tabs:
        tab.on(
            "response", lambda answer: seen.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None
        )
    return seen


def day_of(page: Page, what: str) -> str:
    return page.locator("dt", has_text=what).locator("+ dd").inner_text()


def test_a_subscriber_lives_with_the_example():
    with shop_of_one_command() as shop, browser_page() as page:
        assert not may_read(page, shop)
        joins(page, shop)
        assert may_read(page, shop)
        assert account_says(page, shop) == "이용 중"
        first_renewal = day_of(page, "다음 결제일")

        shop.a_while_passes("32d")
        assert account_says(page, shop) == "이용 중"
        second_renewal = day_of(page, "다음 결제일")
        assert second_renewal > first_renewal

        shop.wallet_does(balance=0)
        shop.a_while_passes("31d")
        assert account_says(page, shop) == "결제 실패"
        assert day_of(page, "다시 시도하는 날") > second_renewal
        is_told(page, "결제가 되지 않았어요")
        assert may_read(page, shop), "whoever is tried again keeps what they have"

        shop.wallet_does(balance=None)
        shop.a_while_passes("4d")
        assert account_says(page, shop) == "이용 중"
        is_told(page, None)

        page.get_by_role("button", name="구독 해지하기").click()
        last_day = day_of(page, "해지 예정일")
        page.get_by_role("button", name="해지 취소하기").click()
        page.get_by_role("button", name="구독 해지하기").click()
        assert day_of(page, "해지 예정일") == last_day
        assert may_read(page, shop), "what is paid for stays"
        shop.a_while_passes("32d")
        assert account_says(page, shop) == "해지됨"
        is_told(page, "구독이 끝났어요")
        assert not may_read(page, shop)


def test_no_button_that_is_pressed_twice_and_no_page_from_before_breaks_anything():
    with shop_of_one_command() as shop, browser_page() as page:
        other = page.context.new_page()
        seen = errors_seen_by(page, other)
        joins(page, shop)
        page.reload()
        other.goto(page.url)
        assert other.get_by_text("환영해요").is_visible(), "who comes back twice is welcomed twice"
        for act, undone in (("구독 해지하기", "해지 취소하기"), ("해지 취소하기", "구독 해지하기")):
            for tab in (page, other):
                tab.goto(f"{shop.url}/account")
            for tab in (page, other):  # the second one presses the button of a page from before
                tab.get_by_role("button", name=act).click()
                tab.get_by_role("button", name=undone).wait_for()
        for act in ("cancel", "cancel", "stay", "stay"):  # as a double click sends it, whatever the page shows by then
            assert page.request.post(f"{shop.url}/account/{act}").status == 200
        assert account_says(page, shop) == "이용 중"
        joins_again = page.request.post(f"{shop.url}/join", form={"name": "김하늘", "email": EMAIL, "plan": "basic"})
        assert (joins_again.status, joins_again.url) == (200, f"{shop.url}/account")
        for path in ("/", "/read", "/account", "/welcome", "/account/nothing-known"):
            page.goto(f"{shop.url}{path}")
            page.reload()
        assert page.request.post(f"{shop.url}/account/wallet", max_redirects=0).status == 303
        assert seen == []


def test_a_port_that_is_in_use_is_said_before_anything_is_started():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, ROOT / "examples" / "saas" / "run.py", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_SECONDS)
    assert done.returncode == 1
    assert done.stderr.startswith(f"port {port} cannot be used (Address already in use): is this example running")
    assert done.stdout == ""
