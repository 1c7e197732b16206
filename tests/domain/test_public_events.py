"""What is told outside of what happened: nothing is told by accident, and nothing personal at all."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from billing.domain import audit
from billing.domain.event_types import EventType
from billing.domain.public_data import Facts, Recorded
from billing.domain.public_events import (
    INTERNAL,
    PUBLIC,
    PUBLIC_TYPES,
    internal_types,
    meaning_of,
    public_event,
    subject_of,
    unknown_patterns,
    wants,
)
from billing.domain.public_ids import NotAnId
from billing.domain.states import (
    CHARGE_MOVES,
    INVOICE_MOVES,
    OBLIGATION_MOVES,
    REFUND_MOVES,
    REVOCATION_MOVES,
    SOURCE_MOVES,
    SUBSCRIPTION_MOVES,
)
from plans.calendar import Period
from plans.money import Money
from tools.event_examples import DATA, REACHED, example_of, examples

AT = datetime(2027, 3, 1, 1, 12, 30, 5, tzinfo=UTC)
SUBSCRIPTION, CUSTOMER, CHARGE, INVOICE = (UUID(int=each) for each in range(1, 5))
PERIOD = Period(date(2027, 3, 1), date(2027, 4, 1))
MOVES = {
    "subscription": SUBSCRIPTION_MOVES,
    "invoice": INVOICE_MOVES,
    "charge": CHARGE_MOVES,
    "refund": REFUND_MOVES,
    "refund_obligation": OBLIGATION_MOVES,
    "source": SOURCE_MOVES,
}


def recorded(type_, to_state=None, subject="subscription", ident=str(SUBSCRIPTION), **data):
    return Recorded(42, AT, subject, ident, 7, SUBSCRIPTION, type_, to_state, data)


def told(*event, **more):
    return public_event(recorded(*event, **more), Facts(customer=CUSTOMER, plan="basic"))


def test_every_move_has_a_type_of_event():
    moves = {f"{subject}.{event}" for subject, table in MOVES.items() for edges in table.values() for event in edges}
    moves |= {f"source.{event}" for edges in REVOCATION_MOVES.values() for event in edges}
    missing = sorted(moves - set(EventType))
    assert not missing, f"event_types.py lacks {missing}, which moves write"


def test_of_every_type_it_is_decided_whether_it_is_told():
    types = {each.value for each in EventType}
    undecided = sorted(types - PUBLIC.keys() - INTERNAL)
    assert not undecided, f"public_events.py does not decide whether {undecided} are told: PUBLIC or INTERNAL?"
    assert not PUBLIC.keys() & INTERNAL
    unknown = sorted((PUBLIC.keys() | INTERNAL) - types)
    assert not unknown, f"event_types.py lacks {unknown} of public_events.py"


def test_every_decision_of_the_audit_trail_is_a_type():
    assert set(EventType) >= audit._DECISIONS


def test_an_event_says_what_it_is_about_by_prefixed_ids_and_when_in_utc():
    assert told("subscription.activated", "active") == {
        "object": "event",
        "id": "evt_42",
        "type": "subscription.activated",
        "created_at": "2027-03-01T01:12:30.000005Z",
        "sequence": 7,
        "subject": {"object": "subscription", "id": "sub_aaaaaaaaaaaaaaaaaaaaaaaaae"},
        "subscription_id": "sub_aaaaaaaaaaaaaaaaaaaaaaaaae",
        "customer_id": "cus_aaaaaaaaaaaaaaaaaaaaaaaaai",
        "data": {"plan": "basic", "state": "active"},
    }


def test_what_is_internal_is_not_told():
    assert told("charge.started", "sending", subject="charge", ident=str(CHARGE)) is None
    assert told("installation.charging_stopped", subject="installation", ident="1") is None


@pytest.mark.parametrize(("data", "cause"), [
    ({}, "payment_failed"), ({"cause": "no_consent"}, "no_consent"), ({"reason": "kim@x.test left"}, "requested"),
    ({"reason": "no_consent"}, "requested"),
])  # fmt: skip
def test_a_cancellation_tells_its_cause_but_no_words_that_somebody_wrote(data, cause):
    assert told("subscription.canceled", "canceled", **data)["data"] == {
        "plan": "basic",
        "state": "canceled",
        "cause": cause,
    }


def test_a_failed_payment_tells_class_code_and_next_retry_with_the_money_as_an_object():
    event = recorded(
        "invoice.payment_failed", None, "invoice", str(INVOICE), state="open", charge=str(CHARGE), attempt=2,
        decline_class="retry_later", response_code="20051", next_attempt_at="2027-03-02T01:00:00+00:00",
    )  # fmt: skip
    facts = Facts(CUSTOMER, "basic", INVOICE, "renewal", PERIOD, None, None, Money(9900, "KRW"))
    made = public_event(event, facts)
    assert made["type"] == "invoice.payment_failed"
    assert made["subject"] == {"object": "invoice", "id": "inv_aaaaaaaaaaaaaaaaaaaaaaaaaq"}
    assert made["data"] == {
        "plan": "basic",
        "kind": "renewal",
        "state": "open",
        "amount": {"amount": 9900, "currency": "KRW"},
        "period": {"start": "2027-03-01", "end": "2027-04-01"},
        "charge_id": "ch_aaaaaaaaaaaaaaaaaaaaaaaaam",
        "attempt": 2,
        "decline_class": "retry_later",
        "response_code": "20051",
        "next_attempt_at": "2027-03-02T01:00:00Z",
    }


def test_a_failed_charge_tells_class_and_code_and_leaves_the_next_try_to_its_invoice():
    event = recorded(
        "charge.declined", "declined", "charge", str(CHARGE),
        decline_class="retry_later", response_code="20051", next_attempt_at="2027-03-02T01:00:00+00:00",
    )  # fmt: skip
    facts = Facts(CUSTOMER, "basic", INVOICE, "renewal", None, CHARGE, 2, Money(9900, "KRW"))
    made = public_event(event, facts)
    assert made["type"] == "charge.failed"
    assert made["data"] == {
        "charge_id": "ch_aaaaaaaaaaaaaaaaaaaaaaaaam",
        "invoice_id": "inv_aaaaaaaaaaaaaaaaaaaaaaaaaq",
        "invoice_kind": "renewal",
        "plan": "basic",
        "amount": {"amount": 9900, "currency": "KRW"},
        "attempt": 2,
        "state": "declined",
        "decline_class": "retry_later",
        "response_code": "20051",
    }


def test_an_invoice_tells_its_period_as_the_api_does():
    facts = Facts(CUSTOMER, "basic", UUID(int=4), "renewal", Period(date(2027, 3, 1), date(2027, 4, 1)))
    made = public_event(recorded("invoice.issued", "open", "invoice", str(UUID(int=4))), facts)
    assert made["data"]["period"] == {"start": "2027-03-01", "end": "2027-04-01"}


def test_the_last_failed_payment_says_that_there_is_no_retry():
    last = told("invoice.payment_failed", subject="invoice", ident=str(INVOICE), charge=str(CHARGE))
    assert last["data"]["next_attempt_at"] is None


def test_a_refund_made_at_the_gateway_is_told_as_done():
    assert meaning_of("refund.created", "refunded").type == "refund.succeeded"
    assert meaning_of("refund.created", "requested").type == "refund.created"
    assert internal_types(["refund.succeeded"]) == {"refund.refunded", "refund.created"}
    assert internal_types(["refund.created"]) == {"refund.created"}


@pytest.mark.parametrize(("patterns", "type_", "wanted"), [
    ([], "invoice.paid", True), (["*"], "invoice.paid", True), (["invoice.*"], "invoice.paid", True),
    (["invoice.paid"], "invoice.paid", True), (["invoice.paid"], "invoice.voided", False),
    (["charge.*", "refund.failed"], "refund.failed", True), (["charge.*"], "invoice.paid", False),
])  # fmt: skip
def test_an_endpoint_gets_what_it_asked_for(patterns, type_, wanted):
    assert wants(patterns, type_) is wanted


def test_a_type_that_there_is_not_is_noticed():
    assert unknown_patterns(["invoice.paid", "invoice.*", "*", "invoice.payed", "invoices.*"]) == [
        "invoice.payed",
        "invoices.*",
    ]


@pytest.mark.parametrize("type_", PUBLIC)
def test_each_has_an_example_in_which_nothing_that_is_known_is_missing(type_):
    example = example_of(type_)
    assert example["type"] in PUBLIC_TYPES
    missing = {name for name, value in example["data"].items() if value is None}
    assert missing <= {"decline_class", "response_code"}
    without_code = {"charge.refused", "charge.expired", "charge.settled", "charge.canceled"}
    without_code |= {"refund.refused", "refund.settled"}
    assert not missing or type_ in without_code


def test_the_examples_reach_the_states_that_the_moves_lead_to():
    for subject, table in MOVES.items():
        for edges in table.values():
            for event, reached in edges.items():
                if f"{subject}.{event}" in REACHED:
                    assert REACHED[f"{subject}.{event}"] == reached
    assert [type_ for type_, _, _ in examples()] == list(PUBLIC_TYPES)
    assert DATA.keys() <= PUBLIC.keys()


def test_a_subject_is_known_by_its_public_id_and_a_plan_by_its_code():
    assert subject_of("sub_aaaaaaaaaaaaaaaaaaaaaaaaae") == ("subscription", str(SUBSCRIPTION))
    assert subject_of("inv_aaaaaaaaaaaaaaaaaaaaaaaaai") == ("invoice", str(CUSTOMER))
    assert subject_of("basic") == ("plan", "basic")
    for wrong in ("sub_x", "Basic!", "evt_1"):
        with pytest.raises(NotAnId):
            subject_of(wrong)
