"""SQLite replaces no entry of the audit trail either: INSERT OR REPLACE deletes rows without asking a trigger of DELETE"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER audit_entry_no_replace BEFORE INSERT ON audit_entry WHEN EXISTS (SELECT 1 FROM audit_entry "
            "WHERE number = NEW.number OR hash = NEW.hash OR previous_hash = NEW.previous_hash) "
            "BEGIN SELECT RAISE(ABORT, 'the audit trail is only appended to'); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_entry_no_replace")
