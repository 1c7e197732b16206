"""The table of API keys: what opens our own API. It holds no secret, only what one can be recognised by."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from billing.domain.roles import Role
from billing.store.columns import enum_of, instant, partial_index


class ApiKey(SQLModel, table=True):
    """A key of a client. Rotating gives it another secret; its id, name and role stay. Instants: the machine's."""

    __tablename__ = "api_key"
    __table_args__ = (partial_index("one_key_of_a_name", "name", where="revoked_at IS NULL", unique=True),)

    id: UUID = Field(primary_key=True)
    name: str = Field(max_length=50)
    role: Role = Field(sa_type=enum_of(Role))
    digest: str = Field(unique=True, max_length=64)
    hint: str = Field(max_length=20)
    """The first characters of the secret, for people."""
    previous_digest: str | None = Field(default=None, unique=True, max_length=64)
    previous_hint: str | None = Field(default=None, max_length=20)
    previous_ends_at: datetime | None = instant(nullable=True)
    """The secret before the last rotation opens the same doors until then."""
    created_at: datetime = instant()
    created_by: str = Field(max_length=100)
    rotated_at: datetime | None = instant(nullable=True)
    revoked_at: datetime | None = instant(nullable=True)
    last_used_at: datetime | None = instant(nullable=True)
    """To the minute."""
