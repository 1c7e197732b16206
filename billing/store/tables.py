"""The tables: what did happen. No behaviour; the rules that money depends on are constraints here."""

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.days import records
from billing.domain.days.records import DayKind, UnbilledReason
from billing.domain.states import (
    AUTO_CHARGED_SUBSCRIPTIONS,
    LIVE_CHARGE_STATES,
    LIVE_SUBSCRIPTIONS,
    PAUSABLE_SUBSCRIPTIONS,
    RENEWING_SUBSCRIPTIONS,
    UNSETTLED_REFUND_STATES,
    ChargeState,
    InvoiceState,
    RefundState,
    RevocationState,
    SourceState,
    SubscriptionState,
)
from billing.store.columns import DaysWithoutAccess, MinorUnits, Sequence, enum_of, instant, partial_index, state_in
from plans.calendar import IntervalUnit

# Conditions of partial indexes are literals, so that SQLite and PostgreSQL's generic plans recognise them.
LIVE_SUBSCRIPTION: Final = state_in(LIVE_SUBSCRIPTIONS)
AUTO_CHARGED: Final = state_in(AUTO_CHARGED_SUBSCRIPTIONS)
RENEWABLE: Final = f"{state_in(RENEWING_SUBSCRIPTIONS)} AND parked_reason IS NULL"
LIVE_CHARGE: Final = state_in(LIVE_CHARGE_STATES)
UNSETTLED_CHARGE: Final = f"{LIVE_CHARGE} AND state <> 'parked'"
CHARGE_TO_ASK_ABOUT: Final = "check_at IS NOT NULL"
ENROLMENT_TO_EXPIRE: Final = "state = 'incomplete'"
PAUSE_TO_END: Final = "state = 'paused' AND resume_at IS NOT NULL"
END_PLANNED: Final = "cancel_at IS NOT NULL AND state <> 'canceled'"
INVOICE_TO_GIVE_UP: Final = "state = 'open' AND give_up_at IS NOT NULL"
OPEN_STRAY_PAYMENT: Final = "resolved_at IS NULL"
WEBHOOK_TO_PROCESS: Final = "state = 'received'"
DUE_INVOICE: Final = "state = 'open' AND next_attempt_at IS NOT NULL"
UNKNOWN_CHARGE: Final = "state = 'unknown'"
PARKED: Final = "state = 'parked'"
PAUSE_PLANNED: Final = f"pause_at IS NOT NULL AND {state_in(PAUSABLE_SUBSCRIPTIONS)}"
PARKED_SUBSCRIPTION: Final = "parked_reason IS NOT NULL"
REFUND_TO_ASK_ABOUT: Final = "check_at IS NOT NULL"
REVOCATION_TO_TELL: Final = "revocation = 'requested'"
SET_UP_FAILURE: Final = "decline_class = 'set_up'"
UNEXPLAINED_DECLINE: Final = "decline_class = 'unknown'"
CAPTURED: Final = "state = 'captured'"
UNSETTLED_REFUND: Final = state_in(UNSETTLED_REFUND_STATES)


class Plan(SQLModel, table=True):
    __tablename__ = "plan"

    code: str = Field(primary_key=True, max_length=50)
    name: str = Field(max_length=100)
    created_at: datetime = instant()
    archived_at: datetime | None = instant(nullable=True)
    paused_at: datetime | None = instant(nullable=True)


class Price(SQLModel, table=True):
    """A version of a plan's price. Rows are written once and never changed."""

    __tablename__ = "price"
    __table_args__ = (
        UniqueConstraint("plan_code", "version"),
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        CheckConstraint("interval_count > 0", name="interval_is_positive"),
    )

    id: UUID = Field(primary_key=True)
    plan_code: str = Field(foreign_key="plan.code")
    version: int
    amount_minor: int = Field(sa_type=MinorUnits)
    currency: str = Field(max_length=3)
    interval_unit: IntervalUnit = Field(sa_type=enum_of(IntervalUnit))
    interval_count: int
    trial_days: int = 0
    created_at: datetime = instant()


class Customer(SQLModel, table=True):
    """A subscriber. ``reference`` is the SaaS's own id and never changes while an agreement exists."""

    __tablename__ = "customer"
    __table_args__ = (Index("customer_by_age", "created_at", "id"),)

    id: UUID = Field(primary_key=True)
    reference: str = Field(unique=True, max_length=100)
    name: str = Field(max_length=100)
    email: str = Field(max_length=254)
    phone: str | None = Field(default=None, max_length=20)
    locale: str = Field(max_length=10)
    country: str | None = Field(default=None, max_length=2)
    """ISO 3166-1 alpha-2; null: the configured one."""
    gateway_customer_id: str | None = Field(default=None, max_length=100)
    """Checkout.com's ``cus_`` id, from the first answer that told it. Customers of one e-mail address may share it."""
    created_at: datetime = instant()
    erased_at: datetime | None = instant(nullable=True)
    """Name and e-mail are empty since then; phone number, country and Checkout.com's id are gone."""


