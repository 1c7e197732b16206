"""What calls about events answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Any

from billing.client.answers import Answer


class Event(Answer):
    id: int
    at: datetime
    actor: str
    type: str
    subject_type: str
    subject_id: str
    subscription_id: str | None
    from_state: str | None
    to_state: str | None
    data: dict[str, Any]


class Events(Answer):
    """Ask again with ``after`` = ``next_after``, at once if ``has_more``."""

    events: tuple[Event, ...]
    next_after: int
    has_more: bool
