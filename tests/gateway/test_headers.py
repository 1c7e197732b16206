"""What every call says of itself, whether it has a body or not."""

from datetime import UTC, datetime
from importlib.metadata import version

import pytest
from requests_to_send import a_refund, a_renewal, fresh_client
from scripted_server import ScriptedServer, answer

SINCE, UNTIL = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 3, 2, tzinfo=UTC)
CALLS = {
    "create_payments": lambda client: client.create_payments([a_renewal()]),
    "create_refunds": lambda client: client.create_refunds([a_refund()]),
    "find_by_id": lambda client: client.find_by_id(["pay_1"]),
    "find_by_reference": lambda client: client.find_by_reference(["ref"]),
    "find_refunds": lambda client: client.find_refunds(["pay_1"]),
    "search_payments": lambda client: client.search_payments(SINCE, UNTIL, limit=10),
    "list_disputes": lambda client: client.list_disputes(SINCE, limit=10),
    "find_disputes": lambda client: client.find_disputes(["dsp_1"]),
    "revoke_source": lambda client: client.revoke_sources(["src_1"]),
    "check_health": lambda client: client.check_health(),
}


@pytest.mark.parametrize("call", CALLS)
def test_every_call_names_its_content_type_what_it_takes_and_who_we_are(call):
    with ScriptedServer([answer(500)]) as server, fresh_client(server.url) as client:
        CALLS[call](client)
        (request,) = server.requests
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "application/json"
    assert request.headers["user-agent"] == f"kakaopay-billing/{version('kakaopay-billing')}"
