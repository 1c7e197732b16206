"""Plans in the database: applied from a file, archived, paused and resumed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import Connection, func, select, update
from sqlmodel import col

from billing.domain.cases import Note
from billing.domain.event_types import EventType
from billing.domain.identity import row_id
from billing.operations.engine import Conflict, Engine, NotFound, Refusal
from billing.operations.request_keys import done
from billing.store.installation import load_installation
from billing.store.tables import Plan, Price
from billing.store.writes import Author, insert_rows, note
from plans.calendar import Interval
from plans.catalog import Plan as PlanOnFile
from plans.catalog import Price as PriceOnFile
from plans.changes import Change, NewPlan, NewPrice, NotInFile, Renamed, StillArchived, Unchanged, compare_catalogs
from plans.money import Money


def current_catalog(tx: Connection) -> tuple[dict[str, PlanOnFile], frozenset[str]]:
    """Return each plan with its newest price, and the codes of archived plans."""
    newest = (
        select(col(Price.plan_code), func.max(col(Price.version)).label("version"))
        .group_by(col(Price.plan_code))
        .subquery()
    )
    rows = tx.execute(
        select(
            col(Plan.code),
            col(Plan.name),
            col(Plan.archived_at),
            col(Price.amount_minor),
            col(Price.currency),
            col(Price.interval_unit),
            col(Price.interval_count),
            col(Price.trial_days),
        )
        .join(Price, col(Price.plan_code) == col(Plan.code))
        .join(newest, (newest.c.plan_code == col(Price.plan_code)) & (newest.c.version == col(Price.version)))
    ).all()
    plans = {
        row.code: PlanOnFile(
            row.code,
            row.name,
            PriceOnFile(
                Money(row.amount_minor, row.currency),
                Interval(row.interval_unit, row.interval_count),
                row.trial_days,
            ),
        )
        for row in rows
    }
    return plans, frozenset(row.code for row in rows if row.archived_at is not None)


def plan_changes(engine: Engine, wanted: Sequence[PlanOnFile]) -> list[Change]:
    """Return what applying these plans would change. Nothing is written."""
    with engine.database.snapshot() as tx:
        current, archived = current_catalog(tx)
    return compare_catalogs(current, wanted, archived)


def apply_plans(engine: Engine, wanted: Sequence[PlanOnFile], *, now: datetime) -> list[Change]:
    """Make the plans as they are wanted and return what changed. Doing it again changes nothing.

    A new price is a new version: subscriptions keep the one they were made with.

    :raises Refusal: a plan in the file is archived; nothing is written.
    """
    author = Author(engine.actor, now)
    with engine.database.transaction() as tx:
        current, archived = current_catalog(tx)
        changes = compare_catalogs(current, wanted, archived)
        refused = [each.describe() for each in changes if isinstance(each, StillArchived)]
        if refused:
            raise Refusal("; ".join(refused))
        for each in changes:
            _apply(tx, each, author)
    return changes


def create_plan(engine: Engine, plan: PlanOnFile, *, now: datetime) -> None:
    """Make a plan with its first price at ``now`` (UTC).

    :raises Conflict: there is a plan of this code.
    """
    with engine.database.transaction() as tx:
        current, _ = current_catalog(tx)
        if plan.code in current:
            raise Conflict(f"there is a plan {plan.code} already")
        _apply(tx, NewPlan(plan), Author(engine.actor, now))
        done(tx, engine)


def create_price(engine: Engine, code: str, price: PriceOnFile, *, now: datetime) -> UUID:
    """Give a plan another price at ``now`` (UTC), for enrolments to come, and return its id.

    Subscribers keep the one they have.

    :raises NotFound: there is no such plan. :raises Conflict: it is archived, or has this price already.
    """
    with engine.database.transaction() as tx:
        if _plan(tx, code).archived_at is not None:
            raise Conflict(f"plan {code} is archived: nobody can be enrolled on it any more")
        present = current_catalog(tx)[0][code].price
        if price == present:
            raise Conflict(f"plan {code} has this price already")
        _apply(tx, NewPrice(code, present, price), Author(engine.actor, now))
        newest = select(col(Price.id)).where(col(Price.plan_code) == code).order_by(col(Price.version).desc())
        made: UUID = tx.execute(newest.limit(1)).scalar_one()
        done(tx, engine, made)
        return made


def archive_plan(engine: Engine, code: str, *, now: datetime) -> None:
    """Stop enrolments on a plan; nobody who is on it is touched.

    :raises NotFound: there is no such plan. :raises Conflict: it is archived already.
    """
    _set(engine, code, "archived_at", now, refuse_if_set="archived", now=now)


def pause_plan(engine: Engine, code: str, *, now: datetime) -> None:
    """Renew and charge nobody on a plan, and enrol nobody, until it is resumed.

    :raises NotFound: there is no such plan. :raises Conflict: it is paused already.
    """
    _set(engine, code, "paused_at", now, refuse_if_set="paused", now=now)


def resume_plan(engine: Engine, code: str, *, now: datetime) -> None:
    """Let a paused plan renew again; what came due meanwhile follows the catch-up policy.

    :raises NotFound: there is no such plan. :raises Conflict: it is not paused.
    """
    with engine.database.transaction() as tx:
        row = _plan(tx, code)
        if row.paused_at is None:
            raise Conflict(f"plan {code} is not paused")
        tx.execute(update(Plan).where(col(Plan.code) == code).values(paused_at=None))
        _note(tx, code, EventType.PLAN_RESUMED, {}, Author(engine.actor, now))
        done(tx, engine)


def _set(engine: Engine, code: str, column: str, value: datetime, *, refuse_if_set: str, now: datetime) -> None:
    with engine.database.transaction() as tx:
        row = _plan(tx, code)
        if getattr(row, column) is not None:
            raise Conflict(f"plan {code} is {refuse_if_set} already")
        tx.execute(update(Plan).where(col(Plan.code) == code).values({column: value}))
        _note(tx, code, EventType(f"plan.{refuse_if_set}"), {}, Author(engine.actor, now))
        done(tx, engine)


def _plan(tx: Connection, code: str) -> Any:
    row = tx.execute(
        select(col(Plan.code), col(Plan.archived_at), col(Plan.paused_at)).where(col(Plan.code) == code)
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no plan {code}")
    return row


def _apply(tx: Connection, each: Change, author: Author) -> None:
    match each:
        case NewPlan(plan):
            insert_rows(tx, Plan, [{"code": plan.code, "name": plan.name, "created_at": author.now}])
            _insert_price(tx, plan.code, 1, plan.price, author)
            _note(tx, plan.code, EventType.PLAN_CREATED, {"name": plan.name}, author)
        case NewPrice(code, _, new):
            last = tx.execute(select(func.max(col(Price.version))).where(col(Price.plan_code) == code)).scalar_one()
            _insert_price(tx, code, last + 1, new, author)
        case Renamed(code, old, new):
            tx.execute(update(Plan).where(col(Plan.code) == code).values(name=new))
            _note(tx, code, EventType.PLAN_RENAMED, {"old": old, "new": new}, author)
        case Unchanged() | NotInFile() | StillArchived():
            return
        case _:
            assert_never(each)


def _insert_price(tx: Connection, code: str, version: int, price: PriceOnFile, author: Author) -> None:
    row = {
        "id": row_id(load_installation(tx).id, "price", code, version),
        "plan_code": code,
        "version": version,
        "amount_minor": price.amount.minor,
        "currency": price.amount.currency,
        "interval_unit": price.interval.unit,
        "interval_count": price.interval.count,
        "trial_days": price.trial_days,
        "created_at": author.now,
    }
    insert_rows(tx, Price, [row])
    told = {"version": version, "amount_minor": price.amount.minor, "currency": price.amount.currency}
    _note(tx, code, EventType.PRICE_CREATED, told, author)


def _note(tx: Connection, code: str, kind: EventType, data: dict[str, object], author: Author) -> None:
    note(tx, None, Note(kind, data), author, subject=("plan", code))