class Source(SQLModel, table=True):
    """A KakaoPay agreement, as the gateway's ``src_`` id."""

    __tablename__ = "source"
    __table_args__ = (
        partial_index("revocation_to_tell", "revocation_due_at", "id", where=REVOCATION_TO_TELL),
        partial_index("parked_revocation", "id", where="revocation = 'parked'"),
    )

    id: UUID = Field(primary_key=True)
    customer_id: UUID = Field(foreign_key="customer.id", index=True)
    gateway_source_id: str = Field(unique=True, max_length=100)
    state: SourceState = Field(sa_type=enum_of(SourceState))
    first_payment_id: str | None = Field(default=None, max_length=100)
    """Checkout.com's id of the captured payment, with the subscriber present, that made the agreement last."""
    revocation: RevocationState = Field(
        default=RevocationState.NONE,
        sa_type=enum_of(RevocationState),
        sa_column_kwargs={"server_default": RevocationState.NONE.value},
    )
    """How far Checkout.com knows that the agreement is revoked."""
    revocation_due_at: datetime | None = instant(nullable=True)
    """When it is told next."""
    revocation_tries: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often it was told since the revocation was asked for or released."""
    revocation_error: str | None = Field(default=None, max_length=500)
    created_at: datetime = instant()


class Subscription(SQLModel, table=True):
    __tablename__ = "subscription"
    __table_args__ = (
        partial_index(
            "one_live_subscription_to_a_plan", "customer_id", "plan_code", where=LIVE_SUBSCRIPTION, unique=True
        ),
        Index("subscription_by_age", "created_at", "id"),
        partial_index("due_subscription", "next_due_at", "id", where=RENEWABLE),
        partial_index("incomplete_subscription", "expires_at", "id", where=ENROLMENT_TO_EXPIRE),
        partial_index("subscription_to_resume", "resume_at", "id", where=PAUSE_TO_END),
        partial_index("subscription_to_pause", "pause_at", "id", where=PAUSE_PLANNED),
        partial_index("parked_subscription", "id", where=PARKED_SUBSCRIPTION),
        partial_index("subscription_to_end", "cancel_at", "id", where=END_PLANNED),
    )

    id: UUID = Field(primary_key=True)
    customer_id: UUID = Field(foreign_key="customer.id", index=True)
    plan_code: str = Field(foreign_key="plan.code", index=True)
    price_id: UUID = Field(foreign_key="price.id")
    source_id: UUID | None = Field(default=None, foreign_key="source.id", index=True)
    state: SubscriptionState = Field(sa_type=enum_of(SubscriptionState))
    zone: str = Field(max_length=50)
    anchor: date
    billed_index: int
    """Index of the last period that has an invoice; -1 before the first (a trial)."""
    next_due_at: datetime = instant()
    paid_through: date | None = None
    """The first day that is not paid for."""
    consented_at: datetime | None = instant(nullable=True)
    """When the subscriber agreed to the end of the trial; E-Commerce Act art. 13(6)."""
    expires_at: datetime = instant()
    pause_at: datetime | None = instant(nullable=True)
    """When a pause that is planned begins; ``resume_at`` may be set with it."""
    resume_at: datetime | None = instant(nullable=True)
    paused_by_dunning: bool = False
    """The last pause was made by the end of the retries: it ends when the debt is paid."""
    cancel_at: datetime | None = instant(nullable=True)
    canceled_at: datetime | None = instant(nullable=True)
    cancel_reason: str | None = Field(default=None, max_length=200)
    parked_reason: str | None = Field(default=None, max_length=500)
    created_at: datetime = instant()


class Invoice(SQLModel, table=True):
    __tablename__ = "invoice"
    __table_args__ = (
        partial_index(
            "one_invoice_for_a_period",
            "subscription_id",
            "period_start",
            where="state <> 'void' AND kind IN ('first', 'renewal')",
            unique=True,
        ),
        partial_index("due_invoice", "next_attempt_at", "id", where=DUE_INVOICE),
        partial_index("invoice_to_give_up", "give_up_at", "id", where=INVOICE_TO_GIVE_UP),
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        CheckConstraint("period_start < period_end", name="period_is_not_empty"),
    )

    id: UUID = Field(primary_key=True)
    subscription_id: UUID = Field(foreign_key="subscription.id", index=True)
    kind: InvoiceKind = Field(sa_type=enum_of(InvoiceKind))
    period_start: date
    period_end: date
    amount_minor: int = Field(sa_type=MinorUnits)
    currency: str = Field(max_length=3)
    state: InvoiceState = Field(sa_type=enum_of(InvoiceState))
    attempts: int = 0
    """Number of the last attempt for this period, whoever asked for it."""
    failures: int = 0
    """Failed attempts that used up a step of the ladder."""
    technical_failures: int = 0
    first_failed_on: date | None = None
    grace_until: date | None = None
    """The first day without access, as of when it was open or forgiven; null for a first payment."""
    lost_days: int = 0
    """Days of its period that passed without access before access was given again, as after a pause."""
    lost_spans: tuple[records.DayRecord, ...] = Field(default=(), sa_type=DaysWithoutAccess, nullable=True)
    """Where those days lie, oldest first; null: there are none, or they passed before this was written down."""
    next_attempt_at: datetime | None = instant(nullable=True)
    give_up_at: datetime | None = instant(nullable=True)
    paid_at: datetime | None = instant(nullable=True)
    created_at: datetime = instant()


class DayRecord(SQLModel, table=True):
    """What days of a subscription were that no invoice explains. Rows are written when the days pass, and only once."""

    __tablename__ = "day_record"
    __table_args__ = (
        UniqueConstraint("subscription_id", "starts_on", "kind"),
        CheckConstraint("starts_on < ends_on", name="days_are_not_empty"),
    )

    id: UUID = Field(primary_key=True)
    subscription_id: UUID = Field(foreign_key="subscription.id")
    starts_on: date
    ends_on: date
    kind: DayKind = Field(sa_type=enum_of(DayKind))
    reason: UnbilledReason = Field(sa_type=enum_of(UnbilledReason))
    written_at: datetime = instant()


class Charge(SQLModel, table=True):
    """One attempt to take an invoice's amount. Written before the first byte leaves."""

    __tablename__ = "charge"
    __table_args__ = (
        partial_index("one_live_charge", "subscription_id", where=LIVE_CHARGE, unique=True),
        UniqueConstraint("invoice_id", "attempt_no"),
        partial_index("charge_to_ask_about", "check_at", "id", where=CHARGE_TO_ASK_ABOUT),
        partial_index("unknown_charge", "id", where=UNKNOWN_CHARGE),
        partial_index("set_up_failure", "sent_at", where=SET_UP_FAILURE),
        partial_index("unexplained_decline", "sent_at", where=UNEXPLAINED_DECLINE),
        partial_index("captured_charge", "sent_at", "id", where=CAPTURED),
        partial_index("parked_charge", "id", where=PARKED),
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
    )

    id: UUID = Field(primary_key=True)
    invoice_id: UUID = Field(foreign_key="invoice.id")
    subscription_id: UUID = Field(foreign_key="subscription.id", index=True)
    source_id: UUID | None = Field(default=None, foreign_key="source.id")
    kind: ChargeKind = Field(sa_type=enum_of(ChargeKind))
    automatic: bool
    attempt_no: int
    reference: str = Field(unique=True, max_length=50)
    idempotency_key: str = Field(unique=True, max_length=36)
    amount_minor: int = Field(sa_type=MinorUnits)
    currency: str = Field(max_length=3)
    state: ChargeState = Field(sa_type=enum_of(ChargeState))
    gateway_payment_id: str | None = Field(default=None, unique=True, max_length=100)
    created_at: datetime = instant()
    sent_at: datetime = instant()
    sends: int = 1
    check_at: datetime | None = instant(nullable=True)
    """When to ask the gateway about it; while sending, the deadline of the send. Parked: null unless it hangs."""
    checks: int = 0
    """How often it was asked about; of a closed charge, how many of its rechecks are done."""
    absent_looks: int = 0
    last_absent_at: datetime | None = instant(nullable=True)
    captured_at: datetime | None = instant(nullable=True)
    response_code: str | None = Field(default=None, max_length=200)
    decline_class: str | None = Field(default=None, max_length=32)
    error: str | None = Field(default=None, max_length=500)
    terminal_type: str | None = Field(default=None, max_length=10)
    os_type: str | None = Field(default=None, max_length=10)
    return_token: str | None = Field(default=None, unique=True, max_length=64)
    success_url: str | None = Field(default=None, max_length=1024)
    failure_url: str | None = Field(default=None, max_length=1024)
    redirect_url: str | None = Field(default=None, sa_type=Text)


