"""The pages a subscriber sees on a phone."""

import pytest

BANNER = "샌드박스 · 실제 결제가 아닙니다 (Sandbox \N{EN DASH} no real money)"
EVIL = "<script>alert('x')</script>"


def show(shop, payment):
    return shop.call("GET", payment["_links"]["redirect"]["href"].removeprefix(shop.url))


def test_the_wallet_page_says_who_how_much_and_that_it_recurs(shop):
    answer = show(shop, shop.first())
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for text in (
        BANNER,
        "12,900원",
        "정기 결제",
        "샌드박스 상점",
        "동의하고 결제하기",
        "거절하기",
        "나가기",
        "Tea",
    ):
        assert text in answer.text
    assert "<script" not in answer.text
    assert "http://" not in answer.text.replace(shop.url, "")


def test_a_one_off_payment_does_not_say_that_it_recurs(shop):
    text = show(shop, shop.first(payment_type="Regular", currency="HKD", amount=12905)).text
    assert "HKD 129.05" in text
    assert "정기 결제" not in text
    assert "다시 묻지 않고" not in text


def test_what_comes_from_outside_is_escaped(shop):
    first = shop.first(items=[{"name": EVIL}], customer={"email": "<b>@x.test", "name": EVIL}, reference="<i>1</i>")
    assert "<script" not in show(shop, first).text
    assert "<i>1</i>" not in show(shop, first).text
    assert "&lt;script&gt;" in show(shop, first).text
    shop.agree(first)
    for path in ("", "?wallet=%3Cb%3E@x.test", f"/{first['source']['id']}"):
        assert "<b>@" not in shop.call("GET", f"/wallet/agreements{path}").text
    first = shop.first(success_url='https://shop.test/"><script>', reference="first-2")
    shop.agree(first)
    assert "<script" not in show(shop, first).text


def test_agreeing_twice_shows_the_result_and_charges_once(shop):
    shop.script("kim@example.test", balance=20000)
    first = shop.first()
    assert shop.agree(first).status_code == 303
    again = shop.agree(first)
    assert again.status_code == 200
    assert "결제가 완료되었습니다" in again.text
    assert "결제가 완료되었습니다" in show(shop, first).text
    assert shop.control("GET", "wallets")[0]["balance"] == 7100
    assert "완료" in shop.press(first, "reject").text
    assert shop.status(first) == "Captured"


def test_a_declined_consent_goes_to_the_failure_page(shop):
    shop.script("kim@example.test", balance=1)
    first = shop.first()
    assert shop.agree(first).headers["Location"] == f"https://shop.test/ko?cko-payment-id={first['id']}"
    assert "거절되었습니다" in show(shop, first).text


def test_an_expired_link_says_so(shop):
    first = shop.first()
    shop.at("2026-03-01T00:15:00Z")
    assert "결제 시간이 지났습니다" in show(shop, first).text
    assert "결제 시간이 지났습니다" in shop.agree(first).text
    assert shop.status(first) == "Expired"


def test_consent_still_being_processed_says_so_and_cannot_be_taken_back(shop):
    shop.script("kim@example.test", first_payment=["pending:1"])
    first = shop.first()
    assert shop.agree(first).headers["Location"].startswith("https://shop.test/ok")
    assert "처리하고 있습니다" in show(shop, first).text
    shop.press(first, "reject")
    shop.at("2026-03-01T01:00:00Z")
    assert shop.status(first) == "Captured"


@pytest.mark.parametrize(("name", "url"), [("ref", "https://shop.test/ko?ref={id}"), ("", "https://shop.test/ko")])
def test_the_return_parameter_can_be_another_or_none(shop, name, url):
    shop.faults(return_parameter=name)
    first = shop.first()
    assert shop.press(first, "leave").headers["Location"] == url.format(id=first["id"])


@pytest.mark.parametrize("button", ["", "/agree", "/reject", "/leave"])
def test_an_unknown_link_is_a_page_too(shop, button):
    answer = shop.call("POST" if button else "GET", f"/wallet/w_nope{button}")
    assert answer.status_code == 404
    assert BANNER in answer.text
    assert "결제를 찾을 수 없습니다" in answer.text


def test_the_subscriber_sees_and_cuts_the_agreement(shop):
    source = shop.enrolled()
    path = f"/wallet/agreements/{source}"
    assert source in shop.call("GET", "/wallet/agreements?wallet=KIM@example.test").text
    page = shop.call("GET", path).text
    for text in (BANNER, "이용 중", "자동결제 해지하기", "12,900원", "2026년 3월 1일 09:00", "1회"):
        assert text in page
    for _ in range(2):
        assert shop.call("POST", f"{path}/cut").headers["Location"] == path
    page = shop.call("GET", path).text
    assert "해지됨" in page
    assert "자동결제 해지하기" not in page
    assert shop.control("GET", "wallets")[0]["agreement"] == "cut"


def test_wallets_can_be_chosen_from_a_list(shop):
    assert "아직 없습니다" in shop.call("GET", "/wallet/agreements").text
    shop.enrolled()
    assert "/wallet/agreements?wallet=kim%40example.test" in shop.call("GET", "/wallet/agreements").text
    assert shop.call("GET", "/wallet/agreements?wallet=nobody").status_code == 404
    assert shop.call("GET", "/wallet/agreements/src_nope").status_code == 404
    assert shop.call("POST", "/wallet/agreements/src_nope/cut").status_code == 404
