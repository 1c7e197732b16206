"""The acts behind ``/instruments``: the merchant's end of an agreement."""

from typing import Any

from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.checks import child
from billing.sandbox.records import Source
from billing.sandbox.world import World


def get_instrument(world: World, call: Call) -> Reply:
    return Reply(200, instrument_body(world, _instrument(world, call)))


def instrument_body(world: World, source: Source) -> dict[str, Any]:
    """An instrument as it is shown. An agreement that the payer cut is not told of: the wallet does not say."""
    wallet = world.ledger.wallets[source.wallet]
    customer = {
        "id": wallet.customer_id,
        "email": wallet.email,
        "name": wallet.name,
        "default": wallet.default_source == source.id,
    }
    body = {
        "id": source.id,
        "type": "kakaopay",
        "fingerprint": world.dice.name("fp", source.id).removeprefix("fp_"),
        "status": "INVALID" if source.revoked else "VALID",
        "customer": {name: value for name, value in customer.items() if value},
    }
    return body | ({"status_reason": "revoked_by_merchant"} if source.revoked else {})


def update_instrument(world: World, call: Call) -> Reply:
    """``PATCH /instruments/{src}``: of a wallet's agreement nothing but the customer's default can be set.

    :raises Refused: 422, another type or customer is named, or ``default`` is not true or false.
    """
    source, body = _instrument(world, call), call.document()
    wallet = world.ledger.wallets[source.wallet]
    if body.get("type", "kakaopay") != "kakaopay":
        raise Refused(422, "instrument_type_invalid")
    customer = body.get("customer")
    if customer is not None and child(customer, "id") not in (None, wallet.customer_id):
        raise Refused(422, "customer_id_invalid")
    wanted = child(customer, "default")
    if not (wanted is None or isinstance(wanted, bool)):
        raise Refused(422, "customer_default_invalid")
    if wanted:
        wallet.default_source = source.id
    elif wanted is False and wallet.default_source == source.id:
        wallet.default_source = None
    world.ledger.keep_wallet(wallet)
    shown = instrument_body(world, source)
    return Reply(200, {name: shown[name] for name in ("type", "id", "fingerprint")})


def revoke_instrument(world: World, call: Call) -> Reply:
    """``PATCH /instruments/{src}/revoke``: the record stays, charges are refused. The wallet is not told."""
    source = _instrument(world, call)
    source.revoked = True
    world.ledger.keep_source(source)
    shown = instrument_body(world, source)
    return Reply(200, {name: shown[name] for name in ("id", "type", "status", "status_reason")})


def delete_instrument(world: World, call: Call) -> Reply:
    """``DELETE /instruments/{src}``: charges are refused, and it is not found any more."""
    source = _instrument(world, call)
    source.revoked = source.deleted = True
    world.ledger.keep_source(source)
    return Reply(204)


def _instrument(world: World, call: Call) -> Source:
    source = world.ledger.sources.get(call.params["id"])
    if source is None or source.deleted:
        raise Refused(404)
    return source


def subject_of_instrument(world: World, call: Call) -> tuple[str | int, ...]:
    source = world.ledger.sources.get(call.params["id"])
    return (source.wallet if source else call.params["id"], "instrument")
