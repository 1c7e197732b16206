"""A pause may be planned for the end of the paid period"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_WHERE = "pause_at IS NOT NULL AND state IN ('active', 'past_due')"


def upgrade() -> None:
    op.add_column("subscription", sa.Column("pause_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "subscription_to_pause",
        "subscription",
        ["pause_at", "id"],
        sqlite_where=sa.text(_WHERE),
        postgresql_where=sa.text(_WHERE),
    )


def downgrade() -> None:
    op.drop_index("subscription_to_pause", table_name="subscription")
    op.drop_column("subscription", "pause_at")
