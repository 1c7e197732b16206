"""What calls about webhook endpoints answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import SkipValidation

from billing.client.answers import Answer


class DeletedWebhookEndpoint(Answer):
    """An endpoint that is no more."""

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    id: str
    deleted: Literal[True] = True


EndpointState = Annotated[Literal["enabled", "disabled"], SkipValidation]


class FreshWebhookEndpoint(Answer):
    """An endpoint with its ``secret``, which is shown this once: not again, nor to the same request sent again."""

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    id: str
    url: str
    description: str
    event_types: tuple[str, ...]
    state: EndpointState
    disabled_because: str | None
    failing_since: datetime | None
    previous_secret_ends_at: datetime | None
    created_at: datetime
    created_by: str
    secret: str | None


class WebhookEndpoint(Answer):
    """Where events are sent. ``disabled_because`` is ``requested``, ``failing`` or ``gone`` (it answered 410).

    ``failing_since`` is the first failure since it last took something. Until ``previous_secret_ends_at`` the secret
    before the last rotation signs too.
    """

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    id: str
    url: str
    description: str
    event_types: tuple[str, ...]
    state: EndpointState
    disabled_because: str | None
    failing_since: datetime | None
    previous_secret_ends_at: datetime | None
    created_at: datetime
    created_by: str
