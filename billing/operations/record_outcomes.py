"""Records what the gateway answered: answer, webhook, look-up and return page all come through here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.cases import Case
from billing.domain.charging import Accepted, GatewayPayment, Outcome, PaymentStatus
from billing.domain.identity import row_id
from billing.domain.settlement import settle, took_another_amount
from billing.domain.states import CHARGE_MOVES, LIVE_CHARGE_STATES, ChargeEvent, ChargeState, SourceState, can_move
from billing.operations.batches import together_or_alone
from billing.operations.engine import Engine, Tally
from billing.operations.gateway_customers import forget_unknown_customers, keep_gateway_customer
from billing.operations.judge_set_up import is_against_us, judge_set_up
from billing.operations.strays import keep_stray, let_go, stray_ids
from billing.store.among import among
from billing.store.births import source_created
from billing.store.cases import load_cases
from billing.store.columns import AnyRow
from billing.store.settlements import apply_settlements
from billing.store.tables import Charge, Customer, Event, Source, Subscription
from billing.store.writes import Author, Change, Move, change, insert_rows, move

log = structlog.get_logger()


def record_outcomes(
    engine: Engine, outcomes: Sequence[tuple[UUID, Outcome]], *, now: datetime, sends: Mapping[UUID, int] | None = None
) -> Tally:
    """Settle each charge with its outcome. ``now`` is a UTC instant. A charge that cannot be settled is parked.

    ``sends`` says which send of its charge an outcome is the answer to. If the charge was sent again since, an answer
    without a payment says nothing about the newer send, and is left out.
    """
    tally = Tally()
    remaining = list(outcomes)
    while remaining:
        # One outcome per charge and transaction: a second one must see what the first one wrote.
        batch: dict[UUID, Outcome] = {}
        later: list[tuple[UUID, Outcome]] = []
        for charge_id, outcome in remaining:
            if charge_id in batch or len(batch) >= engine.rules.batch:
                later.append((charge_id, outcome))
            else:
                batch[charge_id] = outcome
        tally.add(
            together_or_alone(
                list(batch),
                lambda ids, told=batch: _record(engine, {each: told[each] for each in ids}, now, sends or {}),  # type: ignore[misc]
                lambda charge_id, why: _park(engine, charge_id, why, now),
            )
        )
        remaining = later
    return tally


def _record(engine: Engine, outcomes: Mapping[UUID, Outcome], now: datetime, sends: Mapping[UUID, int]) -> Tally:
    author = Author(engine.actor, now)
    tally = Tally()
    with engine.database.transaction() as tx:
        _follow_new_links(tx, outcomes, author)
        _adopt(tx, outcomes, author)
        forget_unknown_customers(tx, outcomes)
        done: set[UUID] = set()
        waiting: list[UUID] = list(outcomes)
        while waiting:
            cases = load_cases(tx, waiting)
            told, now_touched = [], set()
            for case in cases:
                if case.subscription_id in now_touched:
                    continue  # settled in the next round, from what this round leaves
                outcome = outcomes[case.charge_id]
                done.add(case.charge_id)
                if sends.get(case.charge_id, case.sends) != case.sends and not isinstance(outcome, Accepted):
                    continue
                if isinstance(outcome, Accepted) and case.gateway_payment_id not in (None, outcome.payment.id):
                    # Another payment under the same reference: what becomes of it must not touch this charge.
                    keep_stray(tx, case.charge_id, outcome.payment, author)
                    continue
                if isinstance(outcome, Accepted) and _is_detached(tx, case, outcome.payment):
                    continue
                if isinstance(outcome, Accepted) and took_another_amount(case, outcome.payment):
                    let_go(tx, case, outcome.payment, author)
                    continue
                now_touched.add(case.subscription_id)
                told.append((case, outcome))
            _settle(tx, engine, told, author, tally)
            waiting = [charge_id for charge_id in waiting if charge_id not in done] if cases else []
    return tally


def _settle(tx: Connection, engine: Engine, told: Sequence[tuple[Case, Outcome]], author: Author, tally: Tally) -> None:
    rules = engine.rules.settlement
    against_us = [(case, outcome) for case, outcome in told if is_against_us(case, outcome, rules)]
    failed = {case.charge_id for case, _ in against_us}
    decisions = [
        (case, settle(case, outcome, now=author.now, policy=rules))
        for case, outcome in told
        if case.charge_id not in failed
    ]
    apply_settlements(tx, decisions, author)
    if against_us:  # whose fault it is depends on what became of the others
        judged = judge_set_up(tx, against_us, author.now, rules, tally)
        apply_settlements(tx, judged, author)
        decisions += judged
    for _, decision in decisions:
        if decision.charge_event is not None:
            tally.acts[f"charges_{decision.charge_event.value}"] += 1
        tally.stop_the_run = tally.stop_the_run or decision.stop_the_run


def _is_detached(tx: Connection, case: Case, payment: GatewayPayment) -> bool:
    """Say whether a payment was taken from a closed charge, or found beside it, and is seen to as a stray."""
    if case.charge_state in LIVE_CHARGE_STATES or case.gateway_payment_id is not None:
        return False
    return bool(stray_ids(tx, [payment.id]))


def _follow_new_links(tx: Connection, outcomes: Mapping[UUID, Outcome], author: Author) -> None:
    """Let a payment with a link take the place of one whose link was lost, which nobody can complete any more."""
    linked = {
        charge_id: outcome.payment
        for charge_id, outcome in outcomes.items()
        if isinstance(outcome, Accepted) and outcome.payment.redirect_url is not None
    }
    for case in load_cases(tx, list(linked)) if linked else ():
        lost = case.gateway_payment_id
        if (
            lost in (None, linked[case.charge_id].id)
            or case.charge_state is not ChargeState.PENDING
            or not case.subscriber_is_present
        ):
            continue
        before = GatewayPayment(str(lost), PaymentStatus.OPEN, "Pending", case.reference)
        keep_stray(tx, case.charge_id, before, author)
        change(tx, Charge, [Change(case.charge_id, case.charge_state, {"gateway_payment_id": None, "source_id": None})])


def _adopt(tx: Connection, outcomes: Mapping[UUID, Outcome], author: Author) -> None:
    """Write down the source that a first payment made, tied to its charge, and the gateway's id of the customer."""
    told = {
        charge_id: outcome.payment
        for charge_id, outcome in outcomes.items()
        if isinstance(outcome, Accepted)
        and (outcome.payment.source_id is not None or outcome.payment.customer_id is not None)
    }
    if not told:
        return
    rows: Sequence[AnyRow] = tx.execute(
        select(
            col(Charge.id),
            col(Charge.state),
            col(Charge.subscription_id),
            col(Charge.source_id),
            col(Customer.id).label("customer_id"),
            col(Customer.gateway_customer_id),
        )
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .join(Customer, col(Customer.id) == col(Subscription.customer_id))
        .where(
            among(col(Charge.id), list(told)),
            col(Charge.source_id).is_(None) | col(Customer.gateway_customer_id).is_(None),
        )
    ).all()
    for row in rows:
        payment = told[row.id]
        if row.source_id is None and payment.source_id is not None:
            source_id = _source(tx, row, payment.source_id, author)
            if source_id is not None:
                change(tx, Charge, [Change(row.id, row.state, {"source_id": source_id})])
        if row.gateway_customer_id is None and payment.customer_id is not None:
            keep_gateway_customer(tx, row.customer_id, payment.customer_id)


