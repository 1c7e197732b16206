"""Failed deliveries are found along an index, however many were delivered."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FAILED = sa.text("state = 'failed'")


def upgrade() -> None:
    op.create_index(
        "failed_delivery", "webhook_delivery", ["event_id", "id"], sqlite_where=FAILED, postgresql_where=FAILED
    )


def downgrade() -> None:
    op.drop_index("failed_delivery", table_name="webhook_delivery")
