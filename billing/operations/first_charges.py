"""Payments with the subscriber in the wallet: started, continued, and answered with the link to go to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final, assert_never
from uuid import UUID

from sqlalchemy import Connection, Select, select, text
from sqlmodel import col

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.charging import Accepted, NotSent, Outcome, Refused, Unknown, Unreadable
from billing.domain.identity import charge_reference, idempotency_key, return_token, row_id
from billing.domain.instants import in_utc
from billing.domain.public_ids import Kind, public_id
from billing.domain.states import ChargeEvent, ChargeState, SubscriptionState
from billing.gateway.port import PaymentRequest, SubscriberPresent
from billing.operations.doubt import PaidElsewhere, recall
from billing.operations.engine import SEND_DEADLINE, Conflict, Engine, NotFound, Refusal
from billing.operations.forgotten_periods import park_paid_elsewhere
from billing.operations.payers import payer_of
from billing.operations.record_outcomes import record_outcomes
from billing.operations.return_links import return_links
from billing.operations.start_charges import charge_started
from billing.store.cases import lock_subscriptions
from billing.store.columns import AnyRow
from billing.store.installation import load_installation
from billing.store.payers import PAYER_COLUMNS
from billing.store.tables import LIVE_CHARGE, Charge, Customer, Event, Invoice, Plan, Subscription
from billing.store.writes import Author, Change, Move, change, insert_rows, move
from plans.money import Money

_UNREACHABLE: Final = "KakaoPay cannot be reached now"


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the subscriber is (WEB, WAP or APP; ANDROID or IOS unless WEB) and where to send them afterwards."""

    terminal_type: str
    os_type: str | None
    success_url: str
    failure_url: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A subscription and the link to the wallet; no link when there is nothing left to pay."""

    subscription_id: UUID
    state: SubscriptionState
    charge_id: UUID | None
    redirect_url: str | None


class GatewayUnavailable(Refusal):
    """No link to the wallet can be given now; the same request may be sent again in a while."""

    code = "gateway_unavailable"


class ChargingStopped(Refusal):
    """Charging is stopped, by a person or by a brake; it stays so until a person allows it again."""

    code = "charging_stopped"


class ChargeInFlight(GatewayUnavailable):
    """The payment is being sent by another request, or was by one that died: how it ends is not known yet.

    ``retry_after`` is as long again as it has taken so far, and ends with the time that a send may take.
    """

    code = "charge_in_flight"
    says_what_to_do = True

    def __init__(self, subscription_id: UUID, *, sent_at: datetime, ends_at: datetime, now: datetime) -> None:
        super().__init__(
            f"the payment of {public_id(Kind.SUBSCRIPTION, subscription_id)} is being sent to KakaoPay: send the same "
            f"request again after `Retry-After`. If whoever sends it has died, it is sent anew at {in_utc(ends_at)}"
        )
        self.subscription_id = subscription_id
        self.retry_after = max(1, ceil(min(now - sent_at, ends_at - now).total_seconds()))


class ChargeSetAside(Conflict):
    """The payment is parked: a person has to look at it first."""

    def __init__(self, subscription_id: UUID) -> None:
        super().__init__("the payment under way was set aside for an operator to look at: `billing parked list`")
        self.subscription_id = subscription_id


class SubscriptionSetAside(Conflict):
    """Days that this payment would pay were paid in a state of the database that was lost: a person has to look."""

    def __init__(self, subscription_id: UUID) -> None:
        super().__init__(
            "KakaoPay knows payments of this subscription that this copy of the database has forgotten. It was set "
            "aside for an operator to look at: `billing parked list`"
        )
        self.subscription_id = subscription_id


class GatewayRefused(Refusal):
    """Checkout.com refused the payment because of our set-up; an operator must look."""

    code = "gateway_refused"


@dataclass(frozen=True, slots=True)
class SentCharge:
    """A payment that was written down and committed; now it may be sent."""

    charge_id: UUID
    request: PaymentRequest
    sends: int = 1
    is_doubted: bool = False
    """Whether a later state of this database, which was lost, may have sent it: it is asked about first."""


def continue_enrolment(engine: Engine, subscription_id: UUID, terminal: Terminal, *, now: datetime) -> Enrolment:
    """Return the link of the payment under way, or start one for the open first invoice (``now``: UTC)."""
    since = engine.gateway.moment()
    with engine.database.transaction() as tx:
        found = payment_under_way(tx, subscription_id)
        if found is None:
            raise NotFound(f"there is no subscription {subscription_id}")
        has_a_link = found.redirect_url is not None and found.charge_state is not ChargeState.PARKED
        if found.state is not SubscriptionState.INCOMPLETE or has_a_link:
            return Enrolment(subscription_id, found.state, found.charge_id, found.redirect_url)
        sent = start_present_charge(tx, engine, found, ChargeKind.FIRST, terminal, now)
    return send_present_charge(engine, subscription_id, sent, now, since=since)


def start_present_charge(
    tx: Connection, engine: Engine, found: AnyRow, kind: ChargeKind, terminal: Terminal, now: datetime
) -> SentCharge:
    """Write down a payment with the subscriber present, or take up one whose link was lost.

    Sending such a payment twice cannot charge twice: only the subscriber can complete it, and one
    link at most is given out.

    :raises ChargingStopped: charging is stopped. :raises GatewayUnavailable: it is held for a while.
    :raises ChargeInFlight: the payment is being sent by another request.
    :raises ChargeSetAside: it is parked.
    """
    installation = load_installation(tx).as_of(now)
    if installation.why_stopped is not None:
        raise ChargingStopped(installation.why_stopped)
    why_not = installation.why_not_charge(now)
    if why_not is not None:
        raise GatewayUnavailable(why_not)
    author = Author(engine.actor, now)
    # One of a subscription that is made in this very request has no past that could be forgotten.
    is_doubted = found.created_at < now and installation.is_doubted(found.period_start)
    if found.charge_id is not None:
        return _take_up(tx, engine, found, author, is_doubted=is_doubted)
    attempt_no = found.attempts + 1
    agreement = found.invoice_kind is InvoiceKind.AGREEMENT
    reference = charge_reference(
        installation.id, found.subscription_id, found.period_start, attempt_no, agreement=agreement
    )
    charge = {
        "id": row_id(found.invoice_id, "charge", attempt_no),
        "invoice_id": found.invoice_id,
        "subscription_id": found.subscription_id,
        "kind": kind,
        "automatic": False,
        "attempt_no": attempt_no,
        "reference": reference,
        "idempotency_key": idempotency_key(reference),
        "amount_minor": found.amount_minor,
        "currency": found.currency,
        "state": ChargeState.SENDING,
        "created_at": now,
        "sent_at": now,
        "check_at": now + SEND_DEADLINE,
        "terminal_type": terminal.terminal_type,
        "os_type": terminal.os_type,
        "return_token": return_token(installation.secret, reference),
        "success_url": terminal.success_url,
        "failure_url": terminal.failure_url,
    }
    insert_rows(tx, Charge, [charge])
    insert_rows(tx, Event, [charge_started(charge, author)])
    change(tx, Invoice, [Change(found.invoice_id, found.invoice_state, {"attempts": attempt_no})])
    return SentCharge(charge["id"], _request(engine, charge, found), is_doubted=is_doubted)


def send_present_charge(
    engine: Engine, subscription_id: UUID, sent: SentCharge, now: datetime, *, since: float
) -> Enrolment:
    """Send the payment, record the answer, and return the link. ``since`` is the gateway's moment before the write.

    A doubted one is asked about first. What was made of it is taken up, and if that is paid there is no link.

    :raises GatewayUnavailable: no answer, or none that can be relied on. :raises GatewayRefused: our set-up.
    :raises SubscriptionSetAside: it was paid by other days, which were forgotten.
    """
    known = recall(engine, sent.charge_id, sent.request.reference, now) if sent.is_doubted else None
    if isinstance(known, Unreadable):
        # Left as it is: a daemon looks it up, and so does the next request.
        raise GatewayUnavailable(f"{_UNREACHABLE} ({known.reason}); send the same request again later")
    if isinstance(known, PaidElsewhere):
        record_outcomes(engine, [(sent.charge_id, NotSent("it was paid by other days"))], now=now)
        park_paid_elsewhere(engine, subscription_id, known.payments, now=now)
        raise SubscriptionSetAside(subscription_id)
    outcome = known or engine.gateway.create_payments([sent.request], since=since)[0]
    record_outcomes(engine, [(sent.charge_id, outcome)], now=now, sends={sent.charge_id: sent.sends})
    _raise_unless_accepted(outcome)
    with engine.database.snapshot() as tx:
        found = payment_under_way(tx, subscription_id)
        is_paid = known is not None and _is_captured(tx, sent.charge_id)
    if found is not None and is_paid:
        return Enrolment(subscription_id, found.state, sent.charge_id, None)
    if found is None or found.redirect_url is None:
        raise GatewayUnavailable("KakaoPay gave no link to go to; send the same request again in 30 seconds")
    return Enrolment(subscription_id, found.state, found.charge_id, found.redirect_url)


def _raise_unless_accepted(outcome: Outcome) -> None:
    match outcome:
        case Accepted():
            return
        case Refused(status, codes):
            raise GatewayRefused(f"the gateway refused the payment (HTTP {status}: {', '.join(codes) or 'no code'})")
        case NotSent(reason) | Unknown(reason):
            raise GatewayUnavailable(f"{_UNREACHABLE} ({reason}); send the same request again later")
        case _:
            assert_never(outcome)


def _is_captured(tx: Connection, charge_id: UUID) -> bool:
    state = tx.execute(select(col(Charge.state)).where(col(Charge.id) == charge_id)).scalar_one()
    return state is ChargeState.CAPTURED


def payment_under_way(tx: Connection, subscription_id: UUID, invoice_id: UUID | None = None) -> AnyRow | None:
    """Return the subscription with an invoice (its newest by default) and the live charge of that, under its lock."""
    lock_subscriptions(tx, [subscription_id])
    live = text(f"charge.{LIVE_CHARGE}")
    query: Select[*tuple[Any, ...]] = (
        select(
            col(Subscription.id).label("subscription_id"),
            col(Subscription.state),
            col(Subscription.created_at),
            col(Invoice.id).label("invoice_id"),
            col(Invoice.kind).label("invoice_kind"),
            col(Invoice.state).label("invoice_state"),
            col(Invoice.period_start),
            col(Invoice.attempts),
            col(Invoice.amount_minor),
            col(Invoice.currency),
            col(Plan.name).label("plan_name"),
            col(Plan.code).label("plan_code"),
            *PAYER_COLUMNS,
            col(Charge.id).label("charge_id"),
            col(Charge.state).label("charge_state"),
            col(Charge.reference),
            col(Charge.idempotency_key),
            col(Charge.sends),
            col(Charge.sent_at),
            col(Charge.check_at),
            col(Charge.terminal_type),
            col(Charge.os_type),
            col(Charge.return_token),
            col(Charge.redirect_url),
        )
        .join(Plan, col(Plan.code) == col(Subscription.plan_code))
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .join(Invoice, col(Invoice.subscription_id) == col(Subscription.id))
        .join(Charge, (col(Charge.invoice_id) == col(Invoice.id)) & live, isouter=True)
        .where(col(Subscription.id) == subscription_id)
        .order_by(col(Charge.id).is_(None), col(Invoice.created_at).desc())
        .limit(1)
    )
    if invoice_id is not None:
        query = query.where(col(Invoice.id) == invoice_id)
    return tx.execute(query).one_or_none()


def _take_up(tx: Connection, engine: Engine, found: AnyRow, author: Author, *, is_doubted: bool) -> SentCharge:
    if found.charge_state is ChargeState.PARKED:
        raise ChargeSetAside(found.subscription_id)
    written = {"sends": found.sends + 1, "sent_at": author.now, "check_at": author.now + SEND_DEADLINE}
    state, owner = found.charge_state, found.subscription_id
    if state is ChargeState.SENDING:
        if author.now < found.check_at:
            raise ChargeInFlight(owner, sent_at=found.sent_at, ends_at=found.check_at, now=author.now)
        move(tx, Charge, [Move(found.charge_id, state, ChargeEvent.LOSE, {}, owner)], author)
        state = ChargeState.UNKNOWN
    if state is ChargeState.UNKNOWN:
        move(tx, Charge, [Move(found.charge_id, state, ChargeEvent.RESEND, written, owner)], author)
    else:
        change(tx, Charge, [Change(found.charge_id, state, {"sends": found.sends + 1})])
    # What is pending is known to the gateway already; only its link is missing.
    return SentCharge(
        found.charge_id,
        _request(engine, found._asdict(), found, sent_before=True),
        found.sends + 1,
        is_doubted=is_doubted and state is not ChargeState.PENDING,
    )


def _request(engine: Engine, charge: Mapping[str, Any], found: AnyRow, *, sent_before: bool = False) -> PaymentRequest:
    success_url, failure_url = return_links(engine.rules.public_url, charge["return_token"])
    return PaymentRequest(
        reference=charge["reference"],
        idempotency_key=charge["idempotency_key"],
        amount=Money(found.amount_minor, found.currency),
        item=found.plan_name,
        item_reference=found.plan_code,
        payer=payer_of(found, engine.rules),
        present=SubscriberPresent(
            terminal_type=charge["terminal_type"],
            os_type=charge["os_type"],
            success_url=success_url,
            failure_url=failure_url,
        ),
        sent_before=sent_before,
    )
