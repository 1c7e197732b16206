"""Every state with every answer: nothing raises, every move is legal, and no money is ever ignored."""

import itertools
import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from a_case import CANCELED, CAPTURED, CURRENT, EXPIRED, NOW, OPEN, OTHER, a_case, carry_out, declined, told
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.cases import NOTHING, ChargeKind, InvoiceKind, LateEnrolment, Policy
from billing.domain.charging import Accepted, NotSent, PaymentStatus, Refused, Unknown
from billing.domain.dunning import DunningPolicy, EndOfLadder
from billing.domain.settlement import settle
from billing.domain.states import (
    LIVE_CHARGE_STATES,
    ChargeEvent,
    ChargeState,
    InvoiceEvent,
    InvoiceState,
    SourceState,
    SubscriptionState,
)

SURE_FAILURES = {
    "never left": NotSent("cannot connect"),
    "turned away": NotSent("HTTP 401", stop_the_run=True),
    "refused: source gone": Refused(422, ("source_id_invalid",)),
    "refused: source suspect": Refused(422, ("source_invalid",)),
    "refused: set-up": Refused(422, ("currency_not_supported",)),
    "refused: no code": Refused(400, ()),
    "refused: provider down": Refused(422, ("apm_service_unavailable",)),
    "refused: daily limit": Refused(422, ("velocity_count_limit_exceeded",)),
    "refused: monthly limit": Refused(422, ("amount_limit_exceeded",)),
}
FAILURES = {
    "declined: no code": declined(None),
    "declined: no money": declined("20051"),
    "declined: technical": declined("20096"),
    "declined: daily limit": declined("20061"),
    "declined: monthly limit": declined("30021"),
    "declined: agreement gone": declined("200R1"),
    "declined: agreement suspect": declined("20101"),
    "declined: stop": declined("20059"),
    "declined: set-up": declined("20003"),
    "expired": EXPIRED,
    "canceled": CANCELED,
    "returned": told(PaymentStatus.RETURNED, captured_minor=9900),
}
MISMATCHED_CAPTURES = {
    "captured: other amount": told(PaymentStatus.CAPTURED, amount_minor=990),
    "captured: nothing": told(PaymentStatus.CAPTURED, amount_minor=0, captured_minor=0),
    "captured: a part": told(PaymentStatus.CAPTURED, captured_minor=9899),
    "captured: other currency": told(PaymentStatus.CAPTURED, currency="HKD"),
    "captured: other reference": told(PaymentStatus.CAPTURED, reference="another"),
    "captured: no amount": told(PaymentStatus.CAPTURED, amount_minor=None, captured_minor=None),
    "unclear: a part": told(PaymentStatus.UNCLEAR, captured_minor=5000),
    "unclear: untold": told(PaymentStatus.UNCLEAR),
    "unclear: all": told(PaymentStatus.UNCLEAR, captured_minor=9900),
}
MISMATCHES = {
    **MISMATCHED_CAPTURES,
    "open: other amount": told(PaymentStatus.OPEN, amount_minor=99_000),
    "declined: other amount": told(PaymentStatus.DECLINED, "20051", amount_minor=99_000),
}
STRAYS = {
    "captured: another payment": told(PaymentStatus.CAPTURED, id="pay_2"),
    "declined: another payment": told(PaymentStatus.DECLINED, "20051", id="pay_2"),
}
ANSWERS = {
    "unknown": Unknown("timeout"),
    "open": OPEN,
    "open: link": told(PaymentStatus.OPEN, redirect_url="https://wallet.test/w"),
    "captured": CAPTURED,
    "captured: amount untold": told(PaymentStatus.CAPTURED, amount_minor=None),
    **SURE_FAILURES,
    **FAILURES,
    **MISMATCHES,
    **STRAYS,
}
GOOD_CAPTURES = {"captured", "captured: amount untold"}
SET_UP = {"turned away", "refused: set-up", "refused: no code", "declined: set-up"}
NOBODYS_FAULT = SET_UP | {"never left", "refused: provider down", "declined: technical"}
ENDED = {
    SubscriptionState.INCOMPLETE,
    SubscriptionState.INCOMPLETE_EXPIRED,
    SubscriptionState.PAUSED,
    SubscriptionState.UNPAID,
    SubscriptionState.CANCELED,
}

