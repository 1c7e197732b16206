import pytest

from billing.entrypoints.api.return_urls import return_url_refusal

LISTED = ["https://app.test:8443", "https://shop.test", "http://127.0.0.1", "http://localhost:3000"]


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://app.test:8443/billing/done?x=1#y", True),
        ("https://APP.test:8443", True),
        ("https://app.test/billing", False),
        ("https://app.test:443/billing", False),
        ("http://app.test:8443/billing", False),
        ("https://evil.app.test:8443/billing", False),
        ("https://app.test:8443.evil.test/", False),
        ("https://shop.test", True),
        ("https://shop.test:443/anything", True),
        ("https://shop.test:9000/anything", False),
        ("http://shop.test/", False),
        ("https://shop.test.", False),
        ("https://shop.test@evil.test/", False),
        ("http://127.0.0.1:3000/done", True),
        ("http://127.0.0.1/done", True),
        ("http://127.1/done", False),
        ("http://2130706433/done", False),
        ("http://localhost:3000/done", True),
        ("http://localhost:3001/done", False),
        ("javascript:alert(1)", False),
    ],
)
def test_a_listed_origin_matches_scheme_host_and_port(url, allowed):
    assert (return_url_refusal(url, LISTED, https_only=False) is None) is allowed


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("com.example.shop://paid", None),
        ("com.example.shop://paid/now?plan=basic#top", None),
        ("COM.EXAMPLE.SHOP:/paid", None),
        ("com.example.shop:", "name a place in the app"),
        ("com.example.shop://", "name a place in the app"),
        ("com.example.shops://paid", "not listed in api.app_schemes (com.example.shop)"),
        ("com.example.shop://me@paid", "user name"),
        ("com.example.shop://paid/../x", "in its path"),
        ("javascript:alert(1)", "not listed"),
        ("intent://paid#Intent;scheme=com.example.shop;end", "not listed"),
        ("//paid", "must be an absolute URL"),
    ],
)
def test_an_app_is_opened_by_a_listed_scheme_only(url, refusal):
    told = return_url_refusal(url, LISTED, https_only=True, app_schemes=["com.example.shop"], on_a_phone=True)
    assert told is None if refusal is None else refusal in str(told)


def test_a_browser_on_a_computer_is_sent_to_no_app():
    told = return_url_refusal("shop://paid", LISTED, https_only=True, app_schemes=["shop"], on_a_phone=False)
    assert "terminal_type WEB" in str(told)


def test_in_live_mode_only_https_will_do():
    assert "https" in str(return_url_refusal("http://127.0.0.1/done", LISTED, https_only=True))
    assert return_url_refusal("https://shop.test/done", LISTED, https_only=True) is None


def test_where_nothing_is_listed_nobody_is_sent_anywhere():
    assert "(nothing)" in str(return_url_refusal("https://shop.test/", [], https_only=False))
