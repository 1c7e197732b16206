"""Enrolling subscribers, and replacing their KakaoPay agreements."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from billing.domain.states import SubscriptionState
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.errors import invalid
from billing.entrypoints.api.models import InWallet, NewSubscription, ReEnrolment
from billing.entrypoints.api.return_urls import return_url_refusal
from billing.operations.enrol_subscriber import Subscriber, enrol_subscriber
from billing.operations.first_charges import Enrolment, Terminal
from billing.operations.re_enrol import re_enrol

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])


class EnrolmentAnswer(BaseModel):
    """Send the subscriber to ``redirect_url``; it is null when there is nothing left to pay."""

    subscription_id: UUID
    state: SubscriptionState
    charge_id: UUID | None
    redirect_url: str | None


@router.post("", status_code=201)
def create_subscription(wanted: NewSubscription, desk: DeskOfRequest) -> EnrolmentAnswer:
    """Create customer, subscription, first invoice and first charge, and answer with the link to KakaoPay.

    Sent twice it goes on with the same subscription.
    """
    terminal = _terminal(desk, wanted)
    who = Subscriber(wanted.customer_reference, wanted.name, wanted.email, wanted.phone, wanted.locale)
    made = desk.act(
        "enrol",
        lambda now: enrol_subscriber(desk.engine, who, wanted.plan, terminal, now=now, claim=desk.claim),
    )
    return _answer(made)


@router.post("/{subscription_id}/re-enrolment", status_code=201)
def create_re_enrolment(subscription_id: UUID, wanted: ReEnrolment, desk: DeskOfRequest) -> EnrolmentAnswer:
    """Answer with a link under which the subscriber makes a new KakaoPay agreement. Sent twice: the same link."""
    terminal = _terminal(desk, wanted)
    made = desk.act(
        "re_enrol", lambda now: re_enrol(desk.engine, subscription_id, terminal, now=now), about=subscription_id
    )
    return _answer(made)


def _terminal(desk: Desk, wanted: InWallet) -> Terminal:
    allowed, https_only = desk.settings.api.return_urls, desk.is_live
    refusals = {
        field: return_url_refusal(url, allowed, https_only=https_only)
        for field, url in (("success_url", wanted.success_url), ("failure_url", wanted.failure_url))
    }
    problems = {field: why for field, why in refusals.items() if why is not None}
    if problems:
        raise invalid(problems)
    return Terminal(wanted.terminal_type, wanted.os_type, wanted.success_url, wanted.failure_url)


def _answer(made: Enrolment) -> EnrolmentAnswer:
    return EnrolmentAnswer(
        subscription_id=made.subscription_id,
        state=made.state,
        charge_id=made.charge_id,
        redirect_url=made.redirect_url,
    )
