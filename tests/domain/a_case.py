"""A charge to decide about, and what becomes of it when a decision is carried out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.domain.cases import Case, ChargeKind, InvoiceKind, Settlement
from billing.domain.charging import Accepted, GatewayPayment, PaymentStatus
from billing.domain.days.schedule import BillingSchedule
from billing.domain.states import (
    CHARGE_MOVES,
    INVOICE_MOVES,
    SOURCE_MOVES,
    SUBSCRIPTION_MOVES,
    ChargeState,
    InvoiceState,
    SourceEvent,
    SourceState,
    SubscriptionState,
    next_state,
)
from plans.calendar import Interval, IntervalUnit, Period
from plans.money import Money

KST = ZoneInfo("Asia/Seoul")
SUBSCRIPTION, CURRENT, OTHER = UUID(int=11), UUID(int=21), UUID(int=22)
REFERENCE = "abc123-sub-20270301-1"


def kst(text: str) -> datetime:
    """Return the UTC instant of a wall-clock time in Seoul."""
    return datetime.fromisoformat(text).replace(tzinfo=KST).astimezone(UTC)


NOW = kst("2027-03-01 10:05")
MONTHLY = Interval(IntervalUnit.MONTH, 1)
SCHEDULE = BillingSchedule(SUBSCRIPTION, date(2027, 2, 1), MONTHLY, "Asia/Seoul", 1)
"""The second month is invoiced."""


def a_case(**changes) -> Case:
    """Return a renewal on its way: an active subscription, an open invoice, the stored source."""
    case = Case(
        charge_id=UUID(int=1),
        charge_state=ChargeState.SENDING,
        charge_kind=ChargeKind.RENEWAL,
        automatic=True,
        attempt_no=1,
        reference=REFERENCE,
        amount=Money(9900, "KRW"),
        gateway_payment_id=None,
        checks=0,
        sends=1,
        sent_at=kst("2027-03-01 10:00"),
        check_at=kst("2027-03-01 10:02"),
        invoice_id=UUID(int=2),
        invoice_state=InvoiceState.OPEN,
        invoice_kind=InvoiceKind.RENEWAL,
        failures=0,
        technical_failures=0,
        first_failed_on=None,
        grace_until=date(2027, 4, 1),
        lost_days=0,
        period=Period(date(2027, 3, 1), date(2027, 4, 1)),
        subscription_id=SUBSCRIPTION,
        subscription_state=SubscriptionState.ACTIVE,
        zone="Asia/Seoul",
        schedule=SCHEDULE,
        paid_through=date(2027, 3, 1),
        subscription_source_id=CURRENT,
        source_id=CURRENT,
        source_state=SourceState.ACTIVE,
        replaced_source_state=SourceState.ACTIVE,
        has_other_live_subscription=False,
    )
    if changes.get("charge_state") is ChargeState.PARKED:
        changes = {"check_at": None, **changes}
    return replace(case, **changes)


def a_first_charge(**changes) -> Case:
    """Return the payment of a newcomer who is in the wallet."""
    first = {
        "charge_kind": ChargeKind.FIRST,
        "automatic": False,
        "invoice_kind": InvoiceKind.FIRST,
        "subscription_state": SubscriptionState.INCOMPLETE,
        "paid_through": None,
        "grace_until": None,
        "schedule": replace(SCHEDULE, anchor=date(2027, 3, 1), billed_index=0),
        "subscription_source_id": None,
        "source_id": OTHER,
        "source_state": SourceState.PENDING,
        "replaced_source_state": None,
    }
    return a_case(**{**first, **changes})


def a_re_enrolment(**changes) -> Case:
    """Return the payment of a subscriber who replaces the agreement of a subscription that is past due."""
    again = {
        "charge_kind": ChargeKind.RE_ENROLMENT,
        "automatic": False,
        "subscription_state": SubscriptionState.PAST_DUE,
        "source_id": OTHER,
        "source_state": SourceState.PENDING,
        "replaced_source_state": SourceState.REVOKED,
    }
    return a_case(**{**again, **changes})


def told(status: PaymentStatus, code: str | None = None, **changes) -> Accepted:
    """Return an answer about the payment of :func:`a_case`."""
    captured = 9900 if status is PaymentStatus.CAPTURED else None
    payment = GatewayPayment(
        id="pay_1",
        status=status,
        raw_status=status.value,
        reference=REFERENCE,
        amount_minor=9900,
        currency="KRW",
        response_code=code,
        captured_minor=captured,
    )
    return Accepted(replace(payment, **changes))


OPEN = told(PaymentStatus.OPEN)
CAPTURED = told(PaymentStatus.CAPTURED)
EXPIRED = told(PaymentStatus.EXPIRED)
CANCELED = told(PaymentStatus.CANCELED)


def declined(code: str | None = "20051") -> Accepted:
    return told(PaymentStatus.DECLINED, code)


def carry_out(case: Case, decision: Settlement) -> Case:
    """Return the case as it is read after a decision was written down; every move goes through the tables.

    :raises IllegalMove: the decision makes a move that is none.
    """
    source, old = case.source_state, case.replaced_source_state
    same = case.source_id == case.subscription_source_id
    if decision.source_event is not None:
        assert source is not None, "there is no source to move"
        source = next_state(SOURCE_MOVES, source, decision.source_event)
    old = source if same else old
    if decision.replace_old_source:
        assert old is not None, "there is no source to replace"
        assert not same, "a source cannot replace itself"
        old = next_state(SOURCE_MOVES, old, SourceEvent.REPLACE)
    current = decision.subscription.get("source_id", case.subscription_source_id)
    return replace(
        case,
        charge_state=_moved(CHARGE_MOVES, case.charge_state, decision.charge_event),
        gateway_payment_id=decision.charge.get("gateway_payment_id", case.gateway_payment_id),
        checks=decision.charge.get("checks", case.checks),
        check_at=decision.charge.get("check_at", case.check_at),
        invoice_state=_moved(INVOICE_MOVES, case.invoice_state, decision.invoice_event),
        **{
            name: decision.invoice.get(name, getattr(case, name))
            for name in ("failures", "technical_failures", "first_failed_on")
        },
        subscription_state=_moved(SUBSCRIPTION_MOVES, case.subscription_state, decision.subscription_event),
        paid_through=decision.subscription.get("paid_through", case.paid_through),
        source_state=source,
        subscription_source_id=current,
        replaced_source_state=source if current == case.source_id else old,
    )


def is_in_slot(instant: datetime, slot: str) -> bool:
    """Say whether an instant is the wall-clock time in Seoul or up to 30 minutes later."""
    begins = kst(slot)
    return begins <= instant < begins + timedelta(minutes=30)


def _moved(moves: Mapping, state, event):
    return state if event is None else next_state(moves, state, event)
