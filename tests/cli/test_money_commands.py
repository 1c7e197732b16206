"""`billing charges`, `invoices`, `refunds` and `sources`: against a gateway of their own."""

import pytest

from billing.domain.public_ids import Kind, public_id, uuid_of


@pytest.fixture
def paid(world, shop):
    """A subscriber with one captured charge."""
    world.subscribe("kim")
    return shop


@pytest.fixture
def unpaid(world, shop):
    """A subscriber whose renewal was declined for want of money."""
    world.subscribe("kim")
    world.wallet("kim@example.test", script=["20051"])
    world.live_through("2027-02-28 12:00")
    return shop


def charge(shop, state):
    return shop.billing("charges", "list", "--state", state, "--json").json[0]


def test_a_charge_shows_why_it_was_made(lived):
    row = lived.billing("charges", "list", "--subscription", "cust-park", "--state", "captured", "--json").json[0]
    told = lived.billing("charges", "show", row["id"][:11]).words
    assert "₩9,900 for 2027-02-28 to 2027-03-30: an automatic renewal." in told
    assert "The subscription is to plan basic at price version 1, ₩9,900 every month." in told
    assert "The subscriber agreed to be charged in the KakaoPay wallet on 2027-01-31 12:" in told
    assert "It was attempt 2, because the ones before it did not succeed." in told
    assert row["gateway_payment_id"] in told


def test_a_declined_charge_shows_code_class_and_next_try(unpaid):
    told = unpaid.billing("charges", "show", charge(unpaid, "declined")["id"]).words
    assert "declined (code 20051; retry_later: the wallet may pay on another day)" in told
    assert "Next try on 2027-03-01 10:" in told
    assert "no money was taken by this attempt" in told


def test_a_charge_is_found_by_reference_and_by_the_gateways_id(lived):
    row = charge(lived, "captured")
    for meant in (row["reference"], row["gateway_payment_id"], row["id"][:9]):
        assert lived.billing("charges", "show", meant, "--json").json["charge"]["id"] == row["id"]


def test_a_failed_charge_is_retried_by_hand(unpaid, world):
    told = unpaid.billing("charges", "retry", charge(unpaid, "declined")["id"], answer="y\n")
    assert told.code == 0, told.err
    assert "Charge ₩9,900 to cust-kim again, now? [y/N]" in told.err
    assert "Attempt 2 is pending" in told.out
    world.wait(minutes=30)
    shown = unpaid.billing("subscriptions", "show", "cust-kim").words
    assert "a retry that a person asked for. by cli:" in shown
    assert "active" in shown


def test_a_retry_of_what_is_paid_is_refused(lived):
    told = lived.billing("charges", "retry", charge(lived, "captured")["id"], "--yes")
    assert told.code == 1
    assert "nothing is owed" in told.err


def test_a_retry_while_stopped_is_refused(lived):
    lived.billing("stop", "wait")
    jung = lived.billing("charges", "list", "--subscription", "cust-jung", "--state", "declined", "--json").json[0]
    told = lived.billing("charges", "retry", jung["id"], "--yes")
    assert (told.code, told.err) == (1, "error: charging is stopped: wait\n")


def test_a_refund_asks_and_is_given(paid, world):
    ident = charge(paid, "captured")["id"]
    told = paid.billing("refunds", "create", ident, "--amount", "3000", "-r", "too late", answer="y\n")
    assert "Give back ₩3,000 of ₩9,900 to cust-kim? [y/N]" in told.err
    assert "of ₩3,000 is pending" in told.out
    world.wait(minutes=10)
    rest = paid.billing("refunds", "create", ident, "--yes", "--json").json
    assert rest["amount_minor"] == 6900
    world.wait(minutes=10)
    assert [row["state"] for row in paid.billing("refunds", "list", "--charge", ident, "--json").json] == [
        "refunded",
        "refunded",
    ]
    assert "Given back ₩6,900 refunded, ₩3,000 refunded" in paid.billing("charges", "show", ident).words
    assert "nothing of charge" in paid.billing("refunds", "create", ident, "--yes").err


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        ("49", "₩49 is under the smallest refund KakaoPay takes, ₩50"),
        ("9901", "₩9,901 is more than the ₩9,900 that is left to refund"),
        ("9899", "it would leave ₩1, which could never be refunded"),
    ],
)
def test_a_refund_that_cannot_be_is_refused(lived, amount, refusal):
    before = lived.ask("SELECT COUNT(*) FROM refund")
    park = lived.billing("charges", "list", "--subscription", "cust-park", "--state", "captured", "--json").json[0]
    told = lived.billing("refunds", "create", park["id"], "--amount", amount, "--yes")
    assert told.code == 1
    assert refusal in told.err
    assert lived.ask("SELECT COUNT(*) FROM refund") == before


def test_a_source_is_revoked_and_never_charged_again(paid, world):
    source = paid.billing("subscriptions", "show", "cust-kim", "--json").json["subscription"]["gateway_source_id"]
    told = paid.billing("sources", "revoke", source, answer="y\n")
    assert "is revoked: Checkout.com revoked it." in told.out
    shown = paid.billing("subscriptions", "show", "cust-kim").words
    assert "The KakaoPay agreement ended: it is never charged again. by cli:" in shown
    before = len(world.payments())
    world.live_through("2027-03-02 12:00")
    assert len(world.payments()) == before


def test_one_sweep_is_done_by_hand_and_tells_what_it_did(paid):
    told = paid.billing("run-due", "--at", "2027-02-28 10:45", "--json").json
    assert told["acts"] == {"charges_accepted": 1, "charges_started": 1, "invoices_issued": 1}
    assert told["problems"] == []
    assert "Nothing was due" in paid.billing("run-due", "--at", "2027-02-28 10:45").out