class Refund(SQLModel, table=True):
    """One attempt to give money back. Never deleted, so a lost answer cannot become a second refund."""

    __tablename__ = "refund"
    __table_args__ = (
        partial_index("refund_to_ask_about", "check_at", "id", where=REFUND_TO_ASK_ABOUT),
        partial_index("unsettled_refund", "id", where=UNSETTLED_REFUND),
        partial_index("parked_refund", "id", where=PARKED),
        Index("refund_by_age", "created_at", "id"),
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
    )

    id: UUID = Field(primary_key=True)
    charge_id: UUID = Field(foreign_key="charge.id", index=True)
    gateway_payment_id: str = Field(index=True, max_length=100)
    """The payment to refund: the charge's own, or a second one found under its reference."""
    amount_minor: int = Field(sa_type=MinorUnits)
    currency: str = Field(max_length=3)
    state: RefundState = Field(sa_type=enum_of(RefundState))
    reference: str = Field(unique=True, max_length=80)
    idempotency_key: str = Field(unique=True, max_length=36)
    action_id: str | None = Field(default=None, max_length=100)
    reason: str = Field(max_length=200)
    requested_by: str = Field(max_length=100)
    created_at: datetime = instant()
    sent_at: datetime | None = instant(nullable=True)
    sends: int = 0
    """How often it went out since it was ordered or released; what surely never left is not counted."""
    check_at: datetime | None = instant(nullable=True)
    checks: int = 0
    absent_looks: int = 0
    last_absent_at: datetime | None = instant(nullable=True)
    response_code: str | None = Field(default=None, max_length=200)
    error: str | None = Field(default=None, max_length=500)


