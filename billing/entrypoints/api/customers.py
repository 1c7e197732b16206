"""Customers: who subscribes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.ids import CustomerId
from billing.entrypoints.api.models import CustomerQuery
from billing.entrypoints.api.objects.customers import Customer, CustomerList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.operations.engine import NotFound
from billing.store.customer_views import find_customer, list_customers

router = APIRouter(prefix="/v1/customers", tags=["customers"])


@router.get("", operation_id="list_customers")
def read_customers(query: Annotated[CustomerQuery, Query()], desk: DeskOfRequest) -> CustomerList:
    """List customers, newest first; with `reference`, the one who has it."""
    page = page_asked("customers", query)
    with desk.reading() as tx:
        rows = list_customers(tx, page, reference=query.reference, created=query.created)
    return list_of(CustomerList, "customers", page, rows, Customer.of)


@router.get("/{customer_id}", operation_id="get_customer")
def read_customer(customer_id: CustomerId, desk: DeskOfRequest) -> Customer:
    """Show a customer."""
    return shown(desk, customer_id)


def shown(desk: Desk, customer_id: UUID) -> Customer:
    """Return a customer as they now are.

    :raises NotFound: there is none of this id.
    """
    with desk.reading() as tx:
        row = find_customer(tx, customer_id)
    if row is None:
        raise NotFound("there is no customer of this id")
    return Customer.of(row)
