"""Rounds keep how far they are when the database is upgraded, and a round of disputes joins them."""

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from billing.operations.reconcile_rounds import reconcile_page
from billing.store.migrating import MIGRATIONS, upgrade

BEFORE = ["open", "recent", "rotation", "search"]


def _as_it_was_before(world):
    revisions = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    (made_by,) = [each for each in revisions if each.path.endswith("_disputes_are_asked_about.py")]
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with world.engine.database.transaction() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, str(made_by.down_revision))


def _ask(world):
    while reconcile_page(world.engine, now=world.now) is not None:
        pass


def _rounds(world):
    return world.rows("SELECT * FROM reconciliation_round ORDER BY name")


def test_rounds_keep_their_place_and_disputes_are_asked_about_within_a_day(world):
    world.subscribe()
    _ask(world)
    _as_it_was_before(world)
    before = _rounds(world)
    assert [row["name"] for row in before] == BEFORE
    rename = text("UPDATE reconciliation_round SET name = 'disputes' WHERE name = 'open'")
    with pytest.raises(IntegrityError), world.engine.database.transaction() as tx:
        tx.execute(rename)
    upgrade(world.engine.database)
    assert _rounds(world) == before
    world.wait(days=1)
    _ask(world)
    assert [row["name"] for row in _rounds(world)] == sorted([*BEFORE, "disputes"])
    with pytest.raises(IntegrityError), world.engine.database.transaction() as tx:
        tx.execute(text("UPDATE reconciliation_round SET name = 'tomorrow' WHERE name = 'open'"))
