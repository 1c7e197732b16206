"""A webhook is known by its event's id and type; what is turned away at the door is counted."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NAMED = {"uq": "uq_%(table_name)s_%(column_0_name)s"}
"""SQLite keeps no name of a unique rule that was given none."""


def upgrade() -> None:
    _replace_rule("webhook_event_id_key", "one_webhook_of_an_event", ["event_id", "type"])
    op.create_table(
        "webhook_refusal",
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("why"),
    )


def downgrade() -> None:
    op.drop_table("webhook_refusal")
    # Of several types under one id the first stays.
    op.execute("DELETE FROM webhook WHERE id NOT IN (SELECT min(id) FROM webhook GROUP BY event_id)")
    _replace_rule("one_webhook_of_an_event", "webhook_event_id_key", ["event_id"])


def _replace_rule(old: str, new: str, columns: list[str]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(old, "webhook", type_="unique")
        op.create_unique_constraint(new, "webhook", columns)
        return
    with op.batch_alter_table("webhook", naming_convention=NAMED) as batch_op:
        unnamed = old == "webhook_event_id_key"
        batch_op.drop_constraint("uq_webhook_event_id" if unnamed else old, type_="unique")
        batch_op.create_unique_constraint(new, columns)
