"""Each event has the next number of its subject, whoever writes it and however many at once."""

import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from billing.domain.cases import Note
from billing.store import writes
from billing.store.database import Database
from billing.store.migrating import upgrade
from billing.store.tables import Event
from billing.store.writes import Author, insert_rows, note

NOW = datetime(2027, 3, 1, tzinfo=UTC)
ME = Author("me", NOW)


def about(subject_id, kind="charge"):
    return {
        "subject_type": kind,
        "subject_id": subject_id,
        "type": "charge.captured",
        "data": {},
        "at": NOW,
        "actor": "me",
    }


def numbers(database):
    with database.snapshot() as tx:
        rows = tx.execute(select(col(Event.subject_id), col(Event.sequence)).order_by(col(Event.id)))
        found = defaultdict(list)
        for subject, number in rows:
            found[subject].append(number)
    return dict(found)


def test_events_written_at_once_and_one_after_the_other_are_numbered_for_each_subject(database, monkeypatch):
    monkeypatch.setattr(writes, "MOST_ROWS_IN_A_STATEMENT", 3)
    with database.transaction() as tx:
        insert_rows(tx, Event, [about("a"), about("b"), about("a"), about("a"), about("b")])
        insert_rows(tx, Event, [about("a", "invoice")])
    with database.transaction() as tx:
        insert_rows(tx, Event, [about("b"), about("c")])
    found = numbers(database)
    assert found["a"] == [1, 2, 3, 1]
    assert found["b"] == [1, 2, 3]
    assert found["c"] == [1]


def test_the_database_refuses_a_number_twice(database):
    with database.transaction() as tx:
        insert_rows(tx, Event, [about("a"), about("a")])
    with pytest.raises(IntegrityError), database.transaction() as tx:
        tx.execute(text("UPDATE event SET sequence = 1 WHERE subject_id = 'a'"))


def test_many_who_note_something_about_what_has_no_row_wait_for_each_other(database_url):
    people = 6
    databases = [Database(database_url) for _ in range(people)]
    together = threading.Barrier(people)

    def tell(mine):
        together.wait()
        for _ in range(5):
            with mine.transaction() as tx:
                note(tx, None, Note("plan.renamed"), ME, subject=("plan", "basic"))

    with ThreadPoolExecutor(people) as threads:
        list(threads.map(tell, databases))  # raises what one of them raised
    assert numbers(databases[0])["basic"] == list(range(1, 5 * people + 1))
    for each in databases:
        each.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_events_that_were_written_before_there_were_numbers_are_numbered_by_the_migration(kind, tmp_path, request):
    url = f"sqlite:///{tmp_path / 'old.db'}" if kind == "sqlite" else request.getfixturevalue("empty_postgres_url")
    old = Database(url)
    upgrade(old, "0001")
    written = "INSERT INTO event (at, actor, subject_type, subject_id, type, data) VALUES"
    with old.transaction() as tx:
        for subject in "abaab":
            tx.execute(text(f"{written} ('2027-03-01', 'me', 'charge', '{subject}', 'charge.said', '{{}}')"))
    upgrade(old)
    assert numbers(old) == {"a": [1, 2, 3], "b": [1, 2]}
    old.dispose()


def test_an_event_of_a_type_that_is_not_listed_is_not_written(database):
    with pytest.raises(ValueError, match=r"'charge\.said' is not a valid EventType"), database.transaction() as tx:
        insert_rows(tx, Event, [{**about("a"), "type": "charge.said"}])
    assert numbers(database) == {}
