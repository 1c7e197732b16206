"""``billing.client`` and the API: every operation has a method, every method is an operation."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pytest
from api_world import APP
from external_tools import ROOT
from harness import NO_CERTIFICATES

from billing.client import (
    AsyncBilling,
    Billing,
    BillingError,
    Conflict,
    InvalidRequest,
    NotFound,
    Omit,
    Problem,
    Retries,
    Unauthorized,
)
from billing.client.async_resources import AsyncResources
from billing.client.resources import Resources
from billing.config.settings import SANDBOX_API_KEY

NOWHERE = {"no_such_path", "method_not_allowed"}
KIM = {"plan": "basic", "customer_reference": "cust-kim", "name": "김철수", "email": "kim@example.test"}
WEB = {"terminal_type": "WEB", **APP}


@pytest.fixture
def billing(api):
    with Billing(api.url, SANDBOX_API_KEY, tls=NO_CERTIFICATES, retries=Retries(attempts=1)) as made:
        yield made


def methods(kind):
    """Name every method of every resource: ``subscriptions.cancel``."""
    resources = vars(kind(None))
    return [
        f"{resource}.{name}"
        for resource, made in resources.items()
        for name, _ in inspect.getmembers(type(made), inspect.isfunction)
        if not name.startswith("_")
    ]


def something(wanted: Any) -> Any:
    """Return a value of a type; what it says does not matter."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return something(inner[0])
    if origin is Literal:
        return inner[0]
    if Omit in inner or type(None) in inner:
        return something(next(each for each in inner if each not in (type(None), Omit)))
    if origin in (Mapping, dict):
        return {}
    if origin in (Sequence, tuple):
        return [something(inner[0])]
    known = {
        str: "x",
        int: 1,
        bool: True,
        float: 1.0,
        date: date(2027, 1, 31),
        datetime: datetime(2027, 1, 31, tzinfo=UTC),
    }
    return known[wanted]


def problem_of(called, given):
    try:
        told = called(**given)
        if inspect.isgenerator(told):
            next(told, None)
    except Problem as problem:
        return problem
    return None


async def problem_met(api, method, given):
    settings = {"tls": NO_CERTIFICATES, "retries": Retries(attempts=1)}
    async with AsyncBilling(api.url, SANDBOX_API_KEY, **settings) as billing:
        told = attrgetter(method)(billing)(**given)
        try:
            await (anext(told, None) if inspect.isasyncgen(told) else told)
        except Problem as problem:
            return problem
    return None


