"""``/_sandbox/profiles``: which demands are on, and what the keys were granted."""

from typing import Any

from billing.sandbox.checks import is_text
from billing.sandbox.demands.profiles import PROFILES, STRICT, switch
from billing.sandbox.demands.scopes import checked
from billing.sandbox.world import World


def profiles_row(world: World) -> dict[str, Any]:
    """Every profile with whether it is on and whether it is part of ``strict``, and the scopes of the keys."""
    return {
        "profiles": {
            name: {"on": name in world.profiles, "strict": name in STRICT, "doc": each.doc}
            for name, each in PROFILES.items()
        },
        "scopes": sorted(world.scopes),
    }


def set_profiles(world: World, wanted: dict[str, Any]) -> None:
    """Switch those given and keep the others; ``granted_scopes`` is a list of scopes, or null for the default.

    :raises ValueError: a name or value is impossible; the message names it, and nothing has changed.
    """
    wanted = dict(wanted)
    granted = world.granted_scopes
    if "granted_scopes" in wanted:
        granted = _scopes(wanted.pop("granted_scopes"))
    world.profiles = switch(world.profiles, wanted)
    world.granted_scopes = granted
    world.keep_settings()


def _scopes(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(is_text(each, 100) for each in value):
        raise ValueError("granted_scopes: must be a list of scopes, or null")
    return checked(value)
