"""What is sold."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.fields import PLAN_CODE, PlanCode
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.models import NewPlan, PlanQuery
from billing.entrypoints.api.objects.plans import Plan, PlanList
from billing.entrypoints.api.paging import read_cursor, write_cursor
from billing.entrypoints.api.pricing import price_asked
from billing.entrypoints.api.shapes import Reasoned
from billing.operations.engine import NotFound
from billing.operations.plans import archive_plan, create_plan, pause_plan, resume_plan
from billing.store.plan_views import find_plan, list_plans
from plans.catalog import Plan as PlanOnSale

router = APIRouter(prefix="/v1/plans", tags=["plans"])
Code = Annotated[PlanCode, Path()]


@router.get("", operation_id="list_plans")
def read_plans(query: Annotated[PlanQuery, Query()], desk: DeskOfRequest) -> PlanList:
    """List the plans in the order of their codes."""
    behind = read_cursor("plans", query.cursor, PLAN_CODE)[0] if query.cursor else None
    with desk.reading() as tx:
        rows = list_plans(tx, archived=query.archived, behind=behind, limit=query.limit)
    page, more = rows[: query.limit], len(rows) > query.limit
    cursor = write_cursor("plans", page[-1].code) if more else None
    return PlanList(data=[Plan.of(row) for row in page], has_more=more, next_cursor=cursor)


@router.post("", status_code=201, operation_id="create_plan")
def create(wanted: NewPlan, desk: DeskOfRequest) -> Plan:
    """Create a plan with its first price"""
    desk = desk.because(wanted)
    plan = PlanOnSale(wanted.code, wanted.name, price_asked(desk, wanted))
    return _managed(desk, "create_plan", wanted.code, lambda now: create_plan(desk.engine, plan, now=now))


@router.get("/{plan}", operation_id="get_plan")
def read_plan(plan: Code, desk: DeskOfRequest) -> Plan:
    """Show a plan."""
    return shown(desk, plan)


@router.post("/{plan}/archive", operation_id="archive_plan")
def archive(plan: Code, desk: DeskOfRequest, wanted: Reasoned | None = None) -> Plan:
    """Archive a plan: nobody can be enrolled on it any more; its subscribers go on."""
    desk = desk.because(wanted)
    return _managed(desk, "archive_plan", plan, lambda now: archive_plan(desk.engine, plan, now=now))


@router.post("/{plan}/pause", operation_id="pause_plan")
def pause(plan: Code, desk: DeskOfRequest, wanted: Reasoned | None = None) -> Plan:
    """Pause a plan: nobody is enrolled on it, renewed or charged until it is resumed."""
    desk = desk.because(wanted)
    return _managed(desk, "pause_plan", plan, lambda now: pause_plan(desk.engine, plan, now=now))


@router.post("/{plan}/resume", operation_id="resume_plan")
def resume(plan: Code, desk: DeskOfRequest, wanted: Reasoned | None = None) -> Plan:
    """Resume a paused plan: its subscribers renew again."""
    desk = desk.because(wanted)
    return _managed(desk, "resume_plan", plan, lambda now: resume_plan(desk.engine, plan, now=now))


def _managed(desk: Desk, name: str, code: str, act: Callable[[datetime], object]) -> Plan:
    return managed(desk, name, act, lambda: shown(desk, code), about=code)


def shown(desk: Desk, code: str) -> Plan:
    """Return a plan as it now is.

    :raises NotFound: there is none of this code.
    """
    with desk.reading() as tx:
        row = find_plan(tx, code)
    if row is None:
        raise NotFound("there is no plan of this code")
    return Plan.of(row)
