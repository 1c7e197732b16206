"""Events are numbered, for each subject from 1"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("sequence", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE event SET sequence = numbered.sequence FROM ("
        "SELECT id, row_number() OVER (PARTITION BY subject_type, subject_id ORDER BY id) AS sequence FROM event"
        ") AS numbered WHERE numbered.id = event.id"
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.alter_column("sequence", existing_type=sa.Integer(), nullable=False)
        batch_op.drop_index("event_of_subject")
        batch_op.create_index("event_of_subject", ["subject_type", "subject_id", "sequence"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index("event_of_subject")
        batch_op.create_index("event_of_subject", ["subject_type", "subject_id"], unique=False)
        batch_op.drop_column("sequence")