def _source(tx: Connection, charge: AnyRow, gateway_source_id: str, author: Author) -> UUID | None:
    customer_id: UUID = charge.customer_id
    known = tx.execute(
        select(col(Source.id), col(Source.customer_id)).where(col(Source.gateway_source_id) == gateway_source_id)
    ).one_or_none()
    if known is not None:
        if known.customer_id != customer_id:
            log.error("source_of_another_customer", source=str(known.id))
            return None
        found: UUID = known.id
        return found
    source_id = row_id(customer_id, "source", gateway_source_id)
    row = {
        "id": source_id,
        "customer_id": customer_id,
        "gateway_source_id": gateway_source_id,
        "state": SourceState.PENDING,
        "created_at": author.now,
    }
    insert_rows(tx, Source, [row])
    insert_rows(tx, Event, [source_created(row, charge.subscription_id, author)])
    return source_id


def _park(engine: Engine, charge_id: UUID, why: str, now: datetime) -> None:
    with engine.database.transaction() as tx:
        for case in load_cases(tx, [charge_id]):
            if case.charge_state is ChargeState.PARKED:
                # It hangs, and what is told of it now cannot be recorded: it is a person's whole business.
                change(tx, Charge, [Change(charge_id, case.charge_state, {"error": why[:500], "check_at": None})])
            if not can_move(CHARGE_MOVES, case.charge_state, ChargeEvent.PARK):
                continue
            parked = Move(
                charge_id,
                case.charge_state,
                ChargeEvent.PARK,
                {"error": why[:500], "check_at": None},
                case.subscription_id,
                {"error": why[:500]},
            )
            move(tx, Charge, [parked], Author(engine.actor, now))
