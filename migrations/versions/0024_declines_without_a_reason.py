"""Declines without a known reason may be evidence against our set-up, too: they are found by when they were sent"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    condition = sa.text("decline_class = 'unknown'")
    op.create_index("unexplained_decline", "charge", ["sent_at"], sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    op.drop_index("unexplained_decline", table_name="charge")
