"""The rounds of reconciliation as rows: whose turn it is, how far each round is, and the pages to ask about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Select, func, select, text, tuple_, update
from sqlmodel import col

from billing.domain.reconciling import Place, Round, was_to_reach
from billing.domain.states import ChargeState
from billing.store.among import among
from billing.store.columns import AnyRow
from billing.store.inserts import insert_if_absent
from billing.store.reconciliation_tables import ReconciliationRound, ReconciliationTurn
from billing.store.tables import CAPTURED, LIVE_CHARGE, PARKED, Charge, Refund

LEASE: Final = timedelta(minutes=2)
"""A daemon that took its turn so long ago has died, or stood still: another goes on from where the round was."""


@dataclass(frozen=True, slots=True)
class RoundRow:
    """A kind of round; see the columns of :class:`ReconciliationRound`."""

    name: Round
    due_at: datetime
    place: Mapping[str, Any] | None
    since: datetime | None
    began_at: datetime | None
    ended_at: datetime | None
    asked: int
    found: int
    unread: int
    all_asked: int
    all_found: int
    unseen: str | None


@dataclass(frozen=True, slots=True)
class AskedCharge:
    """A charge that the gateway is asked about."""

    id: UUID
    subscription_id: UUID
    reference: str
    gateway_payment_id: str | None
    state: ChargeState
    amount_minor: int
    currency: str
    sent_at: datetime


def load_rounds(tx: Connection) -> list[RoundRow]:
    """Return the rounds that were ever begun, in the order in which they are made."""
    query: Select[*tuple[Any, ...]] = select(
        *(col(getattr(ReconciliationRound, name)) for name in RoundRow.__dataclass_fields__)
    )
    rows = {row.name: RoundRow(*row) for row in tx.execute(query)}
    return [rows[name] for name in Round if name in rows]


def next_page_at(tx: Connection) -> datetime | None:
    """Return when the next page may be asked; None: nobody asked yet."""
    return tx.execute(select(col(ReconciliationTurn.next_page_at))).scalar_one_or_none()


def take_turn(tx: Connection, now: datetime) -> datetime | None:
    """Take the turn to ask a page at ``now`` (UTC); return the end of the lease, or None: it is another's."""
    insert_if_absent(tx, ReconciliationTurn, [{"singleton": 1, "next_page_at": now}])
    ends = now + LEASE
    free = update(ReconciliationTurn).where(col(ReconciliationTurn.next_page_at) <= now)
    return ends if tx.execute(free.values(next_page_at=ends)).rowcount == 1 else None


def hand_over_turn(tx: Connection, lease: datetime, next_page_at_: datetime) -> bool:
    """End a turn; say whether it was still ours, so that what was learned may be written down."""
    ours = update(ReconciliationTurn).where(col(ReconciliationTurn.next_page_at) == lease)
    return tx.execute(ours.values(next_page_at=next_page_at_)).rowcount == 1


def prepare_rounds(tx: Connection, now: datetime) -> None:
    """Make rounds that were never made due at ``now`` (UTC)."""
    counts = dict.fromkeys(("asked", "found", "unread", "all_asked", "all_found"), 0)
    insert_if_absent(tx, ReconciliationRound, [{"name": name, "due_at": now, **counts} for name in Round])


def write_round(tx: Connection, name: Round, written: Mapping[str, Any]) -> None:
    """Write columns of a round."""
    tx.execute(update(ReconciliationRound).where(col(ReconciliationRound.name) == name).values(**written))


def put_off_rounds(tx: Connection, until: datetime) -> None:
    """Make every round due at an instant (UTC), and let nobody ask a page before it."""
    prepare_rounds(tx, until)
    insert_if_absent(tx, ReconciliationTurn, [{"singleton": 1, "next_page_at": until}])
    tx.execute(update(ReconciliationRound).values(due_at=until))
    tx.execute(update(ReconciliationTurn).values(next_page_at=until))


def reconcile_at_once(tx: Connection, now: datetime, since: datetime) -> None:
    """Begin every round anew at ``now`` (UTC): an older state may be in place.

    Each reaches back to ``since``, or as far as it was to reach already and has not been made.
    """
    prepare_rounds(tx, now)
    for row in load_rounds(tx):
        under_way = None if row.place is None else was_to_reach(row.name, Place.from_json(row.place))
        furthest = min(each for each in (since, under_way, row.since) if each is not None)
        write_round(tx, row.name, {"due_at": now, "place": None, "since": furthest})
    tx.execute(update(ReconciliationTurn).values(next_page_at=now))


def captured_page(tx: Connection, place: Place, limit: int) -> list[AskedCharge]:
    """Return captured charges from a place on, those sent first before others, a page at most."""
    return [AskedCharge(*row) for row in tx.execute(captured_query(place, limit))]


def captured_query(place: Place, limit: int) -> Select[*tuple[Any, ...]]:
    """Return the statement of :func:`captured_page`, which reads along its partial index."""
    at = col(Charge.sent_at)
    query = _charges().where(text(f"charge.{CAPTURED}"), at <= place.until)
    if place.after_at is not None and place.after_id is not None:
        query = query.where(tuple_(at, col(Charge.id)) > tuple_(place.after_at, UUID(place.after_id)))
    else:
        query = query.where(at >= place.since)
    return query.order_by(at, col(Charge.id)).limit(limit)


def live_page(tx: Connection, after: str | None, limit: int) -> list[AskedCharge]:
    """Return charges that are under way or parked, by their subscriptions, beyond ``after``."""
    query = _charges().where(text(f"charge.{LIVE_CHARGE}"))
    if after is not None:
        query = query.where(col(Charge.subscription_id) > UUID(after))
    return [AskedCharge(*row) for row in tx.execute(query.order_by(col(Charge.subscription_id)).limit(limit))]


def load_asked(tx: Connection, charge_ids: Sequence[UUID]) -> list[AskedCharge]:
    """Return these charges."""
    return [AskedCharge(*row) for row in tx.execute(_charges().where(among(col(Charge.id), charge_ids)))]


def refund_page(tx: Connection, place: Place, limit: int) -> Sequence[AnyRow]:
    """Return refunds ordered from a place on, the oldest first: ``id``, ``charge_id`` and ``created_at``."""
    at = col(Refund.created_at)
    query = select(col(Refund.id), col(Refund.charge_id), at).where(at <= place.until)
    if place.after_at is not None and place.after_id is not None:
        query = query.where(tuple_(at, col(Refund.id)) > tuple_(place.after_at, UUID(place.after_id)))
    else:
        query = query.where(at >= place.since)
    return tx.execute(query.order_by(at, col(Refund.id)).limit(limit)).all()


def parked_refund_page(tx: Connection, after: str | None, limit: int) -> list[UUID]:
    """Return parked refunds, by their ids, beyond ``after``."""
    query = select(col(Refund.id)).where(text(f"refund.{PARKED}"))
    if after is not None:
        query = query.where(col(Refund.id) > UUID(after))
    return list(tx.execute(query.order_by(col(Refund.id)).limit(limit)).scalars())


def count_captured(tx: Connection, place: Place, at_most: int) -> int:
    """Count the captured charges that a round has still to ask about, no further than ``at_most``."""
    rows = captured_query(place, at_most).with_only_columns(col(Charge.id)).subquery()
    return tx.execute(select(func.count()).select_from(rows)).scalar_one()


def _charges() -> Select[*tuple[Any, ...]]:
    return select(*(col(getattr(Charge, name)) for name in AskedCharge.__dataclass_fields__))
