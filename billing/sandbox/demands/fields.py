"""The fields of a payment request that the KakaoPay page's examples always send, demanded one by one.

The page sends customer, shipping.address.country and items[].reference with later charges as with first ones.
"""

from collections.abc import Iterator
from typing import Any

from billing.sandbox.checks import child, is_text
from billing.sandbox.world import World

Document = dict[str, Any]


def demanded(world: World, body: Document) -> Iterator[str]:
    """Yield the error codes of what the profiles demand and the request lacks."""
    profiles = world.profiles
    if "customer" in profiles and not _has_customer(body):
        yield "customer_required"
    if "country" in profiles and not child(child(body.get("shipping"), "address"), "country"):
        yield "country_required"
    if "item-reference" in profiles:
        yield from _item_references(body)
    if "no-merchant-initiated" in profiles:
        yield from _not_merchant_initiated(body)
    if "merchant-initiated" in profiles:
        yield from _merchant_initiated(world, body)


def _has_customer(body: Document) -> bool:
    customer = body.get("customer")
    named = is_text(child(customer, "email"), 255) and is_text(child(customer, "name"), 255)
    return named or is_text(child(customer, "id"), 50)


def _item_references(body: Document) -> Iterator[str]:
    items = body.get("items")
    if not isinstance(items, list) or not items:
        yield "items_required"
    elif not all(is_text(child(each, "reference"), 255) for each in items):
        yield "item_reference_required"


def _not_merchant_initiated(body: Document) -> Iterator[str]:
    if "merchant_initiated" in body:
        yield "merchant_initiated_invalid"
    if "previous_payment_id" in body:
        yield "previous_payment_id_invalid"


def _merchant_initiated(world: World, body: Document) -> Iterator[str]:
    """The SDKs: true for every payment without the customer, and the series continues an earlier payment."""
    source_id = child(body.get("source"), "id")
    if source_id is None:
        if body.get("merchant_initiated", False) is not False:
            yield "merchant_initiated_invalid"
        return
    if body.get("merchant_initiated") is not True:
        yield "merchant_initiated_required"
    previous = body.get("previous_payment_id")
    payment = world.ledger.payments.get(previous) if isinstance(previous, str) else None
    if previous is None:
        yield "previous_payment_id_required"
    elif payment is not None and payment.source_id != source_id:
        yield "previous_payment_id_invalid"
