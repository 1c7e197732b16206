"""The table of refunds that the engine owes."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from billing.domain.states import OPEN_OBLIGATION_STATES, ObligationState
from billing.store.columns import MinorUnits, enum_of, instant, partial_index, state_in
from billing.store.tables import PARKED

OBLIGATION_TO_SEE_TO: Final = "check_at IS NOT NULL"
OPEN_OBLIGATION: Final = state_in(OPEN_OBLIGATION_STATES)


class RefundObligation(SQLModel, table=True):
    """Money that was captured and must go back; open until it did, or until a person gave it back by other means.

    Each try to give it back is a row of :class:`Refund` of the same payment.
    """

    __tablename__ = "refund_obligation"
    __table_args__ = (
        UniqueConstraint("gateway_payment_id"),
        Index("obligation_by_age", "created_at", "id"),
        partial_index("obligation_to_see_to", "check_at", "id", where=OBLIGATION_TO_SEE_TO),
        partial_index("open_obligation", "created_at", where=OPEN_OBLIGATION),
        partial_index("parked_obligation", "id", where=PARKED),
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
    )

    id: UUID = Field(primary_key=True)
    charge_id: UUID = Field(foreign_key="charge.id", index=True)
    gateway_payment_id: str = Field(max_length=100)
    """The captured payment: the charge's own, or a second one found under its reference."""
    amount_minor: int = Field(sa_type=MinorUnits)
    """All that was captured; refunds of the payment, whoever ordered them, count against it."""
    currency: str = Field(max_length=3)
    state: ObligationState = Field(sa_type=enum_of(ObligationState))
    reason: str = Field(max_length=200)
    """Why it must go back."""
    refund_by: datetime = instant()
    """The wallet takes no refund after this instant."""
    tries: int = 0
    """Refunds that were ordered for it."""
    failures: int = 0
    """Tries that failed since it was made or released; those for want of our balance are counted apart."""
    shortages: int = 0
    """Tries that failed since it was made or released because our balance was short."""
    check_at: datetime | None = instant(nullable=True)
    """Owed: when the next refund is made. Parked: when to look whether the money went back past us."""
    parked_reason: str | None = Field(default=None, max_length=500)
    settled_minor: int | None = Field(default=None, sa_type=MinorUnits)
    """How much was given back by other means."""
    settled_how: str | None = Field(default=None, max_length=200)
    settled_reason: str | None = Field(default=None, max_length=500)
    settled_by: str | None = Field(default=None, max_length=100)
    ended_at: datetime | None = instant(nullable=True)
    created_at: datetime = instant()
