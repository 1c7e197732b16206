"""Customers: made known with their first enrolment or before it, and kept up to date."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.countries import WANTED, is_country
from billing.domain.event_types import EventType
from billing.domain.identity import row_id
from billing.operations.engine import BadInput, Conflict, Engine, NotFound
from billing.operations.request_keys import done
from billing.store.columns import AnyRow
from billing.store.tables import Customer
from billing.store.writes import Author, insert_rows, note

_CUSTOMERS: Final = UUID("2f0f2a52-7f6b-5a0e-8d0a-3c1b6a0d9a11")
_REQUIRED: Final = ("name", "email", "locale")
DETAILS: Final = (*_REQUIRED, "phone", "country")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who enrols. ``reference`` is the SaaS's own id of the customer.

    Of a customer who is known already only what is told is written: None leaves it as it is.
    """

    reference: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    country: str | None = None

    @property
    def told(self) -> dict[str, str | None]:
        """What is told of the customer, by column."""
        return {name: getattr(self, name) for name in DETAILS if getattr(self, name) is not None}


class CustomerKnown(Conflict):
    """There is a customer of this reference."""

    def __init__(self, reference: str, customer_id: UUID) -> None:
        super().__init__(f"there is a customer {reference} already: update that one")
        self.customer_id = customer_id


class CustomerErased(Conflict):
    """The customer's personal data was erased, and none may be written again."""

    def __init__(self, customer_id: UUID, reference: str, erased_at: datetime) -> None:
        super().__init__(
            f"customer {reference} was erased on {erased_at:%Y-%m-%d}: whoever comes back gets a new reference"
        )
        self.customer_id = customer_id


def create_customer(engine: Engine, subscriber: Subscriber, *, now: datetime) -> UUID:
    """Make a customer known at ``now`` (UTC), without a subscription, and return the id.

    :raises CustomerKnown: there is one of this reference. :raises CustomerErased: there was one.
    :raises BadInput: name or email is missing.
    """
    with engine.database.transaction() as tx:
        known = _locked(tx, col(Customer.reference) == subscriber.reference)
        if known is not None:
            _refuse_erased(known)
            raise CustomerKnown(subscriber.reference, known.id)
        made = _create(tx, subscriber, Author(engine.actor, now))
        done(tx, engine, made)
        return made


def update_customer(engine: Engine, customer_id: UUID, told: Mapping[str, str | None], *, now: datetime) -> None:
    """Write what is told of a customer (``name``, ``email``, ``phone``, ``locale``, ``country``); the rest stays.

    :raises NotFound: there is no such customer. :raises CustomerErased: nothing may be written any more.
    :raises BadInput: something else is told, or what must be there is taken away.
    """
    for name, value in told.items():
        if name not in DETAILS:
            raise BadInput(name, f"cannot be changed; what can is {', '.join(DETAILS)}")
        if value is None and name in _REQUIRED:
            raise BadInput(name, "cannot be taken away")
    _check_country(told.get("country"))
    with engine.database.transaction() as tx:
        known = _locked(tx, col(Customer.id) == customer_id)
        if known is None:
            raise NotFound(f"there is no customer {customer_id}")
        _refuse_erased(known)
        _update(tx, known, told, Author(engine.actor, now))


def find_or_create(tx: Connection, subscriber: Subscriber, author: Author) -> UUID:
    """Return the customer of a reference, made or brought up to date, whose row stays locked until the commit.

    :raises CustomerErased: there was one. :raises BadInput: name or email is missing of one who is not known yet.
    """
    known = _locked(tx, col(Customer.reference) == subscriber.reference)
    if known is None:
        return _create(tx, subscriber, author)
    _refuse_erased(known)
    _check_country(subscriber.country)
    _update(tx, known, subscriber.told, author)
    found: UUID = known.id
    return found


def lock_customer(tx: Connection, customer_id: UUID) -> AnyRow | None:
    """Lock a customer until the transaction ends, and return the row, or None."""
    return _locked(tx, col(Customer.id) == customer_id)


def _locked(tx: Connection, which: object) -> AnyRow | None:
    # Not against the key: a source or a subscription of the customer may be written meanwhile.
    names = ("id", "reference", "erased_at", "gateway_customer_id", *DETAILS)
    query = select(*(getattr(Customer, name) for name in names))
    return tx.execute(query.where(which).with_for_update(key_share=True)).one_or_none()  # type: ignore[arg-type]


def _refuse_erased(row: AnyRow) -> None:
    if row.erased_at is not None:
        raise CustomerErased(row.id, row.reference, row.erased_at)


def _check_country(told: str | None) -> None:
    if told is not None and not is_country(told):
        raise BadInput("country", WANTED)


def _create(tx: Connection, subscriber: Subscriber, author: Author) -> UUID:
    _check_country(subscriber.country)
    for name in ("name", "email"):
        if getattr(subscriber, name) is None:
            raise BadInput(name, "is required: there is no customer of this reference yet")
    customer_id = row_id(_CUSTOMERS, subscriber.reference)
    row = {"id": customer_id, "reference": subscriber.reference, "locale": "ko", **subscriber.told}
    insert_rows(tx, Customer, [{**row, "created_at": author.now}])
    _note(tx, customer_id, EventType.CUSTOMER_CREATED, sorted(subscriber.told), author)
    return customer_id


def _update(tx: Connection, known: AnyRow, told: Mapping[str, str | None], author: Author) -> None:
    changed = {name: value for name, value in told.items() if getattr(known, name) != value}
    if changed:
        tx.execute(update(Customer).where(col(Customer.id) == known.id).values(**changed))
        _note(tx, known.id, EventType.CUSTOMER_UPDATED, sorted(changed), author)


def _note(tx: Connection, customer_id: UUID, kind: EventType, fields: list[str], author: Author) -> None:
    """Record which fields were written, and never what is in them."""
    note(tx, None, Note(kind, {"fields": fields}), author, subject=("customer", str(customer_id)))
