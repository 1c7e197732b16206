"""Enrols a subscriber: customer, subscription, first invoice and first charge, then the link to the wallet."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billing.domain.event_types import EventType
from billing.domain.identity import row_id
from billing.domain.public_ids import Kind, public_id
from billing.domain.states import LIVE_SUBSCRIPTIONS, SubscriptionState
from billing.operations.customers import Subscriber, find_or_create
from billing.operations.engine import Engine, Refusal
from billing.operations.first_charges import Enrolment, Terminal, continue_enrolment
from billing.operations.first_terms import at_todays_price, first_terms, open_invoice, plan_on_sale, refuse_if_paid
from billing.operations.request_keys import done
from billing.store.births import invoice_issued
from billing.store.columns import AnyRow
from billing.store.tables import Event, Invoice, Subscription
from billing.store.writes import Author, insert_rows
from plans.calendar import billing_day


class AlreadySubscribed(Refusal):
    """The customer has a live subscription to this plan."""

    code = "already_subscribed"

    def __init__(self, message: str, subscription_id: UUID) -> None:
        super().__init__(message)
        self.subscription_id = subscription_id


def enrol_subscriber(
    engine: Engine,
    subscriber: Subscriber,
    plan_code: str,
    terminal: Terminal,
    *,
    now: datetime,
) -> Enrolment:
    """Enrol a subscriber and return the link to the wallet (``now``: UTC).

    Asked for an enrolment that was not finished, it goes on with that, at today's price. The subscription becomes
    active when the first payment is captured.

    :raises NotFound: there is no such plan. :raises PlanNotOnSale: nobody can be enrolled on it.
    :raises BadInput: name or email is missing of a customer who is not known yet.
    :raises CustomerErased: there was a customer of this reference, whose data was erased.
    :raises AlreadySubscribed: there is a live subscription of this customer to this plan.
    :raises AlreadyPaid: the days from today on are paid by a subscription that has ended.
    :raises PriceChanged: a payment of the unfinished enrolment is open in the wallet at a former price.
    """
    try:
        subscription_id = _find_or_create(engine, subscriber, plan_code, now)
    except IntegrityError:
        # Another request of the same customer was quicker: go on with what it made.
        subscription_id = _find_or_create(engine, subscriber, plan_code, now)
    return continue_enrolment(engine, subscription_id, terminal, now=now)


def _find_or_create(engine: Engine, subscriber: Subscriber, plan_code: str, now: datetime) -> UUID:
    with engine.database.transaction() as tx:
        found = _found_or_created(tx, engine, subscriber, plan_code, now)
        done(tx, engine, found)
        return found


def _found_or_created(tx: Connection, engine: Engine, subscriber: Subscriber, plan_code: str, now: datetime) -> UUID:
    author = Author(engine.actor, now)
    customer_id = find_or_create(tx, subscriber, author)
    live = tx.execute(
        select(col(Subscription.id), col(Subscription.state)).where(
            col(Subscription.customer_id) == customer_id,
            col(Subscription.plan_code) == plan_code,
            col(Subscription.state).in_(LIVE_SUBSCRIPTIONS),
        )
    ).one_or_none()
    if live is not None and live.state is not SubscriptionState.INCOMPLETE:
        found: UUID = live.id
        sentence = (
            f"customer {subscriber.reference} has {public_id(Kind.SUBSCRIPTION, found)} to plan {plan_code}, "
            f"which is {live.state.value}"
        )
        raise AlreadySubscribed(sentence, found)
    plan = plan_on_sale(tx, plan_code)
    if live is not None:
        return at_todays_price(tx, engine, live.id, plan, author)
    refuse_if_paid(tx, customer_id, plan_code, today=billing_day(now, engine.rules.zone))
    return _create(tx, engine, customer_id, plan, author)


def _create(tx: Connection, engine: Engine, customer_id: UUID, plan: AnyRow, author: Author) -> UUID:
    now = author.now
    # Counted, because the test clock stands still: a second subscription may be made at the same instant.
    before = select(func.count()).where(col(Subscription.customer_id) == customer_id)
    subscription_id = row_id(customer_id, "subscription", plan.code, now.isoformat(), tx.execute(before).scalar_one())
    terms = first_terms(tx, engine, subscription_id, customer_id, plan, now)
    insert_rows(
        tx,
        Subscription,
        [
            {
                "id": subscription_id,
                "customer_id": customer_id,
                "plan_code": plan.code,
                "state": SubscriptionState.INCOMPLETE,
                "zone": engine.rules.zone,
                **terms.columns,
                "expires_at": now + engine.rules.enrolment_lifetime,
                "created_at": now,
            }
        ],
    )
    invoice = open_invoice(subscription_id, terms.kind, terms.period, terms.amount, now)
    insert_rows(tx, Invoice, [invoice])
    insert_rows(tx, Event, [_enrolled(subscription_id, plan.code, author), invoice_issued(invoice, author)])
    return subscription_id


def _enrolled(subscription_id: UUID, plan_code: str, author: Author) -> dict[str, Any]:
    return {
        "subject_type": "subscription",
        "subject_id": str(subscription_id),
        "subscription_id": subscription_id,
        "type": EventType.SUBSCRIPTION_CREATED,
        "from_state": None,
        "to_state": SubscriptionState.INCOMPLETE.value,
        "data": {"plan": plan_code},
        "at": author.now,
        "actor": author.actor,
    }
