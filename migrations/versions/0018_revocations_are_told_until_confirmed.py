"""The gateway is told of a revoked agreement until it confirms."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TO_TELL = sa.text("revocation = 'requested'")
PARKED = sa.text("revocation = 'parked'")
# SQLite takes a constraint with the column only.
REVOCATION = """
ALTER TABLE source ADD COLUMN revocation VARCHAR(32) DEFAULT 'none' NOT NULL
CONSTRAINT is_a_revocationstate CHECK (revocation IN ('none', 'requested', 'confirmed', 'parked'))
"""
# Of whoever was erased before nobody knows any more whether the gateway confirmed: it is told once more.
ERASED_BEFORE = """
UPDATE source SET revocation = 'requested', revocation_due_at = (
    SELECT customer.erased_at FROM customer WHERE customer.id = source.customer_id
)
WHERE state = 'revoked' AND customer_id IN (SELECT id FROM customer WHERE erased_at IS NOT NULL)
"""


def upgrade() -> None:
    op.execute(REVOCATION)
    op.add_column("source", sa.Column("revocation_due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("source", sa.Column("revocation_tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("source", sa.Column("revocation_error", sa.String(500), nullable=True))
    op.execute(ERASED_BEFORE)
    op.create_index(
        "revocation_to_tell",
        "source",
        ["revocation_due_at", "id"],
        sqlite_where=TO_TELL,
        postgresql_where=TO_TELL,
    )
    op.create_index("parked_revocation", "source", ["id"], sqlite_where=PARKED, postgresql_where=PARKED)


def downgrade() -> None:
    op.drop_index("parked_revocation", table_name="source")
    op.drop_index("revocation_to_tell", table_name="source")
    for column in ("revocation_error", "revocation_tries", "revocation_due_at", "revocation"):
        op.drop_column("source", column)
