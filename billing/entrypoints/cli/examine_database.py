"""What the doctor reads in the database: schema, ownership, switches, daemons, and what waits."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, assert_never

from billing.bootstrap import facts_of
from billing.domain.days.grace import outlasts
from billing.domain.door import DoorState, remedy_for, state_of
from billing.domain.public_ids import Kind, brief_subject, public_id
from billing.domain.reconciling import Place, Round
from billing.entrypoints.built_in_key import built_in_key_in_words
from billing.entrypoints.cli.checks import Check, ok, warning, wrong
from billing.entrypoints.cli.context import Session
from billing.entrypoints.cli.output import moment
from billing.entrypoints.clock import machine_now
from billing.entrypoints.ready import REMEDIES, in_words
from billing.operations.set_up import Readiness, what_differs
from billing.store.api_keys import list_keys
from billing.store.audit import head_of
from billing.store.audit_guards import missing_guards
from billing.store.disputes import open_disputes
from billing.store.door import load_door
from billing.store.heartbeats import load_heartbeats
from billing.store.installation import load_installation
from billing.store.migrating import newest_version
from billing.store.obligation_reports import owed_refunds
from billing.store.plan_views import list_plans
from billing.store.reconciliation import count_captured, load_rounds
from billing.store.report_log import Backlog, count_without_agreement, list_parked, load_backlog
from billing.store.set_up_evidence import count_lately
from billing.store.sqlite_file import open_to_others
from billing.store.vital_signs import COUNTED_TO
from plans.calendar import Interval
from plans.money import Money

_OVERDUE: Final = timedelta(hours=2)
_UNSETTLED: Final = timedelta(hours=25)
_WEBHOOK: Final = timedelta(hours=1)
_RECONCILED: Final = timedelta(days=2)
_UNSEEN: Final = {
    Round.SEARCH: "payments without our reference are not seen",
    Round.DISPUTES: "disputes whose webhook is lost are not seen",
}
_LEAST_ALIVE: Final = timedelta(minutes=1)
_DISPUTE_IS_URGENT: Final = timedelta(days=3)
_MOST_PARKED: Final = 1000
_HANG: Final = ("charge", "refund")
_MOST_NAMED: Final = 3
_MOST_KEYS: Final = 1000
_MOST_PLANS: Final = 1000


def reachable(session: Session) -> Check:
    """It must answer and have the schema of this program."""
    state = session.readiness()
    location = session.engine.database.location
    if state in (Readiness.READY, Readiness.COPIED):
        return ok("database", f"{location}, schema {newest_version()}")
    told, _, remedy = REMEDIES[state].partition("; ")
    return wrong("database", f"{location}: {told}", remedy)


def database_file(session: Session) -> Check:
    """Names, addresses and the installation's secret are in it."""
    database = session.engine.database
    if not database.is_sqlite:
        return ok("database file", "none: the data are on a server")
    found = [f"{file.name} (mode {mode:04o})" for file, mode in open_to_others(Path(database.location))]
    if found:
        told = f"others than its owner may read or change {', '.join(found)}"
        return warning("database file", told, f"`chmod 600 {database.location}*`")
    return ok("database file", "its owner's alone")


def binding(session: Session) -> Check:
    """A copy of a database never charges."""
    if session.readiness() is Readiness.COPIED:
        differing = what_differs(session.engine.database, facts_of(session.settings))
        told = f"the database is bound to another installation: {in_words(differing)}"
        return wrong("binding", told, "work on the original; or, if it is gone, `billing go --adopt`")
    return ok("binding", "the database is this installation's")


def api_keys(session: Session) -> Check:
    """Without a key the API answers nobody but Checkout.com and returning subscribers."""
    with session.engine.database.snapshot() as tx:
        number = sum(row.revoked_at is None for row in list_keys(tx, _MOST_KEYS))
    built_in = built_in_key_in_words(session.settings)
    also = f"; {built_in}" if built_in is not None else ""
    if number:
        return ok("API keys", f"{number} in use{also}")
    if session.settings.built_in_api_key() is not None:
        return ok("API keys", f"none was made{also}")
    return wrong("API keys", f"there is none: the API answers nobody{also}", "make one: `billing keys create NAME`")


