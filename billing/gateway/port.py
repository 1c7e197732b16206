"""What the acts need of a gateway, and what they hand it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from billing.domain.charging import LookUp, Outcome, RefundLookUp, RefundOutcome, RevocationOutcome, Search
from billing.domain.disputes import DisputeAnswer
from plans.money import Money


@dataclass(frozen=True, slots=True)
class SubscriberPresent:
    """What only a payment with the subscriber in the wallet carries."""

    terminal_type: str
    os_type: str | None
    success_url: str
    failure_url: str


@dataclass(frozen=True, slots=True)
class Payer:
    """The customer of a payment, as far as Checkout.com is told of them.

    ``gateway_id`` is its own ``cus_`` id; once that is known, neither name nor e-mail is sent any more. ``country`` is
    an ISO 3166-1 alpha-2 code.
    """

    name: str
    email: str
    country: str
    gateway_id: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """One ``POST /payments``. Sent twice with the same values it is byte for byte the same request."""

    reference: str
    idempotency_key: str
    amount: Money
    item: str
    """The plan's name, shown to the subscriber."""
    item_reference: str
    """The plan's code."""
    payer: Payer
    source_id: str | None = None
    """The ``src_`` to charge; None when the subscriber is present and makes a new agreement."""
    previous_payment_id: str | None = None
    """The captured payment that made the agreement, when the stored source is charged."""
    present: SubscriberPresent | None = None
    sent_before: bool = False
    """Whether this key may have reached the gateway before, which makes a 429 ambiguous."""


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """One ``POST /payments/{id}/refunds``."""

    payment_id: str
    reference: str
    idempotency_key: str
    amount: Money
    sent_before: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """What a harmless read told: is it there, does it know us, does its clock agree."""

    reachable: bool
    authorised: bool
    detail: str
    clock_skew_seconds: float | None = None
    refused_scopes: tuple[str, ...] = ()
    """Scopes that the token endpoint does not grant our access key."""


class PaymentGateway(Protocol):
    """Batches in, outcomes out, in the same order. Nothing here raises for what a gateway may answer."""

    def payments_in(self, seconds: float) -> int: ...

    def moment(self) -> float: ...

    def create_payments(self, requests: Sequence[PaymentRequest], *, since: float | None = None) -> list[Outcome]: ...

    def find_by_reference(self, references: Sequence[str], *, with_codes: bool = True) -> list[LookUp]: ...

    def find_by_id(self, payment_ids: Sequence[str]) -> list[LookUp]: ...

    def create_refunds(
        self, requests: Sequence[RefundRequest], *, since: float | None = None
    ) -> list[RefundOutcome]: ...

    def find_refunds(self, payment_ids: Sequence[str]) -> list[RefundLookUp]: ...

    def revoke_sources(self, source_ids: Sequence[str]) -> list[RevocationOutcome]: ...

    def search_payments(
        self, since: datetime, until: datetime, *, limit: int, following: str | None = None
    ) -> Search: ...

    def list_disputes(self, since: datetime, *, limit: int, skip: int = 0) -> DisputeAnswer: ...

    def find_disputes(self, dispute_ids: Sequence[str]) -> list[DisputeAnswer]: ...

    def check_health(self) -> Health: ...
