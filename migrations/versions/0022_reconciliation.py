"""The gateway is asked about recent, open and refundable payments in rounds; each round is a row"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CAPTURED = sa.text("state = 'captured'")


def upgrade() -> None:
    op.create_table(
        "reconciliation_turn",
        sa.Column("singleton", sa.Integer(), nullable=False),
        sa.Column("next_page_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("singleton = 1", name="is_the_only_turn"),
        sa.PrimaryKeyConstraint("singleton"),
    )
    op.create_table(
        "reconciliation_round",
        sa.Column(
            "name",
            sa.Enum(
                "recent",
                "search",
                "open",
                "rotation",
                name="is_a_round",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.JSON(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.Column(name, _NUMBER, nullable=False) for name in ("asked", "found", "unread", "all_asked", "all_found")),
        sa.Column("unseen", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    _index_captured_charges(["sent_at", "id"])
    op.create_index("refund_by_age", "refund", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index("refund_by_age", table_name="refund")
    _index_captured_charges(["sent_at"])
    op.drop_table("reconciliation_round")
    op.drop_table("reconciliation_turn")


def _index_captured_charges(columns: list[str]) -> None:
    op.drop_index("captured_charge", table_name="charge")
    op.create_index("captured_charge", "charge", columns, sqlite_where=_CAPTURED, postgresql_where=_CAPTURED)
