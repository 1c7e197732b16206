"""What requests about events and webhook endpoints may hold."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field, WithJsonSchema

from billing.domain.deliveries import LONGEST_URL, DeliveryState, EndpointState
from billing.domain.public_events import PUBLIC_TYPES, subject_of, unknown_patterns
from billing.entrypoints.api.fields import Description
from billing.entrypoints.api.ids import EndpointId, EventId, SubscriptionId
from billing.entrypoints.api.shapes import LEFT_OUT, PageQuery, Reasoned

_MOST_PATTERNS: Final = 50
_GROUPS: Final = sorted({type_.split(".")[0] for type_ in PUBLIC_TYPES})
_PATTERN: Final = "^({})$".format(
    "|".join([r"\*", *(re.escape(type_) for type_ in PUBLIC_TYPES), *(rf"{group}\.\*" for group in _GROUPS)])
)
"""Said in the document too: whoever reads it knows every type."""
_URL: Final = r"^https?://[!-~]+$"
_SUBJECT: Final = r"^((sub|inv|ch|re|source|cus|we)_[a-z2-7]{25}[aeimquy4]|[a-z][a-z0-9-]{0,49})$"


def _known(value: str) -> str:
    if unknown_patterns([value]):
        raise ValueError(f"is no type of event; write one such as {PUBLIC_TYPES[1]} or invoice.*")
    return value


def _http(value: str) -> str:
    if not re.fullmatch(_URL, value) or len(value) > LONGEST_URL:
        raise ValueError(f"must be a URL such as https://shop.example.com/webhooks, at most {LONGEST_URL} characters")
    return value


def _subject(value: str) -> str:
    subject_of(value)  # raises what would be right
    return value


EventPattern = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "pattern": _PATTERN})]
EventPatterns = Annotated[list[EventPattern], Field(max_length=_MOST_PATTERNS)]
SubjectId = Annotated[str, AfterValidator(_subject), WithJsonSchema({"type": "string", "pattern": _SUBJECT})]
EndpointUrl = Annotated[
    str, AfterValidator(_http), WithJsonSchema({"type": "string", "pattern": _URL, "maxLength": LONGEST_URL})
]


class EventQuery(PageQuery):
    """Only events after the one with the id ``after``; ``cursor`` goes on within them, page after page.

    ``type`` is a type, or all of a kind, such as ``invoice.*``. ``subject_id`` is the id of what the events are about.
    """

    after: EventId | None = None
    type: EventPattern | None = None
    subject_id: SubjectId | None = None
    subscription_id: SubscriptionId | None = None


class NewEndpoint(Reasoned):
    """``event_types`` are types or kinds of them, such as ``invoice.*``; without them everything is sent."""

    url: EndpointUrl
    event_types: EventPatterns = Field(default_factory=list)
    description: Description = ""


class EndpointChanges(Reasoned):
    """What is left out stays as it is; without types, ``[]``, everything is sent."""

    url: Annotated[EndpointUrl, LEFT_OUT] = ""
    event_types: Annotated[EventPatterns, LEFT_OUT] = Field(default_factory=list)
    description: Annotated[Description, LEFT_OUT] = ""


class SecretRotation(Reasoned):
    """``overlap_hours``: how long the present secret still signs too; 0 ends it now.

    ``end_previous``: one that was rotated away before, and still signs, may be ended.
    """

    overlap_hours: Annotated[int, Field(ge=0, le=720)] = 24
    end_previous: bool = False


class EndpointQuery(PageQuery):
    state: EndpointState | None = None


class DeliveryQuery(PageQuery):
    endpoint_id: EndpointId | None = None
    event_id: EventId | None = None
    state: DeliveryState | None = None
