"""What calls about sources answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Literal

from billing.client.answers import Answer
from billing.client.models.shared import SourceState


class Source(Answer):
    """A KakaoPay agreement, on which subscriptions are charged.

    Only an ``active`` one is. A ``suspect`` one looks dead, a ``replaced`` one has a successor, a ``revoked`` one was
    ended.
    """

    object: Literal["source"] = "source"
    id: str
    customer_id: str
    state: SourceState
    created_at: datetime
