"""Finds the one thing that a person means by an id or the beginning of one, a reference or a gateway's id."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, select
from sqlmodel import SQLModel, col

from billing.domain.public_ids import Kind, NotAnId, beginning_of, brief_id, public_id
from billing.domain.states import LIVE_SUBSCRIPTIONS
from billing.store.obligation_tables import RefundObligation
from billing.store.tables import Charge, Customer, Invoice, Refund, Source, Subscription
from billing.store.writes import table_of

_BEGINNING: Final = re.compile(r"[0-9a-f]{6,32}")


_KINDS: Final[Mapping[type[SQLModel], Kind]] = {
    Customer: Kind.CUSTOMER,
    Subscription: Kind.SUBSCRIPTION,
    Invoice: Kind.INVOICE,
    Charge: Kind.CHARGE,
    Refund: Kind.REFUND,
    RefundObligation: Kind.REFUND_OBLIGATION,
    Source: Kind.SOURCE,
}


_PREFIXES: Final = frozenset(kind.value for kind in Kind)


class NoSuchThing(LookupError):
    """Nothing, or more than one thing, is meant; the text says which."""


def find_subscription(tx: Connection, meant: str) -> UUID:
    """Return the subscription of an id, of the beginning of one, or of a customer's reference.

    Of several subscriptions of a customer the one that lives is meant.

    :raises NoSuchThing: none is meant, or more than one.
    """
    rows = tx.execute(
        select(col(Subscription.id), col(Subscription.state), col(Subscription.plan_code))
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .where(col(Customer.reference) == meant)
    ).all()
    live = [row for row in rows if row.state in LIVE_SUBSCRIPTIONS] or rows
    if len(live) == 1:
        found: UUID = live[0].id
        return found
    if live:
        each = ", ".join(f"{brief_id(Kind.SUBSCRIPTION, row.id)} ({row.plan_code}, {row.state.value})" for row in live)
        raise NoSuchThing(f"customer {meant} has {len(live)} subscriptions: {each}; name one of them")
    return _by_beginning(tx, Subscription, "subscription", meant, "a customer's reference")


def find_customer(tx: Connection, meant: str) -> UUID:
    """Return the customer of a reference, of an id, or of the beginning of one.

    :raises NoSuchThing: none is meant, or more than one.
    """
    known = select(col(Customer.id)).where(col(Customer.reference) == meant)
    return _first(tx, known) or _by_beginning(tx, Customer, "customer", meant, "the reference")


def find_charge(tx: Connection, meant: str) -> UUID:
    """Return the charge of an id, of the beginning of one, of a reference, or of a gateway's ``pay_`` id.

    :raises NoSuchThing: none is meant, or more than one.
    """
    known = select(col(Charge.id)).where((col(Charge.reference) == meant) | (col(Charge.gateway_payment_id) == meant))
    return _first(tx, known) or _by_beginning(tx, Charge, "charge", meant, "its reference, or its pay_ id")


def find_invoice(tx: Connection, meant: str) -> UUID:
    """Return the invoice of an id, of the beginning of one, or of a charge's reference.

    :raises NoSuchThing: none is meant, or more than one.
    """
    known = select(col(Charge.invoice_id)).where(col(Charge.reference) == meant)
    return _first(tx, known) or _by_beginning(tx, Invoice, "invoice", meant, "the reference of one of its charges")


def find_refund(tx: Connection, meant: str) -> UUID:
    """Return the refund of an id, of the beginning of one, or of a reference.

    :raises NoSuchThing: none is meant, or more than one.
    """
    known = select(col(Refund.id)).where(col(Refund.reference) == meant)
    return _first(tx, known) or _by_beginning(tx, Refund, "refund", meant, "its reference")


def find_obligation(tx: Connection, meant: str) -> UUID:
    """Return the refund obligation of an id, of the beginning of one, or of a gateway's ``pay_`` id.

    :raises NoSuchThing: none is meant, or more than one.
    """
    known = select(col(RefundObligation.id)).where(col(RefundObligation.gateway_payment_id) == meant)
    return _first(tx, known) or _by_beginning(tx, RefundObligation, "refund obligation", meant, "its pay_ id")


def find_source(tx: Connection, meant: str) -> UUID:
    """Return the KakaoPay agreement of an id, of the beginning of one, or of a gateway's ``src_`` id.

    :raises NoSuchThing: none is meant, or more than one.
    """
    known = select(col(Source.id)).where(col(Source.gateway_source_id) == meant)
    return _first(tx, known) or _by_beginning(tx, Source, "source", meant, "its src_ id")


def _first(tx: Connection, query: Select[UUID]) -> UUID | None:
    return tx.execute(query).scalars().first()


def _by_beginning(tx: Connection, model: type[SQLModel], called: str, meant: str, instead: str) -> UUID:
    low, high = _between(_KINDS[model], called, meant, instead)
    ident = table_of(model).c.id
    query: Select[*tuple[Any, ...]] = select(ident).where(ident >= low, ident <= high).limit(6)
    found: Sequence[UUID] = tx.execute(query).scalars().all()
    if not found:
        raise NoSuchThing(f"there is no {called} {meant}")
    if len(found) > 1:
        each = ", ".join(public_id(_KINDS[model], one) for one in found[:5])
        raise NoSuchThing(f"{meant} is the beginning of more than one {called}: {each}; give more of it")
    return found[0]


def _between(kind: Kind, called: str, meant: str, instead: str) -> tuple[UUID, UUID]:
    """Return the first and last id that may be meant: by an id of the API or of a row, or by how it begins."""
    if meant.partition("_")[0] in _PREFIXES:
        try:
            return beginning_of(kind, meant)
        except NotAnId as error:
            raise NoSuchThing(f"{meant[:60]!r} is no id: {error}") from None
    digits = meant.replace("-", "").lower()
    if _BEGINNING.fullmatch(digits) is None:
        raise NoSuchThing(
            f"there is no {called} {meant[:60]!r}; "
            f"name it by its id, such as {kind}_bu7w7d (the beginning is enough), or by {instead}"
        )
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
