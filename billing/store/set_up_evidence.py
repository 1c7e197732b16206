"""Reads the evidence for and against our set-up. Only read when a charge meets a set-up class, never on a good day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, func, literal, literal_column, select, text
from sqlalchemy.orm import aliased
from sqlmodel import col

from billing.domain.cases import ChargeKind
from billing.domain.decline_classes import DeclineClass
from billing.domain.set_up_evidence import Counts, SetUpEvidence, SetUpPolicy, stretch_begins
from billing.store.among import among
from billing.store.columns import AnyRow, UtcDateTime
from billing.store.installation import load_installation
from billing.store.tables import (
    CAPTURED,
    LIVE_CHARGE,
    SET_UP_FAILURE,
    UNEXPLAINED_DECLINE,
    Charge,
    Event,
    Subscription,
)

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ACTED_ON: Final = (
    "subscription.released",
    "subscription.resumed",
    "subscription.resumed_in_arrears",
    "subscription.recovered",
)
"""What gives a subscription a fresh start: its tries from before do not count any more."""
_MOST_FAILURES: Final = 1000
"""No more are read, the newest first: an account that fails oftener without being at fault is charged in thousands."""
_CAPTURED: Final = f"charge.{CAPTURED}"
_UNDECIDED: Final = f"charge.{LIVE_CHARGE} AND charge.state <> 'parked'"
# A retry that a person asks for is no evidence: who tries a bad wallet by hand would stop charging for everybody.
_COUNTS: Final = "(charge.automatic OR charge.kind <> 'renewal')"


@dataclass(frozen=True, slots=True)
class FailingCharge:
    """A charge that has met a set-up class, or was declined without a known reason (``is_named``: False)."""

    customer_id: UUID
    sent_at: datetime
    is_renewal: bool
    is_named: bool


def load_evidence(
    tx: Connection, charge_ids: Sequence[UUID], unexplained: Sequence[UUID], now: datetime, policy: SetUpPolicy
) -> Mapping[bool, SetUpEvidence]:
    """Return the evidence when these charges meet a set-up class now (UTC), for renewals (True) and for others.

    Renewals are compared with renewals: an account may take payments of those who are present, and no others. With the
    subscriber present, any payment compares. The charges need not have been written as failed yet.

    ``unexplained`` are renewals that are declined now without a known reason. Of such only an invoice's first try
    counts: on a day of retries nobody but those who failed before may be charged.
    """
    installation = load_installation(tx)
    since = max(now - policy.window, installation.allowed_at or _NEVER)
    failing = _failing(tx, charge_ids, since)
    without_reason = _unexplained(tx, unexplained, since)
    is_stopped = installation.stopped_because is not None
    return {
        renewals: _evidence(
            tx,
            [*(each for each in failing if each.is_renewal), *without_reason] if renewals else failing,
            since,
            policy,
            renewals,
            is_stopped,
        )
        for renewals in {row.is_renewal for row in _charges(tx, [*charge_ids, *unexplained])}
    }


def count_lately(tx: Connection, now: datetime, policy: SetUpPolicy) -> Counts:
    """Return the counts of the window that ends now (UTC), over charges of all kinds."""
    since = max(now - policy.window, load_installation(tx).allowed_at or _NEVER)
    return _evidence(tx, _failing(tx, (), since), since, policy, renewals=False, is_stopped=False).window


def count_tries(tx: Connection, invoice_ids: Sequence[UUID]) -> Mapping[UUID, int]:
    """Return how often each invoice has met a set-up class by itself since there was reason to try it afresh.

    That is a new agreement, an act on its subscription (:data:`_ACTED_ON`), or the last time charging was allowed.
    """
    acted_on = (
        select(func.max(col(Event.at)))
        .where(col(Event.subscription_id) == col(Charge.subscription_id), col(Event.type).in_(_ACTED_ON))
        .scalar_subquery()
    )
    rows = tx.execute(
        select(col(Charge.invoice_id), func.count())
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .where(
            among(col(Charge.invoice_id), invoice_ids),
            text(f"charge.{SET_UP_FAILURE}"),
            col(Charge.automatic).is_(True),
            col(Charge.source_id) == col(Subscription.source_id),
            col(Charge.sent_at) >= (load_installation(tx).allowed_at or _NEVER),
            col(Charge.sent_at) >= func.coalesce(acted_on, literal(_NEVER, UtcDateTime())),
        )
        .group_by(col(Charge.invoice_id))
    )
    return {row[0]: row[1] for row in rows}


def asked_for_set_up_since(tx: Connection, subscription_id: UUID, invoice_id: UUID) -> datetime | None:
    """Return since when an invoice fails by a set-up class, if that is why its subscriber was last asked; else None."""
    asked = (
        select(col(Event.data))
        .where(col(Event.subscription_id) == subscription_id, col(Event.type) == "subscription.re_enrolment_requested")
        .order_by(col(Event.id).desc())
    )
    why: Mapping[str, object] = tx.execute(asked.limit(1)).scalar_one_or_none() or {}
    if why.get("why") != DeclineClass.SET_UP:
        return None
    failed = select(func.min(col(Charge.sent_at))).where(
        col(Charge.invoice_id) == invoice_id, text(f"charge.{SET_UP_FAILURE}"), col(Charge.automatic).is_(True)
    )
    return tx.execute(failed).scalar_one()


def was_captured_since(tx: Connection, since: datetime, until: datetime | None = None) -> bool:
    """Say whether any renewal that was sent at or after an instant (UTC), and not after ``until``, was captured."""
    renewals = select(col(Charge.id)).where(text(_CAPTURED), _is_renewal(), col(Charge.sent_at) >= since)
    if until is not None:
        renewals = renewals.where(col(Charge.sent_at) <= until)
    return tx.execute(renewals.limit(1)).first() is not None


def count_undecided(tx: Connection, since: datetime, at_most: int) -> int:
    """Count renewals sent at or after an instant (UTC) whose outcome is not known yet, no further than ``at_most``."""
    sent = select(col(Charge.id)).where(text(_UNDECIDED), _is_renewal(), col(Charge.sent_at) >= since)
    return tx.execute(select(func.count()).select_from(sent.limit(at_most).subquery())).scalar_one()


def _failing(tx: Connection, charge_ids: Sequence[UUID], since: datetime) -> list[FailingCharge]:
    """Return what failed and was sent since an instant, these charges included, without what was captured later."""
    later = aliased(Charge)
    captured = select(literal(1)).where(
        col(later.subscription_id) == col(Charge.subscription_id),
        col(later.state) == "captured",
        col(later.sent_at) > col(Charge.sent_at),
    )
    written = _of(text(f"charge.{SET_UP_FAILURE}"), col(Charge.sent_at) >= since, ~captured.exists())
    newest = written.order_by(col(Charge.sent_at).desc()).limit(_MOST_FAILURES)
    rows = [*tx.execute(newest), *_charges(tx, charge_ids)]
    return [
        FailingCharge(row.customer_id, row.sent_at, row.is_renewal, is_named=True)
        for row in rows
        if row.counts and row.sent_at >= since
    ]


def _unexplained(tx: Connection, charge_ids: Sequence[UUID], since: datetime) -> list[FailingCharge]:
    """Return the first tries of renewals that were sent since an instant and declined without a known reason."""
    written = _of(text(f"charge.{UNEXPLAINED_DECLINE}"), col(Charge.sent_at) >= since, _is_renewal())
    newest = written.order_by(col(Charge.sent_at).desc()).limit(_MOST_FAILURES)
    rows = [*tx.execute(newest), *_charges(tx, charge_ids)]
    return [
        FailingCharge(row.customer_id, row.sent_at, is_renewal=True, is_named=False)
        for row in rows
        if row.counts and row.is_first_try and row.sent_at >= since
    ]


def _charges(tx: Connection, charge_ids: Sequence[UUID]) -> Sequence[AnyRow]:
    return tx.execute(_of(among(col(Charge.id), charge_ids))).all()


def _of(*conditions: ColumnElement[bool] | Any) -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(Subscription.customer_id),
            col(Charge.sent_at),
            _is_renewal().label("is_renewal"),
            literal_column(_COUNTS).label("counts"),
            (col(Charge.attempt_no) == 1).label("is_first_try"),
        )
        .join(Subscription, col(Subscription.id) == col(Charge.subscription_id))
        .where(*conditions)
    )


def _is_renewal() -> ColumnElement[bool]:
    return col(Charge.kind) == ChargeKind.RENEWAL


def _evidence(
    tx: Connection,
    failing: Sequence[FailingCharge],
    since: datetime,
    policy: SetUpPolicy,
    renewals: bool,
    is_stopped: bool,
) -> SetUpEvidence:
    first = _first_of_each(failing)
    named = _first_of_each([each for each in failing if each.is_named])
    begins = stretch_begins(list(first.values()), policy) or since
    enough = int(len(first) / policy.share) + 1  # with so many others no share is reached: nobody need count further
    return SetUpEvidence(
        window=_counts(tx, named, since, renewals, enough),
        stretch=_counts(tx, first, begins, renewals, enough),
        unexplained=sum(at >= begins for customer, at in first.items() if customer not in named),
        is_stopped=is_stopped,
    )


def _first_of_each(failing: Sequence[FailingCharge]) -> dict[UUID, datetime]:
    """Return when the first of these charges of each customer was sent (UTC)."""
    first: dict[UUID, datetime] = {}
    for each in failing:
        first[each.customer_id] = min(first.get(each.customer_id, each.sent_at), each.sent_at)
    return first


def _counts(tx: Connection, first: Mapping[UUID, datetime], since: datetime, renewals: bool, enough: int) -> Counts:
    failed = sum(at >= since for at in first.values())
    # Who failed is not undecided because of being tried again, and not captured because of an earlier charge.
    captured = _others(tx, _CAPTURED, since, renewals, set(first), enough)
    undecided = _others(tx, _UNDECIDED, since, renewals, set(first) | captured, enough)
    return Counts(failed=failed, captured=len(captured), undecided=len(undecided))


def _others(tx: Connection, where: str, since: datetime, renewals: bool, but: set[UUID], enough: int) -> set[UUID]:
    query = (
        select(col(Subscription.customer_id))
        .join(Charge, col(Charge.subscription_id) == col(Subscription.id))
        .where(text(where), col(Charge.sent_at) >= since)
        .limit(enough + len(but))
    )
    return set(tx.execute(query.where(_is_renewal()) if renewals else query).scalars()) - but
