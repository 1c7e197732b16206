"""The table of requests that came with an ``Idempotency-Key``, and what was answered to them."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from billing.store.columns import instant, partial_index

KEPT_REQUEST: Final = "forget_at IS NOT NULL"


class KeyedRequest(SQLModel, table=True):
    """A request by its key. Written before the act, marked with it, and given the answer after it."""

    __tablename__ = "keyed_request"
    __table_args__ = (
        UniqueConstraint("holder", "key"),
        partial_index("request_to_forget", "forget_at", "id", where=KEPT_REQUEST),
    )

    id: UUID = Field(primary_key=True)
    holder: str = Field(max_length=36)
    """The API key that it came with: another key's requests are other requests."""
    key: str = Field(max_length=255)
    fingerprint: str = Field(max_length=64)
    """SHA-256 of method, path and body."""
    forget_at: datetime = instant()
    """Engine time."""
    busy_until: datetime | None = instant(nullable=True)
    """Machine time: until then the process that took it up is believed to be at it. Null: it is answered."""
    made: str | None = Field(default=None, sa_type=Text)
    """Written in the transaction of the act, which is not done again then: the name of what it made, or nothing."""
    status: int | None = None
    media_type: str | None = Field(default=None, max_length=100)
    body: str | None = Field(default=None, sa_type=Text)
    """The answer, without what it showed once only."""
