"""Orders a refund of a captured charge, whole or in part."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Connection, func, select
from sqlmodel import col

from billing.domain.cases import Case
from billing.domain.charging import REFUND_WINDOW
from billing.domain.identity import refund_reference
from billing.domain.states import COUNTED_REFUND_STATES, ChargeState
from billing.operations.engine import Engine, NotFound, Refusal
from billing.operations.recall_refunds import recall_refunds
from billing.operations.refunds import send_refunds
from billing.operations.request_keys import done
from billing.store.cases import load_cases
from billing.store.disputes import charged_back, open_disputes
from billing.store.obligations import settled_by_other_means
from billing.store.settlements import next_refund_no, order_refund
from billing.store.tables import Charge, Refund
from billing.store.writes import Author
from plans.money import Money

log = structlog.get_logger()


class ChargeDisputed(Refusal):
    """The payer disputes the charge, and it is not decided yet: a refund now could give the money back twice."""

    code = "charge_disputed"


class NotRefundable(Refusal):
    """So much of the charge cannot be given back, or nothing of it."""

    code = "not_refundable"


def request_refund(engine: Engine, charge_id: UUID, amount_minor: int | None, *, reason: str, now: datetime) -> UUID:
    """Order a refund and send it. ``amount_minor`` None means all that is left, in minor units.

    Returns the refund's id; how it ends is told later. What is refunded already, or being refunded, counts.

    :raises NotFound: there is no such charge. :raises Refusal: it cannot be refunded so; the text says why.
    """
    known = recall_refunds(engine, charge_id, now=now)
    refund_id = _order(engine, charge_id, amount_minor, reason, Author(engine.actor, now), after=known)
    try:
        send_refunds(engine, [refund_id], now=now)
    except Exception as error:  # noqa: BLE001 - it is written down, so the sweep sends it; nobody must order it again
        log.warning("refund_left_to_the_sweep", refund=str(refund_id), error=type(error).__name__)
    return refund_id


def _order(
    engine: Engine,
    charge_id: UUID,
    amount_minor: int | None,
    reason: str,
    author: Author,
    *,
    after: int,
) -> UUID:
    with engine.database.transaction() as tx:
        cases = load_cases(tx, [charge_id])
        if not cases:
            raise NotFound(f"there is no charge {charge_id}")
        case = cases[0]
        amount = _checked_amount(tx, engine, case, amount_minor, author.now)
        refund_id = order_refund(
            tx,
            charge_id,
            str(case.gateway_payment_id),
            amount.minor,
            amount.currency,
            reference=refund_reference(case.reference, max(next_refund_no(tx, charge_id), after + 1)),
            reason=reason[:200],
            author=author,
        )
        done(tx, engine, refund_id)
        return refund_id


def refundable(tx: Connection, case: Case) -> Money:
    """Return what is left: no refund has claimed it, no lost dispute took it, nobody gave it back otherwise."""
    claimed = tx.execute(
        select(func.coalesce(func.sum(col(Refund.amount_minor)), 0)).where(
            col(Refund.charge_id) == case.charge_id,
            col(Refund.gateway_payment_id) == case.gateway_payment_id,
            col(Refund.state).in_(list(COUNTED_REFUND_STATES)),
        )
    ).scalar_one()
    payment_id = str(case.gateway_payment_id)
    gone = settled_by_other_means(tx, payment_id) + charged_back(tx, payment_id)
    return Money(max(0, case.amount.minor - int(claimed) - gone), case.amount.currency)


def _raise_if_disputed(tx: Connection, case: Case) -> None:
    for dispute in open_disputes(tx, [str(case.gateway_payment_id)]):
        by = f" until {dispute.respond_by:%Y-%m-%d}" if dispute.respond_by is not None else ""
        amount = Money(dispute.amount_minor, dispute.currency)
        raise ChargeDisputed(
            f"{amount} of charge {case.charge_id} is disputed ({dispute.gateway_dispute_id}): answer or accept it in "
            f"Checkout.com's dashboard{by}; a refund can be ordered when it is won, or was settled as won by hand"
        )


def _checked_amount(tx: Connection, engine: Engine, case: Case, amount_minor: int | None, now: datetime) -> Money:
    if case.charge_state is not ChargeState.CAPTURED:
        state = case.charge_state.value
        raise NotRefundable(f"charge {case.charge_id} is {state}: only a captured charge can be refunded")
    _raise_if_disputed(tx, case)
    captured_at = tx.execute(select(col(Charge.captured_at)).where(col(Charge.id) == case.charge_id)).scalar_one()
    if captured_at is not None and now - captured_at > REFUND_WINDOW:
        raise NotRefundable(
            f"it was captured on {captured_at:%Y-%m-%d}, more than 365 days ago: pay it back by other means"
        )
    left = refundable(tx, case)
    amount = left if amount_minor is None else Money(amount_minor, case.amount.currency)
    minimum = engine.rules.refund_minimum.get(amount.currency, 1)
    if left.minor == 0:
        raise NotRefundable(f"nothing of charge {case.charge_id} is left to refund")
    if amount.minor < minimum:
        raise NotRefundable(f"{amount} is under the smallest refund KakaoPay takes, {Money(minimum, amount.currency)}")
    if amount.minor > left.minor:
        raise NotRefundable(f"{amount} is more than the {left} that is left to refund")
    rest = left.minor - amount.minor
    if 0 < rest < minimum:
        raise NotRefundable(
            f"it would leave {Money(rest, amount.currency)}, which could never be refunded: "
            f"refund all {left}, or leave at least {Money(minimum, amount.currency)}"
        )
    return amount
