"""Methods in lower case are taken as Checkout.com's servers take them."""

import http.client
from urllib.parse import urlsplit

import pytest
from waiting import HANG_SECONDS

from billing.sandbox import defaults


@pytest.fixture
def line(shop):
    """One connection, on which methods go out as they are written."""
    parts = urlsplit(shop.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=HANG_SECONDS)

    def ask(method, path, body=None):
        headers = {"Authorization": f"Bearer {defaults.SECRET_KEY}", "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    yield ask
    connection.close()


def test_every_method_may_be_in_lower_case_on_one_connection(shop, line):
    source = shop.enrolled()
    assert line("get", f"/instruments/{source}")[0] == 200
    assert line("patch", f"/instruments/{source}/revoke")[0] == 200
    assert line("PATCH", f"/instruments/{source}/revoke")[0] == 200
    assert line("post", "/payments/search", "{}")[0] == 200
    assert line("delete", f"/instruments/{source}")[0] == 204
    methods = [each["method"] for each in shop.control("GET", "requests")][-5:]
    assert methods == ["GET", "PATCH", "PATCH", "POST", "DELETE"]


def test_what_a_body_says_is_left_as_it_is(shop, line):
    text = "patch /payments HTTP/1.1"
    body = shop.first_body(description=text)
    import json

    assert line("post", "/payments", json.dumps(body))[0] == 202
    assert shop.get({"id": shop.ledger()[0]["id"]})["description"] == text


@pytest.mark.parametrize("method", ["Patch", "brew", "pATCH"])
def test_what_is_no_method_is_refused(line, method):
    assert line(method, "/payments/x")[0] in (400, 405)