def test_the_client_is_written_from_the_document_as_it_is_now():
    command = [sys.executable, "-m", "tools.write_client", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_both_clients_have_the_same_methods():
    assert methods(Resources) == methods(AsyncResources)
    assert "subscriptions.cancel" in methods(Resources)


@pytest.mark.parametrize("method", methods(Resources))
def test_a_method_and_all_its_parameters_are_known_to_the_api(api, billing, method):
    """Whatever else may be wrong with what is asked for: path, method and the name of every field are right."""
    called = attrgetter(method)(billing)
    hints = get_type_hints(called, include_extras=True)
    given = {each: something(hints[each]) for each in inspect.signature(called).parameters}
    for problem in (problem_of(called, given), asyncio.run(problem_met(api, method, given))):
        if problem is not None:
            assert problem.code not in NOWHERE
            assert not [each for each in problem.errors if "is not known" in each.detail]


def test_a_subscription_from_first_to_last(api, billing):
    made = billing.subscriptions.create(**KIM, **WEB)
    assert made.state == "incomplete"
    assert api.come_back(made.redirect_url).status_code == 303
    found = billing.subscriptions.get(made.id)
    assert (found.object, found.state, found.price.amount.amount, found.price.amount.currency) == (
        "subscription",
        "active",
        9900,
        "KRW",
    )
    [right] = billing.customers.access("cust-kim").plans
    assert (right.plan, right.allowed, right.until) == ("basic", True, found.paid_through)
    canceled = billing.subscriptions.cancel(found.id, at="period_end", reason="enough")
    assert canceled.cancel_at is not None
    assert canceled.cancel_at.utcoffset() is not None
    assert billing.subscriptions.undo_cancel(found.id).cancel_at is None


def test_the_same_call_under_the_same_key_is_carried_out_once(billing):
    first = billing.subscriptions.create(**KIM, **WEB, idempotency_key="order-1")
    again = billing.subscriptions.create(**KIM, **WEB, idempotency_key="order-1")
    assert again == first
    with pytest.raises(InvalidRequest) as caught:
        billing.subscriptions.create(**KIM | {"name": "김영희"}, **WEB, idempotency_key="order-1")
    assert caught.value.code == "idempotency_key_reused"


def test_going_through_a_list_asks_for_page_after_page(api, billing):
    ids = {api.enrol(customer_reference=f"cust-{number}")["id"] for number in range(5)}
    page = billing.subscriptions.list(limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    found = [each.id for each in billing.subscriptions.iterate(limit=2)]
    assert (len(found), set(found)) == (5, ids)
    assert list(billing.subscriptions.iterate(state="canceled")) == []


def test_going_through_the_events_ends_where_the_feed_ends(api, billing):
    api.subscribe()

    async def all_of_them(**query):
        async with AsyncBilling(api.url, SANDBOX_API_KEY, tls=NO_CERTIFICATES) as client:
            return [each.id async for each in client.events.iterate(**query)]

    whole = [each.id for each in billing.events.list(limit=100).data]
    assert len(whole) > 3
    assert [each.id for each in billing.events.iterate(limit=3)] == whole
    assert asyncio.run(all_of_them(limit=3)) == whole
    assert [each.id for each in billing.events.iterate(limit=1, after=whole[1])] == whole[2:]


def test_problems_are_errors_of_their_kind(api, billing):
    with pytest.raises(NotFound, match="there is no") as caught:
        billing.subscriptions.get(f"sub_{'a' * 26}")
    assert caught.value.code == "not_found"
    with pytest.raises(InvalidRequest) as caught:
        billing.subscriptions.create(**KIM | {"email": "nowhere"}, **WEB)
    assert [each.field for each in caught.value.errors] == ["email"]
    subscription = api.subscribe()
    billing.subscriptions.cancel(subscription, at="now")
    with pytest.raises(Conflict) as caught:
        billing.subscriptions.pause(subscription)
    assert caught.value.current["state"] == "canceled"
    with Billing(api.url, "bk_test_wrong", tls=NO_CERTIFICATES) as stranger, pytest.raises(Unauthorized):
        stranger.plans.list()


def test_the_asynchronous_client_does_the_same(api):
    async def live():
        async with AsyncBilling(api.url, SANDBOX_API_KEY, tls=NO_CERTIFICATES) as billing:
            made = await asyncio.gather(
                *(billing.subscriptions.create(**KIM | {"customer_reference": f"c-{n}"}, **WEB) for n in range(3))
            )
            listed = [each.id async for each in billing.subscriptions.iterate(limit=2)]
            assert sorted(listed) == sorted(each.id for each in made)
            with pytest.raises(BillingError):
                await billing.subscriptions.get("sub_of_nobody")

    asyncio.run(live())


def test_whoever_installs_the_client_has_its_types_checked(tmp_path):
    user = tmp_path / "user.py"
    user.write_text(
        "from billing.client import Billing\n"
        "reveal_type(Billing('https://x', 'k').subscriptions.get('sub_x').state)\n"
        "Billing('https://x', 'k').subscriptions.get('sub_x').nonexistent\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", tmp_path / "cache", user]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    revealed, wrong = done.stdout.splitlines()
    assert 'Revealed type is "Literal[' in revealed
    assert 'has no attribute "nonexistent"' in wrong


def test_importing_the_client_brings_none_of_the_engine():
    program = "import billing.client, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert [each for each in loaded if each.startswith("billing.") and not each.startswith("billing.client")] == []
    assert {"sqlalchemy", "fastapi", "structlog", "plans"}.isdisjoint(loaded)
