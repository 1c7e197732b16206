"""What calls about plans answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Literal

from billing.client.answers import Answer
from billing.client.models.shared import Price


class Plan(Answer):
    """What is sold. ``id`` is its code. ``price`` is what new subscribers pay; others keep the price they have.

    An archived plan takes no new subscribers. A paused one renews nobody either, until it is resumed.
    """

    object: Literal["plan"] = "plan"
    id: str
    name: str
    price: Price
    archived_at: datetime | None
    paused_at: datetime | None
    created_at: datetime
