"""A keyed request says, from the transaction of its act on, that it was done and what it made."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keyed_request", sa.Column("made", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("keyed_request", "made")
