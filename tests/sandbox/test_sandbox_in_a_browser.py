"""The wallet as a subscriber meets it, in a real browser: no script, no style and no image from elsewhere."""

from external_tools import browser_page


def test_agreeing_pays_and_leads_back_and_the_agreement_can_be_ended(shop):
    agreements = f"{shop.url}/wallet/agreements?wallet=kim@example.test"
    first = shop.first(success_url=agreements)
    with browser_page() as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(first["_links"]["redirect"]["href"])
        assert page.get_by_text("12,900원").is_visible()
        page.get_by_role("button", name="동의하고 결제하기").click()
        page.wait_for_url("**/wallet/agreements?wallet=*")
        assert shop.status(first) == "Captured"
        page.get_by_role("link", name="샌드박스 상점").click()
        page.get_by_role("button", name="자동결제 해지하기").click()
        page.get_by_text("해지됨").wait_for()
    assert shop.control("GET", "wallets")[0]["agreement"] == "cut"
    assert all(url.startswith(shop.url) for url in asked)
