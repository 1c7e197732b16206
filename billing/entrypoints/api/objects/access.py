"""Who may use what, as a client sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Self
from uuid import UUID

from billing.domain.access import Access as Right
from billing.domain.access import Why
from billing.domain.states import SubscriptionState
from billing.entrypoints.api.ids import CustomerId, SubscriptionId
from billing.entrypoints.api.shapes import Answered


@dataclass(frozen=True, slots=True)
class RightOfSubscription:
    """What one subscription gives its customer today."""

    subscription_id: UUID
    plan: str
    state: SubscriptionState
    right: Right


class PlanAccess(Answered):
    """``until`` is, as things stand, the first day on which ``allowed`` no longer holds; null when it may not be used.

    ``why`` is ``paid``; ``trial``; ``forgiven``: the invoice of the period was voided or written off; ``grace``: the
    renewal failed, and is tried again or waits for a new agreement, until the day before ``until``; ``pending``: the
    renewal is due, or its outcome is not known yet, for no fault of the subscriber's; or ``none``: it may not be used.
    """

    plan: str
    allowed: bool
    until: date | None
    why: Why
    subscription_id: SubscriptionId
    subscription_state: SubscriptionState


class Access(Answered):
    """Which plans a customer may use: one entry for each plan they ever subscribed to, in the order of codes."""

    object: Literal["access"] = "access"
    customer_id: CustomerId
    customer_reference: str
    plans: list[PlanAccess]

    @classmethod
    def of(cls, customer_id: UUID, reference: str, rights: Sequence[RightOfSubscription]) -> Self:
        """Return a customer's access; of several subscriptions to one plan the one that gives most is told.

        ``rights`` are the newest first: of equals the newest is told.
        """
        best: dict[str, RightOfSubscription] = {}
        for each in rights:
            if each.plan not in best or _rank(each.right) > _rank(best[each.plan].right):
                best[each.plan] = each
        plans = [
            PlanAccess(
                plan=plan,
                allowed=each.right.allowed,
                until=each.right.until,
                why=each.right.why,
                subscription_id=each.subscription_id,
                subscription_state=each.state,
            )
            for plan, each in sorted(best.items())
        ]
        return cls(customer_id=customer_id, customer_reference=reference, plans=plans)


def _rank(right: Right) -> tuple[bool, date]:
    return right.allowed, right.until or date.max
