"""Customers: who subscribes."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.errors import telling_current
from billing.entrypoints.api.ids import CustomerId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.models import CustomerQuery, CustomerUpdate, Erasure, NewCustomer
from billing.entrypoints.api.objects.customers import Customer, CustomerList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.operations.customers import (
    CustomerErased,
    CustomerKnown,
    Subscriber,
    create_customer,
    update_customer,
)
from billing.operations.engine import NotFound
from billing.operations.erase_customer import erase_customer
from billing.store.customer_views import find_customer, list_customers

router = APIRouter(prefix="/v1/customers", tags=["customers"])


@router.get("", operation_id="list_customers")
def read_customers(query: Annotated[CustomerQuery, Query()], desk: DeskOfRequest) -> CustomerList:
    """List customers, newest first; with `reference`, the one who has it."""
    page = page_asked("customers", query)
    with desk.reading() as tx:
        rows = list_customers(tx, page, reference=query.reference, created=query.created)
    return list_of(CustomerList, "customers", page, rows, Customer.of)


@router.post("", status_code=201, operation_id="create_customer")
def create(wanted: NewCustomer, desk: DeskOfRequest) -> Customer:
    """Make a customer known before they subscribe

    It is not needed: enrolling makes a customer known too.
    """
    who = Subscriber(wanted.reference, wanted.name, wanted.email, wanted.phone, wanted.locale, wanted.country)
    try:
        customer_id = desk.once(
            "create_customer",
            lambda now: create_customer(desk.engine, who, now=now),
            again=lambda made, _now: UUID(made),
        )
    except (CustomerKnown, CustomerErased) as refusal:
        known = refusal.customer_id
        with telling_current(lambda: shown(desk, known)):
            raise
    return shown(desk, customer_id)


@router.get("/{customer_id}", operation_id="get_customer")
def read_customer(customer_id: CustomerId, desk: DeskOfRequest) -> Customer:
    """Show a customer."""
    return shown(desk, customer_id)


@router.patch("/{customer_id}", operation_id="update_customer")
def change(customer_id: CustomerId, wanted: CustomerUpdate, desk: DeskOfRequest) -> Customer:
    """Change what is known of a customer; what is left out stays as it is."""
    desk = desk.because(wanted)
    told = wanted.model_dump(exclude_unset=True, exclude={"reason"})
    return _managed(
        desk, "update_customer", customer_id, lambda now: update_customer(desk.engine, customer_id, told, now=now)
    )


@router.post("/{customer_id}/erase", operation_id="erase_customer")
def erase(customer_id: CustomerId, wanted: Erasure, desk: DeskOfRequest) -> Customer:
    """Erase the personal data of a customer, for ever

    Their KakaoPay agreements are ended. What was paid stays in the books, under the reference, which nobody can be
    enrolled under again. Refused while a subscription lives or money is under way.
    """
    desk = desk.because(wanted)
    return _managed(
        desk,
        "erase_customer",
        customer_id,
        lambda now: erase_customer(desk.engine, customer_id, reason=wanted.reason, now=now),
    )


def _managed(desk: Desk, name: str, customer_id: UUID, act: Callable[[datetime], object]) -> Customer:
    return managed(desk, name, act, lambda: shown(desk, customer_id), about=customer_id)


def shown(desk: Desk, customer_id: UUID) -> Customer:
    """Return a customer as they now are.

    :raises NotFound: there is none of this id.
    """
    with desk.reading() as tx:
        row = find_customer(tx, customer_id)
    if row is None:
        raise NotFound("there is no customer of this id")
    return Customer.of(row)
