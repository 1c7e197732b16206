"""What a subscriber is asked for at first: at today's price, for days that are not paid already."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, select
from sqlmodel import col

from billing.domain.cases import InvoiceKind
from billing.domain.days.schedule import BillingSchedule, due_at
from billing.domain.identity import row_id
from billing.domain.instants import in_utc
from billing.domain.public_ids import Kind, public_id
from billing.domain.states import ENDED_SUBSCRIPTIONS, ChargeState, InvoiceEvent, InvoiceState, SubscriptionState
from billing.operations.engine import Engine, NotFound, Refusal
from billing.store.births import invoice_issued
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.kept import kept_minor, refund_is_under_way
from billing.store.queries import has_live_charge
from billing.store.tables import Charge, Event, Invoice, Plan, Price, Subscription
from billing.store.writes import Author, Change, Move, change, insert_rows, move
from plans.calendar import Interval, Period, billing_day, nth_period
from plans.catalog import Price as PlanPrice
from plans.money import Money
from plans.pricing import price_of_period


class PlanNotOnSale(Refusal):
    """The plan is archived or paused."""

    code = "plan_not_on_sale"


class AlreadyPaid(Refusal):
    """The customer has paid for the plan already, by a subscription that has ended."""

    code = "already_paid"
    says_what_to_do = True

    def __init__(self, subscription_id: UUID, plan_code: str, paid_through: date, *, refunding: bool = False) -> None:
        instead = "when its refund, which is under way, has succeeded" if refunding else "or refund that payment first"
        super().__init__(
            f"plan {plan_code} is paid for until {paid_through}, that day not included, by "
            f"{public_id(Kind.SUBSCRIPTION, subscription_id)}, which has ended: enrol the customer from {paid_through} "
            f"on, {'or ' if refunding else ''}{instead}"
        )
        self.subscription_id = subscription_id


class PriceChanged(Refusal):
    """The subscriber may be deciding in the wallet about an amount that is not today's price."""

    code = "price_changed"
    says_what_to_do = True

    def __init__(
        self, subscription_id: UUID, asked: Money, price: Money, *, expires_at: datetime, now: datetime
    ) -> None:
        super().__init__(
            f"the payment of {public_id(Kind.SUBSCRIPTION, subscription_id)} that is open in the wallet asks for "
            f"{asked}, and the price is {price} now: send the same request again when that payment has ended, at "
            f"{in_utc(expires_at)} at the latest"
        )
        self.subscription_id = subscription_id
        self.retry_after = max(1, int((expires_at - now).total_seconds()))


@dataclass(frozen=True, slots=True)
class FirstTerms:
    """The first invoice of a subscription, and the columns that go with it."""

    kind: InvoiceKind
    period: Period
    amount: Money
    columns: Mapping[str, Any]


def plan_on_sale(tx: Connection, plan_code: str) -> AnyRow:
    """Return a plan with its newest price.

    :raises NotFound: there is no such plan. :raises PlanNotOnSale: nobody can be enrolled on it.
    """
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


def first_terms(
    tx: Connection, engine: Engine, subscription_id: UUID, customer_id: UUID, plan: AnyRow, now: datetime
) -> FirstTerms:
    """Return what is asked for at first. The days are those of ``now`` (UTC); they move to the day of the capture."""
    today = billing_day(now, engine.rules.zone)
    interval = Interval(plan.interval_unit, plan.interval_count)
    trial_days = 0 if _had_it_before(tx, customer_id, plan.code) else plan.trial_days
    trial = trial_days > 0
    anchor = today + timedelta(days=trial_days)
    first = Period(today, anchor) if trial else nth_period(anchor, interval, 0)
    schedule = BillingSchedule(subscription_id, anchor, interval, engine.rules.zone, -1 if trial else 0)
    price = PlanPrice(Money(plan.amount_minor, plan.currency), interval)
    amount = agreement_amount(engine, plan.currency) if trial else price_of_period(price, 1, first)
    columns = {
        "price_id": plan.id,
        "anchor": anchor,
        "billed_index": schedule.billed_index,
        "next_due_at": due_at(schedule, schedule.billed_index + 1, engine.rules.window),
    }
    return FirstTerms(InvoiceKind.AGREEMENT if trial else InvoiceKind.FIRST, first, amount, columns)