def audit_trail(session: Session) -> Check:
    """The database itself must refuse to change what was decided; and a head that is seen elsewhere shows a cut."""
    with session.engine.database.snapshot() as tx:
        gone, head = missing_guards(tx), head_of(tx)
    if gone:
        told = f"the database does not guard it: {', '.join(gone)} is dropped or off"
        return wrong(
            "audit trail", told, "find out who did it, and run `billing audit verify --head` with a noted head"
        )
    return ok("audit trail", f"guarded; head {head.number}:{head.hash[:12]}" if head else "guarded; empty")


def stop_switch(session: Session) -> Check:
    """Somebody, or the brake, may have stopped charging."""
    with session.engine.database.snapshot() as tx:
        row = load_installation(tx)
    if row.stopped_because is not None:
        return wrong("stop switch", f"charging is stopped: {row.stopped_because}", "when it is mended: `billing go`")
    if row.held_until is not None and session.now() < row.held_until:
        told = f"charging is held until {moment(row.held_until, session.zone)}: {row.held_because}"
        return warning("stop switch", told, "it ends by itself; mend the reason, or `billing go`")
    return ok("stop switch", "charging is allowed")


def set_up_failures(session: Session) -> Check:
    """An error of our set-up that a few subscribers meet does not stop charging; a person should know of it."""
    policy, now = session.engine.rules.settlement.set_up, session.now()
    with session.engine.database.snapshot() as tx:
        counts = count_lately(tx, now, policy)
        is_careful = load_installation(tx).is_careful
    lately = f"in the last {policy.window / timedelta(hours=1):g} hours"
    careful = "; few are charged at once until one is captured" if is_careful else ""
    if counts.failed:
        met = "1 subscriber" if counts.failed == 1 else f"{counts.failed} subscribers"
        others = "others were captured" if counts.captured else "nobody was captured"
        told = f"{met} met an error of our set-up {lately}, and {others}{careful}"
        return warning("set-up", told, "`billing charges list --state declined` shows the codes; ask Checkout.com")
    return ok("set-up", f"nobody met an error of it {lately}{careful}")


def test_clock(session: Session) -> Check:
    """A clock that stands charges nobody."""
    with session.engine.database.snapshot() as tx:
        clock = load_installation(tx).clock
    if clock is None:
        return ok("test clock", "off: time is the machine's")
    told = f"time stands at {moment(clock, session.zone)}"
    if session.is_live:
        return wrong(
            "test clock", f"{told} in the database, though live mode ignores it", "never use a test database live"
        )
    return warning(
        "test clock",
        told,
        "move it with `billing clock advance`; `billing clock real` ends it, if it was not moved ahead",
    )


def daemons(session: Session) -> Check:
    """Without a daemon, or a cron job, nothing is renewed."""
    alive_within = max(_LEAST_ALIVE, timedelta(seconds=3 * session.settings.daemon.tick_seconds))
    with session.engine.database.snapshot() as tx:
        beats = load_heartbeats(tx)
    dead = [beat.name for beat in beats if machine_now() - beat.seen_at > alive_within]
    living = [beat.name for beat in beats if beat.name not in dead]
    if dead:
        told = f"no sign of life from {', '.join(dead)}" + (f"; {', '.join(living)} alive" if living else "")
        return (warning if living else wrong)("daemons", told, "look at its log and start it again: `billing daemon`")
    if not living:
        return warning("daemons", "none is running", "start one: `billing daemon` (or `billing run-due` from cron)")
    return ok("daemons", f"{', '.join(living)} alive")


def unsettled(session: Session) -> Check:
    """A charge without an outcome blocks its subscription."""
    backlog = _backlog(session)
    if backlog.oldest_unsettled is None:
        return ok("unsettled charges", "none")
    told = f"the oldest is of {moment(backlog.oldest_unsettled, session.zone)}"
    if session.now() - backlog.oldest_unsettled > _UNSETTLED:
        return warning("unsettled charges", told, "`billing charges list --state pending --state unknown`")
    return ok("unsettled charges", told)


