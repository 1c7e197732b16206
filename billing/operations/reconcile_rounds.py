"""Asks the gateway about what is known here, in rounds that are due by themselves: a page at a time, within a budget.

Whichever daemon comes first takes the turn; how far a round is stands in the database, so that any of them goes on.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

import structlog
from sqlalchemy import Connection

from billing.domain.charging import SearchPage, SearchRefused
from billing.domain.disputes import DisputesRead
from billing.domain.reconciling import (
    CONFIRMED_AFTER,
    DECIDED_ANEW_WITHIN,
    MOST_TRIES,
    SETTLES_WITHIN,
    TRY_AGAIN_AFTER,
    Phase,
    Place,
    Round,
    doubting,
    first_place,
    next_round_at,
)
from billing.operations.engine import Engine
from billing.operations.foreign_refunds import adopt_refunds
from billing.operations.forgotten import forgotten_page
from billing.operations.reconcile_charges import Asked, ask_about_captured, ask_about_live, settle_news
from billing.operations.reconcile_disputes import ask_about_disputes, take_up_disputes
from billing.operations.refunds import recheck_ended
from billing.store.disputes import disputes_to_ask
from billing.store.installation import load_installation
from billing.store.reconciliation import (
    RoundRow,
    captured_page,
    hand_over_turn,
    live_page,
    load_asked,
    load_rounds,
    next_page_at,
    parked_refund_page,
    prepare_rounds,
    refund_page,
    take_turn,
    write_round,
)

log = structlog.get_logger()
PAGE_SECONDS: Final = 2
"""A page asks no more than the budget of so many seconds."""
_SEARCH_PAGE: Final = 100
_DISPUTE_PAGE: Final = 100
_DOUBTED_INVOICES: Final = 1
_PRECISION: Final = timedelta(seconds=2)
"""The gateway may tell the instant of a payment more finely than it searches by."""
_SINCE_THE_LAST: Final = (Round.SEARCH, Round.DISPUTES)
"""Rounds that reach back to the one before."""


@dataclass(frozen=True, slots=True)
class Paged:
    """A page that was asked: how many reads it cost, what it found, and for how long nothing more may be asked."""

    round: Round
    reads: int
    found: int
    pause: timedelta


@dataclass(frozen=True, slots=True)
class _Step:
    asked: Asked
    place: Place | None
    """Where the phase goes on; None: it is at its end."""
    unseen: str | None = None


def reconcile_page(engine: Engine, *, now: datetime) -> Paged | None:
    """Ask the next page of the round that is due at ``now`` (UTC); None: nothing is due, or it is another's turn."""
    with engine.database.snapshot() as tx:
        free_at = next_page_at(tx)
        rounds = load_rounds(tx)
    if free_at is not None and (free_at > now or not _due(rounds, now)):
        return None
    with engine.database.transaction() as tx:
        lease = take_turn(tx, now)
        if lease is None:
            return None
        prepare_rounds(tx, now)
        due = _due(load_rounds(tx), now)
        if due is None:
            hand_over_turn(tx, lease, now)
            return None
        row, place = _begun(tx, engine, due, now)
    place, step = _ask_until_something_is_read(engine, row.name, place, now)
    budget = engine.rules.reconciling.reads_per_second
    pause = timedelta(seconds=step.asked.reads / budget)
    with engine.database.transaction() as tx:
        # A test clock stands still: there the pause is up to who calls.
        stands = load_installation(tx).clock is not None
        if hand_over_turn(tx, lease, now if stands else now + pause):
            _write_down(tx, row, place, step, now)
    return Paged(row.name, step.asked.reads, step.asked.found, pause)


def _due(rounds: list[RoundRow], now: datetime) -> RoundRow | None:
    return next((row for row in rounds if row.due_at <= now), None)


def _begun(tx: Connection, engine: Engine, row: RoundRow, now: datetime) -> tuple[RoundRow, Place]:
    if row.place is not None:
        return row, Place.from_json(row.place)
    recent = engine.rules.reconciling.recent
    place = first_place(row.name, now, recent=recent, since=row.since, is_first=row.ended_at is None)
    begun = replace(row, place=place.as_json(), since=None, began_at=now, asked=0, found=0, unread=0)
    names = ("place", "since", "began_at", "asked", "found", "unread")
    write_round(tx, row.name, {name: getattr(begun, name) for name in names})
    return begun, place