# The charge's own source, the subscription's current one, and the state of each.
SOURCES = [
    (None, None, None, None),
    (None, None, CURRENT, SourceState.ACTIVE),
    *((CURRENT, state, CURRENT, state) for state in SourceState),
    *((OTHER, state, None, None) for state in SourceState),
    *((OTHER, SourceState.PENDING, CURRENT, state) for state in SourceState),
    (OTHER, SourceState.REPLACED, CURRENT, SourceState.ACTIVE),
    (OTHER, SourceState.REVOKED, CURRENT, SourceState.REVOKED),
]
KINDS = [
    (ChargeKind.FIRST, InvoiceKind.FIRST),
    (ChargeKind.FIRST, InvoiceKind.AGREEMENT),
    (ChargeKind.RENEWAL, InvoiceKind.RENEWAL),
    (ChargeKind.RENEWAL, InvoiceKind.FIRST),
    (ChargeKind.RE_ENROLMENT, InvoiceKind.RENEWAL),
    (ChargeKind.RE_ENROLMENT, InvoiceKind.AGREEMENT),
]
POLICIES = [
    Policy(dunning=DunningPolicy(end=end), late_enrolment=late)
    for end, late in itertools.product(EndOfLadder, LateEnrolment)
]


def cases_in(charge_state, kind):
    """Yield every invoice and subscription state; sources and what matters less go round by a fixed seed."""
    dice = random.Random(f"{charge_state} {kind}")
    pairs = itertools.product(InvoiceState, SubscriptionState)
    for (invoice, subscription), source in ((pair, each) for pair in pairs for each in dice.sample(SOURCES, 3)):
        yield (
            a_case(
                charge_state=charge_state,
                charge_kind=kind[0],
                invoice_kind=kind[1],
                invoice_state=invoice,
                subscription_state=subscription,
                source_id=source[0],
                source_state=source[1],
                subscription_source_id=source[2],
                replaced_source_state=source[3],
                automatic=kind[0] is ChargeKind.RENEWAL and dice.random() < 0.7,
                gateway_payment_id=dice.choice([None, "pay_1"]),
                failures=dice.choice([0, 1, 4, 5, 6]),
                technical_failures=dice.choice([0, 1, 39, 40, 41]),
                first_failed_on=dice.choice([None, date(2027, 2, 14), date(2027, 3, 1)]),
                paid_through=dice.choice([None, date(2027, 3, 1), date(2027, 5, 1)]),
                has_other_live_subscription=dice.random() < 0.5,
                checks=dice.choice([0, 5, 40]),
                check_at=None if charge_state is ChargeState.PARKED and dice.random() < 0.5 else NOW,
                sent_at=NOW - dice.choice([timedelta(minutes=5), timedelta(days=4)]),
            ),
            dice.choice(POLICIES),
        )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind[0]}-for-{kind[1]}")
@pytest.mark.parametrize("charge_state", ChargeState)
def test_every_answer_in_every_state_is_settled_by_legal_moves_and_keeps_every_promise(charge_state, kind):
    for case, policy in cases_in(charge_state, kind):
        for name, answer in ANSWERS.items():
            try:
                promises_are_kept(name, answer, case, policy)
            except Exception as error:
                error.add_note(f"answer {name!r}: {case}")
                raise


def promises_are_kept(name, answer, case, policy):
    decision = settle(case, answer, now=NOW, policy=policy)
    after = carry_out(case, decision)  # raises if a move is illegal
    if case.charge_state is ChargeState.CAPTURED:
        took_up = took_up_its_agreement(case, decision)
        assert unmoved(decision) or took_up, "a captured charge never changes but for an agreement that was told late"
    a_closed_charge_stays_closed_unless_it_was_captured(case, after)
    money_is_accounted_for(name, answer, case, decision, after)
    retries_are_planned_only_where_they_can_be_tried(name, case, decision, after)
    assert (decision.stop_the_run is not None) <= (name in SET_UP), "only our own set-up stops the run"
    if name in NOBODYS_FAULT:
        assert after.failures == case.failures, "nobody's fault uses up no step"
        assert decision.subscription_event is None, "nobody's fault makes no subscriber past due"
    again = settle(after, answer, now=NOW, policy=policy)
    assert unmoved(again), "the same answer a second time changes nothing"
    if decision.replace_old_source:
        assert after.subscription_source_id == case.source_id, "only a new source replaces the old one"


