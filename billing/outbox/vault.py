"""Keeps the secrets of endpoints: they are needed to sign, so they are stored, but only encrypted.

Fernet (AES-128-CBC with HMAC-SHA256, of the `cryptography` library) under a key that is made from one of the
environment's. The first key encrypts; each decrypts, so that a key can be replaced.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32  # Standard Webhooks asks for 24 to 64


class CannotOpen(Exception):
    """A secret was encrypted with a key that is not among those of the environment."""


class Vault:
    """Encrypts and decrypts. Without keys it does neither."""

    def __init__(self, keys: Sequence[str]) -> None:
        made = [Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys]
        self._fernet = MultiFernet(made) if made else None

    @property
    def has_keys(self) -> bool:
        return self._fernet is not None

    def seal(self, secret: str) -> str:
        """Return a secret as it may stand in a row."""
        if self._fernet is None:
            raise CannotOpen(_NO_KEY)
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the secret.

        :raises CannotOpen: there is no key for it.
        """
        if self._fernet is None:
            raise CannotOpen(_NO_KEY)
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise CannotOpen(f"{_NO_KEY}, or it holds another key than the secret was kept with") from None


def draw_secret() -> str:
    """Draw the secret of an endpoint, as Standard Webhooks writes it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


_NO_KEY: Final = "BILLING_SECRETS__ENDPOINT_KEYS is not set"