def test_a_sweep_with_problems_exits_1_and_tells_them(unpaid):
    unpaid.billing("stop", "wait")
    told = unpaid.billing("run-due", "--at", "2027-03-01 12:00")
    assert (told.code, told.err) == (1, "error: charging is stopped: wait\n")


def test_a_sweep_in_the_past_is_refused(lived):
    told = lived.billing("run-due", "--at", "2026-01-01")
    assert told.code == 1
    assert "does not run backwards" in told.err


def test_an_open_invoice_is_retried_by_hand(unpaid, world):
    row = unpaid.billing("invoices", "list", "--state", "open", "--json").json[0]
    told = unpaid.billing("invoices", "retry", row["id"][:12], answer="y\n")
    assert "Charge ₩9,900 to cust-kim again, now? [y/N]" in told.err
    assert "Attempt 2 is pending" in told.out
    again = unpaid.billing("invoices", "retry", row["id"], "--yes")
    assert (again.code, "under way" in again.err) == (1, True)
    world.wait(minutes=30)
    assert unpaid.billing("invoices", "list", "--state", "open").out == "There are no such invoices.\n"


def test_an_invoice_is_voided_or_written_off_with_a_reason(unpaid):
    row = unpaid.billing("invoices", "list", "--state", "open", "--json").json[0]
    assert unpaid.billing("invoices", "uncollectible", row["id"], answer="no\n").code == 1
    told = unpaid.billing("invoices", "uncollectible", row["id"], "-r", "moved abroad", answer="y\n")
    assert "Write off the invoice of ₩9,900 to cust-kim for 2027-02-28 to 2027-03-30? It is" in told.err
    assert "is uncollectible; its subscription is active." in told.out
    told = unpaid.billing("invoices", "void", row["id"], "-r", "never owed", "--yes", "--json").json
    assert (told["state"], told["subscription_state"]) == ("void", "active")
    shown = unpaid.billing("subscriptions", "show", "cust-kim").words
    assert "The invoice was written off: moved abroad. by cli:" in shown
    assert "Nothing is owed any more: the subscription is active again." in shown
    assert "The invoice was voided: never owed." in shown
    again = unpaid.billing("invoices", "void", row["id"], "--yes")
    assert (again.code, "is void already" in again.err) == (1, True)


def test_an_invoice_is_found_by_its_ids_and_by_a_charge_and_not_by_an_id_of_something_else(lived):
    row = charge(lived, "captured")
    invoice = uuid_of(Kind.INVOICE, row["invoice_id"])
    for meant in (str(invoice), invoice.hex[:9], row["invoice_id"], row["invoice_id"][:10], row["reference"]):
        assert row["invoice_id"] in lived.billing("invoices", "void", meant, "--yes").err
    told = lived.billing("invoices", "void", public_id(Kind.CHARGE, invoice), "--yes")
    assert (told.code, "the id of an invoice begins with inv_" in told.err) == (1, True)
    told = lived.billing("invoices", "void", public_id(Kind.INVOICE, uuid_of(Kind.CHARGE, row["id"])), "--yes")
    assert told.err.startswith("error: there is no invoice inv_")


def test_a_customer_is_shown_and_erased_when_everything_has_ended(paid):
    told = paid.billing("customers", "show", "cust-kim").words
    assert "Reference cust-kim Name kim E-mail kim@example.test" in told
    assert "Country KR (as configured) Checkout.com cus_" in told
    assert "is in SG." in paid.billing("customers", "update", "cust-kim", "--country", "SG", "-r", "moved").out
    wrong = paid.billing("customers", "update", "cust-kim", "--country", "Korea")
    assert (wrong.code, "country must be the ISO 3166-1 alpha-2 code" in wrong.err) == (1, True)
    assert paid.billing("customers", "show", "cust-kim", "--json").json["customer"]["country"] == "SG"
    assert "is in KR, as configured." in paid.billing("customers", "update", "cust-kim", "--country", "").out
    refused = paid.billing("customers", "erase", "cust-kim", "--yes")
    assert refused.code == 1
    assert "cannot be erased yet: sub_" in refused.err
    paid.billing("subscriptions", "cancel", "cust-kim", "--now", "--yes")
    assert paid.billing("customers", "erase", "cust-kim", answer="no\n").code == 1
    told = paid.billing("customers", "erase", "cust-kim", "-r", "asked by letter", answer="y\n")
    assert "Erase customer cust-kim (kim)? This cannot be undone. [y/N]" in told.err
    assert told.out == "Customer cust-kim is erased.\n"
    shown = paid.billing("customers", "show", "cust-kim", "--json").json
    assert (shown["customer"]["name"], shown["customer"]["phone"], shown["sources"][0]["state"]) == (
        "",
        None,
        "revoked",
    )
    assert "kim@" not in paid.billing("customers", "list", "--json").out
    ident = shown["customer"]["id"]
    assert paid.billing("customers", "erase", ident, "--yes", "--json").json["untold_sources"] == []
    assert "there is no customer cust-nobody" in paid.billing("customers", "show", "cust-nobody").err.replace("'", "")


def test_a_list_that_goes_on_says_so_and_json_is_cut_alike(lived):
    for what in ("subscriptions", "invoices", "charges", "customers", "sources"):
        assert "These are the newest 1; --limit shows more." in lived.billing(what, "list", "-n", "1").out
        assert len(lived.billing(what, "list", "-n", "1", "--json").json) == 1
        assert "--limit shows more" not in lived.billing(what, "list").out
