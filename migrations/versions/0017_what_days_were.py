"""What days were is written when they pass: how long an unpaid period gives access, and days that nobody is billed for."""

from datetime import date, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

KINDS = ("paid", "trial", "forgiven", "owed", "none")
REASONS = ("outage", "paused", "no_access")
GRACE = timedelta(days=15)  # what the default plan of retries gave until now


def upgrade() -> None:
    op.add_column("invoice", sa.Column("grace_until", sa.Date(), nullable=True))
    op.add_column("invoice", sa.Column("lost_days", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "day_record",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("subscription_id", sa.Uuid(), sa.ForeignKey("subscription.id"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("subscription_id", "starts_on", "kind"),
        sa.CheckConstraint("starts_on < ends_on", name="days_are_not_empty"),
        sa.CheckConstraint(f"kind IN {KINDS}", name="is_a_daykind"),
        sa.CheckConstraint(f"reason IN {REASONS}", name="is_a_unbilledreason"),
    )
    _give_open_invoices_their_grace(op.get_bind())


def downgrade() -> None:
    op.drop_table("day_record")
    op.drop_column("invoice", "lost_days")
    op.drop_column("invoice", "grace_until")


def _give_open_invoices_their_grace(connection: sa.Connection) -> None:
    invoice = sa.table(
        "invoice",
        sa.column("id", sa.Uuid()),
        sa.column("kind", sa.String()),
        sa.column("state", sa.String()),
        sa.column("period_end", sa.Date()),
        sa.column("first_failed_on", sa.Date()),
        sa.column("grace_until", sa.Date()),
    )
    is_owed = (invoice.c.state == "open") & (invoice.c.kind == "renewal")
    rows = connection.execute(
        sa.select(invoice.c.id, invoice.c.period_end, invoice.c.first_failed_on).where(is_owed)
    ).all()
    for row in rows:
        last: date = row.period_end
        until = last if row.first_failed_on is None else min(last, row.first_failed_on + GRACE)
        connection.execute(sa.update(invoice).where(invoice.c.id == row.id).values(grace_until=until))
