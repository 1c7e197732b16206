"""What must be true of the days that are billed, at every moment: a day is billed only if it gave access.

Asked of the committed rows in words of its own, not in those of ``billing verify``.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from tests.simulation.invariants import KST, always

if TYPE_CHECKING:
    from tests.simulation.world import World

_ON: Final = "date({}, '+9 hours')"
"""The day of an instant in Seoul, where worlds are billed."""


@always(50)
def no_paused_period_is_charged(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT i.id, i.period_start, i.period_end FROM invoice i JOIN event p ON p.subscription_id = i.subscription_id"
        " AND p.type = 'subscription.paused' WHERE i.kind = 'renewal' AND i.state = 'paid'"
        f" AND {_ON.format('p.at')} < i.period_start AND NOT EXISTS (SELECT 1 FROM event r"
        " WHERE r.subscription_id = p.subscription_id AND r.subject_type = 'subscription' AND r.to_state IS NOT NULL"
        f" AND r.id > p.id AND {_ON.format('r.at')} < i.period_end)"
    ):
        if not world.was_restored:
            yield f"invoice {row['id']} was paid for {row['period_start']} to {row['period_end']}, all of them paused"


@always(51)
def no_period_behind_a_debt_is_charged(world: "World") -> Iterator[str]:
    today = world.clock.now.astimezone(KST).date().isoformat()
    for row in world.books.rows(
        "SELECT i.id, i.period_start, i.period_end, d.id AS debt FROM invoice i JOIN invoice d"
        " ON d.subscription_id = i.subscription_id AND d.kind = 'renewal' AND d.period_end <= i.period_start"
        " WHERE i.kind = 'renewal' AND i.state = 'paid'"
        " AND ((d.state = 'open' AND i.period_end <= ?)"
        f" OR (d.state = 'paid' AND i.period_end <= {_ON.format('d.paid_at')}))"
        f" AND EXISTS (SELECT 1 FROM charge c WHERE c.invoice_id = d.id AND {_ON.format('c.created_at')} <= i.period_start)"
        " AND NOT EXISTS (SELECT 1 FROM day_record o WHERE o.subscription_id = i.subscription_id AND o.kind = 'owed'"
        " AND o.starts_on <= i.period_start AND i.period_end <= o.ends_on)",
        today,
    ):
        if not world.was_restored:
            days = f"{row['period_start']} to {row['period_end']}"
            yield f"invoice {row['id']} was paid for {days}, while invoice {row['debt']} was owed"


@always(52)
def no_period_begins_before_its_first_payment(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT id, period_start, paid_at FROM invoice WHERE kind = 'first' AND state = 'paid'"
        f" AND period_start < {_ON.format('paid_at')}"
    ):
        yield f"invoice {row['id']} begins on {row['period_start']}, and was paid at {row['paid_at']}"


@always(53)
def one_period_is_owed_at_a_time(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT i.subscription_id, count(*) AS number FROM invoice i JOIN subscription s ON s.id = i.subscription_id"
        " WHERE i.state = 'open' AND i.kind = 'renewal' AND s.state <> 'canceled'"
        " AND NOT EXISTS (SELECT 1 FROM day_record o WHERE o.subscription_id = i.subscription_id AND o.kind = 'owed'"
        " AND o.starts_on <= i.period_start AND i.period_end <= o.ends_on) GROUP BY 1 HAVING count(*) > 1"
    ):
        yield f"subscription {row['subscription_id']} owes {row['number']} periods"


@always(54)
def grace_ends_with_its_period(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT id, grace_until, period_end FROM invoice WHERE state = 'open' AND kind = 'renewal'"
        " AND (grace_until IS NULL OR grace_until > period_end)"
    ):
        yield f"invoice {row['id']} gives access until {row['grace_until']}, its period ends {row['period_end']}"


@always(55)
def no_unbilled_day_is_paid_for(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT i.id, d.starts_on, d.ends_on, d.kind FROM day_record d JOIN invoice i"
        " ON i.subscription_id = d.subscription_id AND i.kind IN ('first', 'renewal') AND i.state = 'paid'"
        " AND i.period_start < d.ends_on AND d.starts_on < i.period_end WHERE d.kind <> 'owed'"
    ):
        yield f"invoice {row['id']} is paid for days from {row['starts_on']} on that are {row['kind']}"
