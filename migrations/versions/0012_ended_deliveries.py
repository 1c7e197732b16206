"""Deliveries that ended long ago are found along an index, to be deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ENDED = sa.text("state <> 'pending'")


def upgrade() -> None:
    op.create_index("ended_delivery", "webhook_delivery", ["tried_at"], sqlite_where=ENDED, postgresql_where=ENDED)


def downgrade() -> None:
    op.drop_index("ended_delivery", table_name="webhook_delivery")
