"""The table of disputes: a mark on the charge whose payment is disputed."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlmodel import Field, SQLModel

from billing.domain.disputes import DisputeState
from billing.store.columns import MinorUnits, enum_of, instant, partial_index

OPEN_DISPUTE: Final = "state = 'open'"


class Dispute(SQLModel, table=True):
    """A payer asks for the money of a payment back, past the merchant."""

    __tablename__ = "dispute"
    __table_args__ = (partial_index("open_dispute", "gateway_payment_id", where=OPEN_DISPUTE),)

    gateway_dispute_id: str = Field(primary_key=True, max_length=100)
    charge_id: UUID = Field(foreign_key="charge.id", index=True)
    gateway_payment_id: str = Field(max_length=100, index=True)
    """The charge's own payment, or one that was found beside it."""
    amount_minor: int = Field(sa_type=MinorUnits)
    currency: str = Field(max_length=3)
    state: DisputeState = Field(sa_type=enum_of(DisputeState))
    status: str = Field(max_length=60)
    """The type of the event that said the most so far."""
    rank: int
    reason: str | None = Field(default=None, max_length=100)
    respond_by: datetime | None = instant(nullable=True)
    updated_at: datetime | None = instant(nullable=True)
    """When the gateway says that it last changed."""
    opened_at: datetime = instant()
    """When the engine first heard of it."""
    ended_at: datetime | None = instant(nullable=True)
