"""What several resources answer with. Written by `make client` from the OpenAPI document."""

from typing import Annotated, Literal

from pydantic import SkipValidation

IntervalUnit = Annotated[Literal["day", "week", "month", "year"], SkipValidation]

RefundState = Annotated[
    Literal["requested", "sending", "unknown", "pending", "refunded", "declined", "refused", "parked"], SkipValidation
]

SubscriptionState = Annotated[
    Literal["incomplete", "incomplete_expired", "trialing", "active", "past_due", "paused", "unpaid", "canceled"],
    SkipValidation,
]