def a_closed_charge_stays_closed_unless_it_was_captured(case, after):
    if case.charge_state not in LIVE_CHARGE_STATES:
        assert after.charge_state in (case.charge_state, ChargeState.CAPTURED)
    assert after.charge_state is not ChargeState.SENDING or case.charge_state is ChargeState.SENDING


def money_is_accounted_for(name, answer, case, decision, after):
    paid = decision.invoice_event is InvoiceEvent.PAY
    refunded = decision.refund_reason is not None
    if paid or refunded:
        assert name in GOOD_CAPTURES or name in STRAYS, "only a capture moves money"
        assert decision.charge_event is ChargeEvent.CAPTURE
        assert decision.charge["gateway_payment_id"] == answer.payment.id
    if case.charge_state is ChargeState.CAPTURED:
        told_again = name not in STRAYS or noted(decision, "payment.stray") or case.gateway_payment_id is None
        assert told_again, "a second capture is reported"
    elif is_stray(answer, case):
        assert unmoved(decision), "an answer about another payment moves nothing"
        assert noted(decision, "payment.stray")
    elif name in GOOD_CAPTURES:
        assert after.charge_state is ChargeState.CAPTURED
        only_the_agreement = case.invoice_kind is InvoiceKind.AGREEMENT and paid
        assert paid or refunded, "captured money pays the invoice or goes back"
        assert (paid and refunded) is only_the_agreement, "nothing goes back that was honoured"
        assert after.invoice_state is not InvoiceState.OPEN
    elif name in MISMATCHES:
        assert noted(decision, "charge.mismatch"), "what differs is reported"
        if case.charge_state in LIVE_CHARGE_STATES:
            assert after.charge_state is ChargeState.PARKED, "what differs is for a person"


def retries_are_planned_only_where_they_can_be_tried(name, case, decision, after):
    if decision.invoice.get("next_attempt_at") is None:
        return
    if "parked_reason" in decision.subscription:
        assert decision.invoice["next_attempt_at"] == NOW  # nothing is charged before it is released
        return
    assert decision.invoice["next_attempt_at"] > NOW
    assert case.charge_kind is ChargeKind.RENEWAL, "who is present tries again by himself"
    assert case.automatic, "a retry that a person asked for leaves the plan as it was"
    assert after.invoice_state is InvoiceState.OPEN
    assert after.charge_state not in LIVE_CHARGE_STATES, "never while an attempt is under way"
    assert after.subscription_state not in ENDED
    assert not set(name.split()) & {"gone", "suspect", "stop"}, "no retry that cannot work"
    assert after.subscription_state is SubscriptionState.PAST_DUE or name in NOBODYS_FAULT


def unmoved(decision):
    """Say whether a decision changes nothing but when to look again."""
    polled = {"check_at", "checks", "gateway_payment_id", "redirect_url"}
    return (
        replace(decision, charge={}, notes=()) == NOTHING
        and set(decision.charge) <= polled
        and (decision == NOTHING or bool(decision.notes) or "check_at" in decision.charge)
    )


def took_up_its_agreement(case, decision):
    """Say whether a decision only takes up the agreement of a payment that was captured before."""
    no_source = {"source_event": None, "replace_old_source": False, "revoke_old_source": False}
    rest = replace(decision, subscription={}, **no_source)
    return (
        rest == NOTHING
        and case.source_state is SourceState.PENDING
        and case.replaced_source_state is not SourceState.ACTIVE
        and decision.subscription == {"source_id": case.source_id}
    )


def noted(decision, kind):
    return [note.type for note in decision.notes] == [kind]


def is_stray(answer, case):
    return isinstance(answer, Accepted) and case.gateway_payment_id not in (None, answer.payment.id)


# --- any order of the truth about one payment comes to one end ------------------------------------

