"""After a gap between signs of life, which an older copy put in place of the database shows as well as a downtime does.

What a copy has forgotten is named alike when it is done anew, so the gateway's list tells what became of it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import structlog
from sqlalchemy import Connection, select
from sqlmodel import col

from billing.domain.attempts import most_attempts
from billing.domain.cases import InvoiceKind, Note
from billing.domain.charging import Accepted, Found, GatewayPayment, NotSent, Unreadable
from billing.domain.event_types import EventType
from billing.domain.finding import choose
from billing.domain.identity import charge_reference
from billing.operations.engine import Engine
from billing.operations.forgotten_periods import references_of_lost_periods
from billing.operations.strays import keep_strays
from billing.store.installation import GAP, InstallationRow, doubt, keep_alive, load_installation
from billing.store.reconciliation import reconcile_at_once
from billing.store.tables import Charge, Invoice
from billing.store.writes import Author, note

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ahead:
    """Which charges have a later attempt at the gateway, and of which that could not be read."""

    overtaken: frozenset[UUID] = frozenset()
    unread: frozenset[UUID] = frozenset()
    elsewhere: Mapping[UUID, Sequence[GatewayPayment]] = field(default_factory=dict)
    """Charge → payments of its subscription for periods that begin on other days, which this copy has forgotten."""


def is_a_gap(engine: Engine, machine_now: datetime) -> bool:
    """Say whether the last sign of life is further from this instant of the machine (UTC) than a daemon would be."""
    with engine.database.snapshot() as tx:
        return load_installation(tx).gap_at(machine_now) is not None


def notice_a_gap(engine: Engine, *, now: datetime, machine_now: datetime, latest: datetime | None = None) -> None:
    """Doubt what may have been charged in a gap that ends now; the instants are UTC, the second the machine's.

    Every charge of a period that began by then is looked up before it is sent for the first time. With a test clock
    the lost state may have lived on to a later time than ``now``: up to ``latest``.
    """
    with engine.database.snapshot() as tx:
        gap = load_installation(tx).gap_at(machine_now)
    if gap is None:
        return
    with engine.database.transaction() as tx:
        keep_alive(tx, machine_now)  # with the doubt or not at all: the sign of life ends the gap
        _doubt(tx, engine, now - gap, latest or now, now)


def notice_a_later_gateway(engine: Engine, *, now: datetime, gateway_now: datetime) -> bool:
    """Doubt all up to the gateway's own time if that is later than ours (UTC), and say whether it is.

    A test clock lives in the database and goes back with it; the gateway's does not. So a later state of this database
    may have lived, and charged, up to the time that the gateway has.
    """
    if gateway_now - now <= GAP:
        return False
    with engine.database.transaction() as tx:
        _doubt(tx, engine, now, gateway_now, now)
    return True


def _doubt(tx: Connection, engine: Engine, since: datetime, until: datetime, now: datetime) -> None:
    installation = load_installation(tx)
    known, began = installation.doubted_until, installation.doubted_since
    if known is not None and known.date() >= until.date() and began is not None and began <= since:
        return  # the same is doubted already; two clocks that disagree see a gap at every tick
    since, until = installation.doubt_with(since, until)
    doubt(tx, since, until)
    # Charges that were captured just before the gap may have been refunded in it.
    reconcile_at_once(tx, now, since - engine.rules.reconciling.recent)
    told = Note(EventType.INSTALLATION_DOUBTED, {"since": since.isoformat()})
    note(tx, None, told, Author(engine.actor, now), subject=("installation", "1"))
    log.warning("charges_are_looked_up_first", since=since.isoformat(), periods_until=until.isoformat())


def attempts_in_doubt(engine: Engine, installation: InstallationRow, period_start: date) -> int:
    """Return how many attempts at an invoice of a period may have been made while the doubt lasts."""
    # No attempt was made before the period began, in whatever zone.
    begins = datetime.combine(period_start, time(), tzinfo=UTC) - timedelta(days=1)
    since = begins if installation.doubted_since is None else max(begins, installation.doubted_since)
    lasted = (installation.doubted_until or since) - since
    return most_attempts(engine.rules.settlement.dunning, max(lasted, timedelta(0)))


def look_ahead(engine: Engine, charge_ids: Sequence[UUID], *, now: datetime) -> Ahead:
    """Ask whether the gateway knows later attempts at the invoices of these absent charges, where they are doubted."""
    with engine.database.snapshot() as tx:
        installation = load_installation(tx).as_of(now)
        rows = tx.execute(
            select(
                col(Charge.id), col(Charge.attempt_no), col(Invoice.subscription_id), col(Invoice.period_start),
                col(Invoice.kind),
            )
            .join(Invoice, col(Invoice.id) == col(Charge.invoice_id))
            .where(col(Charge.id).in_(charge_ids))
        ).all()  # fmt: skip
        of_lost_periods = references_of_lost_periods(tx, installation, charge_ids)
    references = {
        charge_reference(
            installation.id,
            row.subscription_id,
            row.period_start,
            row.attempt_no + later,
            agreement=row.kind is InvoiceKind.AGREEMENT,
        ): row.id
        for row in rows
        if installation.is_doubted(row.period_start)
        for later in range(1, attempts_in_doubt(engine, installation, row.period_start) + 1)
    }
    overtaken, unread = known_payments(engine, references)
    elsewhere, unclear = known_payments(engine, of_lost_periods)
    return Ahead(frozenset(overtaken), frozenset((unread | unclear) - overtaken.keys()), elsewhere)


def known_payments(
    engine: Engine, references: Mapping[str, UUID]
) -> tuple[dict[UUID, list[GatewayPayment]], set[UUID]]:
    """Ask the gateway about references, each with its charge.

    Return the charges for which it knows payments, with those, and the charges for which it could not be read.
    """
    known: defaultdict[UUID, list[GatewayPayment]] = defaultdict(list)
    unread: set[UUID] = set()
    answers = engine.gateway.find_by_reference(list(references)) if references else []
    for (reference, charge_id), told in zip(references.items(), answers, strict=True):
        if not isinstance(told, Found):
            unread.add(charge_id)
            continue
        ours = [payment for payment in told.payments if payment.reference == reference]
        if ours:
            known[charge_id] += ours
    return known, unread


@dataclass(frozen=True, slots=True)
class PaidElsewhere:
    """The gateway knows payments of the subscription for periods that this copy of the database has forgotten."""

    payments: Sequence[GatewayPayment]


def recall(
    engine: Engine, charge_id: UUID, reference: str, now: datetime
) -> Accepted | NotSent | Unreadable | PaidElsewhere | None:
    """Ask whether a doubted payment with the subscriber present was made before; None: it was not, so send it.

    One look must do, for the link is waited for. What was forgotten is older than the gap that showed it, so the
    gateway's list has had the gap to catch up. *NotSent* is a payment whose successor is known: that one comes next.
    """
    told = engine.gateway.find_by_reference([reference])[0]
    if isinstance(told, Unreadable):
        return told
    ours = tuple(payment for payment in told.payments if payment.reference == reference)
    if ours:
        chosen = choose(ours)
        keep_strays(engine, [(charge_id, other) for other in chosen.others], now)
        return Accepted(chosen.payment)
    ahead = look_ahead(engine, [charge_id], now=now)
    if charge_id in ahead.unread:
        return Unreadable("later attempts could not be asked about")
    if charge_id in ahead.elsewhere:
        return PaidElsewhere(ahead.elsewhere[charge_id])
    return NotSent("a later attempt is known to the gateway") if charge_id in ahead.overtaken else None
