"""Whether a pause was made by the end of the retries is kept"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "subscription", sa.Column("paused_by_dunning", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    # The end of the retries and the pause that it makes are told at one instant.
    op.execute(
        "UPDATE subscription SET paused_by_dunning = true WHERE state = 'paused' AND EXISTS (SELECT 1 FROM event d"
        " WHERE d.subscription_id = subscription.id AND d.type = 'dunning.exhausted' AND d.at = (SELECT max(p.at)"
        " FROM event p WHERE p.subscription_id = subscription.id AND p.type = 'subscription.paused'))"
    )
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("subscription", "paused_by_dunning", server_default=None)


def downgrade() -> None:
    op.drop_column("subscription", "paused_by_dunning")
