"""What calls about sources answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer
from billing.client.models.shared import SourceState

RevocationState = Annotated[Literal["none", "requested", "confirmed", "parked"], SkipValidation]


class Source(Answer):
    """A KakaoPay agreement, on which subscriptions are charged.

    Only an ``active`` one is. A ``suspect`` one looks dead, a ``replaced`` one has a successor, a ``revoked`` one was
    ended. ``revocation`` says whether Checkout.com knows of it: ``requested`` until it confirms, ``parked`` when it did
    not for days and a person has to look.
    """

    object: Literal["source"] = "source"
    id: str
    customer_id: str
    state: SourceState
    revocation: RevocationState
    created_at: datetime
