"""Who a request comes from: the API key that it carries, looked up and remembered for a few seconds."""

import asyncio
import hmac
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from billing.domain.api_keys import KeyMode, KeyStanding, NotAKey, key_digest, read_mode, why_refused
from billing.domain.roles import Role
from billing.entrypoints.clock import machine_now
from billing.operations.api_keys import SANDBOX_NAME
from billing.store.database import told_plainly

log = structlog.get_logger()
TRUSTED_SECONDS: Final = 5.0
"""So long a process goes on believing what it read of the keys: a revocation holds everywhere after this."""
READ_APART_SECONDS: Final = 0.25
"""The keys are read no more often, whoever asks with whatever: guessing costs the database little."""
USE_NOTED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key it is, and what it may do. ``key_id`` None: the key that is built in beside the bundled sandbox."""

    key_id: UUID | None
    name: str
    role: Role

    @property
    def actor(self) -> str:
        """Return who acts, as it is written with every event."""
        return f"key:{self.name}"

    @property
    def holder(self) -> str:
        """Return by what the requests of this key are told from those of others; rotating does not change it."""
        return str(self.key_id or self.name)


class NotLetIn(Exception):
    """The key opens nothing; the text says why, and does not repeat it."""


class KeyRing:
    """Tells whose key it is, by all keys, held in memory: one short query every :data:`TRUSTED_SECONDS`.

    A key that is not among them waits until they were read once more, since it may just have been made; all who guess
    wait for that one query, and nobody whose key is known waits for them.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[KeyStanding]],
        note_use: Callable[[UUID, datetime], None],
        *,
        mode: KeyMode,
        built_in: str | None = None,
        trusted_seconds: float = TRUSTED_SECONDS,
    ) -> None:
        """``read`` returns the keys, ``note_use`` writes down the use of one: in the database, on other threads."""
        self._read = read
        self._note_use = note_use
        self._mode = mode
        self._built_in = key_digest(built_in) if built_in is not None else None
        self._trusted_seconds = trusted_seconds
        self._known: dict[str, KeyStanding] = {}
        self._known_at = self._asked_at = -math.inf
        self._reading: asyncio.Task[None] | None = None
        self._noted: dict[UUID, float] = {}
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="api-keys")
        # Apart, so that a writer who waits for SQLite's lock keeps no request waiting.
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="api-key-use")

    async def caller_of(self, key: str) -> Caller:
        """Return whose key it is.

        :raises NotLetIn: nobody's, or it opens nothing any more.
        :raises SQLAlchemyError: the database cannot be asked.
        """
        digest = key_digest(key)
        if self._built_in is not None and hmac.compare_digest(digest, self._built_in):
            return Caller(None, SANDBOX_NAME, Role.ADMIN)
        self._refuse_foreign(key)
        standing = await self._standing(digest)
        why = why_refused(standing, digest, machine_now()) if standing is not None else "it is not known here"
        if standing is None or why is not None:
            raise NotLetIn(f"the API key opens nothing: {why}")
        self._used(standing)
        return Caller(standing.id, standing.name, standing.role)

    def write_uses(self) -> None:
        """Return when every use that was seen is written down; for whoever closes the database afterwards."""
        self._writer.submit(lambda: None).result()

    def _refuse_foreign(self, key: str) -> None:
        try:
            mode = read_mode(key)
        except NotAKey as error:
            raise NotLetIn(f"the API key opens nothing: {error}") from None
        if mode is not self._mode:
            raise NotLetIn(
                f"the API key opens nothing: it is a {mode} key, and this installation takes {self._mode} keys"
            )

    async def _standing(self, digest: str) -> KeyStanding | None:
        asked_at = time.monotonic()
        if asked_at - self._known_at >= self._trusted_seconds:
            await self._read_anew()
        while digest not in self._known and self._known_at < asked_at:
            await self._read_anew()
        return self._known.get(digest)

    async def _read_anew(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_keys())
        await asyncio.shield(self._reading)

    async def _read_keys(self) -> None:
        await asyncio.sleep(self._asked_at + READ_APART_SECONDS - time.monotonic())
        self._asked_at = time.monotonic()
        keys = await asyncio.get_running_loop().run_in_executor(self._reader, self._read)
        self._known = {
            digest: key for key in keys for digest in (key.digest, key.previous_digest) if digest is not None
        }
        self._known_at = self._asked_at

    def _used(self, standing: KeyStanding) -> None:
        now, last = time.monotonic(), self._noted.get(standing.id)
        if last is None or now - last >= USE_NOTED_SECONDS:
            self._noted[standing.id] = now
            self._writer.submit(self._write_use, standing.id, machine_now())

    def _write_use(self, key_id: UUID, at: datetime) -> None:
        try:
            self._note_use(key_id, at)
        except SQLAlchemyError as error:
            log.warning("api_key_use_not_noted", error=told_plainly(error))
