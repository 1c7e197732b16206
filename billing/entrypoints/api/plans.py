"""What is sold."""

from fastapi import APIRouter
from pydantic import BaseModel

from billing.entrypoints.api.desk import DeskOfRequest
from billing.operations.plans import current_catalog
from plans.calendar import IntervalUnit

router = APIRouter(prefix="/v1/plans", tags=["plans"])


class PlanAnswer(BaseModel):
    """A plan with its price of today, tax included; nobody can be enrolled on an archived one."""

    code: str
    name: str
    amount_minor: int
    currency: str
    interval: IntervalUnit
    interval_count: int
    trial_days: int
    archived: bool


class PlansAnswer(BaseModel):
    plans: list[PlanAnswer]


@router.get("")
def read_plans(desk: DeskOfRequest) -> PlansAnswer:
    """List the plans in the order of their codes."""
    with desk.reading() as tx:
        plans, archived = current_catalog(tx)
    answers = [
        PlanAnswer(
            code=plan.code,
            name=plan.name,
            amount_minor=plan.price.amount.minor,
            currency=plan.price.amount.currency,
            interval=plan.price.interval.unit,
            interval_count=plan.price.interval.count,
            trial_days=plan.price.trial_days,
            archived=plan.code in archived,
        )
        for _, plan in sorted(plans.items())
    ]
    return PlansAnswer(plans=answers)
