"""An invoice says which days of it gave no access before access was given again, and not only how many."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invoice", sa.Column("lost_spans", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("invoice", "lost_spans")
