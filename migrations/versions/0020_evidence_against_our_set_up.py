"""Whether our set-up is at fault is told from the charges: their failures and captures are found by when they were sent"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_INDEXES = {"set_up_failure": "decline_class = 'set_up'", "captured_charge": "state = 'captured'"}


def upgrade() -> None:
    for name, where in _INDEXES.items():
        condition = sa.text(where)
        op.create_index(name, "charge", ["sent_at"], sqlite_where=condition, postgresql_where=condition)
    op.add_column("installation", sa.Column("allowed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("installation", sa.Column("is_careful", sa.Boolean(), nullable=False, server_default=sa.false()))
    # What failed before nobody judged: the evidence begins with the upgrade.
    op.execute("UPDATE installation SET allowed_at = COALESCE(clock, CURRENT_TIMESTAMP)")


def downgrade() -> None:
    op.drop_column("installation", "is_careful")
    op.drop_column("installation", "allowed_at")
    for name in _INDEXES:
        op.drop_index(name, table_name="charge")
