"""The table of what is turned away at the door for webhooks: one row for each reason, so that it cannot grow."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from billing.store.columns import Sequence, instant


class WebhookRefusal(SQLModel, table=True):
    """How often a webhook was turned away for a reason, and when. Instants are the engine's."""

    __tablename__ = "webhook_refusal"

    why: str = Field(primary_key=True, max_length=32)
    number: int = Field(sa_type=Sequence)
    first_at: datetime = instant()
    last_at: datetime = instant()
