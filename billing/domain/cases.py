"""The facts that a decision about one charge is made from, and the decision itself: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from billing.domain.days.records import DayRecord
from billing.domain.days.schedule import BillingSchedule
from billing.domain.decline_classes import DeclineClass
from billing.domain.dunning import DunningPolicy
from billing.domain.event_types import EventType
from billing.domain.hanging import HangingBounds
from billing.domain.set_up_evidence import SetUpPolicy
from billing.domain.states import (
    ChargeEvent,
    ChargeState,
    InvoiceEvent,
    InvoiceState,
    RevocationState,
    SourceEvent,
    SourceState,
    SubscriptionEvent,
    SubscriptionState,
)
from plans.calendar import Period
from plans.money import Money


class ChargeKind(StrEnum):
    FIRST = "first"
    """The subscriber is in the wallet and makes the agreement."""
    RENEWAL = "renewal"
    """Nobody is present: the stored source is charged."""
    RE_ENROLMENT = "re_enrolment"
    """The subscriber is in the wallet and replaces the agreement of a subscription."""


class InvoiceKind(StrEnum):
    FIRST = "first"
    RENEWAL = "renewal"
    AGREEMENT = "agreement"
    """A token amount that only makes an agreement (before a trial); refunded as soon as it is captured."""


class LateEnrolment(StrEnum):
    """What becomes of a first payment captured after the enrolment expired."""

    HONOUR = "honour"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Case:
    """One charge with its invoice, subscription and source, read under the subscription's row lock."""

    charge_id: UUID
    charge_state: ChargeState
    charge_kind: ChargeKind
    automatic: bool
    attempt_no: int
    reference: str
    amount: Money
    gateway_payment_id: str | None
    checks: int
    sends: int
    sent_at: datetime
    check_at: datetime | None
    """When it is asked about next. Of a parked charge: None unless it is parked because it hangs."""
    invoice_id: UUID
    invoice_state: InvoiceState
    invoice_kind: InvoiceKind
    failures: int
    technical_failures: int
    first_failed_on: date | None
    grace_until: date | None
    """The first day without access while it is open; None: it gives none, as before the first payment."""
    lost_days: int
    """Days of its period that passed without access before access was given again."""
    period: Period
    subscription_id: UUID
    subscription_state: SubscriptionState
    zone: str
    schedule: BillingSchedule
    paid_through: date | None
    subscription_source_id: UUID | None
    source_id: UUID | None
    source_state: SourceState | None
    replaced_source_state: SourceState | None
    has_other_live_subscription: bool
    paused_by_dunning: bool = False
    """Whether the pause was made by the end of the retries, and not by a person."""
    source_revocation: RevocationState = RevocationState.NONE
    lost_spans: tuple[DayRecord, ...] = ()
    """Where ``lost_days`` lie, oldest first. Those of before this was written down are missing."""

    @property
    def subscriber_is_present(self) -> bool:
        return self.charge_kind is not ChargeKind.RENEWAL


@dataclass(frozen=True, slots=True)
class Policy:
    """What settlement depends on besides the case; all of it is configuration."""

    dunning: DunningPolicy = field(default_factory=DunningPolicy)
    late_enrolment: LateEnrolment = LateEnrolment.HONOUR
    hanging: HangingBounds = field(default_factory=HangingBounds)
    revoke_replaced: bool = True
    """Whether the gateway is told that an agreement which was replaced is revoked."""
    decline_classes: Mapping[str, DeclineClass] = field(default_factory=dict)
    set_up: SetUpPolicy = field(default_factory=SetUpPolicy)


@dataclass(frozen=True, slots=True)
class Note:
    """An event that is no change of state, for the timeline and for the SaaS."""

    type: EventType
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The decision: which moves to make and which columns to write with them. Empty means: nothing changes."""

    charge_event: ChargeEvent | None = None
    charge: Mapping[str, object] = field(default_factory=dict)
    invoice_event: InvoiceEvent | None = None
    invoice: Mapping[str, object] = field(default_factory=dict)
    subscription_event: SubscriptionEvent | None = None
    subscription: Mapping[str, object] = field(default_factory=dict)
    source_event: SourceEvent | None = None
    replace_old_source: bool = False
    days: tuple[DayRecord, ...] = ()
    """What days were that no invoice explains."""
    revoke_old_source: bool = False
    """Whether the gateway is told that the replaced source is revoked, if nothing else uses it."""
    refund_reason: str | None = None
    """Why the whole captured amount must go back, or None."""
    notes: tuple[Note, ...] = ()
    stop_the_run: str | None = None
    """Why no further charge should be sent in this run (our key was turned away), or None."""


NOTHING = Settlement()
