"""Signed events that are not about a payment: no ``data``, but ``event_data`` (the pages of card issuing)."""

import json

from billing.sandbox.instants import render
from billing.sandbox.records import Event
from billing.sandbox.world import World

TYPE = "issuing_authorization_approved"


def make_foreign_event(world: World) -> Event:
    """Make the next event of another product; nothing else in the sandbox knows of it."""
    number = world.nth("foreign-event")
    event_id = world.dice.name("evt", "foreign", number)
    body = {
        "id": event_id,
        "type": TYPE,
        "source": "issuing",
        "version": "1.0.0",
        "created_on": render(world.clock.now(), 3),
        "event_data": {"card_id": world.dice.name("crd", number), "amount": 100, "currency": "HKD"},
        "_links": {"self": {"href": f"{world.base_url}/workflows/events/{event_id}"}},
    }
    return Event(event_id, TYPE, "", number, world.clock.now(), json.dumps(body, separators=(",", ":")))
