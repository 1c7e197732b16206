"""Webhooks: stored once and answered at once, then processed from the table, whatever their order or number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Connection, select, update
from sqlmodel import col

from billing.domain.charging import Found, GatewayPayment
from billing.domain.disputes import Told, told_from
from billing.domain.identity import reference_prefix
from billing.domain.states import HINTED_LATER_REFUND_STATES, HINTED_REFUND_STATES
from billing.gateway.webhooks import VerifiedEvent
from billing.operations.batches import pages_of, together_or_alone
from billing.operations.disputes import record_disputes
from billing.operations.engine import Engine, Tally
from billing.operations.foreign_refunds import adopt_refunds
from billing.operations.settle_found import settle_found
from billing.store.among import among
from billing.store.door import count_refusals
from billing.store.due import Kind
from billing.store.inserts import insert_if_absent
from billing.store.installation import load_installation
from billing.store.queries import KnownCharge, charges_by_reference
from billing.store.tables import Refund, Webhook
from billing.store.writes import Change, change_those_left

log = structlog.get_logger()
MOST_TRIES: Final = 8
_TRY_AGAIN_AFTER: Final = (10, 30, 120, 600, 1800, 7200, 21600)


def receive_webhooks(engine: Engine, events: Sequence[VerifiedEvent], *, now: datetime) -> int:
    """Store events whose signatures were verified, all or none; return how many were not stored before.

    Nothing else happens here: the gateway waits for the answer. ``now`` is a UTC instant.
    """
    rows = [
        {
            "event_id": event.id,
            "type": event.type,
            "payment_id": event.payment_id,
            "action_id": event.action_id,
            "reference": event.reference,
            "state": "received" if event.ignored is None else "ignored",
            "why": event.ignored,
            "dispute": dict(event.dispute) if event.dispute is not None else None,
            "received_at": now,
            "next_try_at": now,
            "tries": 0,
        }
        for event in events
    ]
    with engine.database.transaction() as tx:
        return insert_if_absent(tx, Webhook, rows)


def keep_refusals(engine: Engine, counts: Mapping[str, int], *, now: datetime) -> None:
    """Add to the counts of webhooks that were turned away, by reason. ``now`` is a UTC instant."""
    with engine.database.transaction() as tx:
        count_refusals(tx, counts, now)


@dataclass(frozen=True, slots=True)
class _Stored:
    id: int
    type: str
    payment_id: str | None
    tries: int
    dispute: Mapping[str, Any] | None


def process_webhooks(engine: Engine, *, now: datetime) -> Tally:
    """Read the payment of every stored webhook again and settle what it tells, as of ``now`` (UTC)."""
    tally = Tally()
    for ids in pages_of(engine, Kind.WEBHOOK, now, takes_turns=True):
        tally.add(
            together_or_alone(
                ids,
                lambda batch: _process(engine, batch, now),
                lambda row, why: _park(engine, row, why),
            )
        )
    return tally


def _park(engine: Engine, webhook_id: int, why: str) -> None:
    log.error("webhook_parked", webhook=webhook_id, why=why)
    with engine.database.transaction() as tx:
        waiting = update(Webhook).where(col(Webhook.id) == webhook_id, col(Webhook.state) == "received")
        tx.execute(waiting.values(state="parked", why=why[:500]))


def _process(engine: Engine, ids: Sequence[int], now: datetime) -> Tally:
    with engine.database.snapshot() as tx:
        stored = _load(tx, ids)
        prefix = reference_prefix(load_installation(tx).id)
    disputes = [(webhook.id, _told(webhook)) for webhook in stored if webhook.dispute and webhook.payment_id]
    about = [each for each in stored if each.payment_id and each.type.startswith("payment_") and not each.dispute]
    payment_ids = sorted({str(webhook.payment_id) for webhook in about})
    answers = dict(zip(payment_ids, engine.gateway.find_by_id(payment_ids), strict=True))
    payments = {key: told.payments[0] for key, told in answers.items() if isinstance(told, Found) and told.payments}
    with engine.database.snapshot() as tx:
        known = charges_by_reference(tx, [p.reference for p in payments.values() if p.reference])
    tally = settle_found(engine, payments.values(), known, prefix, now)
    tally.add(adopt_refunds(engine, payments.values(), now=now))
    _look_at_refunds(engine, about, now)
    decided = record_disputes(engine, disputes, prefix, now=now)
    with engine.database.transaction() as tx:
        ends = [
            _finished(webhook, decided.get(webhook.id) or _end_of(webhook, payments, known, prefix), now)
            for webhook in stored
        ]
        change_those_left(tx, Webhook, ends)
    tally.acts["webhooks_processed"] += len(stored)
    return tally


def _end_of(
    webhook: _Stored, payments: Mapping[str, GatewayPayment], known: Mapping[str, KnownCharge], prefix: str
) -> tuple[str, str | None]:
    """Return the state a webhook ends in and why; ``received`` means: try again."""
    if webhook.payment_id is None or not webhook.type.startswith("payment_"):
        return "ignored", f"nothing to do for {webhook.type}"
    payment = payments.get(webhook.payment_id)
    if payment is None:
        return "received", "the payment could not be read"
    if (payment.reference or "") in known:
        return "processed", None
    if (payment.reference or "").startswith(prefix):
        return "parked", "it has our reference, but no charge of ours"
    return "ignored", "a payment of another system"


def _finished(webhook: _Stored, end: tuple[str, str | None], now: datetime) -> Change:
    state, why = end
    tries = webhook.tries + 1
    written: dict[str, Any] = {"state": state, "why": why, "tries": tries}
    if state == "received":
        wait = _TRY_AGAIN_AFTER[min(webhook.tries, len(_TRY_AGAIN_AFTER) - 1)]
        written["next_try_at"] = now + timedelta(seconds=wait)
        if tries >= MOST_TRIES:
            written["state"] = "parked"
            log.error("webhook_parked", webhook=webhook.id, why=why)
    return Change(webhook.id, "received", written)


def _told(webhook: _Stored) -> Told:
    return told_from(webhook.type, str(webhook.payment_id), webhook.dispute or {})


def _look_at_refunds(engine: Engine, webhooks: Sequence[_Stored], now: datetime) -> None:
    """Make the refunds of these payments due, so that the sweep asks about them at once."""
    about = [webhook.payment_id for webhook in webhooks if webhook.type.startswith("payment_refund")]
    if about:
        with engine.database.transaction() as tx:
            tx.execute(
                update(Refund)
                .where(
                    col(Refund.gateway_payment_id).in_(about),
                    col(Refund.state).in_(HINTED_REFUND_STATES)
                    | (col(Refund.state).in_(HINTED_LATER_REFUND_STATES) & col(Refund.check_at).is_not(None)),
                )
                .values(check_at=now)
            )


def _load(tx: Connection, ids: Sequence[int]) -> list[_Stored]:
    rows = tx.execute(
        select(col(Webhook.id), col(Webhook.type), col(Webhook.payment_id), col(Webhook.tries), col(Webhook.dispute))
        .where(among(col(Webhook.id), ids), col(Webhook.state) == "received")
        .order_by(col(Webhook.id))
    )
    return [_Stored(*row) for row in rows]
