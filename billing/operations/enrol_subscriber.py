"""Enrols a subscriber: customer, subscription, first invoice and first charge, then the link to the wallet."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.identity import row_id
from billing.domain.invoicing import BillingSchedule, due_at
from billing.domain.public_ids import Kind, public_id
from billing.domain.states import InvoiceState, SubscriptionState
from billing.operations.customers import Subscriber, find_or_create
from billing.operations.engine import Engine, NotFound, Refusal
from billing.operations.first_charges import Enrolment, Terminal, continue_enrolment
from billing.operations.request_keys import done
from billing.store.births import invoice_issued
from billing.store.columns import AnyRow
from billing.store.tables import Event, Invoice, Plan, Price, Subscription
from billing.store.writes import Author, insert_rows
from plans.calendar import Interval, Period, nth_period
from plans.catalog import Price as PlanPrice
from plans.money import Money
from plans.pricing import price_of_period

LIVE_STATES: Final = (
    SubscriptionState.INCOMPLETE,
    SubscriptionState.TRIALING,
    SubscriptionState.ACTIVE,
    SubscriptionState.PAST_DUE,
    SubscriptionState.PAUSED,
    SubscriptionState.UNPAID,
)


class AlreadySubscribed(Refusal):
    """The customer has a live subscription to this plan."""

    code = "already_subscribed"

    def __init__(self, message: str, subscription_id: UUID) -> None:
        super().__init__(message)
        self.subscription_id = subscription_id


class PlanNotOnSale(Refusal):
    """The plan is archived or paused."""

    code = "plan_not_on_sale"


def enrol_subscriber(
    engine: Engine,
    subscriber: Subscriber,
    plan_code: str,
    terminal: Terminal,
    *,
    now: datetime,
) -> Enrolment:
    """Enrol a subscriber and return the link to the wallet (``now``: UTC).

    Asked for an enrolment that was not finished, it goes on with that. The subscription becomes active when the first
    payment is captured.

    :raises NotFound: there is no such plan. :raises PlanNotOnSale: nobody can be enrolled on it.
    :raises BadInput: name or email is missing of a customer who is not known yet.
    :raises CustomerErased: there was a customer of this reference, whose data was erased.
    :raises AlreadySubscribed: there is a live subscription of this customer to this plan.
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
            col(Subscription.state).in_(LIVE_STATES),
        )
    ).one_or_none()
    if live is not None:
        found: UUID = live.id
        if live.state is SubscriptionState.INCOMPLETE:
            return found
        sentence = (
            f"customer {subscriber.reference} has {public_id(Kind.SUBSCRIPTION, found)} to plan {plan_code}, "
            f"which is {live.state.value}"
        )
        raise AlreadySubscribed(sentence, found)
    return _create(tx, engine, customer_id, _plan_on_sale(tx, plan_code), author)


def _plan_on_sale(tx: Connection, plan_code: str) -> AnyRow:
    row = tx.execute(
        select(
            col(Plan.code),
            col(Plan.archived_at),
            col(Plan.paused_at),
            col(Price.id),
            col(Price.amount_minor),
            col(Price.currency),
            col(Price.interval_unit),
            col(Price.interval_count),
            col(Price.trial_days),
        )
        .join(Price, col(Price.plan_code) == col(Plan.code))
        .where(col(Plan.code) == plan_code)
        .order_by(col(Price.version).desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NotFound(f"there is no plan {plan_code}")
    if row.archived_at is not None:
        raise PlanNotOnSale(f"plan {plan_code} is archived: nobody can be enrolled on it any more")
    if row.paused_at is not None:
        raise PlanNotOnSale(f"plan {plan_code} is paused: nobody can be enrolled on it now")
    return row


def _create(tx: Connection, engine: Engine, customer_id: UUID, plan: AnyRow, author: Author) -> UUID:
    now = author.now
    # Counted, because the test clock stands still: a second subscription may be made at the same instant.
    before = select(func.count()).where(col(Subscription.customer_id) == customer_id)
    subscription_id = row_id(customer_id, "subscription", plan.code, now.isoformat(), tx.execute(before).scalar_one())
    today = now.astimezone(ZoneInfo(engine.rules.zone)).date()
    interval = Interval(plan.interval_unit, plan.interval_count)
    trial_days = 0 if _had_it_before(tx, customer_id, plan.code) else plan.trial_days
    trial = trial_days > 0
    anchor = today + timedelta(days=trial_days)
    first = Period(today, anchor) if trial else nth_period(anchor, interval, 0)
    schedule = BillingSchedule(subscription_id, anchor, interval, engine.rules.zone, -1 if trial else 0)
    price = PlanPrice(Money(plan.amount_minor, plan.currency), interval)
    amount = agreement_amount(engine, plan.currency) if trial else price_of_period(price, 1, first)
    insert_rows(
        tx,
        Subscription,
        [
            {
                "id": subscription_id,
                "customer_id": customer_id,
                "plan_code": plan.code,
                "price_id": plan.id,
                "state": SubscriptionState.INCOMPLETE,
                "zone": schedule.zone,
                "anchor": anchor,
                "billed_index": schedule.billed_index,
                "next_due_at": due_at(schedule, schedule.billed_index + 1, engine.rules.window),
                "expires_at": now + engine.rules.enrolment_lifetime,
                "created_at": now,
            }
        ],
    )
    kind = InvoiceKind.AGREEMENT if trial else InvoiceKind.FIRST
    invoice = open_invoice(subscription_id, kind, first, amount, now)
    insert_rows(tx, Invoice, [invoice])
    insert_rows(tx, Event, [_enrolled(subscription_id, plan.code, author), invoice_issued(invoice, author)])
    return subscription_id


def _had_it_before(tx: Connection, customer_id: UUID, plan_code: str) -> bool:
    """Say whether the plan could be used before, in a trial or paid for: a trial is to get to know it."""
    began = select(col(Subscription.id)).where(
        col(Subscription.customer_id) == customer_id,
        col(Subscription.plan_code) == plan_code,
        col(Subscription.paid_through).is_not(None),
    )
    return tx.execute(began.limit(1)).one_or_none() is not None


def open_invoice(
    subscription_id: UUID,
    kind: InvoiceKind,
    period: Period,
    amount: Money,
    now: datetime,
    *,
    attempts: int = 0,
) -> dict[str, Any]:
    """Return the row of an invoice that only the subscriber, in the wallet, will pay."""
    return {
        # With the attempts before it, because the test clock stands still.
        "id": row_id(subscription_id, kind.value, period.start, now.isoformat(), attempts),
        "subscription_id": subscription_id,
        "kind": kind,
        "period_start": period.start,
        "period_end": period.end,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "state": InvoiceState.OPEN,
        "attempts": attempts,
        "created_at": now,
    }


def agreement_amount(engine: Engine, currency: str) -> Money:
    """Return the token amount that makes an agreement when nothing is to be paid yet.

    :raises Refusal: none is configured for the currency.
    """
    minor = engine.rules.agreement_amounts.get(currency)
    if minor is None:
        raise Refusal(f"config.toml has no enrolment.agreement_amount for {currency}, which a trial needs")
    return Money(minor, currency)


def _enrolled(subscription_id: UUID, plan_code: str, author: Author) -> dict[str, Any]:
    return {
        "subject_type": "subscription",
        "subject_id": str(subscription_id),
        "subscription_id": subscription_id,
        "type": "subscription.created",
        "from_state": None,
        "to_state": SubscriptionState.INCOMPLETE.value,
        "data": {"plan": plan_code},
        "at": author.now,
        "actor": author.actor,
    }
