"""Disputes: a mark on the charge whose payment is disputed; and what an event told of one."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'open'")
MINOR = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("webhook", sa.Column("dispute", sa.JSON(), nullable=True))
    op.create_table(
        "dispute",
        sa.Column("gateway_dispute_id", sa.String(length=100), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("gateway_payment_id", sa.String(length=100), nullable=False),
        sa.Column("amount_minor", MINOR, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=60), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=True),
        sa.Column("respond_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('open', 'won', 'lost')", name="is_a_disputestate"),
        sa.ForeignKeyConstraint(["charge_id"], ["charge.id"]),
        sa.PrimaryKeyConstraint("gateway_dispute_id"),
    )
    op.create_index("ix_dispute_charge_id", "dispute", ["charge_id"])
    op.create_index("ix_dispute_gateway_payment_id", "dispute", ["gateway_payment_id"])
    op.create_index("open_dispute", "dispute", ["gateway_payment_id"], sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_table("dispute")
    op.drop_column("webhook", "dispute")
