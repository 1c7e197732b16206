"""What a key may do: three roles, each of which may do all that the one before it may."""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """``read`` looks, ``backend`` does what a SaaS needs for its customers, ``admin`` does the rest."""

    READ = "read"
    BACKEND = "backend"
    ADMIN = "admin"


_RANK: Final = {Role.READ: 0, Role.BACKEND: 1, Role.ADMIN: 2}


def may(has: Role, needs: Role) -> bool:
    """Say whether a key of the role ``has`` may do what needs at least the role ``needs``."""
    return _RANK[has] >= _RANK[needs]
