"""The customer of a payment, as Checkout.com is told of them."""

from typing import Protocol

from billing.gateway.port import Payer
from billing.operations.engine import Rules


class KnownPayer(Protocol):
    """A row that was read with :data:`billing.store.payers.PAYER_COLUMNS`."""

    @property
    def customer_name(self) -> str: ...
    @property
    def customer_email(self) -> str: ...
    @property
    def customer_country(self) -> str | None: ...
    @property
    def gateway_customer_id(self) -> str | None: ...


def payer_of(row: KnownPayer, rules: Rules) -> Payer:
    """Return what is told of a customer; who told no country is in the configured one."""
    country = row.customer_country or rules.country
    return Payer(row.customer_name, row.customer_email, country, row.gateway_customer_id)
