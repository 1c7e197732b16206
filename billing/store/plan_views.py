"""What the API shows of plans and their prices."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from billing.store.columns import AnyRow
from billing.store.tables import Plan, Price

PRICE: Final[tuple[Any, ...]] = (
    col(Price.id).label("price_id"),
    col(Price.plan_code),
    col(Price.version),
    col(Price.amount_minor),
    col(Price.currency),
    col(Price.interval_unit),
    col(Price.interval_count),
    col(Price.trial_days),
    col(Price.created_at).label("price_created_at"),
)
"""The columns of a price, wherever one is shown."""


def find_plan(tx: Connection, code: str) -> AnyRow | None:
    """Return a plan with its newest price, or None."""
    return tx.execute(_plans().where(col(Plan.code) == code)).one_or_none()


def list_plans(tx: Connection, *, archived: bool | None, behind: str | None, limit: int) -> Sequence[AnyRow]:
    """Return ``limit`` plans with their newest prices, in the order of their codes, and one more if there are more."""
    query = _plans().order_by(col(Plan.code)).limit(limit + 1)
    if archived is not None:
        query = query.where(col(Plan.archived_at).is_not(None) if archived else col(Plan.archived_at).is_(None))
    if behind is not None:
        query = query.where(col(Plan.code) > behind)
    return tx.execute(query).all()


def find_price(tx: Connection, price_id: UUID) -> AnyRow | None:
    """Return a price, or None."""
    return tx.execute(select(*PRICE).where(col(Price.id) == price_id)).one_or_none()


def list_prices(tx: Connection, *, plan: str | None, behind: tuple[str, int] | None, limit: int) -> Sequence[AnyRow]:
    """Return ``limit`` prices in the order of plans and versions, and one more if there are more."""
    query: Select[*tuple[Any, ...]] = select(*PRICE).order_by(col(Price.plan_code), col(Price.version)).limit(limit + 1)
    if plan is not None:
        query = query.where(col(Price.plan_code) == plan)
    if behind is not None:
        code, version = behind
        same_plan = (col(Price.plan_code) == code) & (col(Price.version) > version)
        query = query.where((col(Price.plan_code) > code) | same_plan)
    return tx.execute(query).all()


def _plans() -> Select[*tuple[Any, ...]]:
    version = aliased(Price)
    newest = select(func.max(col(version.version))).where(col(version.plan_code) == col(Plan.code)).scalar_subquery()
    return select(
        col(Plan.code),
        col(Plan.name),
        col(Plan.archived_at),
        col(Plan.paused_at),
        col(Plan.created_at),
        *PRICE,
    ).join(Price, (col(Price.plan_code) == col(Plan.code)) & (col(Price.version) == newest))
