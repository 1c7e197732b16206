"""Where the sandbox's records outlive it: one SQLite table of JSON documents, or nowhere."""

import json
import sqlite3
from typing import Any, Protocol


class Store(Protocol):
    """Keeps a document per (kind, key); what is put is written at the next flush."""

    def put(self, kind: str, key: str, record: object) -> None: ...

    def drop(self, kind: str, key: str) -> None: ...

    def load(self, kind: str) -> list[dict[str, Any]]: ...

    def clear(self) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Forgetful:
    """The store of a sandbox in memory."""

    def put(self, kind: str, key: str, record: object) -> None:
        pass

    def drop(self, kind: str, key: str) -> None:
        pass

    def load(self, kind: str) -> list[dict[str, Any]]:  # noqa: ARG002 - the protocol's shape
        return []

    def clear(self) -> None:
        pass

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


class SqliteStore:
    """A file. Records touched several times in one request are written once, when it is answered."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        # The file must survive the process, not a power cut: it holds play money.
        self._connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
            "CREATE TABLE IF NOT EXISTS documents"
            " (kind TEXT, key TEXT, body TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID;"
        )
        self._touched: dict[tuple[str, str], object] = {}

    def put(self, kind: str, key: str, record: object) -> None:
        self._touched[kind, key] = record

    def drop(self, kind: str, key: str) -> None:
        self._touched[kind, key] = None

    def load(self, kind: str) -> list[dict[str, Any]]:
        rows = self._connection.execute("SELECT body FROM documents WHERE kind = ? ORDER BY key", (kind,))
        return [json.loads(body) for (body,) in rows]

    def clear(self) -> None:
        self._touched.clear()
        with self._connection:
            self._connection.execute("DELETE FROM documents")

    def flush(self) -> None:
        if not self._touched:
            return
        kept = [(*at, _text(record)) for at, record in self._touched.items() if record is not None]
        gone = [at for at, record in self._touched.items() if record is None]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", kept)
            self._connection.executemany("DELETE FROM documents WHERE kind = ? AND key = ?", gone)
        self._touched.clear()

    def close(self) -> None:
        self.flush()
        self._connection.close()


def _text(record: object) -> str:
    return json.dumps(record, default=vars, ensure_ascii=False)


def open_store(database: str) -> Store:
    """Open the file, or a store that forgets for ``:memory:``.

    :raises OSError: the file cannot be opened or is not one of ours.
    """
    if database == ":memory:":
        return Forgetful()
    try:
        return SqliteStore(database)
    except sqlite3.Error as error:
        raise OSError(f"{database} cannot be used as the sandbox's database: {error}") from error