def _write_down(tx: Connection, row: RoundRow, place: Place, step: _Step, now: datetime) -> None:
    asked = step.asked
    retried = asked.unread > 0 and place.tries + 1 < MOST_TRIES
    counts = {
        "asked": row.asked + asked.reads,
        "found": row.found + asked.found,
        "all_asked": row.all_asked + asked.reads,
        "all_found": row.all_found + asked.found,
        "unread": row.unread if retried else row.unread + asked.unread,
    }
    if retried:
        # Nothing was proven about what could not be read: the same page is asked again.
        # A link that cannot be followed may have grown old: its window is then searched from the beginning.
        link = place.following if place.tries == 0 else None
        kept = doubting(replace(place, tries=place.tries + 1, following=link), tuple(asked.doubtful), now)
        write_round(tx, row.name, {**counts, "place": kept.as_json(), "due_at": now + TRY_AGAIN_AFTER})
        return
    following = step.place
    if following is not None:
        awaited = min((each for each in (place.awaited_since, asked.awaited_since) if each), default=None)
        following = replace(following, tries=0, awaited_since=awaited)
        following = doubting(following, tuple(asked.doubtful), now)
    else:
        following = doubting(place, tuple(asked.doubtful), now).next_phase(row.name)
    if following is not None:
        due_at = now
        if following.phase is Phase.AGAIN and place.phase is not Phase.AGAIN:
            due_at = (following.doubted_at or now) + CONFIRMED_AFTER
        write_round(tx, row.name, {**counts, "place": following.as_json(), "due_at": due_at})
        return
    ended = {"place": None, "ended_at": now, "due_at": next_round_at(row.name, row.began_at or now, now)}
    since = {"since": _searched_until(place, asked, step.unseen)} if row.name in _SINCE_THE_LAST else {}
    write_round(tx, row.name, {**counts, **ended, **since, "unseen": step.unseen})
    log.info("round_reconciled", round=row.name.value, asked=counts["asked"], found=counts["found"])


def _searched_until(place: Place, asked: Asked, unseen: str | None) -> datetime:
    """Return where the next search begins: before what was not seen or not read, or is still awaited."""
    if unseen is not None:
        return place.since
    awaited = [each - _PRECISION for each in (place.awaited_since, asked.awaited_since) if each]
    return min([place.until - SETTLES_WITHIN, *awaited])


def _ask_until_something_is_read(engine: Engine, round_: Round, place: Place, now: datetime) -> tuple[Place, _Step]:
    """Ask a page, going on to the next phase where one had nothing to be asked about; return its place, too."""
    step = _ask(engine, place, now)
    while not step.asked.reads and step.place is None:
        following = place.next_phase(round_)
        if following is None or following.phase is Phase.AGAIN:  # that waits
            break
        place, step = following, _ask(engine, following, now)
    return place, step


def _ask(engine: Engine, place: Place, now: datetime) -> _Step:
    limit = max(1, int(engine.rules.reconciling.reads_per_second * PAGE_SECONDS))
    match place.phase:
        case Phase.CAPTURED:
            return _captured(engine, place, limit, now)
        case Phase.REFUNDS:
            return _refunds(engine, place, limit, now)
        case Phase.AGAIN:
            return _again(engine, place, limit, now)
        case Phase.WINDOW:
            return _window(engine, place, now)
        case Phase.KNOWN_DISPUTES:
            return _known_disputes(engine, place, limit, now)
        case Phase.DISPUTE_WINDOW:
            return _dispute_window(engine, place, now)
        case Phase.LIVE:
            return _live(engine, place, limit, now)
        case Phase.PARKED_REFUNDS:
            return _parked_refunds(engine, place, limit, now)
        case Phase.FORGOTTEN:
            return _forgotten(engine, place, now)
        case _:
            assert_never(place.phase)


def _captured(engine: Engine, place: Place, limit: int, now: datetime) -> _Step:
    with engine.database.snapshot() as tx:
        charges = captured_page(tx, place, limit)
    if not charges:
        return _Step(Asked(), None)
    asked = ask_about_captured(engine, charges, now, confirming=False)
    following = replace(place, after_at=charges[-1].sent_at, after_id=str(charges[-1].id))
    return _Step(asked, following if len(charges) == limit else None)


