"""What was captured, must go back and has not gone back becomes an obligation when the database is upgraded."""

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from harness import email, open_inbox

from billing.store.invariants import check_all
from billing.store.migrating import MIGRATIONS, upgrade

KIM = email("kim")


def _as_it_was_before(world):
    """Take the database back to the schema before there were obligations; its refunds are as they were ordered then."""
    revisions = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    (made_by,) = [each for each in revisions if each.path.endswith("_refund_obligations.py")]
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with world.engine.database.transaction() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, str(made_by.down_revision))


def _named(world):
    with world.engine.database.snapshot() as tx:
        return {breach.number for breach in check_all(tx, world.now)}


@pytest.fixture
def kept(world):
    """A surplus and a token amount, of which the first refunds were declined, and a surplus that went back."""
    with open_inbox(world):
        world.subscribe()
        world.subscribe("lee", "trial")
        world.subscribe("park")
        world.wallet(KIM, script=["late:30:20051", "ok"], refunds=["20006"] * 2)
        world.wallet(email("park"), script=["late:30:20051", "ok"])
        world.live_through("2027-03-01 19:00")
        yield world


def test_only_what_has_not_gone_back_is_taken_up_and_then_worked_off(kept):
    before = kept.rows("SELECT gateway_payment_id, amount_minor FROM refund_obligation WHERE ended_at IS NULL")
    assert [row["amount_minor"] for row in before] == [9900]
    _as_it_was_before(kept)
    upgrade(kept.engine.database)
    taken_up = kept.rows("SELECT * FROM refund_obligation")
    assert [row["gateway_payment_id"] for row in taken_up] == [row["gateway_payment_id"] for row in before]
    assert (taken_up[0]["state"], taken_up[0]["reason"]) == ("owed", "the invoice was already paid")
    (born,) = kept.events("refund_obligation.created")
    assert (born["sequence"], born["actor"], born["to_state"]) == (1, "upgrade", "owed")
    assert _named(kept) == set()
    kept.live_through("2027-03-04 12:00")
    assert kept.states("refund_obligation") == ["refunded"]
    assert all(payment["captured"] - payment["refunded"] in (0, 9900) for payment in kept.captured())
    assert _named(kept) == set()


def test_what_is_older_than_the_wallet_refunds_is_parked_at_the_first_sweep_and_named(kept):
    _as_it_was_before(kept)
    kept.go_to("2028-03-10 12:00")
    upgrade(kept.engine.database)
    kept.sweep()
    (row,) = kept.rows("SELECT * FROM refund_obligation WHERE state = 'parked'")
    assert "365 days" in row["parked_reason"]
    assert 40 in _named(kept)


def test_an_upgrade_of_an_empty_database_takes_up_nothing(world):
    _as_it_was_before(world)
    upgrade(world.engine.database)
    assert world.rows("SELECT id FROM refund_obligation") == []
