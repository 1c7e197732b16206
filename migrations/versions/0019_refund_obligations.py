"""Refunds that the engine owes are rows of their own, with a state; those that have not gone back yet are taken up"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_MINOR = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TO_SEE_TO = sa.text("check_at IS NOT NULL")
_OPEN = sa.text("state IN ('owed', 'refunding', 'parked')")
_PARKED = sa.text("state = 'parked'")
_WINDOW = timedelta(days=365)


def upgrade() -> None:
    op.create_table(
        "refund_obligation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.Uuid(), nullable=False),
        sa.Column("gateway_payment_id", sa.String(length=100), nullable=False),
        sa.Column("amount_minor", _MINOR, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "owed",
                "refunding",
                "refunded",
                "parked",
                "settled",
                name="is_a_obligationstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("refund_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("shortages", sa.Integer(), nullable=False),
        sa.Column("check_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_reason", sa.String(length=500), nullable=True),
        sa.Column("settled_minor", _MINOR, nullable=True),
        sa.Column("settled_how", sa.String(length=200), nullable=True),
        sa.Column("settled_reason", sa.String(length=500), nullable=True),
        sa.Column("settled_by", sa.String(length=100), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        sa.ForeignKeyConstraint(["charge_id"], ["charge.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway_payment_id"),
    )
    op.create_index("ix_refund_obligation_charge_id", "refund_obligation", ["charge_id"])
    op.create_index("obligation_by_age", "refund_obligation", ["created_at", "id"])
    for name, columns, where in (
        ("obligation_to_see_to", ["check_at", "id"], _TO_SEE_TO),
        ("open_obligation", ["created_at"], _OPEN),
        ("parked_obligation", ["id"], _PARKED),
    ):
        op.create_index(name, "refund_obligation", columns, sqlite_where=where, postgresql_where=where)
    op.create_index("ix_refund_gateway_payment_id", "refund", ["gateway_payment_id"])
    _take_up(op.get_bind())


def downgrade() -> None:
    op.drop_index("ix_refund_gateway_payment_id", table_name="refund")
    op.get_bind().execute(sa.text("DELETE FROM event WHERE subject_type = 'refund_obligation'"))
    op.drop_table("refund_obligation")


# Everything that was captured, must go back, and has not gone back whole: with the payment, how much, since when, why.
_OWN = (
    "SELECT c.id AS charge_id, c.subscription_id, c.gateway_payment_id, c.amount_minor, c.currency,"
    " c.captured_at AS since, CASE WHEN i.kind = 'agreement' THEN 'it only made the agreement'"
    " WHEN i.state = 'paid' THEN 'the invoice was already paid' ELSE 'the invoice was void' END AS reason"
    " FROM charge c JOIN invoice i ON i.id = c.invoice_id"
    " WHERE c.state = 'captured' AND c.gateway_payment_id IS NOT NULL AND (i.kind = 'agreement' OR i.state <> 'paid'"
    "  OR EXISTS (SELECT 1 FROM refund r WHERE r.charge_id = c.id AND r.gateway_payment_id = c.gateway_payment_id"
    "   AND r.reason = 'the invoice was already paid'))"
)
_ASTRAY = (
    "SELECT r.charge_id, c.subscription_id, r.gateway_payment_id, MAX(r.amount_minor) AS amount_minor, r.currency,"
    " s.found_at AS since, MIN(r.reason) AS reason"
    " FROM refund r JOIN charge c ON c.id = r.charge_id JOIN stray_payment s ON s.gateway_payment_id = r.gateway_payment_id"
    " WHERE r.requested_by <> 'gateway' AND (c.gateway_payment_id IS NULL OR c.gateway_payment_id <> r.gateway_payment_id)"
    " GROUP BY r.charge_id, c.subscription_id, r.gateway_payment_id, r.currency, s.found_at"
)
_REFUNDS = "SELECT gateway_payment_id, amount_minor, state, requested_by FROM refund"
"""Read once: a payment has a few at most."""


def _take_up(tx: sa.Connection) -> None:
    typed = {"since": sa.DateTime(timezone=True), "charge_id": sa.Uuid(), "subscription_id": sa.Uuid()}
    done: dict[str, int] = {}
    tried: dict[str, int] = {}
    for row in tx.execute(sa.text(_REFUNDS)):
        if row.state == "refunded":
            done[row.gateway_payment_id] = done.get(row.gateway_payment_id, 0) + row.amount_minor
        if row.requested_by != "gateway":
            tried[row.gateway_payment_id] = tried.get(row.gateway_payment_id, 0) + 1
    now = tx.execute(sa.text("SELECT MAX(at) AS at FROM event").columns(at=sa.DateTime(timezone=True))).scalar_one()
    if now is None:
        return
    for query in (_OWN, _ASTRAY):
        for row in tx.execute(sa.text(query).columns(**typed)).all():
            if done.get(row.gateway_payment_id, 0) < row.amount_minor:
                _owe(tx, row, _utc(now), tried.get(row.gateway_payment_id, 0))


def _owe(tx: sa.Connection, row: Any, now: datetime, tries: int) -> None:
    ident = uuid5(row.charge_id, f"refund_obligation/{row.gateway_payment_id}")
    tx.execute(
        _OBLIGATION.insert(),
        {
            "id": ident,
            "charge_id": row.charge_id,
            "gateway_payment_id": row.gateway_payment_id,
            "amount_minor": row.amount_minor,
            "currency": row.currency,
            "state": "owed",
            "reason": row.reason,
            "refund_by": _utc(row.since or now) + _WINDOW,
            "tries": tries,
            "failures": 0,
            "shortages": 0,
            "check_at": now,
            "created_at": now,
        },
    )
    tx.execute(
        _EVENT.insert(),
        {
            "at": now,
            "actor": "upgrade",
            "subject_type": "refund_obligation",
            "subject_id": str(ident),
            "sequence": 1,
            "subscription_id": row.subscription_id,
            "type": "refund_obligation.created",
            "from_state": None,
            "to_state": "owed",
            "data": {
                "charge": str(row.charge_id),
                "gateway_payment_id": row.gateway_payment_id,
                "amount_minor": row.amount_minor,
                "currency": row.currency,
                "reason": row.reason,
            },
        },
    )


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _columns(*told: tuple[str, Any]) -> Iterator[sa.ColumnClause[Any]]:
    for name, kind in told:
        yield sa.column(name, kind)


_INSTANT = sa.DateTime(timezone=True)
_OBLIGATION = sa.table(
    "refund_obligation",
    *_columns(
        ("id", sa.Uuid()),
        ("charge_id", sa.Uuid()),
        ("gateway_payment_id", sa.String()),
        ("amount_minor", sa.BigInteger()),
        ("currency", sa.String()),
        ("state", sa.String()),
        ("reason", sa.String()),
        ("refund_by", _INSTANT),
        ("tries", sa.Integer()),
        ("failures", sa.Integer()),
        ("shortages", sa.Integer()),
        ("check_at", _INSTANT),
        ("created_at", _INSTANT),
    ),
)
_EVENT = sa.table(
    "event",
    *_columns(
        ("at", _INSTANT),
        ("actor", sa.String()),
        ("subject_type", sa.String()),
        ("subject_id", sa.String()),
        ("sequence", sa.Integer()),
        ("subscription_id", sa.Uuid()),
        ("type", sa.String()),
        ("from_state", sa.String()),
        ("to_state", sa.String()),
        ("data", sa.JSON()),
    ),
)
