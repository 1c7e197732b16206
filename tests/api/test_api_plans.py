"""Plans and prices: looked at, archived, paused, resumed."""

from uuid import UUID

import pytest
from api_world import wanted
from harness import PLANS

from billing.domain.public_ids import Kind, public_id
from billing.operations.plans import apply_plans
from plans.catalog import DEFAULT_LIMITS, read_catalog

NO_PRICE = public_id(Kind.PRICE, UUID(int=0))


def dearer(api):
    """Raise the price of every plan of 9,900 won."""
    catalog = read_catalog(PLANS.replace("9900", "12900"), DEFAULT_LIMITS)
    apply_plans(api.world.engine, catalog, now=api.world.now)


def test_a_plan_is_shown_with_the_price_of_today(both):
    before = both.get("/v1/plans/trial")
    assert (before["object"], before["id"], before["name"]) == ("plan", "trial", "체험")
    assert (before["archived_at"], before["paused_at"]) == (None, None)
    price = before["price"]
    assert (price["object"], price["plan"], price["version"]) == ("price", "trial", 1)
    assert price["amount"] == {"amount": 9900, "currency": "KRW"}
    assert (price["interval"], price["interval_count"], price["trial_days"]) == ("month", 1, 30)
    dearer(both)
    after = both.get("/v1/plans/trial")["price"]
    assert (after["version"], after["amount"]) == (2, {"amount": 12900, "currency": "KRW"})
    assert both.data("/v1/prices", plan="trial") == [price, after]
    assert both.get(f"/v1/prices/{price['id']}") == price


def test_plans_and_prices_are_listed_in_order_page_by_page(both):
    plans = both.data("/v1/plans")
    assert [each["id"] for each in plans] == sorted(each["id"] for each in plans)
    dearer(both)
    prices = both.data("/v1/prices")
    assert [(each["plan"], each["version"]) for each in prices] == sorted(
        (each["plan"], each["version"]) for each in prices
    )
    for path, whole in (("/v1/plans", both.data("/v1/plans")), ("/v1/prices", prices)):
        seen, cursor = [], None
        while len(seen) < len(whole):
            page = both.get(path, limit=1, **({"cursor": cursor} if cursor else {}))
            seen += page["data"]
            cursor = page["next_cursor"]
            assert page["has_more"] == (len(seen) < len(whole))
        assert seen == whole


WON = {"amount": 19900, "currency": "KRW"}
PRO = {"code": "pro", "name": "프로", "amount": WON, "interval": "month"}


def test_a_plan_is_created_and_sold_at_once_and_given_another_price(both):
    made = both.post("/v1/plans", PRO | {"interval_count": 3})
    assert made.status_code == 201
    first = made.json()["price"]
    assert (first["amount"], first["interval"], first["interval_count"], first["trial_days"]) == (WON, "month", 3, 0)
    assert both.get("/v1/plans/pro") == made.json()
    enrolled = both.enrol(plan="pro")
    assert enrolled["price"] == first
    dearer = {"plan": "pro", "amount": {"amount": 24900, "currency": "KRW"}, "interval": "month"}
    second = both.post("/v1/prices", dearer)
    assert (second.status_code, second.json()["version"]) == (201, 2)
    assert both.get("/v1/plans/pro")["price"] == second.json()
    assert both.subscription(enrolled["id"])["price"] == first


def test_a_plan_or_price_that_is_there_already_is_not_made_again(api):
    assert api.post("/v1/plans", PRO).status_code == 201
    again = api.post("/v1/plans", PRO | {"name": "another"})
    assert "there is a plan pro already" in api.refused(again, 409, "conflict")
    assert again.json()["current"] == api.get("/v1/plans/pro")
    same = api.post("/v1/prices", {"plan": "pro", "amount": WON, "interval": "month"})
    assert "has this price already" in api.refused(same, 409, "conflict")
    api.post("/v1/plans/pro/archive")
    late = api.post("/v1/prices", {"plan": "pro", "amount": {"amount": 1000, "currency": "KRW"}, "interval": "month"})
    assert "archived" in api.refused(late, 409, "conflict")
    nobody = api.post("/v1/prices", {"plan": "nothing", "amount": WON, "interval": "month"})
    api.refused(nobody, 404, "not_found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "Pro"}, "code"),
        ({"code": "x" * 51}, "code"),
        ({"name": "  "}, "name"),
        ({"name": "zero\u200bwidth"}, "name"),
        ({"amount": {"amount": 49, "currency": "KRW"}}, "amount.amount"),
        ({"amount": {"amount": 2_000_001, "currency": "KRW"}}, "amount.amount"),
        ({"amount": {"amount": 9900, "currency": "USD"}}, "amount.currency"),
        ({"amount": 9900}, "amount"),
        ({"interval": "fortnight"}, "interval"),
        ({"interval_count": 0}, "interval_count"),
        ({"interval_count": 367}, "interval_count"),
        ({"trial_days": -1}, "trial_days"),
        ({"trial_days": 731}, "trial_days"),
        ({"trial_days": True}, "trial_days"),
        ({"archived": False}, "archived"),
    ],
    ids=str,
)
def test_what_cannot_be_sold_is_refused_by_name(still, change, field):
    answer = still.post("/v1/plans", PRO | change)
    still.refused(answer, 422, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == [field]
    still.refused(still.call("GET", "/v1/plans/pro"), 404, "not_found")


def test_nobody_is_enrolled_on_an_archived_plan(api):
    shown = api.post("/v1/plans/basic/archive").json()
    assert shown["archived_at"] == "2027-01-31T03:00:00Z"
    refused = api.post("/v1/subscriptions", wanted())
    assert "archived" in api.refused(refused, 409, "plan_not_on_sale")
    assert refused.json()["current"] == shown
    assert [each["id"] for each in api.data("/v1/plans", archived="true")] == ["basic"]
    assert "basic" not in [each["id"] for each in api.data("/v1/plans", archived="false")]
    again = api.post("/v1/plans/basic/archive")
    assert again.status_code == 409
    assert again.json()["current"] == api.get("/v1/plans/basic")


def test_a_paused_plan_renews_nobody_until_it_is_resumed(api):
    subscription = api.subscribe()
    assert api.post("/v1/plans/basic/pause").json()["paused_at"]
    assert "paused" in api.refused(
        api.post("/v1/subscriptions", wanted(customer_reference="x")), 409, "plan_not_on_sale"
    )
    api.sweep_at("2027-02-28 10:40")
    assert len(api.data("/v1/invoices", subscription_id=subscription)) == 1
    assert api.post("/v1/plans/basic/resume").json()["paused_at"] is None
    api.sweep_at("2027-02-28 10:50")
    assert len(api.data("/v1/invoices", subscription_id=subscription)) == 2
    assert api.post("/v1/plans/basic/resume").status_code == 409


@pytest.mark.parametrize("act", ["archive", "pause", "resume"])
def test_a_plan_that_is_not_there_is_not_found(still, act):
    still.refused(still.post(f"/v1/plans/nothing/{act}"), 404, "not_found")
    still.refused(still.call("GET", "/v1/plans/nothing"), 404, "not_found")
    still.refused(still.call("GET", f"/v1/prices/{NO_PRICE}"), 404, "not_found")