def _refunds(engine: Engine, place: Place, limit: int, now: datetime) -> _Step:
    half = max(1, limit // 2)
    with engine.database.snapshot() as tx:
        rows = refund_page(tx, place, half)
        charges = load_asked(tx, [row.charge_id for row in rows])
    if not rows:
        return _Step(Asked(), None)
    asked = ask_about_captured(engine, [each for each in charges if each.gateway_payment_id], now, confirming=False)
    _recheck(engine, [row.id for row in rows], asked, now)
    following = replace(place, after_at=rows[-1].created_at, after_id=str(rows[-1].id))
    return _Step(asked, following if len(rows) == half else None)


def _again(engine: Engine, place: Place, limit: int, now: datetime) -> _Step:
    these, rest = place.doubtful[:limit], place.doubtful[limit:]
    with engine.database.snapshot() as tx:
        charges = load_asked(tx, [UUID(each) for each in these])
    asked = ask_about_captured(engine, charges, now, confirming=True)
    return _Step(asked, replace(place, doubtful=rest) if rest else None)


def _live(engine: Engine, place: Place, limit: int, now: datetime) -> _Step:
    with engine.database.snapshot() as tx:
        charges = live_page(tx, place.after_id, limit)
    if not charges:
        return _Step(Asked(), None)
    asked = ask_about_live(engine, charges, now)
    following = replace(place, after_id=str(charges[-1].subscription_id))
    return _Step(asked, following if len(charges) == limit else None)


def _parked_refunds(engine: Engine, place: Place, limit: int, now: datetime) -> _Step:
    with engine.database.snapshot() as tx:
        ids = parked_refund_page(tx, place.after_id, limit)
    if not ids:
        return _Step(Asked(), None)
    asked = Asked()
    _recheck(engine, ids, asked, now)
    return _Step(asked, replace(place, after_id=str(ids[-1])) if len(ids) == limit else None)


def _recheck(engine: Engine, refund_ids: list[UUID], asked: Asked, now: datetime) -> None:
    tally = recheck_ended(engine, refund_ids, now=now)
    asked.reads += tally.acts["refund_rechecks"]
    asked.settled(tally)


def _forgotten(engine: Engine, place: Place, now: datetime) -> _Step:
    page = forgotten_page(engine, UUID(place.after_id or str(UUID(int=0))), _DOUBTED_INVOICES)
    if page is None:
        return _Step(Asked(), None)
    asked = Asked(reads=page.asked, unread=len(page.unread))
    settle_news(engine, page.payments, asked, now)
    return _Step(asked, replace(place, after_id=str(page.last)))


def _window(engine: Engine, place: Place, now: datetime) -> _Step:
    told = engine.gateway.search_payments(place.since, place.until, limit=_SEARCH_PAGE, following=place.following)
    asked = Asked(reads=1)
    if isinstance(told, SearchRefused):
        return _Step(asked, None, told.reason)
    if not isinstance(told, SearchPage):
        asked.unread = 1
        return _Step(asked, None, told.reason[:200])
    settle_news(engine, told.payments, asked, now)
    adopted = adopt_refunds(engine, told.payments, now=now)
    asked.reads += adopted.acts["refunds_adopted"]
    asked.settled(adopted)
    return _Step(asked, replace(place, following=told.following) if told.following else None)


def _known_disputes(engine: Engine, place: Place, limit: int, now: datetime) -> _Step:
    with engine.database.snapshot() as tx:
        ids = disputes_to_ask(tx, now - DECIDED_ANEW_WITHIN, place.after_id, limit)
    if not ids:
        return _Step(Asked(), None)
    asked, unseen = ask_about_disputes(engine, ids, now)
    return _Step(asked, replace(place, after_id=ids[-1]) if len(ids) == limit else None, unseen)


def _dispute_window(engine: Engine, place: Place, now: datetime) -> _Step:
    page = engine.gateway.list_disputes(place.since, limit=_DISPUTE_PAGE, skip=int(place.following or 0))
    asked, unseen = take_up_disputes(engine, page, now)
    following = page.following if isinstance(page, DisputesRead) else None
    return _Step(asked, replace(place, following=str(following)) if following is not None else None, unseen)
