"""What requests may hold: plain models that take nothing they do not know and convert nothing silently."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from billing.domain.states import SubscriptionState
from billing.entrypoints.api.fields import (
    AmountMinor,
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


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Query(BaseModel):
    # Queries are text, so they are converted; but a name that is not known is a mistake here too.
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """``customer_reference`` is your own id of the customer; ``phone`` is 010-1234-5678 or E.164."""

    plan: PlanCode
    customer_reference: Reference
    name: Name
    email: Email
    phone: Phone | None = None
    locale: Locale = "ko"


class ReEnrolment(InWallet):
    pass


class Cancellation(Body):
    at: Literal["now", "period_end"] = "period_end"
    reason: Reason = "asked for by the subscriber"


class Pause(Body):
    resume_at: Instant | None = None


class NewRefund(Body):
    """Without an amount (in minor units) all that is left is refunded."""

    amount_minor: AmountMinor | None = None
    reason: Reason


class SubscriptionQuery(_Query):
    """``cursor`` is the ``next_cursor`` of the page before."""

    customer: Reference | None = None
    state: SubscriptionState | None = None
    limit: Annotated[int, Whole, Field(ge=1, le=100)] = 50
    cursor: UUID | None = None


class EventQuery(_Query):
    """``after`` is the ``next_after`` of the page before, 0 at first."""

    after: Annotated[int, Whole, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Whole, Field(ge=1, le=100)] = 100


class EntitlementQuery(_Query):
    """``grace_days`` after a failed renewal; without it, for as long as the renewal is tried again."""

    grace_days: Annotated[int | None, Whole, Field(ge=0, le=366)] = None


class InvoiceQuery(_Query):
    subscription: UUID
    limit: Annotated[int, Whole, Field(ge=1, le=100)] = 50
