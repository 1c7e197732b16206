"""Enrolling subscribers, and replacing their KakaoPay agreements."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from uuid import UUID

from fastapi import APIRouter

from billing.entrypoints.api import customers, plans
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.errors import invalid, telling_current
from billing.entrypoints.api.ids import SubscriptionId
from billing.entrypoints.api.models import InWallet, NewSource, NewSubscription
from billing.entrypoints.api.objects.subscriptions import EnrolledSubscription
from billing.entrypoints.api.return_urls import return_url_refusal
from billing.entrypoints.api.subscriptions import row_of, shown
from billing.operations.customers import CustomerErased, Subscriber
from billing.operations.enrol_subscriber import AlreadySubscribed, enrol_subscriber
from billing.operations.first_charges import ChargeInFlight, ChargeSetAside, Terminal, continue_enrolment
from billing.operations.first_terms import AlreadyPaid, PlanNotOnSale, PriceChanged
from billing.operations.re_enrol import continue_re_enrolment, re_enrol

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])


@router.post("", status_code=201, operation_id="create_subscription")
def create_subscription(wanted: NewSubscription, desk: DeskOfRequest) -> EnrolledSubscription:
    """Enrol a subscriber

    Creates customer, subscription, first invoice and first charge, and answers with the link to KakaoPay. Sent twice
    it goes on with the same subscription.
    """
    terminal = _terminal(desk, wanted)
    who = Subscriber(wanted.customer_reference, wanted.name, wanted.email, wanted.phone, wanted.locale, wanted.country)
    with _telling_what_is_in_the_way(desk, wanted.plan):
        made = desk.once(
            "enrol",
            lambda now: enrol_subscriber(desk.engine, who, wanted.plan, terminal, now=now),
            again=lambda made, now: continue_enrolment(desk.engine, UUID(made), terminal, now=now),
        )
    return EnrolledSubscription.made(row_of(desk, made.subscription_id), made)


@contextmanager
def _telling_what_is_in_the_way(desk: Desk, plan: str) -> Iterator[None]:
    """Have a conflict answered with the subscription there is, or the plan that is not sold."""
    try:
        yield
    except (AlreadySubscribed, AlreadyPaid, PriceChanged, ChargeInFlight, ChargeSetAside) as refusal:
        subscription_id = refusal.subscription_id
        with telling_current(lambda: shown(desk, subscription_id)):
            raise
    except CustomerErased as refusal:
        customer_id = refusal.customer_id
        with telling_current(lambda: customers.shown(desk, customer_id)):
            raise
    except PlanNotOnSale:
        with telling_current(lambda: plans.shown(desk, plan)):
            raise


@router.post("/{subscription_id}/replace-source", status_code=201, operation_id="replace_source")
def replace_source(subscription_id: SubscriptionId, wanted: NewSource, desk: DeskOfRequest) -> EnrolledSubscription:
    """Replace the KakaoPay agreement of a subscription

    Answers with a link under which the subscriber makes a new one; it pays the open invoice. Sent twice: the same link.
    """
    desk = desk.because(wanted)
    terminal = _terminal(desk, wanted)
    with telling_current(lambda: shown(desk, subscription_id)):
        made = desk.once(
            "replace_source",
            lambda now: re_enrol(desk.engine, subscription_id, terminal, now=now),
            again=lambda made, now: continue_re_enrolment(desk.engine, subscription_id, UUID(made), terminal, now=now),
            about=subscription_id,
        )
    return EnrolledSubscription.made(row_of(desk, subscription_id), made)


def _terminal(desk: Desk, wanted: InWallet) -> Terminal:
    refusal = partial(
        return_url_refusal,
        allowed=desk.settings.api.return_urls,
        https_only=desk.is_live,
        app_schemes=desk.settings.api.app_schemes,
        on_a_phone=wanted.terminal_type != "WEB",
    )
    refusals = {"success_url": refusal(wanted.success_url), "failure_url": refusal(wanted.failure_url)}
    problems = {field: why for field, why in refusals.items() if why is not None}
    if problems:
        raise invalid(problems)
    return Terminal(wanted.terminal_type, wanted.os_type, wanted.success_url, wanted.failure_url)