class StrayPayment(SQLModel, table=True):
    """A payment at the gateway that no charge accounts for: not ours, or a second one for a charge of ours."""

    __tablename__ = "stray_payment"
    __table_args__ = (partial_index("open_stray_payment", "check_at", "gateway_payment_id", where=OPEN_STRAY_PAYMENT),)

    gateway_payment_id: str = Field(primary_key=True, max_length=100)
    reference: str | None = Field(default=None, max_length=200)
    charge_id: UUID | None = Field(default=None, foreign_key="charge.id", index=True)
    amount_minor: int | None = Field(default=None, sa_type=MinorUnits)
    currency: str | None = Field(default=None, max_length=3)
    status: str = Field(max_length=32)
    found_at: datetime = instant()
    check_at: datetime = instant()
    checks: int = 0
    resolved_at: datetime | None = instant(nullable=True)
    resolution: str | None = Field(default=None, max_length=200)


class Webhook(SQLModel, table=True):
    """An event of the gateway, stored once. It is a hint: the payment is read again before money moves."""

    __tablename__ = "webhook"
    __table_args__ = (
        # One id may come with two types, and each says something of its own.
        UniqueConstraint("event_id", "type", name="one_webhook_of_an_event"),
        # It is not documented whether a redelivery keeps its event id.
        partial_index(
            "one_webhook_per_action",
            "payment_id",
            "action_id",
            "type",
            where="action_id IS NOT NULL",
            unique=True,
        ),
        partial_index("webhook_to_process", "next_try_at", "id", where=WEBHOOK_TO_PROCESS),
        partial_index("parked_webhook", "id", where=PARKED),
        CheckConstraint("state IN ('received', 'processed', 'ignored', 'parked')", name="is_a_webhook_state"),
    )

    id: int | None = Field(default=None, sa_column=Column(Sequence, primary_key=True, autoincrement=True))
    event_id: str = Field(max_length=100)
    type: str = Field(max_length=60)
    payment_id: str | None = Field(default=None, max_length=100, index=True)
    action_id: str | None = Field(default=None, max_length=100)
    reference: str | None = Field(default=None, max_length=200)
    state: str = Field(max_length=20)
    received_at: datetime = instant()
    next_try_at: datetime = instant()
    tries: int = 0
    why: str | None = Field(default=None, max_length=500)
    dispute: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """What the event itself tells of a dispute; of anything else nothing is kept that can be read again."""


class Event(SQLModel, table=True):
    """The audit trail: every move and every note, in the transaction that made it. Rows are only appended."""

    __tablename__ = "event"
    __table_args__ = (Index("event_of_subject", "subject_type", "subject_id", "sequence", unique=True),)

    id: int | None = Field(default=None, sa_column=Column(Sequence, primary_key=True, autoincrement=True))
    at: datetime = instant()
    actor: str = Field(max_length=100)
    subject_type: str = Field(max_length=20)
    subject_id: str = Field(max_length=100)
    sequence: int
    """1, 2, 3 … of its subject."""
    subscription_id: UUID | None = Field(default=None, index=True)
    type: str = Field(max_length=60, index=True)
    from_state: str | None = Field(default=None, max_length=32)
    to_state: str | None = Field(default=None, max_length=32)
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
