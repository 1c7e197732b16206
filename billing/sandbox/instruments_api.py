"""The acts behind ``/instruments``: the merchant's end of an agreement."""

from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.records import Source
from billing.sandbox.world import World


def revoke_instrument(world: World, call: Call) -> Reply:
    """``PATCH /instruments/{src}/revoke``: the record stays, charges are refused. The wallet is not told."""
    source = _revoke(world, call)
    answer = {
        "id": source.id,
        "type": "kakaopay",
        "status": "INVALID",
        "status_reason": "revoked_by_merchant",
    }
    return Reply(200, answer)


def delete_instrument(world: World, call: Call) -> Reply:
    _revoke(world, call)
    return Reply(204)


def _revoke(world: World, call: Call) -> Source:
    source = world.ledger.sources.get(call.params["id"])
    if source is None:
        raise Refused(404)
    source.revoked = True
    world.ledger.keep_source(source)
    return source


def subject_of_instrument(world: World, call: Call) -> tuple[str | int, ...]:
    source = world.ledger.sources.get(call.params["id"])
    return (source.wallet if source else call.params["id"], "instrument")
