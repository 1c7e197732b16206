"""The acts behind ``/customers``. A customer is found by id or by e-mail."""

from typing import Any, Final

from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.checks import is_email, is_text
from billing.sandbox.instruments_api import instrument_body
from billing.sandbox.placing import open_wallet
from billing.sandbox.records import Wallet
from billing.sandbox.world import World

_METADATA_MAX: Final = 20


def create_customer(world: World, call: Call) -> Reply:
    """``POST /customers``; an e-mail has one customer.

    :raises Refused: 422, something is missing or malformed, or the e-mail has a customer.
    """
    body = call.document()
    if body.get("email") is None:
        raise Refused(422, "customer_email_required")
    _check(world, body, None)
    key = world.ledger.aliases.get(body["email"].lower(), body["email"].lower())
    known = world.ledger.wallets.get(key)
    if known is not None and known.customer_id:
        raise Refused(422, "customer_email_already_exists")
    wallet = open_wallet(world, key, body)
    _change(world, wallet, body)
    return Reply(201, {"id": wallet.customer_id})


def get_customer(world: World, call: Call) -> Reply:
    wallet = _customer(world, call)
    sources = [world.ledger.sources[each] for each in wallet.sources]
    body = {
        "id": wallet.customer_id,
        "email": wallet.email,
        "name": wallet.name,
        "phone": wallet.phone,
        "metadata": wallet.metadata,
        "default": wallet.default_source,
        "instruments": [instrument_body(world, each) for each in sources if not each.deleted],
    }
    return Reply(200, {name: value for name, value in body.items() if value is not None})


def update_customer(world: World, call: Call) -> Reply:
    """``PATCH``: what is given is changed. Payments with the former e-mail still find the customer."""
    wallet, body = _customer(world, call), call.document()
    _check(world, body, wallet)
    _change(world, wallet, body)
    return Reply(204)


def delete_customer(world: World, call: Call) -> Reply:
    """Forget the customer, with all instruments. The next payment of the e-mail makes another one."""
    wallet = _customer(world, call)
    for source in (world.ledger.sources[each] for each in wallet.sources):
        source.revoked = source.deleted = True
        world.ledger.keep_source(source)
    world.ledger.drop_customer(wallet)
    wallet.name = wallet.phone = wallet.metadata = wallet.default_source = None
    world.ledger.keep_wallet(wallet)
    return Reply(204)


def subject_of_customer(_world: World, call: Call) -> tuple[str | int, ...]:
    return (call.params.get("customer", "customers"), "customer")


def _customer(world: World, call: Call) -> Wallet:
    ledger, name = world.ledger, call.params["customer"]
    key = ledger.customers.get(name) or ledger.aliases.get(name.lower(), name.lower())
    wallet = ledger.wallets.get(key)
    if wallet is None or not wallet.customer_id:
        raise Refused(404)
    return wallet


def _change(world: World, wallet: Wallet, body: dict[str, Any]) -> None:
    wallet.name, wallet.phone = body.get("name", wallet.name), body.get("phone", wallet.phone)
    wallet.metadata = body.get("metadata", wallet.metadata)
    wallet.default_source = body.get("default", wallet.default_source)
    email = body.get("email")
    if email is not None:
        wallet.email = email
        if email.lower() != wallet.key and email.lower() not in wallet.aliases:
            wallet.aliases.append(email.lower())
    world.ledger.keep_wallet(wallet)


def _check(world: World, body: dict[str, Any], wallet: Wallet | None) -> None:
    """:raises Refused: 422 with every code that applies; nothing has changed."""
    codes = [
        code for code, wrong in (
            ("customer_email_invalid", body.get("email") is not None and not is_email(body["email"])),
            ("customer_email_already_exists", _is_taken(world, body.get("email"), wallet)),
            ("customer_name_invalid", body.get("name") is not None and not is_text(body["name"], 255)),
            ("customer_phone_invalid", body.get("phone") is not None and not _is_phone(body["phone"])),
            ("metadata_key_invalid", body.get("metadata") is not None and not _is_metadata(body["metadata"])),
            ("customer_default_invalid", not _are_own([body.get("default")], wallet)),
            ("customer_instruments_invalid", not _are_own(body.get("instruments"), wallet)),
        ) if wrong
    ]  # fmt: skip
    if codes:
        raise Refused(422, *codes)


def _is_taken(world: World, email: Any, wallet: Wallet | None) -> bool:
    """Whether an e-mail belongs to another customer than this one."""
    if wallet is None or not isinstance(email, str):
        return False
    key = world.ledger.aliases.get(email.lower(), email.lower())
    return key != wallet.key and key in world.ledger.wallets


def _is_phone(phone: Any) -> bool:
    return isinstance(phone, dict) and all(is_text(each, 25) for each in phone.values())


def _is_metadata(metadata: Any) -> bool:
    return (
        isinstance(metadata, dict)
        and len(metadata) <= _METADATA_MAX
        and all(isinstance(each, str | int | float) and len(str(each)) <= 255 for each in metadata.values())
    )


def _are_own(ids: Any, wallet: Wallet | None) -> bool:
    """Whether these are instruments of the customer; null names none."""
    own = [] if wallet is None else wallet.sources
    return ids is None or (isinstance(ids, list) and all(each is None or each in own for each in ids))
