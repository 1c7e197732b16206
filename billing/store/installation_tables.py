"""The tables of the installation itself: whose database it is, the stop switch, the test clock, and its daemons."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, LargeBinary
from sqlmodel import Field, SQLModel

from billing.store.columns import instant


class Installation(SQLModel, table=True):
    """One row: who this database belongs to, the stop switch, and the test clock."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("singleton = 1", name="is_the_only_row"),)

    singleton: int = Field(primary_key=True)
    id: UUID
    secret: bytes = Field(sa_type=LargeBinary)
    bound_to: dict[str, str] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    """The facts of the configuration and of the database that tell this installation from a copy of it."""
    fingerprint: str | None = Field(default=None, max_length=64)
    """What versions before ``bound_to`` were bound to; null from the first `billing migrate` of a later one on."""
    stopped_because: str | None = Field(default=None, max_length=500)
    """Why no charge may be sent (the stop switch), or null."""
    held_until: datetime | None = instant(nullable=True)
    """No charge is sent before this instant: the last run met an error of our set-up or an outage."""
    held_because: str | None = Field(default=None, max_length=500)
    allowed_at: datetime | None = instant(nullable=True)
    """When a person last allowed charging: evidence against our set-up from before does not count any more."""
    is_careful: bool = False
    """The evidence stopped charging, and nobody was captured since it was allowed again: few are charged at once."""
    clock: datetime | None = instant(nullable=True)
    """The test clock: time stands at this instant until it is moved. Null: the machine's clock."""
    alive_at: datetime | None = instant(nullable=True)
    """Machine time at which a daemon last worked on this database; in an older copy, a while ago."""
    doubted_until: datetime | None = instant(nullable=True)
    """Engine time of the end of the last gap between signs of life: what was charged in it may be forgotten here."""
    doubted_since: datetime | None = instant(nullable=True)
    """Engine time at which the first of the gaps began."""
    created_at: datetime = instant()


class Daemon(SQLModel, table=True):
    """A daemon's last sign of life."""

    __tablename__ = "daemon"

    name: str = Field(primary_key=True, max_length=100)
    started_at: datetime = instant()
    swept_at: datetime = instant()
    """Engine time of the last sweep that ended."""
    seen_at: datetime = instant()
    """Machine time of the last sweep that ended."""
    sweeps: int = 0
    acts: int = 0
    """Acts of the last sweep; 0 means there was nothing to do."""
