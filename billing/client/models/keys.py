"""What calls about keys answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer

Role = Annotated[Literal["read", "backend", "admin"], SkipValidation]


class ApiKey(Answer):
    """A key. ``hint`` is how its secret begins; ``last_used_at`` is right to the minute."""

    object: Literal["api_key"] = "api_key"
    id: str
    name: str
    role: Role
    hint: str
    previous_hint: str | None
    previous_ends_at: datetime | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    last_used_at: datetime | None


class FreshApiKey(Answer):
    """A key with its ``secret``, which is shown this once: not again, nor to the same request sent again."""

    object: Literal["api_key"] = "api_key"
    id: str
    name: str
    role: Role
    hint: str
    previous_hint: str | None
    previous_ends_at: datetime | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    last_used_at: datetime | None
    secret: str | None
