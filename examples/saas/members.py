"""What the SaaS itself knows: its members, and the notice that each of them should see. One SQLite file."""

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Member:
    """``reference`` is what the billing engine knows the member by: the SaaS's own id."""

    id: int
    name: str
    email: str
    notice: str

    @property
    def reference(self) -> str:
        return f"member-{self.id}"


class Members:
    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._database.executescript(
            """
            CREATE TABLE IF NOT EXISTS member (
                id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,
                customer TEXT UNIQUE, notice TEXT NOT NULL DEFAULT ''
            );
            CREATE TABLE IF NOT EXISTS delivery (webhook_id TEXT PRIMARY KEY);
            """
        )

    def join(self, name: str, email: str) -> Member:
        """Return the member with this address; a new one if there is none. (A real SaaS would ask for a password.)"""
        self._database.execute("INSERT OR IGNORE INTO member (name, email) VALUES (?, ?)", (name, email))
        return self._one("email", email)

    def find(self, member_id: int) -> Member | None:
        """Return a member, or None when there is none of this id."""
        try:
            return self._one("id", member_id)
        except LookupError:
            return None

    def remember(self, member: Member, customer: str) -> None:
        """Note the engine's id of a member, by which webhooks name them."""
        self._database.execute("UPDATE member SET customer = ? WHERE id = ?", (customer, member.id))

    def notify_once(self, webhook_id: str, customer: str, notice: str) -> None:
        """Set what a member is told at the head of each page, unless this webhook did so before; "" takes it away.

        The same webhook may come again. Both is written or neither: whoever dies in between does it then.
        """
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            if self._database.execute("INSERT OR IGNORE INTO delivery VALUES (?)", (webhook_id,)).rowcount:
                self._database.execute("UPDATE member SET notice = ? WHERE customer = ?", (notice, customer))

    def _one(self, column: str, value: object) -> Member:
        row = self._database.execute(
            f"SELECT id, name, email, notice FROM member WHERE {column} = ?",  # noqa: S608 - our own two columns
            (value,),
        ).fetchone()
        if row is None:
            raise LookupError
        return Member(*row)
