"""Customers have a country and the gateway's id; a source knows the payment that made it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

FIRST_PAYMENTS = """
UPDATE source SET first_payment_id = (
    SELECT charge.gateway_payment_id FROM charge
    WHERE charge.source_id = source.id AND charge.state = 'captured' AND charge.kind IN ('first', 're_enrolment')
    ORDER BY charge.captured_at DESC, charge.id LIMIT 1
)
"""


def upgrade() -> None:
    op.add_column("customer", sa.Column("country", sa.String(2), nullable=True))
    op.add_column("customer", sa.Column("gateway_customer_id", sa.String(100), nullable=True))
    op.add_column("source", sa.Column("first_payment_id", sa.String(100), nullable=True))
    op.execute(FIRST_PAYMENTS)


def downgrade() -> None:
    op.drop_column("source", "first_payment_id")
    op.drop_column("customer", "gateway_customer_id")
    op.drop_column("customer", "country")
