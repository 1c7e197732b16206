"""What a payment's request tells of its customer, for queries that join the customer."""

from typing import Any, Final

from sqlmodel import col

from billing.store.tables import Customer

PAYER_COLUMNS: Final[tuple[Any, ...]] = (
    col(Customer.name).label("customer_name"),
    col(Customer.email).label("customer_email"),
    col(Customer.country).label("customer_country"),
    col(Customer.gateway_customer_id),
)