def overdue(session: Session) -> Check:
    """What was due two hours ago should be done."""
    backlog = _backlog(session)
    told = f"{backlog.overdue_renewals} renewals and {backlog.overdue_charges} charges are late by 2 hours or more"
    if backlog.overdue_renewals or backlog.overdue_charges:
        return wrong("overdue", told, "start a daemon, and see above whether charging is stopped")
    return ok("overdue", "nothing is late")


def paused_plans(session: Session) -> Check:
    """A paused plan renews nobody; somebody may have forgotten it."""
    backlog = _backlog(session)
    if not backlog.paused_plans:
        return ok("paused plans", "nobody waits for one")
    each = ", ".join(f"{plan} ({number} due)" for plan, number in backlog.paused_plans.items())
    return warning("paused plans", f"nobody is renewed on {each}", "`billing plans resume PLAN` when it may go on")


def retry_plan(session: Session) -> Check:
    """Retries that outlast a period go on asking for a debt that gives no access any more."""
    days = session.engine.rules.settlement.dunning.days
    with session.engine.database.snapshot() as tx:
        rows = list_plans(tx, archived=False, behind=None, limit=_MOST_PLANS)
    longer = [row.code for row in rows if outlasts(Interval(row.interval_unit, row.interval_count), days)][:_MOST_NAMED]
    if not longer:
        return ok("retry plan", f"{days} days")
    return ok(
        "retry plan",
        f"{days} days, longer than a period of {', '.join(longer)}: access ends with the period that is owed",
    )


def webhooks(session: Session) -> Check:
    """A webhook that waits for long cannot be processed."""
    oldest = _backlog(session).oldest_webhook
    if oldest is not None and session.now() - oldest > _WEBHOOK:
        told = f"the oldest waits since {moment(oldest, session.zone)}"
        return warning("webhooks", told, "start a daemon; `billing webhooks --state received` tells why")
    return ok("webhooks", "none waits for long")


def agreements(session: Session) -> Check:
    """Who paid and made no agreement cannot be renewed."""
    with session.engine.database.snapshot() as tx:
        number = count_without_agreement(tx)
    if number:
        told = (
            f"{number} live subscription{'s have' if number > 1 else ' has'} none: no agreement came with the payment"
        )
        return warning("agreements", told, "see that payments are made as Recurring, and replace their sources")
    return ok("agreements", "each live subscription has one")


def disputes(session: Session) -> Check:
    """A dispute that nobody answers in time is lost."""
    with session.engine.database.snapshot() as tx:
        rows = open_disputes(tx)
    if not rows:
        return ok("disputes", "none is open")
    first = rows[0]
    until = (
        f"answer by {moment(first.respond_by, session.zone)}" if first.respond_by is not None else "no deadline told"
    )
    charge = f"{public_id(Kind.CHARGE, first.charge_id)} ({first.gateway_dispute_id})"
    told = f"{len(rows)} open; the most urgent: {Money(first.amount_minor, first.currency)} of {charge}, {until}"
    remedy = (
        "answer or accept them in Checkout.com's dashboard; refunds of these charges are held until then; "
        "one that has ended there: `billing charges settle-dispute`"
    )
    if first.respond_by is not None and first.respond_by - session.now() < _DISPUTE_IS_URGENT:
        return wrong("disputes", told, remedy)
    return warning("disputes", told, remedy)


