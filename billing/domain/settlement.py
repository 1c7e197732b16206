"""Case + the gateway's answer + now → what changes. The one place where an outcome gets its meaning.

Webhook, look-up, return page and the answer to the request itself all end here,
so any order and any number of copies of the truth come to one end.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from billing.domain.cases import (
    NOTHING,
    Case,
    InvoiceKind,
    LateEnrolment,
    Note,
    Policy,
    Settlement,
)
from billing.domain.charging import (
    Accepted,
    GatewayPayment,
    NotSent,
    Outcome,
    PaymentStatus,
    Refused,
    Unknown,
)
from billing.domain.days.paying import covered_by, lacks_confirmation
from billing.domain.decline_classes import DeclineClass
from billing.domain.declines import classify_decline, classify_refusal
from billing.domain.event_types import EventType
from billing.domain.failing import settle_failure
from billing.domain.hanging import why_open
from billing.domain.polling import poll_again_at
from billing.domain.rechecks import AFTER_A_FAILURE, AFTER_A_RESEND, first_recheck
from billing.domain.set_up_evidence import Trouble
from billing.domain.states import (
    CHARGE_MOVES,
    ENDED_SUBSCRIPTIONS,
    LIVE_CHARGE_STATES,
    SOURCE_MOVES,
    UNANSWERED_CHARGE_STATES,
    ChargeEvent,
    ChargeState,
    InvoiceEvent,
    InvoiceState,
    RevocationState,
    SourceEvent,
    SourceState,
    SubscriptionEvent,
    SubscriptionState,
    can_move,
)

NO_AGREEMENT: Final = "no agreement came with the payment"
FIRST_LOOK_AFTER: Final = timedelta(seconds=30)
"""Checkout.com asks to wait at least 30 s before a request whose answer was lost is looked into."""

LONGEST_CODE: Final = 200
"""Of the codes of a refusal, in a row."""
_TOOK_MONEY: Final = (PaymentStatus.CAPTURED, PaymentStatus.UNCLEAR)


def class_of(outcome: Outcome, policy: Policy) -> DeclineClass | None:
    """Return the class of an answer that says a charge failed, or None."""
    match outcome:
        case Accepted(payment):
            failure = _failure_of(payment, policy)
            return failure and failure[1]
        case Refused(_, codes):
            return classify_refusal(codes)
        case NotSent():
            return DeclineClass.TECHNICAL
        case Unknown():
            return None
        case _:
            assert_never(outcome)


def settle(
    case: Case, outcome: Outcome, *, now: datetime, policy: Policy, trouble: Trouble = Trouble.OPEN
) -> Settlement:
    """Return what an answer of the gateway changes. ``now`` is a UTC instant.

    ``trouble`` says whose trouble it is where the answer is of a set-up class.
    An answer that says less than what is already known (a late "pending", a second
    copy, a decline of a closed charge) changes nothing.
    """
    match outcome:
        case Accepted(payment):
            return _settle_payment(case, payment, now, policy, trouble)
        case Refused(_, codes):
            if case.charge_state not in UNANSWERED_CHARGE_STATES:
                return NOTHING
            decline = classify_refusal(codes)
            code = ",".join(codes)[:LONGEST_CODE] or None
            told = settle_failure(case, ChargeEvent.REFUSE, decline, code, now, policy, trouble)
            # Should the gateway have contradicted itself, and its webhook be lost, only a look shows the payment.
            return replace(told, charge={**told.charge, **first_recheck(AFTER_A_FAILURE, now)})
        case NotSent(reason, stop):
            if case.charge_state is not ChargeState.SENDING:
                return NOTHING
            told = settle_failure(case, ChargeEvent.REFUSE, DeclineClass.TECHNICAL, None, now, policy)
            return replace(told, charge={**told.charge, "error": reason}, stop_the_run=reason if stop else None)
        case Unknown():
            return _lost(case, outcome, now)
        case _:
            assert_never(outcome)


def _lost(case: Case, outcome: Unknown, now: datetime) -> Settlement:
    if case.charge_state is not ChargeState.SENDING:
        return NOTHING
    written = {"error": outcome.reason, "check_at": now + FIRST_LOOK_AFTER}
    return Settlement(charge_event=ChargeEvent.LOSE, charge=written)


def mismatch(case: Case, payment: GatewayPayment) -> str | None:
    """Say how a payment differs from what was asked for, or None. Compared on every answer."""
    wanted = case.amount
    if payment.status is PaymentStatus.UNCLEAR:
        taken = "an untold part" if payment.captured_minor is None else payment.captured_minor
        return f"{payment.raw_status} at the gateway: {taken} of {wanted.minor} captured (minor units)"
    if payment.status is PaymentStatus.CAPTURED and payment.amount_minor is None and payment.captured_minor is None:
        return "a capture without an amount"
    if payment.reference is not None and payment.reference != case.reference:
        return f"reference {payment.reference} instead of {case.reference}"
    if payment.currency is not None and payment.currency != wanted.currency:
        return f"currency {payment.currency} instead of {wanted.currency}"
    for told in (payment.amount_minor, payment.captured_minor):
        if (
            told is not None
            and told != wanted.minor
            and not (told == 0 and payment.status is not PaymentStatus.CAPTURED)
        ):
            return f"amount {told} instead of {wanted.minor} (minor units)"
    return None


def took_another_amount(case: Case, payment: GatewayPayment) -> bool:
    """Say whether a payment was captured after its charge was closed, and is not what the charge asked for."""
    is_closed = case.charge_state not in LIVE_CHARGE_STATES and case.charge_state is not ChargeState.CAPTURED
    return is_closed and payment.status in _TOOK_MONEY and mismatch(case, payment) is not None


def _settle_payment(case: Case, payment: GatewayPayment, now: datetime, policy: Policy, trouble: Trouble) -> Settlement:
    if case.gateway_payment_id not in (None, payment.id):
        # A second payment under the same reference: what became of it says nothing about the first.
        stray = {"gateway_payment_id": payment.id, "status": payment.raw_status}
        return Settlement(notes=(Note(EventType.PAYMENT_STRAY, stray),))
    if case.charge_state is ChargeState.CAPTURED:
        return _late_agreement(case, policy) if payment.status is PaymentStatus.CAPTURED else NOTHING
    difference = mismatch(case, payment)
    if difference is not None:
        return _park(case, payment, difference)
    if payment.status is PaymentStatus.CAPTURED:
        return _captured(case, payment, now, policy)
    if case.charge_state not in LIVE_CHARGE_STATES:
        return NOTHING
    failure = _failure_of(payment, policy)
    if failure is None:
        return _still_open(case, payment, now, policy)
    event, decline = failure
    told = settle_failure(case, event, decline, payment.response_code, now, policy, trouble)
    returned = payment.status is PaymentStatus.RETURNED
    error = {"error": "captured, and returned to the subscriber by KakaoPay"} if returned else {}
    return replace(told, charge={**told.charge, **error, "gateway_payment_id": payment.id})


def _failure_of(payment: GatewayPayment, policy: Policy) -> tuple[ChargeEvent, DeclineClass] | None:
    """Return how a payment that failed closes its charge, and its class; None of one that did not fail."""
    match payment.status:
        case PaymentStatus.DECLINED:
            return ChargeEvent.DECLINE, classify_decline(payment.response_code, policy.decline_classes)
        case PaymentStatus.RETURNED:
            return ChargeEvent.CANCEL, DeclineClass.UNKNOWN
        # Expired or canceled with nobody present: the wallet's side gave up, not the subscriber.
        case PaymentStatus.EXPIRED:
            return ChargeEvent.EXPIRE, DeclineClass.RETRY_LATER
        case PaymentStatus.CANCELED:
            return ChargeEvent.CANCEL, DeclineClass.RETRY_LATER
        case PaymentStatus.OPEN | PaymentStatus.CAPTURED | PaymentStatus.UNCLEAR:
            return None
        case _:
            assert_never(payment.status)


def _still_open(case: Case, payment: GatewayPayment, now: datetime, policy: Policy) -> Settlement:
    is_parked = case.charge_state is ChargeState.PARKED
    if is_parked and case.check_at is None:
        return NOTHING  # set aside for another reason than that it hangs
    changes: dict[str, object] = {
        "gateway_payment_id": payment.id,
        "check_at": poll_again_at(now, case.checks),
        "checks": case.checks + 1,
    }
    if payment.redirect_url is not None:
        changes["redirect_url"] = payment.redirect_url
    present = case.subscriber_is_present
    if not is_parked and policy.hanging.hangs(case.sent_at, now, subscriber_is_present=present):
        return Settlement(
            charge_event=ChargeEvent.PARK, charge={**changes, "error": why_open(payment, case.sent_at, now)}
        )
    event = None if is_parked or case.charge_state is ChargeState.PENDING else ChargeEvent.ACCEPT
    return Settlement(charge_event=event, charge=changes)


def _park(case: Case, payment: GatewayPayment, difference: str) -> Settlement:
    note = Note(EventType.CHARGE_MISMATCH, {"gateway_payment_id": payment.id, "difference": difference})
    hangs = case.charge_state is ChargeState.PARKED and case.check_at is not None
    if not hangs and not can_move(CHARGE_MOVES, case.charge_state, ChargeEvent.PARK):
        return Settlement(notes=(note,))
    changes: dict[str, object] = {"error": difference, "check_at": None}
    if payment.reference in (None, case.reference):
        changes["gateway_payment_id"] = payment.id
    return Settlement(charge_event=None if hangs else ChargeEvent.PARK, charge=changes, notes=(note,))


def _captured(case: Case, payment: GatewayPayment, now: datetime, policy: Policy) -> Settlement:
    late = case.charge_state not in LIVE_CHARGE_STATES
    lacks = _lacks_agreement(case)
    captured = Settlement(
        charge_event=ChargeEvent.CAPTURE,
        charge={
            "gateway_payment_id": payment.id,
            "captured_at": now,
            "response_code": payment.response_code,
            # The agreement may be told later than the money; and each send may have made a payment.
            **({"check_at": None} if case.sends == 1 and not lacks else first_recheck(AFTER_A_RESEND, now)),
        },
        source_event=_proof_of_life(case),
        notes=(Note(EventType.CHARGE_LATE_TRUTH, {"was": case.charge_state.value}),) if late else (),
    )
    if lacks_confirmation(case, now):
        return replace(captured, refund_reason="the subscriber had not confirmed the debt")
    why_back = _why_refund(case, policy)
    if why_back is not None:
        void = InvoiceEvent.VOID if case.invoice_state is InvoiceState.OPEN else None
        return replace(
            captured,
            invoice_event=void,
            invoice={"next_attempt_at": None} if void else {},
            refund_reason=why_back,
        )
    return _paid(case, captured, now, policy)


def _proof_of_life(case: Case) -> SourceEvent | None:
    if case.source_state in (None, SourceState.ACTIVE):
        return None
    # A renewal captured late brings back no source that was replaced, or that was revoked from our side.
    over = case.source_state is SourceState.REPLACED or case.source_revocation is not RevocationState.NONE
    if over and not case.subscriber_is_present:
        return None
    return SourceEvent.CONFIRM


def _why_refund(case: Case, policy: Policy) -> str | None:
    if case.invoice_state is InvoiceState.PAID:
        return "the invoice was already paid"
    if case.invoice_state is InvoiceState.VOID:
        return "the invoice was void"
    if case.subscription_state is SubscriptionState.CANCELED:
        return "the subscription was canceled"
    if case.subscription_state is SubscriptionState.INCOMPLETE_EXPIRED:
        if case.has_other_live_subscription:
            return "the enrolment had expired and another subscription took its place"
        if policy.late_enrolment is LateEnrolment.REFUND:
            return "the enrolment had expired"
    return None


def _lacks_agreement(case: Case) -> bool:
    """Say whether a payment that should have made an agreement came without one, and there is none to charge."""
    return (
        case.subscriber_is_present and case.source_id is None and case.replaced_source_state is not SourceState.ACTIVE
    )


def _late_agreement(case: Case, policy: Policy) -> Settlement:
    """Take up the agreement of a payment that was captured before the gateway told of it."""
    is_over = case.subscription_state in ENDED_SUBSCRIPTIONS
    is_new = case.subscriber_is_present and case.source_state is SourceState.PENDING and not is_over
    if not is_new or case.invoice_state is not InvoiceState.PAID or case.replaced_source_state is SourceState.ACTIVE:
        return NOTHING
    return Settlement(
        source_event=SourceEvent.CONFIRM,
        subscription={"source_id": case.source_id},
        replace_old_source=_can_be_replaced(case.replaced_source_state),
        revoke_old_source=policy.revoke_replaced and case.subscription_source_id not in (None, case.source_id),
    )


def _paid(case: Case, captured: Settlement, now: datetime, policy: Policy) -> Settlement:
    coverage = covered_by(case, now, policy.dunning.window)
    subscription = dict(coverage.subscription)
    replaces = case.subscriber_is_present and case.source_id not in (None, case.subscription_source_id)
    if replaces:
        subscription["source_id"] = case.source_id
    asked = (
        (Note(EventType.SUBSCRIPTION_RE_ENROLMENT_REQUESTED, {"why": NO_AGREEMENT}),) if _lacks_agreement(case) else ()
    )
    return replace(
        captured,
        invoice_event=InvoiceEvent.PAY,
        invoice={"paid_at": now, "next_attempt_at": None, "give_up_at": None, **coverage.invoice},
        subscription_event=SubscriptionEvent.RESUME if coverage.ends_pause else _subscription_event(case),
        subscription=subscription,
        days=coverage.records,
        notes=(*captured.notes, *coverage.notes, *asked),
        replace_old_source=replaces and _can_be_replaced(case.replaced_source_state),
        revoke_old_source=replaces and policy.revoke_replaced,
        refund_reason="it only made the agreement" if case.invoice_kind is InvoiceKind.AGREEMENT else None,
    )


def _can_be_replaced(state: SourceState | None) -> bool:
    return state is not None and can_move(SOURCE_MOVES, state, SourceEvent.REPLACE)


def _subscription_event(case: Case) -> SubscriptionEvent | None:
    match case.subscription_state:
        case SubscriptionState.INCOMPLETE | SubscriptionState.INCOMPLETE_EXPIRED:
            starts_trial = case.invoice_kind is InvoiceKind.AGREEMENT
            return SubscriptionEvent.START_TRIAL if starts_trial else SubscriptionEvent.ACTIVATE
        case SubscriptionState.TRIALING:
            return SubscriptionEvent.ACTIVATE if case.invoice_kind is not InvoiceKind.AGREEMENT else None
        case SubscriptionState.PAST_DUE | SubscriptionState.UNPAID:
            return SubscriptionEvent.RECOVER if case.invoice_kind is not InvoiceKind.AGREEMENT else None
        case SubscriptionState.ACTIVE | SubscriptionState.PAUSED | SubscriptionState.CANCELED:
            return None
        case _:
            assert_never(case.subscription_state)
