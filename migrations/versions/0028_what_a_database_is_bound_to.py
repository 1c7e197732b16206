"""A database is bound to facts that are compared one by one, and no longer to a digest of its URL"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The digest stays until `billing migrate` has compared it and bound the database to the facts.
    op.add_column("installation", sa.Column("bound_to", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("installation", "bound_to")
