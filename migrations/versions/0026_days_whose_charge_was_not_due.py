"""Days may go unbilled because their charge was not due yet when the subscription ended"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_BEFORE = ("outage", "paused", "no_access")
_KINDS = ("paid", "trial", "forgiven", "owed", "none")


def upgrade() -> None:
    _allow((*_BEFORE, "not_due"))


def downgrade() -> None:
    op.execute("UPDATE day_record SET reason = 'outage' WHERE reason = 'not_due'")
    _allow(_BEFORE)


def _allow(reasons: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("is_a_unbilledreason", "day_record", type_="check")
        op.create_check_constraint("is_a_unbilledreason", "day_record", sa.column("reason").in_(reasons))
        return
    # SQLite changes no rule of a table: the rows move to a new one.
    with op.batch_alter_table("day_record", copy_from=_table(reasons), recreate="always"):
        pass


def _table(reasons: tuple[str, ...]) -> sa.Table:
    metadata = sa.MetaData()
    sa.Table("subscription", metadata, sa.Column("id", sa.Uuid(), primary_key=True))
    return sa.Table(
        "day_record",
        metadata,
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("subscription_id", sa.Uuid(), sa.ForeignKey("subscription.id"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("kind", _one_of("is_a_daykind", _KINDS), nullable=False),
        sa.Column("reason", _one_of("is_a_unbilledreason", reasons), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("subscription_id", "starts_on", "kind"),
        sa.CheckConstraint("starts_on < ends_on", name="days_are_not_empty"),
    )


def _one_of(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
