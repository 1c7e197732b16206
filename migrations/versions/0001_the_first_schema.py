"""The first schema"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("locale", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_table(
        "daemon",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("swept_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sweeps", sa.Integer(), nullable=False),
        sa.Column("acts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("subject_type", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.String(length=100), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("from_state", sa.String(length=32), nullable=True),
        sa.Column("to_state", sa.String(length=32), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("event_of_subject", ["subject_type", "subject_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_subscription_id"), ["subscription_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_event_type"), ["type"], unique=False)

    op.create_table(
        "installation",
        sa.Column("singleton", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("stopped_because", sa.String(length=500), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_because", sa.String(length=500), nullable=True),
        sa.Column("clock", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alive_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("doubted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("singleton = 1", name="is_the_only_row"),
        sa.PrimaryKeyConstraint("singleton"),
    )
    op.create_table(
        "plan",
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("code"),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("payment_id", sa.String(length=100), nullable=True),
        sa.Column("action_id", sa.String(length=100), nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(length=500), nullable=True),
        sa.CheckConstraint("state IN ('received', 'processed', 'ignored', 'parked')", name="is_a_webhook_state"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    with op.batch_alter_table("webhook", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_webhook_payment_id"), ["payment_id"], unique=False)
        batch_op.create_index(
            "one_webhook_per_action",
            ["payment_id", "action_id", "type"],
            unique=True,
            sqlite_where=sa.text("action_id IS NOT NULL"),
            postgresql_where=sa.text("action_id IS NOT NULL"),
        )
        batch_op.create_index(
            "parked_webhook",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'parked'"),
            postgresql_where=sa.text("state = 'parked'"),
        )
        batch_op.create_index(
            "webhook_to_process",
            ["next_try_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'received'"),
            postgresql_where=sa.text("state = 'received'"),
        )

    op.create_table(
        "price",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_code", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "interval_unit",
            sa.Enum(
                "day",
                "week",
                "month",
                "year",
                name="is_a_intervalunit",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("interval_count", sa.Integer(), nullable=False),
        sa.Column("trial_days", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        sa.CheckConstraint("interval_count > 0", name="interval_is_positive"),
        sa.ForeignKeyConstraint(["plan_code"], ["plan.code"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("plan_code", "version"),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("gateway_source_id", sa.String(length=100), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "active",
                "suspect",
                "revoked",
                "replaced",
                name="is_a_sourcestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway_source_id"),
    )
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_source_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "subscription",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("plan_code", sa.String(), nullable=False),
        sa.Column("price_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "incomplete",
                "incomplete_expired",
                "trialing",
                "active",
                "past_due",
                "paused",
                "unpaid",
                "canceled",
                name="is_a_subscriptionstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("zone", sa.String(length=50), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("billed_index", sa.Integer(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_through", sa.Date(), nullable=True),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resume_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canceled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.String(length=200), nullable=True),
        sa.Column("parked_reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"]),
        sa.ForeignKeyConstraint(["plan_code"], ["plan.code"]),
        sa.ForeignKeyConstraint(["price_id"], ["price.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.create_index(
            "due_subscription",
            ["next_due_at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('active', 'trialing') AND parked_reason IS NULL"),
            postgresql_where=sa.text("state IN ('active', 'trialing') AND parked_reason IS NULL"),
        )
        batch_op.create_index(
            "incomplete_subscription",
            ["expires_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'incomplete'"),
            postgresql_where=sa.text("state = 'incomplete'"),
        )
        batch_op.create_index(batch_op.f("ix_subscription_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_subscription_plan_code"), ["plan_code"], unique=False)
        batch_op.create_index(batch_op.f("ix_subscription_source_id"), ["source_id"], unique=False)
        batch_op.create_index(
            "one_live_subscription_to_a_plan",
            ["customer_id", "plan_code"],
            unique=True,
            sqlite_where=sa.text("state IN ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'unpaid')"),
            postgresql_where=sa.text("state IN ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'unpaid')"),
        )
        batch_op.create_index(
            "parked_subscription",
            ["id"],
            unique=False,
            sqlite_where=sa.text("parked_reason IS NOT NULL"),
            postgresql_where=sa.text("parked_reason IS NOT NULL"),
        )
        batch_op.create_index(
            "subscription_to_end",
            ["cancel_at", "id"],
            unique=False,
            sqlite_where=sa.text("cancel_at IS NOT NULL AND state <> 'canceled'"),
            postgresql_where=sa.text("cancel_at IS NOT NULL AND state <> 'canceled'"),
        )
        batch_op.create_index(
            "subscription_to_resume",
            ["resume_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'paused' AND resume_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'paused' AND resume_at IS NOT NULL"),
        )

    op.create_table(
        "invoice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "first",
                "renewal",
                "agreement",
                name="is_a_invoicekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "paid",
                "void",
                "uncollectible",
                name="is_a_invoicestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("technical_failures", sa.Integer(), nullable=False),
        sa.Column("first_failed_on", sa.Date(), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("give_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        sa.CheckConstraint("period_start < period_end", name="period_is_not_empty"),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("invoice", schema=None) as batch_op:
        batch_op.create_index(
            "due_invoice",
            ["next_attempt_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'open' AND next_attempt_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'open' AND next_attempt_at IS NOT NULL"),
        )
        batch_op.create_index(
            "invoice_to_give_up",
            ["give_up_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'open' AND give_up_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'open' AND give_up_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_invoice_subscription_id"), ["subscription_id"], unique=False)
        batch_op.create_index(
            "one_invoice_for_a_period",
            ["subscription_id", "period_start"],
            unique=True,
            sqlite_where=sa.text("state <> 'void' AND kind IN ('first', 'renewal')"),
            postgresql_where=sa.text("state <> 'void' AND kind IN ('first', 'renewal')"),
        )

    op.create_table(
        "charge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "first",
                "renewal",
                "re_enrolment",
                name="is_a_chargekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.Column("attempt_no", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=50), nullable=False),
        sa.Column("idempotency_key", sa.String(length=36), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "sending",
                "unknown",
                "pending",
                "captured",
                "declined",
                "refused",
                "expired",
                "canceled",
                "parked",
                name="is_a_chargestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("gateway_payment_id", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("absent_looks", sa.Integer(), nullable=False),
        sa.Column("last_absent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("response_code", sa.String(length=200), nullable=True),
        sa.Column("decline_class", sa.String(length=32), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("terminal_type", sa.String(length=10), nullable=True),
        sa.Column("os_type", sa.String(length=10), nullable=True),
        sa.Column("return_token", sa.String(length=64), nullable=True),
        sa.Column("success_url", sa.String(length=1024), nullable=True),
        sa.Column("failure_url", sa.String(length=1024), nullable=True),
        sa.Column("redirect_url", sa.Text(), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"]),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"]),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway_payment_id"),
        sa.UniqueConstraint("idempotency_key"),
        sa.UniqueConstraint("invoice_id", "attempt_no"),
        sa.UniqueConstraint("reference"),
        sa.UniqueConstraint("return_token"),
    )
    with op.batch_alter_table("charge", schema=None) as batch_op:
        batch_op.create_index(
            "charge_to_ask_about",
            ["check_at", "id"],
            unique=False,
            sqlite_where=sa.text("check_at IS NOT NULL"),
            postgresql_where=sa.text("check_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_charge_subscription_id"), ["subscription_id"], unique=False)
        batch_op.create_index(
            "one_live_charge",
            ["subscription_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('sending', 'unknown', 'pending', 'parked')"),
            postgresql_where=sa.text("state IN ('sending', 'unknown', 'pending', 'parked')"),
        )
        batch_op.create_index(
            "parked_charge",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'parked'"),
            postgresql_where=sa.text("state = 'parked'"),
        )
        batch_op.create_index(
            "unknown_charge",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'unknown'"),
            postgresql_where=sa.text("state = 'unknown'"),
        )

    op.create_table(
        "refund",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("gateway_payment_id", sa.String(length=100), nullable=False),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "requested",
                "sending",
                "unknown",
                "pending",
                "refunded",
                "declined",
                "refused",
                "parked",
                name="is_a_refundstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("idempotency_key", sa.String(length=36), nullable=False),
        sa.Column("action_id", sa.String(length=100), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("requested_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("absent_looks", sa.Integer(), nullable=False),
        sa.Column("last_absent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("response_code", sa.String(length=200), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        sa.ForeignKeyConstraint(["charge_id"], ["charge.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("idempotency_key"),
        sa.UniqueConstraint("reference"),
    )
    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refund_charge_id"), ["charge_id"], unique=False)
        batch_op.create_index(
            "parked_refund",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'parked'"),
            postgresql_where=sa.text("state = 'parked'"),
        )
        batch_op.create_index(
            "refund_to_ask_about",
            ["check_at", "id"],
            unique=False,
            sqlite_where=sa.text("check_at IS NOT NULL"),
            postgresql_where=sa.text("check_at IS NOT NULL"),
        )
        batch_op.create_index(
            "unsettled_refund",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state IN ('requested', 'sending', 'unknown', 'pending')"),
            postgresql_where=sa.text("state IN ('requested', 'sending', 'unknown', 'pending')"),
        )

    op.create_table(
        "stray_payment",
        sa.Column("gateway_payment_id", sa.String(length=100), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("charge_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["charge_id"], ["charge.id"]),
        sa.PrimaryKeyConstraint("gateway_payment_id"),
    )
    with op.batch_alter_table("stray_payment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stray_payment_charge_id"), ["charge_id"], unique=False)
        batch_op.create_index(
            "open_stray_payment",
            ["check_at", "gateway_payment_id"],
            unique=False,
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )

    op.create_table(
        "api_request",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"]),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"]),
        sa.PrimaryKeyConstraint("key"),
    )


def downgrade() -> None:
    op.drop_table("api_request")
    with op.batch_alter_table("stray_payment", schema=None) as batch_op:
        batch_op.drop_index(
            "open_stray_payment",
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_stray_payment_charge_id"))

    op.drop_table("stray_payment")
    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.drop_index(
            "unsettled_refund",
            sqlite_where=sa.text("state IN ('requested', 'sending', 'unknown', 'pending')"),
            postgresql_where=sa.text("state IN ('requested', 'sending', 'unknown', 'pending')"),
        )
        batch_op.drop_index(
            "refund_to_ask_about",
            sqlite_where=sa.text("check_at IS NOT NULL"),
            postgresql_where=sa.text("check_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "parked_refund", sqlite_where=sa.text("state = 'parked'"), postgresql_where=sa.text("state = 'parked'")
        )
        batch_op.drop_index(batch_op.f("ix_refund_charge_id"))

    op.drop_table("refund")
    with op.batch_alter_table("charge", schema=None) as batch_op:
        batch_op.drop_index(
            "unknown_charge", sqlite_where=sa.text("state = 'unknown'"), postgresql_where=sa.text("state = 'unknown'")
        )
        batch_op.drop_index(
            "parked_charge", sqlite_where=sa.text("state = 'parked'"), postgresql_where=sa.text("state = 'parked'")
        )
        batch_op.drop_index(
            "one_live_charge",
            sqlite_where=sa.text("state IN ('sending', 'unknown', 'pending', 'parked')"),
            postgresql_where=sa.text("state IN ('sending', 'unknown', 'pending', 'parked')"),
        )
        batch_op.drop_index(batch_op.f("ix_charge_subscription_id"))
        batch_op.drop_index(
            "charge_to_ask_about",
            sqlite_where=sa.text("check_at IS NOT NULL"),
            postgresql_where=sa.text("check_at IS NOT NULL"),
        )

    op.drop_table("charge")
    with op.batch_alter_table("invoice", schema=None) as batch_op:
        batch_op.drop_index(
            "one_invoice_for_a_period",
            sqlite_where=sa.text("state <> 'void' AND kind IN ('first', 'renewal')"),
            postgresql_where=sa.text("state <> 'void' AND kind IN ('first', 'renewal')"),
        )
        batch_op.drop_index(batch_op.f("ix_invoice_subscription_id"))
        batch_op.drop_index(
            "invoice_to_give_up",
            sqlite_where=sa.text("state = 'open' AND give_up_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'open' AND give_up_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "due_invoice",
            sqlite_where=sa.text("state = 'open' AND next_attempt_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'open' AND next_attempt_at IS NOT NULL"),
        )

    op.drop_table("invoice")
    with op.batch_alter_table("subscription", schema=None) as batch_op:
        batch_op.drop_index(
            "subscription_to_resume",
            sqlite_where=sa.text("state = 'paused' AND resume_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'paused' AND resume_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "subscription_to_end",
            sqlite_where=sa.text("cancel_at IS NOT NULL AND state <> 'canceled'"),
            postgresql_where=sa.text("cancel_at IS NOT NULL AND state <> 'canceled'"),
        )
        batch_op.drop_index(
            "parked_subscription",
            sqlite_where=sa.text("parked_reason IS NOT NULL"),
            postgresql_where=sa.text("parked_reason IS NOT NULL"),
        )
        batch_op.drop_index(
            "one_live_subscription_to_a_plan",
            sqlite_where=sa.text("state IN ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'unpaid')"),
            postgresql_where=sa.text("state IN ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'unpaid')"),
        )
        batch_op.drop_index(batch_op.f("ix_subscription_source_id"))
        batch_op.drop_index(batch_op.f("ix_subscription_plan_code"))
        batch_op.drop_index(batch_op.f("ix_subscription_customer_id"))
        batch_op.drop_index(
            "incomplete_subscription",
            sqlite_where=sa.text("state = 'incomplete'"),
            postgresql_where=sa.text("state = 'incomplete'"),
        )
        batch_op.drop_index(
            "due_subscription",
            sqlite_where=sa.text("state IN ('active', 'trialing') AND parked_reason IS NULL"),
            postgresql_where=sa.text("state IN ('active', 'trialing') AND parked_reason IS NULL"),
        )

    op.drop_table("subscription")
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_source_customer_id"))

    op.drop_table("source")
    op.drop_table("price")
    with op.batch_alter_table("webhook", schema=None) as batch_op:
        batch_op.drop_index(
            "webhook_to_process",
            sqlite_where=sa.text("state = 'received'"),
            postgresql_where=sa.text("state = 'received'"),
        )
        batch_op.drop_index(
            "parked_webhook", sqlite_where=sa.text("state = 'parked'"), postgresql_where=sa.text("state = 'parked'")
        )
        batch_op.drop_index(
            "one_webhook_per_action",
            sqlite_where=sa.text("action_id IS NOT NULL"),
            postgresql_where=sa.text("action_id IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_webhook_payment_id"))

    op.drop_table("webhook")
    op.drop_table("plan")
    op.drop_table("installation")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_type"))
        batch_op.drop_index(batch_op.f("ix_event_subscription_id"))
        batch_op.drop_index("event_of_subject")

    op.drop_table("event")
    op.drop_table("daemon")
    op.drop_table("customer")
