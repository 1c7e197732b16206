"""The tables that say what the gateway is asked about next on our own account."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint
from sqlmodel import Field, SQLModel

from billing.domain.reconciling import Round
from billing.store.columns import Sequence, enum_of, instant


class ReconciliationTurn(SQLModel, table=True):
    """One row: when the next page of questions may be asked, by whichever daemon comes first."""

    __tablename__ = "reconciliation_turn"
    __table_args__ = (CheckConstraint("singleton = 1", name="is_the_only_turn"),)

    singleton: int = Field(primary_key=True)
    next_page_at: datetime = instant()
    """While a daemon asks: when others may take its place, should it not come back."""


class ReconciliationRound(SQLModel, table=True):
    """A kind of round, of which one is made after the other."""

    __tablename__ = "reconciliation_round"

    name: Round = Field(primary_key=True, sa_type=enum_of(Round))
    due_at: datetime = instant()
    place: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    """How far the round under way is; null between rounds."""
    since: datetime | None = instant(nullable=True)
    """How far back the next round must reach at least; null: as far as such rounds do."""
    began_at: datetime | None = instant(nullable=True)
    ended_at: datetime | None = instant(nullable=True)
    """When the last round that was completed ended."""
    asked: int = Field(default=0, sa_type=Sequence)
    """Reads of the gateway, of the round under way or the last one."""
    found: int = Field(default=0, sa_type=Sequence)
    """What was found in it and settled, kept or parked."""
    unread: int = Field(default=0, sa_type=Sequence)
    """Questions of it that stayed without an answer."""
    all_asked: int = Field(default=0, sa_type=Sequence)
    all_found: int = Field(default=0, sa_type=Sequence)
    unseen: str | None = Field(default=None, max_length=200)
    """Why the last round could not see what it is for."""
