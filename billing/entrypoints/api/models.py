"""What requests may hold: plain models that take nothing they do not know and convert nothing silently."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from billing.domain.states import (
    ChargeState,
    InvoiceState,
    ObligationState,
    RefundState,
    SourceState,
    SubscriptionState,
)
from billing.entrypoints.api.fields import (
    Country,
    Day,
    DisputeId,
    Email,
    Instant,
    Locale,
    Name,
    OsType,
    Phone,
    PlanCode,
    Reason,
    Reference,
    TerminalType,
    Url,
    Whole,
)
from billing.entrypoints.api.ids import ChargeId, CustomerId, InvoiceId, SubscriptionId
from billing.entrypoints.api.shapes import LEFT_OUT, Body, CreatedQuery, MoneyAsked, PageQuery, QueryOf, Reasoned
from plans.calendar import LARGEST_COUNT
from plans.catalog_fields import LARGEST_TRIAL_DAYS


class InWallet(Body):
    """Where the subscriber is, and where to send them from the wallet.

    WEB is a browser on a computer, WAP one on a phone, APP a native app.
    """

    terminal_type: TerminalType
    os_type: Annotated[OsType | None, Field(validate_default=True)] = None
    success_url: Url
    failure_url: Url

    @field_validator("os_type")
    @classmethod
    def _known_on_phones(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("terminal_type") in ("WAP", "APP"):
            raise ValueError("must be 'ANDROID' or 'IOS' when terminal_type is not WEB")
        return value


class NewSubscription(InWallet):
    """``customer_reference`` is your own id of the customer; ``phone`` is 010-1234-5678 or E.164.

    A customer who is not known yet needs ``name`` and ``email``; of one who is, what is given is changed.
    ``country`` is an ISO 3166-1 alpha-2 code; Checkout.com is told it, or the configured one (KR).
    """

    plan: PlanCode
    customer_reference: Reference
    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    locale: Locale | None = None
    country: Country | None = None


class NewSource(InWallet, Reasoned):
    """Where the subscriber is who makes a new KakaoPay agreement."""


class Cancellation(Reasoned):
    """``period_end``: what is paid for runs out. ``date``: it is renewed until the day ``on`` begins in its zone."""

    at: Literal["now", "period_end", "date"] = "period_end"
    on: Annotated[Day | None, Field(validate_default=True)] = None

    @field_validator("on")
    @classmethod
    def _said_with_a_date(cls, value: date | None, info: ValidationInfo) -> date | None:
        if "at" in info.data and (info.data["at"] == "date") is not (value is not None):
            raise ValueError('must be a day when at is "date", and left out when it is not')
        return value


class Pause(Reasoned):
    """``period_end``: what is paid for runs out first. Without ``resume_at`` it is resumed by hand."""

    at: Literal["now", "period_end"] = "now"
    resume_at: Instant | None = None


class Revocation(Body):
    """Why an agreement is ended; it is kept in the audit trail."""

    reason: Reason


class RevocationSettlement(Body):
    """How it is known that an agreement has ended, though Checkout.com does not confirm it.

    It is kept in the audit trail, so do not name the subscriber in it.
    """

    reason: Reason


class Forgiveness(Body):
    """Why an invoice is not to be paid; it is kept in the audit trail."""

    reason: Reason


class ChargeSettlement(Body):
    """Why a charge without an outcome counts as failed; it is kept in the audit trail."""

    outcome: Annotated[Literal["failed"], Field(alias="as")] = "failed"
    reason: Reason


class DisputeSettlement(Body):
    """How a dispute of the charge ended, as Checkout.com's dashboard shows it; ``dispute`` is its id (``dsp_…``).

    The reason is kept in the audit trail.
    """

    dispute: DisputeId
    outcome: Annotated[Literal["won", "lost"], Field(alias="as")]
    reason: Reason


class RefundSettlement(Body):
    """Why a refund without an outcome counts as failed; it is kept in the audit trail."""

    outcome: Annotated[Literal["failed"], Field(alias="as")] = "failed"
    reason: Reason


class InvoiceRetry(Reasoned):
    """``subscriber_confirmed``: the subscriber was asked, and agreed to pay for a new period from today."""

    subscriber_confirmed: bool = False


class NewRefund(Body):
    """Without an amount all that is left is refunded."""

    charge_id: ChargeId
    amount: MoneyAsked | None = None
    reason: Reason


class ObligationSettlement(Body):
    """How the money went back by other means, such as a bank transfer with its date and number, and why so.

    Both are kept in the audit trail, so do not name the subscriber in them.
    """

    how: Reason
    reason: Reason


class ObligationRetry(Body):
    """Why the next refund is made now; it is kept in the audit trail."""

    reason: Reason


class NewCustomer(Body):
    """``reference`` is your own id of the customer, and never changes; ``phone`` is 010-1234-5678 or E.164.

    ``country`` is an ISO 3166-1 alpha-2 code; Checkout.com is told it, or the configured one (KR).
    """

    reference: Reference
    name: Name
    email: Email
    phone: Phone | None = None
    locale: Locale = "ko"
    country: Country | None = None


class CustomerUpdate(Reasoned):
    """What is left out stays as it is; ``phone`` and ``country`` are taken away by null."""

    name: Annotated[Name, LEFT_OUT] = ""
    email: Annotated[Email, LEFT_OUT] = ""
    phone: Annotated[Phone | None, LEFT_OUT] = None
    locale: Annotated[Locale, LEFT_OUT] = "ko"
    country: Annotated[Country | None, LEFT_OUT] = None


class Erasure(Body):
    """Why a customer is erased; it is kept in the audit trail, so do not name them in it."""

    reason: Reason


class CustomerQuery(CreatedQuery):
    """``reference`` is your own id of the customer."""

    reference: Reference | None = None


class SourceQuery(CreatedQuery):
    customer_id: CustomerId
    state: SourceState | None = None


class PriceAsked(Reasoned):
    """``amount`` every so many ``interval``, the first time after ``trial_days`` without one."""

    amount: MoneyAsked
    interval: Literal["day", "week", "month", "year"]
    interval_count: Annotated[int, Field(ge=1, le=LARGEST_COUNT)] = 1
    trial_days: Annotated[int, Field(ge=0, le=LARGEST_TRIAL_DAYS)] = 0


class NewPlan(PriceAsked):
    """``code`` is for programs and never changes; subscribers see ``name`` in the wallet."""

    code: PlanCode
    name: Name


class NewPrice(PriceAsked):
    """``plan`` is the code of the plan that is sold at it from now on."""

    plan: PlanCode


class SubscriptionQuery(CreatedQuery):
    """``customer_reference`` is your own id of the customer."""

    customer_id: CustomerId | None = None
    customer_reference: Reference | None = None
    plan: PlanCode | None = None
    state: SubscriptionState | None = None


class _PaymentQuery(CreatedQuery):
    @model_validator(mode="after")
    def _of_somebody(self) -> Self:
        # Without this a page would be sought among all there ever were, and there is no index for it on purpose.
        owners = [name for name in type(self).model_fields if name.endswith("_id")]
        if not any(getattr(self, name) for name in owners):
            raise ValueError(f"must name {' or '.join(owners)}")
        return self


class InvoiceQuery(_PaymentQuery):
    """Name the subscription or the customer."""

    subscription_id: SubscriptionId | None = None
    customer_id: CustomerId | None = None
    state: InvoiceState | None = None


class ChargeQuery(_PaymentQuery):
    """Name the invoice, the subscription or the customer."""

    invoice_id: InvoiceId | None = None
    subscription_id: SubscriptionId | None = None
    customer_id: CustomerId | None = None
    state: ChargeState | None = None


class RefundQuery(_PaymentQuery):
    """Name the charge, the subscription or the customer."""

    charge_id: ChargeId | None = None
    subscription_id: SubscriptionId | None = None
    customer_id: CustomerId | None = None
    state: RefundState | None = None


class ObligationQuery(CreatedQuery):
    """``open`` is true for what has not gone back yet, false for what has, or was settled."""

    charge_id: ChargeId | None = None
    subscription_id: SubscriptionId | None = None
    customer_id: CustomerId | None = None
    state: ObligationState | None = None
    open: bool | None = None


class PlanQuery(PageQuery):
    archived: bool | None = None


class PriceQuery(PageQuery):
    plan: PlanCode | None = None


class AccessQuery(QueryOf):
    """``grace_days`` after the day of a renewal that failed; without it, for as long as the renewal is tried again.

    0 locks out at once who was declined; what failed otherwise, or is not known yet, keeps its first day.
    """

    grace_days: Annotated[int, Whole(0, 366)] | None = None
