"""Lists newest first"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("customer_by_age", "customer", ["created_at", "id"])
    op.create_index("subscription_by_age", "subscription", ["created_at", "id"])


def downgrade() -> None:
    op.drop_index("subscription_by_age", table_name="subscription")
    op.drop_index("customer_by_age", table_name="customer")