def incoming_webhooks(session: Session) -> Check:
    """Checkout.com tells how payments end; without it every outcome waits for a look-up."""
    now = session.now()
    with session.engine.database.snapshot() as tx:
        door = load_door(tx, now)
    arrival = (
        "none ever came" if door.last_arrival is None else f"the last came {moment(door.last_arrival, session.zone)}"
    )
    missing = f"{door.unannounced} of the last {len(door.announced)} payments ended without a webhook; {arrival}"
    refused = "".join(
        f"; {each.number} turned away ({each.why.replace('_', ' ')}, last {moment(each.last_at, session.zone)})"
        for each in door.refused
    )
    state = state_of(door, now)
    match state:
        case DoorState.UNTRIED:
            return ok("incoming webhooks", f"no payment ended lately; {arrival}")
        case DoorState.OPEN:
            return ok("incoming webhooks", f"one for each of the last {len(door.announced)} payments; {arrival}")
        case DoorState.SHUT:
            return wrong("incoming webhooks", f"the front door is shut: {missing}{refused}", remedy_for(door))
        case DoorState.DOUBTFUL:
            return warning("incoming webhooks", f"{missing}{refused}", remedy_for(door))
        case _:
            assert_never(state)


def parked(session: Session) -> Check:
    """What was set aside waits for a person."""
    with session.engine.database.snapshot() as tx:
        rows = list_parked(tx, _MOST_PARKED)
    if rows:
        told = f"{len(rows)} things wait for a person" if len(rows) > 1 else "one thing waits for a person"
        # What stands in the way of a customer who leaves is named.
        hang = [f"{row.kind} {brief_subject(row.kind, row.id)} is {row.why}" for row in rows if row.kind in _HANG]
        named = "; ".join(hang[:_MOST_NAMED])
        return warning("parked", f"{told}: {named}" if named else told, "`billing parked list`")
    return ok("parked", "nothing")


def owed(session: Session) -> Check:
    """What is owed to subscribers must go back, by a refund or otherwise."""
    with session.engine.database.snapshot() as tx:
        number, since = owed_refunds(tx)
    if since is None:
        return ok("owed refunds", "none")
    how_many = f"{number} refunds have failed" if number > 1 else "one refund has failed"
    told = f"{how_many}, and the money is still owed; the oldest since {moment(since, session.zone)}"
    return wrong("owed refunds", told, "`billing refunds owed`; what goes back otherwise: `billing refunds settle`")


def reconciliation(session: Session) -> Check:
    """What Checkout.com knows otherwise, or alone, is found by asking."""
    now = session.now()
    with session.engine.database.snapshot() as tx:
        rounds = load_rounds(tx)
        rotation = next((row.place for row in rounds if row.name is Round.ROTATION and row.place), None)
        left = count_captured(tx, Place.from_json(rotation), COUNTED_TO) if rotation else 0
    recent = next((row for row in rounds if row.name is Round.RECENT), None)
    if recent is None or recent.ended_at is None:
        told = "no round was completed yet"
        if recent is not None and recent.began_at is not None and now - recent.began_at > _RECONCILED:
            return warning("reconciliation", told, "see that a daemon runs and Checkout.com answers")
        return ok("reconciliation", told)  # a daemon that does not run is told of above
    found = sum(row.found for row in rounds)
    unread = sum(row.unread for row in rounds)
    told = f"recent payments were asked about until {moment(recent.ended_at, session.zone)}"
    told += f"; {found} finding{'' if found == 1 else 's'}"
    told += f", {unread} questions without an answer" if unread else ""
    told += f"; {left}{'+' if left == COUNTED_TO else ''} older charges are still to be asked about" if left else ""
    told += "".join(f"; {_UNSEEN[row.name]}: {row.unseen}" for row in rounds if row.unseen and row.name in _UNSEEN)
    if now - recent.ended_at > _RECONCILED:
        remedy = "see that a daemon runs and Checkout.com answers; raise reconciliation.read_share if it takes too long"
        return warning("reconciliation", told, remedy)
    return ok("reconciliation", told)


def _backlog(session: Session) -> Backlog:
    now = session.now()
    with session.engine.database.snapshot() as tx:
        return load_backlog(tx, now, now - _OVERDUE)


EXAMINATIONS: Final[tuple[Callable[[Session], Check], ...]] = (
    database_file,
    binding,
    api_keys,
    audit_trail,
    stop_switch,
    set_up_failures,
    test_clock,
    daemons,
    unsettled,
    overdue,
    paused_plans,
    retry_plan,
    agreements,
    disputes,
    webhooks,
    incoming_webhooks,
    owed,
    reconciliation,
    parked,
)
