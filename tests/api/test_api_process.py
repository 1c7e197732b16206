"""The process itself, started as an operator starts it."""

import signal
from contextlib import ExitStack

import pytest
import structlog
from api_process import ended, started, where
from api_world import client
from waiting import until

from billing.config.settings import DatabaseSection, Settings
from billing.entrypoints.api.app import run_api
from billing.entrypoints.ready import NotReady
from billing.entrypoints.refreshed import STALE_SECONDS, Refreshed
from billing.store.binding import bind
from billing.store.database import Database


def test_it_says_where_it_listens_and_ends_cleanly(tmp_path):
    signals = (signal.SIGTERM, signal.SIGINT)
    with ExitStack() as running:
        processes = [running.enter_context(started(tmp_path / how.name)) for how in signals]
        for how, process in zip(signals, processes, strict=True):
            with client(where(process)) as http:
                assert http.get("/readyz").json() == {"status": "ready"}
            assert ended(process, how) == ("", "")


def test_its_readiness_is_looked_at_anew_each_second_and_no_probe_asks_the_database(tmp_path):
    with started(tmp_path / "api") as process:
        with client(where(process)) as http:
            assert http.get("/readyz").json() == {"status": "ready"}
            database = Database(f"sqlite:///{tmp_path / 'api' / 'billing.db'}")
            with database.transaction() as tx:
                bind(tx, {"mode": "another"})
            until(lambda: http.get("/readyz").status_code == 503, "the process's notice of another installation")
            assert "another installation" in http.get("/readyz").json()["why"]
            database.dispose()
        ended(process)


def test_an_answer_that_is_kept_is_asked_for_once_and_tells_when_it_is_too_old():
    asked, clock = [], [100.0]
    kept = Refreshed(lambda: asked.append(True), clock=lambda: clock[0])
    assert kept.why_not() == "it was not looked at yet"
    kept.refresh()
    assert [kept.why_not() for _ in range(1000)] == [None] * 1000
    assert len(asked) == 1
    clock[0] += STALE_SECONDS + 1
    assert kept.why_not() == "there has been no answer for 11 s"


def test_an_answer_that_cannot_be_found_is_no_good_one():
    def fail():
        raise RuntimeError("secret")

    kept = Refreshed(fail)
    with structlog.testing.capture_logs() as lines, kept.kept_fresh(every_seconds=0.01):
        until(lambda: len(lines) > 2, "the question that is asked again")
        assert kept.why_not() == "it cannot be told"
    assert "secret" not in str(lines)


def test_it_does_not_start_on_a_database_that_is_not_ready(tmp_path):
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with pytest.raises(NotReady, match="billing migrate"):
        run_api(Settings(database=DatabaseSection(url=url)))
