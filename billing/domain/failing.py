"""What a charge that surely failed changes: the charge, and for renewals the ladder of retries."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final, Literal, assert_never

from billing.domain.cases import Case, Note, Policy, Settlement
from billing.domain.days.grace import given_until, grace_until
from billing.domain.decline_classes import DeclineClass, RetryRule, SourceEffect, is_subscribers_fault, row_of
from billing.domain.dunning import (
    AskTheSubscriber,
    EndOfLadder,
    Failures,
    GiveUp,
    HoldForPerson,
    RetryAt,
    next_step,
)
from billing.domain.event_types import EventType
from billing.domain.quiet_hours import charge_slot
from billing.domain.rechecks import after_failure
from billing.domain.set_up_evidence import Trouble
from billing.domain.states import (
    CHARGEABLE_SUBSCRIPTIONS,
    PAUSABLE_SUBSCRIPTIONS,
    RENEWING_SUBSCRIPTIONS,
    REVOCABLE_SOURCES,
    ChargeEvent,
    InvoiceEvent,
    InvoiceState,
    SourceEvent,
    SourceState,
    SubscriptionEvent,
    SubscriptionState,
)
from plans.calendar import billing_day

UNPROVEN: Final = "an error of our set-up, while nobody is captured: our account or this wallet, a person must find out"
"""Why a subscription is parked that met a set-up class too often to be tried on, without proof of whose fault it is."""
NO_NEW_AGREEMENT: Final = "no new KakaoPay agreement was made in time"
"""Why a subscription is canceled whose subscriber was asked for one and made none."""


LastMove = Literal[SubscriptionEvent.CANCEL, SubscriptionEvent.PAUSE, SubscriptionEvent.GIVE_UP]
"""How a subscription may move when dunning is over."""


def settle_failure(
    case: Case,
    event: ChargeEvent,
    decline: DeclineClass,
    code: str | None,
    now: datetime,
    policy: Policy,
    trouble: Trouble = Trouble.OPEN,
) -> Settlement:
    """Return what a failed charge changes. ``now`` is a UTC instant.

    A first payment or a re-enrolment has no ladder: the subscriber is present and may try again. ``trouble`` says of a
    set-up class whose trouble it is. A decline without a known reason that is our account's is of that class, too.
    """
    if decline is DeclineClass.UNKNOWN and trouble is Trouble.ACCOUNT:
        decline = DeclineClass.SET_UP
    closed = Settlement(
        charge_event=event,
        charge={"decline_class": decline.value, "response_code": code, **after_failure(event, now)},
        source_event=_source_event(case, decline),
    )
    if case.invoice_state is not InvoiceState.OPEN:
        return closed
    if case.subscription_state is SubscriptionState.CANCELED:
        return replace(closed, invoice_event=InvoiceEvent.VOID, invoice={"next_attempt_at": None, "give_up_at": None})
    if case.subscriber_is_present or case.subscription_state not in CHARGEABLE_SUBSCRIPTIONS:
        return closed
    return _climb(case, closed, decline, now, policy, trouble if decline is DeclineClass.SET_UP else Trouble.OPEN)


def end_of_ladder(state: SubscriptionState, end: EndOfLadder) -> tuple[LastMove | None, InvoiceEvent | None]:
    """Return the moves of subscription and invoice when dunning is over, by configuration."""
    match end:
        case EndOfLadder.CANCEL:
            return SubscriptionEvent.CANCEL, InvoiceEvent.WRITE_OFF
        case EndOfLadder.PAUSE if state in PAUSABLE_SUBSCRIPTIONS:
            return SubscriptionEvent.PAUSE, None
        case EndOfLadder.UNPAID if state is SubscriptionState.PAST_DUE:
            return SubscriptionEvent.GIVE_UP, None
        case EndOfLadder.PAUSE | EndOfLadder.UNPAID | EndOfLadder.PAST_DUE:
            return None, None
        case _:
            assert_never(end)


def _source_event(case: Case, decline: DeclineClass) -> SourceEvent | None:
    if case.subscriber_is_present:
        return SourceEvent.DISCARD if case.source_state is SourceState.PENDING else None
    if case.source_state not in REVOCABLE_SOURCES:
        return None
    effect = row_of(decline).source
    match effect:
        case SourceEffect.KEPT:
            return None
        case SourceEffect.SUSPECTED:
            return SourceEvent.SUSPECT if case.source_state is SourceState.ACTIVE else SourceEvent.REVOKE
        case SourceEffect.REVOKED:
            return SourceEvent.REVOKE
        case _:
            assert_never(effect)


def _climb(
    case: Case, closed: Settlement, decline: DeclineClass, now: datetime, policy: Policy, trouble: Trouble
) -> Settlement:
    # A retry asked for by a person is not a step of the ladder, and where dunning is over there is no ladder.
    on_the_ladder = case.automatic and case.subscription_state is not SubscriptionState.UNPAID
    is_the_wallets = on_the_ladder and trouble is Trouble.WALLET
    nobodys_fault = not is_subscribers_fault(decline) and not is_the_wallets
    counts = on_the_ladder and not nobodys_fault
    today = billing_day(now, case.zone)
    first_failed_on = case.first_failed_on or today
    failures = Failures(
        counted=policy.dunning.failures_after(case.failures, first_failed_on, today) if counts else case.failures,
        technical=case.technical_failures + (1 if nobodys_fault else 0),
        first_failed_on=first_failed_on,
    )
    step = next_step(
        # A wallet that nothing but its owner can help is one that is blocked, whatever code told of it.
        DeclineClass.STOP if is_the_wallets else decline,
        failures,
        now=now,
        zone=case.zone,
        spread_by=case.subscription_id,
        policy=policy.dunning,
    )
    if on_the_ladder and trouble is Trouble.UNPROVEN:
        step = HoldForPerson(UNPROVEN)
    invoice: dict[str, object] = {"failures": failures.counted, "technical_failures": failures.technical}
    if not nobodys_fault:
        invoice["first_failed_on"] = first_failed_on
        if case.first_failed_on is None:
            invoice |= _grace(case, first_failed_on, today, policy)
    told = replace(closed, invoice=invoice, subscription_event=None if nobodys_fault else _falls_behind(case))
    match step:
        case RetryAt() | GiveUp() if not on_the_ladder:
            return told  # the plan of retries stays as it was
        case RetryAt(at):
            again_on = billing_day(at, case.zone)
            if not nobodys_fault or case.first_failed_on is not None:
                invoice |= _grace(case, first_failed_on, today, policy, tried_on=again_on)
            put_off = _put_off(decline, failures, again_on, policy)
            return replace(told, invoice={**invoice, **put_off, "next_attempt_at": at})
        case GiveUp():
            return _give_up(case, told, invoice, today, policy)
        case AskTheSubscriber():
            return _ask(case, told, invoice, failures, decline, today, policy)
        case HoldForPerson():
            return _hold(told, invoice, step, now)
        case _:
            assert_never(step)


def _put_off(decline: DeclineClass, failures: Failures, until: date, policy: Policy) -> dict[str, object]:
    """Count the steps of the ladder that pass before the next month begins."""
    if row_of(decline).retry is not RetryRule.NEXT_MONTH:
        return {}
    return {"failures": policy.dunning.failures_put_off(failures.counted, failures.first_failed_on, until)}


def _falls_behind(case: Case) -> SubscriptionEvent | None:
    current = case.subscription_state in RENEWING_SUBSCRIPTIONS
    return SubscriptionEvent.FALL_PAST_DUE if current else None


def _grace(
    case: Case, first_failed_on: date, today: date, policy: Policy, *, tried_on: date | None = None
) -> dict[str, object]:
    until = grace_until(case.period, failed_on=first_failed_on, ladder_days=policy.dunning.days, tried_on=tried_on)
    return given_until(
        until, before=case.grace_until, lost_days=case.lost_days, lost_spans=case.lost_spans, today=today
    )


def _give_up(case: Case, told: Settlement, invoice: dict[str, object], today: date, policy: Policy) -> Settlement:
    subscription_event, invoice_event = end_of_ladder(case.subscription_state, policy.dunning.end)
    no_more = given_until(
        today, before=case.grace_until, lost_days=case.lost_days, lost_spans=case.lost_spans, today=today
    )
    return replace(
        told,
        invoice={**invoice, "next_attempt_at": None, "give_up_at": None, **no_more},
        invoice_event=invoice_event,
        subscription_event=subscription_event or told.subscription_event,
        subscription={"paused_by_dunning": True} if subscription_event is SubscriptionEvent.PAUSE else {},
        notes=(Note(EventType.DUNNING_EXHAUSTED, {"end": policy.dunning.end.value}),),
    )


def _hold(told: Settlement, invoice: dict[str, object], held: HoldForPerson, now: datetime) -> Settlement:
    # While the subscription is parked nothing is charged; once it is released, this invoice is due at once.
    return replace(
        told,
        invoice={**invoice, "next_attempt_at": now},
        subscription={"parked_reason": held.reason},
        notes=(Note(EventType.SUBSCRIPTION_PARKED, {"reason": held.reason}),),
    )


def _ask(
    case: Case,
    told: Settlement,
    invoice: dict[str, object],
    failures: Failures,
    decline: DeclineClass,
    today: date,
    policy: Policy,
) -> Settlement:
    days, at = policy.dunning.ladder[-1]
    # Asked late (the ladder was interrupted), the subscriber still has until tomorrow.
    last_day = max(failures.first_failed_on + timedelta(days=days), today) + timedelta(days=1)
    give_up_at = charge_slot(last_day, at, case.zone, policy.dunning.window, case.subscription_id)
    grace = given_until(
        min(case.period.end, last_day),
        before=case.grace_until,
        lost_days=case.lost_days,
        lost_spans=case.lost_spans,
        today=today,
    )
    return replace(
        told,
        invoice={**invoice, **grace, "next_attempt_at": None, "give_up_at": give_up_at},
        notes=(Note(EventType.SUBSCRIPTION_RE_ENROLMENT_REQUESTED, {"why": decline.value}),),
    )