def at_todays_price(tx: Connection, engine: Engine, subscription_id: UUID, plan: AnyRow, author: Author) -> UUID:
    """Let an enrolment that was not finished ask for today's price, on a new invoice, and return its id.

    :raises PriceChanged: a payment at the former price is open in the wallet.
    """
    lock_subscriptions(tx, [subscription_id])
    row = tx.execute(
        select(
            col(Subscription.state),
            col(Subscription.customer_id),
            col(Subscription.price_id),
            col(Subscription.expires_at),
        ).where(col(Subscription.id) == subscription_id)
    ).one()
    if row.price_id == plan.id or row.state is not SubscriptionState.INCOMPLETE:
        return subscription_id
    terms = first_terms(tx, engine, subscription_id, row.customer_id, plan, author.now)
    old = tx.execute(
        select(col(Invoice.id), col(Invoice.amount_minor), col(Invoice.currency), col(Invoice.attempts)).where(
            col(Invoice.subscription_id) == subscription_id, col(Invoice.state) == InvoiceState.OPEN
        )
    ).one()
    if has_live_charge(tx, subscription_id):
        asked = Money(old.amount_minor, old.currency)
        raise PriceChanged(subscription_id, asked, terms.amount, expires_at=row.expires_at, now=author.now)
    told = {"cause": "price_changed"}
    move(tx, Invoice, [Move(old.id, InvoiceState.OPEN, InvoiceEvent.VOID, {}, subscription_id, told)], author)
    # The attempts before it count on, so that no reference is used for two amounts.
    invoice = open_invoice(subscription_id, terms.kind, terms.period, terms.amount, author.now, attempts=old.attempts)
    insert_rows(tx, Invoice, [invoice])
    insert_rows(tx, Event, [invoice_issued(invoice, author)])
    written = {**terms.columns, "expires_at": author.now + engine.rules.enrolment_lifetime}
    change(tx, Subscription, [Change(subscription_id, row.state, written)])
    return subscription_id


def refuse_if_paid(tx: Connection, customer_id: UUID, plan_code: str, *, today: date) -> None:
    """Refuse to sell days that the customer has paid for by a subscription that ended, unless that went back.

    What is being refunded has not gone back: the refund may be declined.

    :raises AlreadyPaid: the days from today on are paid.
    """
    row = tx.execute(_paid(), {"customer": customer_id, "plan": plan_code, "today": today}).one_or_none()
    if row is not None:
        raise AlreadyPaid(row.id, plan_code, row.period_end, refunding=row.refunding)


@cache
def _paid() -> Select[*tuple[Any, ...]]:
    """Return the query for the last paid period beyond ``today`` of a customer's ended subscriptions to a plan."""
    return (
        select(col(Subscription.id), col(Invoice.period_end), refund_is_under_way().label("refunding"))
        .join(Invoice, col(Invoice.subscription_id) == col(Subscription.id))
        .join(Charge, col(Charge.invoice_id) == col(Invoice.id))
        .where(
            col(Subscription.customer_id) == bindparam("customer"),
            col(Subscription.plan_code) == bindparam("plan"),
            col(Subscription.state).in_(ENDED_SUBSCRIPTIONS),
            col(Invoice.kind) != InvoiceKind.AGREEMENT,
            col(Invoice.state) == InvoiceState.PAID,
            col(Invoice.period_end) > bindparam("today"),
            col(Charge.state) == ChargeState.CAPTURED,
            kept_minor() > 0,
        )
        .order_by(col(Invoice.period_end).desc())
        .limit(1)
    )


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
