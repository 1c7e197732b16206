"""What a customer, and their KakaoPay agreement, is to a client."""

from datetime import datetime
from typing import Literal, Self

from billing.domain.states import RevocationState, SourceState
from billing.entrypoints.api.ids import CustomerId, SourceId
from billing.entrypoints.api.paging import ListOf
from billing.entrypoints.api.shapes import Answered
from billing.store.columns import AnyRow


class Customer(Answered):
    """Somebody who subscribes. ``reference`` is your own id of them, and never changes.

    ``country`` is null when the configured one counts. Once ``erased_at``, name, address, phone number and country are
    null for ever.
    """

    object: Literal["customer"] = "customer"
    id: CustomerId
    reference: str
    name: str | None
    email: str | None
    phone: str | None
    locale: str
    country: str | None
    created_at: datetime
    erased_at: datetime | None

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        """Return the customer of a row of :mod:`billing.store.customer_views`."""
        return cls(**row._asdict() | {"name": row.name or None, "email": row.email or None})


class CustomerList(ListOf[Customer]):
    """A page of customers, newest first."""


class Source(Answered):
    """A KakaoPay agreement, on which subscriptions are charged.

    Only an ``active`` one is. A ``suspect`` one looks dead, a ``replaced`` one has a successor, a ``revoked`` one was
    ended. ``revocation`` says whether Checkout.com knows of it: ``requested`` until it confirms, ``parked`` when it did
    not for days and a person has to look.
    """

    object: Literal["source"] = "source"
    id: SourceId
    customer_id: CustomerId
    state: SourceState
    revocation: RevocationState
    created_at: datetime

    @classmethod
    def of(cls, row: AnyRow) -> Self:
        """Return the source of a row of :mod:`billing.store.customer_views`."""
        return cls(**row._asdict())


class SourceList(ListOf[Source]):
    """A page of sources, newest first."""
