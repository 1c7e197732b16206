"""The audit trail on both databases: refused changes, one chain however many write, nothing without its act."""

import threading
from datetime import UTC, datetime

import pytest
from harness import START
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from billing.domain.api_keys import KeyMode
from billing.domain.audit import Decision
from billing.domain.roles import Role
from billing.operations.api_keys import create_key
from billing.operations.audit import Head, verify_trail
from billing.operations.plans import pause_plan, resume_plan
from billing.operations.set_up import stop
from billing.store.audit import enter, list_entries
from billing.store.database import before_commit

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def entered(database, number=1, times=1):
    for each in range(times):
        with database.for_people.transaction() as tx:
            enter(tx, Decision(NOW, f"cli:{number}", "plan.paused", "plan", str(each), "", {}))


@pytest.mark.parametrize(
    "harm", ["UPDATE audit_entry SET reason = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
def test_rows_are_neither_changed_nor_deleted(database, harm):
    entered(database)
    if harm.startswith("TRUNCATE") and database.is_sqlite:
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(DatabaseError, match="only appended to"), database.transaction() as tx:
        tx.execute(text(harm))
    assert verify_trail(database).entries == 1


@pytest.mark.parametrize(
    "keys",
    ["number, 'x', 'y'", "number + 9, previous_hash, 'y'", "number + 9, 'x', hash"],
    ids=["number", "previous", "hash"],
)
def test_no_row_takes_the_place_of_another(database, keys):
    entered(database)
    columns = "at, actor, act, subject_type, subject_id, details"
    order, says = ("INSERT OR REPLACE", "only appended to") if database.is_sqlite else ("INSERT", "duplicate key")
    with pytest.raises(DatabaseError, match=says), database.transaction() as tx:
        tx.execute(
            text(
                f"{order} INTO audit_entry (number, previous_hash, hash, reason, {columns}) "
                f"SELECT {keys}, 'slipped in', {columns} FROM audit_entry"
            )
        )
    assert [entry.decision.reason for entry in database_entries(database)] == [""]


def test_many_writers_make_one_chain(database):
    writers = [threading.Thread(target=entered, args=(database, number, 10)) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    told = verify_trail(database)
    assert (told.entries, told.broken) == (60, None)
    assert verify_trail(database, Head(60, told.head.hash)).broken is None


def test_an_act_that_is_rolled_back_leaves_no_entry(database):
    with pytest.raises(RuntimeError, match="no"), database.for_people.transaction() as tx:
        enter(tx, Decision(NOW, "cli:ops", "plan.paused", "plan", "basic", "", {}))
        raise RuntimeError("no")
    entered(database)
    assert [entry.decision.actor for entry in database_entries(database)] == ["cli:1"]


def test_an_entry_that_cannot_be_written_takes_its_act_back(world, monkeypatch):
    def fail(_number, _previous, _decision):
        raise RuntimeError("no entry")

    monkeypatch.setattr("billing.store.audit.follow", fail)
    by_hand = people(world)
    with pytest.raises(RuntimeError, match="no entry"):
        pause_plan(by_hand, "basic", now=world.now)
    assert world.scalar("SELECT paused_at FROM plan WHERE code = 'basic'") is None


def test_only_what_is_done_for_a_person_is_entered(world):
    pause_plan(world.engine, "basic", now=world.now)
    assert verify_trail(world.engine.database).entries == 0
    resume_plan(people(world), "basic", now=world.now)
    stop(people(world), "look at it first", now=world.now)
    entries = database_entries(world.engine.database)
    assert [(entry.decision.act, entry.decision.reason) for entry in entries] == [
        ("installation.charging_stopped", "look at it first"),
        ("plan.resumed", ""),
    ]
    assert entries[0].decision.at == START


def test_a_trail_that_is_empty_though_a_key_was_made_does_not_hold(world):
    create_key(people(world), "shop-backend", Role.BACKEND, KeyMode.TEST, now=NOW)
    assert verify_trail(world.engine.database).broken is None
    drop_guards(world.engine.database)
    with world.engine.database.transaction() as tx:
        tx.execute(text("DELETE FROM audit_entry"))
    told = verify_trail(world.engine.database)
    assert "cli:ops did api_key.created" in told.broken.why


def test_a_guard_that_is_gone_is_named(database):
    assert verify_trail(database).missing_guards == []
    gone = drop_guards(database)
    told = verify_trail(database)
    assert (told.missing_guards, told.broken) == (gone, None)


def test_a_guard_that_is_switched_off_is_named(database):
    if database.is_sqlite:
        pytest.skip("SQLite switches no trigger off")
    with database.transaction() as tx:
        tx.execute(text("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change"))
    assert verify_trail(database).missing_guards == ["audit_entry_no_change"]


def drop_guards(database):
    if not database.is_sqlite:
        with database.transaction() as tx:
            tx.execute(text("DROP TRIGGER audit_entry_no_change ON audit_entry"))
        return ["audit_entry_no_change"]
    with database.transaction() as tx:
        for act in ("delete", "update"):
            tx.execute(text(f"DROP TRIGGER audit_entry_no_{act}"))
    return ["audit_entry_no_delete", "audit_entry_no_update"]


def test_a_last_work_needs_a_transaction():
    with pytest.raises(RuntimeError, match="no transaction"):
        before_commit(lambda: None)


def people(world):
    from dataclasses import replace

    return replace(world.engine, database=world.engine.database.for_people, actor="cli:ops")


def database_entries(database):
    with database.snapshot() as tx:
        return list_entries(tx, 100)
