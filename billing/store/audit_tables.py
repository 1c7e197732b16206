"""The table of the audit trail. Triggers of the database refuse to change or delete its rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from billing.store.columns import Sequence, instant


class AuditEntry(SQLModel, table=True):
    """What a person decided, in the transaction that did it."""

    __tablename__ = "audit_entry"

    number: int = Field(sa_column=Column(Sequence, primary_key=True, autoincrement=False))
    at: datetime = instant()
    actor: str = Field(max_length=100)
    act: str = Field(max_length=60)
    subject_type: str = Field(max_length=20)
    subject_id: str = Field(max_length=100)
    reason: str = Field(max_length=500)
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    previous_hash: str = Field(unique=True, max_length=64)
    """Unique: the chain has no branches."""
    hash: str = Field(unique=True, max_length=64)
