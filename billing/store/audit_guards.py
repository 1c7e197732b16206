"""What stands around the audit trail: the triggers that guard it, and rows that cannot be there without an entry."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, or_, select, text
from sqlmodel import col

from billing.store.key_tables import ApiKey
from billing.store.webhook_tables import WebhookEndpoint

_SQLITE: Final = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'")
_POSTGRES: Final = text(
    "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit_entry'::regclass AND tgenabled IN ('O', 'A')"
)
_GUARDS: Final[Mapping[str, frozenset[str]]] = {
    "sqlite": frozenset({"audit_entry_no_update", "audit_entry_no_delete", "audit_entry_no_replace"}),
    "postgresql": frozenset({"audit_entry_no_change"}),
}


def missing_guards(tx: Connection) -> list[str]:
    """Name the triggers that refuse changes of the trail and are dropped or switched off."""
    there = set(tx.execute(_SQLITE if tx.dialect.name == "sqlite" else _POSTGRES).scalars())
    return sorted(_GUARDS[tx.dialect.name] - there)


def made_by_people(tx: Connection) -> dict[tuple[str, str], str]:
    """Return what only a decision can have made, by act and subject of the entry that must be there, and its maker."""
    made: dict[tuple[str, str], str] = {}
    for act, ident, author in (
        ("api_key.created", col(ApiKey.id), col(ApiKey.created_by)),
        ("webhook_endpoint.created", col(WebhookEndpoint.id), col(WebhookEndpoint.created_by)),
    ):
        by_people = select(ident, author).where(or_(author.startswith("cli:"), author.startswith("key:")))
        made |= {(act, str(row[0])): row[1] for row in tx.execute(by_people)}
    return made
