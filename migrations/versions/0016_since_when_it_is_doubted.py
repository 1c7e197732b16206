"""A gap between signs of life is kept with its beginning; what has ended is parked no more."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("installation", sa.Column("doubted_since", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE subscription SET parked_reason = NULL WHERE state IN ('canceled', 'incomplete_expired')")


def downgrade() -> None:
    op.drop_column("installation", "doubted_since")
