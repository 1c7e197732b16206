"""SQLite files of the benchmark's own, with what the engine asks of :class:`bench.postgres.Server`."""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Files:
    """A folder of databases. SQLite works inside the contestant, so that it uses no CPU of its own."""

    folder: Path

    def fresh(self, template: str | None = None) -> str:
        """Make the database of the next race anew, empty or as a copy of another one, and return its URL."""
        for left in self.folder.glob("bench.db*"):
            left.unlink()
        if template is not None:
            shutil.copy(self.folder / f"{template}.db", self._database)
        return f"sqlite:///{self._database}"

    def keep(self, name: str) -> None:
        """Keep it under another name, to be copied."""
        self._database.rename(self.folder / f"{name}.db")

    def cpu_seconds(self) -> float:
        """Return nothing: see above."""
        return 0.0

    @property
    def _database(self) -> Path:
        return self.folder / "bench.db"
