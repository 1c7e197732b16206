"""Stories of how things come to be: each row has an event that says who made it, when, and what for."""

from uuid import UUID

from harness import WEB, email

from billing.operations.re_enrol import re_enrol
from billing.operations.request_refund import request_refund
from billing.store.timeline import subscription_timeline

BEGINS = {
    "subscription": "subscription.created",
    "invoice": "invoice.issued",
    "charge": "charge.started",
    "source": "source.created",
    "refund": "refund.created",
}


def _begun(world):
    """Return the first event of every row, by the row."""
    first = {}
    for event in world.events():
        first.setdefault((event["subject_type"], event["subject_id"]), event)
    return first


def test_every_row_begins_with_its_event_at_the_time_it_was_written(world):
    subscription = world.subscribe("kim", "trial")
    world.live_through("2027-02-01 12:00")
    made = re_enrol(world.engine, subscription, WEB, now=world.now)
    world.agree(str(made.redirect_url))
    world.wait(minutes=2)
    world.wallet(email("kim"), refunds=["hang"])
    world.subscribe("kim", "yearly")
    charge = UUID(str(world.rows("SELECT id FROM charge ORDER BY created_at")[-1]["id"]))
    request_refund(world.engine, charge, 1000, reason="sorry", now=world.now)
    begun = _begun(world)
    for table, kind in BEGINS.items():
        rows = world.rows(f"SELECT id, created_at FROM {table}")
        assert rows, table
        for row in rows:
            event = begun[table, str(UUID(str(row["id"])))]
            assert (event["type"], event["from_state"], event["at"]) == (kind, None, row["created_at"])


def test_the_timeline_of_a_trial_reads_as_it_happened(world):
    subscription = world.subscribe("kim", "trial")
    with world.engine.database.snapshot() as tx:
        told = [line.sentence for line in subscription_timeline(tx, subscription, 100).lines]
    assert "Invoice of ₩100, which only makes the agreement and is given back." in told
    agreement = "KakaoPay made an agreement; it counts once the payment is captured."
    ordered = "A refund of ₩100 was ordered: it only made the agreement."
    assert told.index(agreement) < told.index(ordered)