BEGINNINGS = {
    "renewal": a_case(),
    "renewal at the end of a trial": a_case(subscription_state=SubscriptionState.TRIALING),
    "renewal that is late": a_case(subscription_state=SubscriptionState.PAST_DUE, failures=2),
    "last retry": a_case(subscription_state=SubscriptionState.PAST_DUE, failures=5, first_failed_on=date(2027, 2, 14)),
    "manual retry": a_case(subscription_state=SubscriptionState.UNPAID, automatic=False, failures=6),
    "renewal of a paused one": a_case(subscription_state=SubscriptionState.PAUSED),
    "renewal of a canceled one": a_case(subscription_state=SubscriptionState.CANCELED),
    "first": a_case(
        charge_kind=ChargeKind.FIRST,
        invoice_kind=InvoiceKind.FIRST,
        subscription_state=SubscriptionState.INCOMPLETE,
        source_state=SourceState.PENDING,
        subscription_source_id=None,
        replaced_source_state=None,
    ),
    "agreement": a_case(
        charge_kind=ChargeKind.FIRST,
        invoice_kind=InvoiceKind.AGREEMENT,
        subscription_state=SubscriptionState.INCOMPLETE,
        source_state=SourceState.PENDING,
        subscription_source_id=None,
        replaced_source_state=None,
    ),
    "re-enrolment": a_case(
        charge_kind=ChargeKind.RE_ENROLMENT,
        subscription_state=SubscriptionState.PAST_DUE,
        source_id=OTHER,
        source_state=SourceState.PENDING,
        replaced_source_state=SourceState.REVOKED,
    ),
}
# With CANCEL or PAUSE the last failure ends the subscription, which a capture that comes later does not undo:
# those two are told in test_settlement.py.
STAYING = [
    Policy(dunning=DunningPolicy(end=EndOfLadder.PAST_DUE)),
    Policy(dunning=DunningPolicy(end=EndOfLadder.UNPAID)),
]


def end_of(case, answers, policy):
    """Settle answers one after another; return where everything stands and how many refunds were ordered."""
    refunds = 0
    for answer in answers:
        decision = settle(case, answer, now=NOW, policy=policy)
        refunds += decision.refund_reason is not None
        case = carry_out(case, decision)
    states = (case.charge_state, case.invoice_state, case.subscription_state, case.source_state)
    return states, case.subscription_source_id, case.paid_through, refunds


@given(
    beginning=st.sampled_from(sorted(BEGINNINGS)),
    false_ends=st.lists(st.sampled_from(sorted({**FAILURES, **SURE_FAILURES})), max_size=2),
    hints=st.lists(st.sampled_from([Unknown("timeout"), OPEN]), max_size=4),
    copies=st.integers(1, 3),
    policy=st.sampled_from(STAYING),
    data=st.data(),
)
def test_a_capture_comes_to_one_end_whatever_was_believed_before_it_and_after_it(
    beginning, false_ends, hints, copies, policy, data
):
    case = BEGINNINGS[beginning]
    answers = [CAPTURED] * copies + hints + [{**FAILURES, **SURE_FAILURES}[name] for name in false_ends]
    shuffled = data.draw(st.permutations(answers))
    assert end_of(case, shuffled, policy) == end_of(case, [CAPTURED], policy)


@given(
    beginning=st.sampled_from(sorted(BEGINNINGS)),
    failure=st.sampled_from(sorted(FAILURES)),
    hints=st.lists(st.sampled_from([Unknown("timeout"), OPEN]), max_size=4),
    copies=st.integers(1, 3),
    policy=st.sampled_from(POLICIES),
    data=st.data(),
)
def test_a_failure_comes_to_one_end_in_any_order_with_hints_and_copies(beginning, failure, hints, copies, policy, data):
    case, answer = BEGINNINGS[beginning], FAILURES[failure]
    shuffled = data.draw(st.permutations([answer] * copies + hints))
    assert end_of(case, shuffled, policy) == end_of(case, [answer], policy)


def test_a_subscription_that_counted_a_failure_counts_it_once_however_often_it_is_told():
    case = a_case()
    for answer in (OPEN, declined(), OPEN, declined(), declined("20096"), EXPIRED):
        case = carry_out(case, settle(case, answer, now=NOW, policy=Policy()))
    assert (case.failures, case.technical_failures) == (1, 0)
    assert case.subscription_state is SubscriptionState.PAST_DUE
