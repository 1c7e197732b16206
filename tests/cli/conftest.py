"""A database that was lived through once, a copy of it for each test, and the command to ask about it."""

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from harness import World, fresh_world, migrated
from sqlalchemy import text
from typer.testing import CliRunner

from billing.bootstrap import facts_of
from billing.config.source import read_settings
from billing.entrypoints.cli.main import app
from billing.operations import manage
from billing.operations.request_refund import request_refund
from billing.sandbox.testing import SandboxServer
from billing.store.binding import bind
from billing.store.database import Database
from billing.store.installation import set_clock

BARE_ID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
"""How rows name things; people and programs see the ids of the API."""


@dataclass
class Told:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """Everything that was said, on one line with single spaces, as a reader takes it."""
        return " ".join((self.out + " " + self.err).replace("│", " ").split())


@dataclass
class Shop:
    """A configuration with its database, and ``billing`` run on it in this process."""

    config: Path
    url: str
    database: Database

    def billing(self, *arguments: str, answer: str | None = None, width: int = 80) -> Told:
        done = CliRunner().invoke(
            app, ["--config", str(self.config), *arguments], input=answer, env={"COLUMNS": str(width)}
        )
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert not BARE_ID.search(done.stdout + done.stderr), f"{arguments} show an id that the API does not have"
        return Told(done.exit_code, done.stdout, done.stderr)

    def announce_all(self) -> None:
        """Let a webhook of each payment have come."""
        self.write(
            "INSERT INTO webhook (event_id, type, payment_id, state, received_at, next_try_at, tries)"
            " SELECT 'evt_' || id, 'payment_captured', gateway_payment_id, 'processed', created_at, created_at, 1"
            " FROM charge WHERE gateway_payment_id IS NOT NULL"
        )

    def write(self, statement: str, **values: Any) -> None:
        """Change rows by hand, as no program of ours would."""
        with self.database.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(text(statement), values)
            connection.commit()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            connection.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")

    def ask(self, query: str, **values: Any) -> Any:
        with self.database.snapshot() as tx:
            return tx.execute(text(query), values).scalar()

    def id_of(self, query: str, **values: Any) -> str:
        return str(UUID(str(self.ask(query, **values))))


def write_config(file: Path, sandbox_url: str, database_url: str, extra: str = "") -> Path:
    file.write_text(
        f'[gateway]\nbase_url = "{sandbox_url}"\nanswer_seconds = 2.0\nwrites_per_second = 2000.0\n'
        f'reads_per_second = 2000.0\n[database]\nurl = "{database_url}"\n{extra}',
        encoding="utf-8",
    )
    return file


def bound(shop: Shop) -> Shop:
    """Bind the database to the configuration, as `billing migrate` would have done."""
    settings = read_settings(shop.config)
    with shop.database.transaction() as tx:
        bind(tx, facts_of(settings))
    return shop


@pytest.fixture(scope="session")
def lived_sandbox():
    """The sandbox of the lived-through database; nothing resets it."""
    with SandboxServer() as server:
        yield server


@pytest.fixture(scope="session")
def lived_file(lived_sandbox, tmp_path_factory):
    """Two months with a payer, a late payer, a cut agreement, a refund, a trial and an abandoned enrolment."""
    file = tmp_path_factory.mktemp("lived") / "billing.db"
    migrated(f"sqlite:///{file}")
    with fresh_world(lived_sandbox.url, f"sqlite:///{file}") as world:
        live(world)
        with world.engine.database.transaction() as tx:
            set_clock(tx, world.now)
    return file


def live(world: World) -> None:
    world.subscribe("kim")
    lee = world.subscribe("lee", "yearly")
    world.subscribe("park")
    world.wallet("park@example.test", script=["20051", "ok"])
    world.subscribe("jung")
    world.wallet("jung@example.test", agreement="cut")
    world.subscribe("choi", "trial")
    world.enrol("han")
    world.live_through("2027-03-05 12:00")
    first = world.scalar("SELECT c.id FROM charge c WHERE c.state = 'captured' ORDER BY c.created_at LIMIT 1")
    by_hand = replace(world.engine, actor="cli:ops")
    request_refund(by_hand, UUID(str(first)), 3000, reason="half a month unused", now=world.now)
    world.wait(minutes=10)
    manage.cancel_at_period_end(by_hand, lee, reason="too dear", now=world.now)


@pytest.fixture
def lived(lived_file, lived_sandbox, tmp_path):
    """A copy of the lived-through database. Do not move money with it: the gateway is shared."""
    for name in ("billing.db", "billing.db-wal"):
        if lived_file.with_name(name).exists():
            shutil.copy(lived_file.with_name(name), tmp_path / name)
    url = f"sqlite:///{tmp_path / 'billing.db'}"
    shop = Shop(write_config(tmp_path / "config.toml", lived_sandbox.url, url), url, Database(url))
    yield bound(shop)
    shop.database.dispose()


@pytest.fixture
def shop(sqlite_url, sandbox, tmp_path):
    """A configuration for the fresh database that ``world`` lives in."""
    made = Shop(write_config(tmp_path / "config.toml", sandbox.url, sqlite_url), sqlite_url, Database(sqlite_url))
    bound(made)
    yield made
    made.database.dispose()


@pytest.fixture
def world(sqlite_world, shop):
    """The world of ``shop``, with its clock written into the database whenever it moves."""
    go_to = sqlite_world.go_to

    def moved(instant):
        go_to(instant)
        with shop.database.transaction() as tx:
            set_clock(tx, sqlite_world.now)

    sqlite_world.go_to = moved
    moved(sqlite_world.now)
    return sqlite_world


@pytest.fixture
def empty(tmp_path):
    """A configuration whose database is not there yet."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    made = Shop(write_config(tmp_path / "config.toml", "http://127.0.0.1:9", url), url, Database(url))
    yield made
    made.database.dispose()


LIVE_SECRETS = {
    "BILLING_SECRETS__GATEWAY_SECRET_KEY": "sk_abcdefghijklmnopqrstuvwxyz2",
    "BILLING_SECRETS__WEBHOOK_KEYS": "a-webhook-key-of-some-length",
}


@pytest.fixture
def live_shop(tmp_path, monkeypatch):
    """A migrated database with live settings; its gateway is never asked."""
    for name, value in LIVE_SECRETS.items():
        monkeypatch.setenv(name, value)
    url = f"sqlite:///{tmp_path / 'live.db'}"
    file = tmp_path / "live.toml"
    file.write_text(
        f'mode = "live"\n[gateway]\nbase_url = "https://prefix.api.checkout.com"\n[database]\nurl = "{url}"\n'
        '[api]\npublic_url = "https://billing.example.com"\nreturn_urls = ["https://app.example.com"]\n'
        "[daemon]\nsingle_process = true\n",
        encoding="utf-8",
    )
    made = Shop(file, url, Database(url))
    assert made.billing("migrate").code == 0
    yield made
    made.database.dispose()
