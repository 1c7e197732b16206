"""The gateway is asked about disputes in a round of its own"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEFORE = ("recent", "search", "open", "rotation")


def upgrade() -> None:
    _allow((*_BEFORE, "disputes"))


def downgrade() -> None:
    op.execute("DELETE FROM reconciliation_round WHERE name = 'disputes'")
    _allow(_BEFORE)


def _allow(names: tuple[str, ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("is_a_round", "reconciliation_round", type_="check")
        op.create_check_constraint("is_a_round", "reconciliation_round", sa.column("name").in_(names))
        return
    # SQLite changes no rule of a table: the rows move to a new one.
    with op.batch_alter_table("reconciliation_round", copy_from=_table(names), recreate="always"):
        pass


def _table(names: tuple[str, ...]) -> sa.Table:
    allowed = sa.Enum(*names, name="is_a_round", native_enum=False, create_constraint=True, length=32)
    return sa.Table(
        "reconciliation_round",
        sa.MetaData(),
        sa.Column("name", allowed, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.JSON(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.Column(name, _NUMBER, nullable=False) for name in ("asked", "found", "unread", "all_asked", "all_found")),
        sa.Column("unseen", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
