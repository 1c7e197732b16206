"""What requests and answers are made of: bodies and queries that take nothing they do not know, objects, money."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from billing.entrypoints.api.fields import AmountMinor, Currency, Instant, Reason, Whole
from billing.store.columns import AnyRow


class Body(BaseModel):
    """A request's body. Nothing is converted silently. ``shape`` is what one looks like, for whoever wrote another."""

    shape: ClassVar[str] = ""
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# What a change leaves out is not set, whatever default is written here; null is for what may be taken away.
def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


LEFT_OUT: Final = Field(json_schema_extra=_without_default)
"""A field of a change: it may be left out, and then stays as it is."""


class QueryOf(BaseModel):
    """A request's query. It is text, so it is converted; but a name that is not known is a mistake here too."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reasoned(Body):
    """Why something is done: for whoever reads the audit trail, which keeps it for ever. No personal data in it."""

    reason: Reason | None = None


class ReasonedQuery(QueryOf):
    """The same where there is no body."""

    reason: Reason | None = None


class PageQuery(QueryOf):
    """``cursor`` is the ``next_cursor`` of the page before."""

    limit: Annotated[int, Whole(1, 100)] = 20
    cursor: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class CreatedQuery(PageQuery):
    """Only what was made from ``created_from`` on, and before ``created_before``."""

    created_from: Instant | None = None
    created_before: Instant | None = None

    @property
    def created(self) -> tuple[datetime | None, datetime | None]:
        return self.created_from, self.created_before


class Answered(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Money(Answered):
    """``amount`` is in minor units of the currency: 9900 KRW is ₩9,900."""

    amount: int
    currency: str

    @classmethod
    def of(cls, row: AnyRow) -> "Money":
        """Return the amount of a row with ``amount_minor`` and ``currency``."""
        return cls(amount=row.amount_minor, currency=row.currency)


class MoneyAsked(Body):
    """``amount`` is in minor units of the currency: 9900 KRW is ₩9,900."""

    shape: ClassVar[str] = '{"amount": 3000, "currency": "KRW"}'
    amount: AmountMinor
    currency: Currency


class Period(Answered):
    """Days in the subscription's zone; ``end`` is the first day behind it."""

    start: date
    end: date
