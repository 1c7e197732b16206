"""Who may use what."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from billing.domain.entitlement import Why, entitlement_on
from billing.domain.states import SubscriptionState
from billing.entrypoints.api.desk import DeskOfRequest
from billing.entrypoints.api.fields import Reference
from billing.entrypoints.api.models import EntitlementQuery
from billing.operations.engine import NotFound
from billing.store.entitlements import standings_of_customer
from plans.calendar import billing_day

router = APIRouter(prefix="/v1/customers", tags=["customers"])


class EntitlementAnswer(BaseModel):
    """``until`` is the first day on which it no longer holds, null when no day is fixed."""

    subscription_id: UUID
    plan: str
    state: SubscriptionState
    entitled: bool
    until: date | None
    why: Why


class EntitlementsAnswer(BaseModel):
    customer_reference: str
    entitlements: list[EntitlementAnswer]


# A reference may hold slashes.
@router.get("/{reference:path}/entitlements")
def read_entitlements(
    reference: Annotated[Reference, Path()], query: Annotated[EntitlementQuery, Query()], desk: DeskOfRequest
) -> EntitlementsAnswer:
    """Say for each subscription of a customer whether they may use the plan today, until when, and why.

    A charge whose outcome is not known yet takes nothing away.
    """
    now = desk.now()
    with desk.reading() as tx:
        found = standings_of_customer(tx, reference)
    if found is None:
        raise NotFound("there is no customer of this reference")
    answers = []
    for each in found:
        told = entitlement_on(billing_day(now, each.zone), each.standing, grace_days=query.grace_days)
        answers.append(
            EntitlementAnswer(
                subscription_id=each.subscription_id,
                plan=each.plan_code,
                state=each.standing.state,
                entitled=told.entitled,
                until=told.until,
                why=told.why,
            )
        )
    return EntitlementsAnswer(customer_reference=reference, entitlements=answers)
