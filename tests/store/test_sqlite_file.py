"""A SQLite file is its owner's alone, and what is deleted in it is overwritten."""

import os
import stat

import pytest
from sqlalchemy import event, text

from billing.store.database import Database
from billing.store.sqlite_file import open_to_others


@pytest.fixture
def wide_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder):
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.usefixtures("wide_umask")
def test_the_files_of_a_new_database_may_be_read_by_their_owner_only(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'billing.db'}")
    with database.transaction() as tx:
        tx.execute(text("CREATE TABLE a (b TEXT)"))
    assert modes(tmp_path) == {"billing.db": 0o600, "billing.db-wal": 0o600, "billing.db-shm": 0o600}
    assert list(open_to_others(tmp_path / "billing.db")) == []
    database.dispose()


def test_files_that_others_may_read_are_named_with_their_mode(tmp_path):
    file = tmp_path / "billing.db"
    for name, mode in (("billing.db", 0o640), ("billing.db-wal", 0o604), ("billing.db-shm", 0o600)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    assert list(open_to_others(file)) == [(file, 0o640), (tmp_path / "billing.db-wal", 0o604)]


def test_a_file_that_is_there_keeps_its_mode_and_its_rows(tmp_path):
    file = tmp_path / "billing.db"
    first = Database(f"sqlite:///{file}")
    with first.transaction() as tx:
        tx.execute(text("CREATE TABLE a (b TEXT)"))
    first.dispose()
    file.chmod(0o644)
    second = Database(f"sqlite:///{file}")
    with second.snapshot() as tx:
        assert tx.execute(text("SELECT count(*) FROM a")).scalar() == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    second.dispose()


def test_what_is_deleted_is_overwritten_whatever_sqlite_was_built_with(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'billing.db'}")

    @event.listens_for(database.engine, "connect", insert=True)
    def as_another_build(connection, _record):
        connection.execute("PRAGMA secure_delete=OFF")

    with database.snapshot() as tx:
        assert tx.execute(text("PRAGMA secure_delete")).scalar() == 1
    database.dispose()


def test_a_log_is_emptied_when_nobody_reads(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'billing.db'}")
    with database.transaction() as tx:
        tx.execute(text("CREATE TABLE a (b TEXT)"))
    assert (tmp_path / "billing.db-wal").stat().st_size > 0
    assert database.leave_no_traces()
    assert (tmp_path / "billing.db-wal").stat().st_size == 0
    with database.transaction() as tx:
        tx.execute(text("INSERT INTO a VALUES ('still works')"))
    database.dispose()
