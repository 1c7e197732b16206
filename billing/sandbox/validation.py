"""What ``POST /payments`` must hold for KakaoPay, as error codes (KakaoPay page; error codes page).

Each check yields the codes of what it finds wrong; all are reported together.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from billing.sandbox.call import Refused
from billing.sandbox.checks import child, is_email, is_id, is_one_of, is_text, is_url, is_whole
from billing.sandbox.demands.deferring import split
from billing.sandbox.demands.fields import demanded
from billing.sandbox.world import World

_KAKAOPAY_TYPES: Final = frozenset({"Regular", "Recurring"})
_TERMINALS: Final = frozenset({"APP", "WAP", "WEB"})
_SYSTEMS: Final = frozenset({"ANDROID", "IOS"})
_METADATA_MAX: Final = 20

Document = dict[str, Any]
Check = Callable[[World, Document], Iterator[str]]


def validate_payment(world: World, body: Document) -> str:
    """Refuse a payment request that Checkout.com would refuse.

    Returns the response code of a decline that will tell what is not told now, or nothing.

    :raises Refused: 422 with every code that applies.
    """
    _refuse(list(_source(world, body)))
    kakaopay = body["source"]["type"] == "kakaopay"
    checks = (*_ALWAYS, *(_CUSTOMER_PRESENT if kakaopay else _CUSTOMER_ABSENT), demanded)
    now, later = split(world.profiles, [code for check in checks for code in check(world, body)])
    _refuse(now)
    return later


def _refuse(codes: list[str]) -> None:
    if codes:
        # Only the wallet network's own refusal is spelled this way; everything else is request_invalid.
        wallet_network = codes == ["reference_invalid"]
        error_type = "invalid_request" if wallet_network else "request_invalid"
        raise Refused(422, *dict.fromkeys(codes), error_type=error_type)


def _source(world: World, body: Document) -> Iterator[str]:
    source = body.get("source")
    if source is None:
        yield "payment_source_required"
    elif not isinstance(source, dict):
        yield "source_invalid"
    elif source.get("type") is None:
        yield "source_type_required"
    elif source["type"] == "id":
        yield from _source_id(world, source.get("id"))
    elif source["type"] != "kakaopay":
        yield "payment_method_not_supported"


def _source_id(world: World, source_id: object) -> Iterator[str]:
    if source_id is None:
        yield "source_id_required"
    elif not is_id(source_id, "src"):
        yield "source_id_invalid"
    elif source_id not in world.ledger.sources:
        yield "source_id_unknown"


def _amount(world: World, body: Document) -> Iterator[str]:
    if not is_whole(body.get("amount"), 1, world.faults.amount_max):
        yield "amount_invalid"


def _currency(world: World, body: Document) -> Iterator[str]:
    currency = body.get("currency")
    if currency is None:
        yield "currency_required"
    elif not (isinstance(currency, str) and len(currency) == 3 and currency.isalpha() and currency.isupper()):
        yield "currency_invalid"
    elif currency not in world.faults.currencies.split():
        yield "currency_not_supported"


def _reference(world: World, body: Document) -> Iterator[str]:
    reference = body.get("reference")
    # Wallet networks need one (the official SDK's own sandbox test), and it travels through their systems.
    if not is_text(reference, world.faults.reference_length_max) or not _is_plain(str(reference)):
        yield "reference_invalid"


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _channel(world: World, body: Document) -> Iterator[str]:
    channel = body.get("processing_channel_id")
    if channel is None:
        yield "processing_channel_id_required"
    elif channel != world.options.processing_channel_id:
        yield "processing_channel_id_invalid"


def _customer(world: World, body: Document) -> Iterator[str]:
    customer = body.get("customer")
    if customer is None:
        return
    if not isinstance(customer, dict):
        yield "parameter_invalid"
        return
    email, customer_id, name = customer.get("email"), customer.get("id"), customer.get("name")
    if name is not None and not is_text(name, 255):
        yield "parameter_invalid"
    if email is not None and not is_email(email):
        yield "customer_email_invalid"
    if customer_id is not None and not is_id(customer_id, "cus"):
        yield "customer_id_invalid"
    elif customer_id is not None and customer_id not in world.ledger.customers:
        yield "customer_not_found"


def _country(_world: World, body: Document) -> Iterator[str]:
    country = child(child(body.get("shipping"), "address"), "country")
    if country is not None and not (isinstance(country, str) and len(country) == 2 and country.isalpha()):
        yield "country_invalid"


def _metadata(_world: World, body: Document) -> Iterator[str]:
    metadata = body.get("metadata")
    if metadata is None:
        return
    if (
        not isinstance(metadata, dict)
        or len(metadata) > _METADATA_MAX
        or not all(isinstance(each, str | int | float) and len(str(each)) <= 255 for each in metadata.values())
    ):
        yield "metadata_key_invalid"


def _items(_world: World, body: Document) -> Iterator[str]:
    items = body.get("items", [])
    if not isinstance(items, list) or not all(_is_item(item) for item in items):
        yield "items_invalid"


def _is_item(item: object) -> bool:
    if not isinstance(item, dict):
        return False
    texts = all(is_text(item[name], 255) for name in ("name", "reference") if item.get(name) is not None)
    price = item.get("unit_price")
    quantity = item.get("quantity")
    whole = 10**12
    return texts and (price is None or is_whole(price, 0, whole)) and (quantity is None or is_whole(quantity, 1, whole))


def _flags(_world: World, body: Document) -> Iterator[str]:
    if body.get("capture", True) in (False, "false"):
        yield "no_authorization_enabled_processors_available"  # KakaoPay captures by itself
    elif body.get("capture", True) not in (True, "true"):
        yield "parameter_invalid"
    if not isinstance(body.get("merchant_initiated", False), bool):
        yield "parameter_invalid"
    description = body.get("description")
    if description is not None and not is_text(description, 100):
        yield "parameter_invalid"


def _first_payment_type(_world: World, body: Document) -> Iterator[str]:
    if not is_one_of(body.get("payment_type", "Regular"), _KAKAOPAY_TYPES):
        yield "payment_type_invalid"


def _later_payment_type(_world: World, body: Document) -> Iterator[str]:
    # A charge without the customer is never Regular (the SDKs' comments on merchant_initiated).
    if body.get("payment_type", "Regular") != "Recurring":
        yield "payment_type_invalid"


def _terminal(world: World, body: Document) -> Iterator[str]:
    terminal = child(body.get("processing"), "terminal_type")
    system = child(body.get("processing"), "os_type")
    if terminal is None:
        yield "processing_terminal_type_required"
    elif not is_one_of(terminal, _TERMINALS):
        yield "processing_terminal_type_invalid"
    elif terminal != "WEB" and system is None and world.faults.require_os_type:
        yield "processing_os_type_required"
    if system is not None and not is_one_of(system, _SYSTEMS):
        yield "processing_os_type_invalid"


def _urls(_world: World, body: Document) -> Iterator[str]:
    if body.get("success_url") is None:
        yield "success_url_required"
    elif not is_url(body["success_url"]):
        yield "success_url_invalid"
    if not is_url(body.get("failure_url")):
        yield "fail_url_invalid"


def _previous_payment(world: World, body: Document) -> Iterator[str]:
    previous = body.get("previous_payment_id")
    if previous is not None and not is_one_of(previous, world.ledger.payments):
        yield "previous_payment_id_invalid"


_ALWAYS: Final[tuple[Check, ...]] = (
    _amount, _currency, _reference, _channel, _customer, _country, _metadata, _items, _flags,
)  # fmt: skip
_CUSTOMER_PRESENT: Final[tuple[Check, ...]] = (_first_payment_type, _terminal, _urls)
_CUSTOMER_ABSENT: Final[tuple[Check, ...]] = (_later_payment_type, _previous_payment)
