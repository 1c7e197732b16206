"""Who may use what."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from billing.domain.access import access_on
from billing.entrypoints.api.desk import DeskOfRequest
from billing.entrypoints.api.fields import Reference
from billing.entrypoints.api.models import AccessQuery
from billing.entrypoints.api.objects.access import Access, RightOfSubscription
from billing.operations.engine import NotFound
from billing.store.access import standings_of_customer
from plans.calendar import billing_day

router = APIRouter(prefix="/v1/customers", tags=["customers"])


# A reference may hold slashes.
@router.get("/{reference:path}/access", operation_id="get_access")
def read_access(
    reference: Annotated[Reference, Path()], query: Annotated[AccessQuery, Query()], desk: DeskOfRequest
) -> Access:
    """Say which plans a customer may use

    For each plan: may they use it today, until when, and why; from what is paid for or forgiven, and the grace after a
    failed renewal, which ends when nothing is tried any more. What neither succeeds nor fails is waited for, but for no
    longer than a failed one is tried again. A refund takes nothing away.
    """
    now = desk.now()
    policy = desk.engine.rules.catching_up
    with desk.reading() as tx:
        found = standings_of_customer(tx, reference)
    if found is None:
        raise NotFound("there is no customer of this reference")
    rights = [
        RightOfSubscription(
            each.subscription_id,
            each.plan_code,
            each.standing.state,
            access_on(billing_day(now, each.zone), each.standing, policy=policy, grace_days=query.grace_days),
        )
        for each in found.standings
    ]
    return Access.of(found.customer_id, reference, rights)
