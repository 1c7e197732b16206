"""Lists: newest first, page by page, each thing once, whatever is made meanwhile."""

import pytest
from sqlalchemy import event

from billing.entrypoints.api.models import ChargeQuery, InvoiceQuery, RefundQuery, SubscriptionQuery
from billing.entrypoints.api.shapes import PageQuery


def enrolled(api, number, **changes):
    return api.enrol(customer_reference=f"cust-{number}", email=f"c{number}@example.test", **changes)["id"]


def walked(api, path, **query):
    """Return the ids on each page."""
    pages, cursor = [], {}
    while True:
        page = api.get(path, **query, **cursor)
        pages.append([each["id"] for each in page["data"]])
        assert page["object"] == "list"
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            return pages
        cursor = {"cursor": page["next_cursor"]}


def test_subscriptions_are_listed_newest_first_page_by_page(both):
    made = []
    for number in range(5):
        both.go_to(f"2027-01-31 12:0{number // 2}")  # two at each instant
        made.append(enrolled(both, number))
    pages = walked(both, "/v1/subscriptions", limit=2)
    assert [len(page) for page in pages] == [2, 2, 1]
    seen = [each for page in pages for each in page]
    assert seen[0] == made[4]
    assert [set(seen[1:3]), set(seen[3:5])] == [set(made[2:4]), set(made[0:2])]
    assert walked(both, "/v1/subscriptions", limit=5) == [seen]


def test_a_page_is_not_moved_by_what_is_made_while_it_is_read(api):
    made = []
    for number in range(4):
        api.go_to(f"2027-01-31 12:0{number}")
        made.append(enrolled(api, number))
    first = api.get("/v1/subscriptions", limit=2)
    api.go_to("2027-01-31 12:05")
    enrolled(api, 5)
    rest = api.get("/v1/subscriptions", limit=2, cursor=first["next_cursor"])
    assert [each["id"] for each in rest["data"]] == [made[1], made[0]]
    assert not rest["has_more"]


def test_subscriptions_are_found_by_customer_plan_state_and_when_they_were_made(both):
    early = enrolled(both, 0)
    both.go_to("2027-02-01 12:00")
    late = both.subscribe(customer_reference="cust-0", email="c0@example.test", plan="yearly")
    enrolled(both, 1)

    def found(**query):
        return {each["id"] for each in both.data("/v1/subscriptions", **query)}

    customer = both.subscription(early)["customer_id"]
    assert found(customer_reference="cust-0") == found(customer_id=customer) == {early, late}
    assert found(customer_reference="nobody") == set()
    assert found(plan="yearly") == found(state="active") == {late}
    assert found(customer_reference="cust-0", plan="basic", state="incomplete") == {early}
    assert found(created_before="2027-02-01T03:00:00Z") == {early}
    assert found(created_from="2027-02-01T12:00:00+09:00", customer_id=customer) == {late}
    assert found(created_from="2027-01-31T03:00:00Z", created_before="2027-01-31T03:00:00.000001Z") == {early}


def test_invoices_charges_and_refunds_are_listed_by_subscription_or_customer(both):
    subscription = both.subscribe()
    both.subscribe(customer_reference="cust-lee", email="lee@example.test")
    both.sweep_at("2027-02-28 10:40")
    both.sweep_at("2027-02-28 10:50")
    customer = both.subscription(subscription)["customer_id"]
    invoices = both.data("/v1/invoices", subscription_id=subscription)
    assert [(each["kind"], each["state"]) for each in invoices] == [("renewal", "paid"), ("first", "paid")]
    assert invoices[0]["period"] == {"start": "2027-02-28", "end": "2027-03-31"}
    assert both.data("/v1/invoices", customer_id=customer) == invoices
    assert both.data("/v1/invoices", customer_id=customer, state="open") == []
    assert both.get(f"/v1/invoices/{invoices[0]['id']}") == invoices[0]
    charges = both.data("/v1/charges", customer_id=customer)
    assert both.data("/v1/charges", subscription_id=subscription, state="captured") == charges
    assert [[each["id"]] for each in charges] == [each["charge_ids"] for each in invoices]
    assert both.data("/v1/charges", invoice_id=invoices[1]["id"]) == charges[1:]
    assert both.get(f"/v1/charges/{charges[0]['id']}") == charges[0]
    assert charges[0]["amount"] == {"amount": 9900, "currency": "KRW"}
    assert charges[0]["amount_refunded"] == {"amount": 0, "currency": "KRW"}
    assert (charges[0]["customer_id"], charges[0]["subscription_id"]) == (customer, subscription)
    made = both.post("/v1/refunds", {"charge_id": charges[0]["id"], "reason": "x"}).json()
    for query in ({"customer_id": customer}, {"subscription_id": subscription}, {"charge_id": charges[0]["id"]}):
        assert [each["id"] for each in both.data("/v1/refunds", **query)] == [made["id"]]
    assert both.data("/v1/refunds", charge_id=charges[1]["id"]) == []
    assert walked(both, "/v1/invoices", customer_id=customer, limit=1) == [[each["id"]] for each in invoices]
    assert walked(both, "/v1/charges", customer_id=customer, limit=1) == [[each["id"]] for each in charges]


def test_a_list_costs_the_same_few_queries_however_long_it_is(api):
    for plan in ("basic", "yearly", "trial"):
        api.subscribe(plan=plan)
    customer = api.data("/v1/subscriptions")[0]["customer_id"]
    for path in ("/v1/subscriptions", "/v1/invoices", "/v1/charges", "/v1/refunds", "/v1/sources"):
        one, all_of_them = (queries(api, path, customer_id=customer, limit=limit) for limit in (1, 3))
        assert one == all_of_them
        assert 1 <= one <= 3


def queries(api, path, **query):
    """Count the statements that read for one request."""
    asked = []

    def count(_connection, _cursor, statement, *_more):
        asked.append(statement)

    engine = api.world.engine.database.engine
    event.listen(engine, "before_cursor_execute", count)
    try:
        api.get(path, **query)
    finally:
        event.remove(engine, "before_cursor_execute", count)
    return sum(1 for each in asked if each.lstrip().startswith("SELECT"))


@pytest.mark.parametrize("model", [SubscriptionQuery, InvoiceQuery, ChargeQuery, RefundQuery, PageQuery])
def test_a_page_holds_twenty_unless_told_and_a_hundred_at_most(model):
    limit = model.model_json_schema()["properties"]["limit"]
    assert (limit["default"], limit["minimum"], limit["maximum"]) == (20, 1, 100)
