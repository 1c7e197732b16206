"""Which scopes the keys of this account have (access keys page): what more is asked for is ``invalid_scope``."""

from collections.abc import Collection
from typing import Final

from billing.sandbox.tokens import SCOPES

#: What charging and revoking needs, and no more.
NARROW: Final = frozenset({"gateway", "vault:instruments"})


def granted_scopes(profiles: Collection[str], granted: Collection[str] | None) -> frozenset[str]:
    """Return what the keys open: what was granted by name, else all, or under the profile ``scopes`` the narrow set."""
    if granted is not None:
        return frozenset(granted)
    return NARROW if "scopes" in profiles else SCOPES


def checked(names: Collection[str]) -> tuple[str, ...]:
    """Return the names in order.

    :raises ValueError: a name is no scope; the message lists them.
    """
    for name in names:
        if name not in SCOPES:
            raise ValueError(f"granted_scopes: {name} is no scope; there are {', '.join(sorted(SCOPES))}")
    return tuple(sorted(set(names)))
