"""`billing config`: the file of settings that the program brings, and what is in effect from where."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from billing.config.kinds import settings_in
from billing.config.settings import Settings
from billing.config.source import read_settings
from billing.entrypoints.cli.configuration import shipped_text
from billing.entrypoints.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-of-twenty-and-more"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def billing(*arguments):
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "80"})


def test_the_commented_file_is_written_and_holds_the_defaults(folder):
    done = billing("config", "init")
    assert (done.exit_code, done.stdout.startswith("config.toml is written")) == (0, True)
    assert (folder / "config.toml").read_text("utf-8") == (ROOT / "config.toml").read_text("utf-8")
    assert read_settings() == Settings()


def test_a_file_that_is_there_is_not_overwritten(folder):
    (folder / "config.toml").write_text("mode = 'sandbox'\n", encoding="utf-8")
    done = billing("config", "init")
    assert (done.exit_code, "config.toml is there already" in done.stderr) == (1, True)
    assert (folder / "config.toml").read_text("utf-8") == "mode = 'sandbox'\n"


def test_the_file_is_written_where_it_is_asked_for(folder, monkeypatch):
    assert billing("--config", "mine.toml", "config", "init", "--json").stdout == '{\n  "written": "mine.toml"\n}\n'
    monkeypatch.setenv("BILLING_CONFIG", str(folder / "named.toml"))
    assert billing("config", "init").exit_code == 0
    assert {each.name for each in folder.iterdir()} == {"mine.toml", "named.toml"}
    assert "No such file" in billing("--config", "none/mine.toml", "config", "init").stderr


def test_the_wheel_brings_the_file_and_every_template(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        assert packed.read("billing/config.toml").decode() == shipped_text()
        packed_files = set(packed.namelist())
    data = [each for each in (ROOT / "billing").rglob("*") if each.is_file() and each.suffix not in (".py", ".pyc")]
    assert {each.suffix for each in data} >= {".html", ".css", ".json"}
    assert [each for each in data if str(each.relative_to(ROOT)) not in packed_files] == []


def shown(*arguments):
    done = billing("config", "show", "--json", *arguments)
    assert done.exit_code == 0, done.stderr
    return {row["setting"]: (row["value"], row["origin"], row["named"]) for row in json.loads(done.stdout)}


def test_every_setting_is_shown_with_where_it_comes_from(folder, monkeypatch):
    (folder / "config.toml").write_text("[api]\nport = 1\n[limits.minimum]\nKRW = 60\nHKD = 1\nSGD = 1\n", "utf-8")
    secret = folder / "secret"
    secret.write_text(f"{CANARY}\n", "utf-8")
    secret.chmod(0o600)
    monkeypatch.setenv("BILLING_DAEMON__BATCH", "7")
    monkeypatch.setenv("BILLING_LIMITS__MINIMUM__HKD", "2")
    monkeypatch.setenv("BILLING_DATABASE__URL", f"postgresql://billing:{CANARY}@db.internal/billing")
    monkeypatch.setenv("BILLING_SECRETS__METRICS_KEY_FILE", str(secret))
    told = shown()
    assert set(told) == {setting.key for setting in settings_in(Settings)}
    assert told["api.port"] == (1, "file", "config.toml")
    assert told["daemon.batch"] == (7, "environment", "BILLING_DAEMON__BATCH")
    assert told["limits.minimum"] == ({"KRW": 60, "HKD": 2, "SGD": 1}, "environment", "BILLING_LIMITS__MINIMUM__HKD")
    assert told["daemon.tick_seconds"] == (5, "default", None)
    assert told["database.url"] == (
        "postgresql://billing:***@db.internal/billing",
        "environment",
        "BILLING_DATABASE__URL",
    )
    assert told["secrets.metrics_key"] == ("***", "environment", "BILLING_SECRETS__METRICS_KEY_FILE")
    assert told["secrets.gateway_secret_key"] == ("***", "default", None)
    assert told["secrets.gateway_client_secret"] == (None, "default", None)
    assert set(shown("--set")) == {"api.port", "daemon.batch", "database.url", "limits.minimum", "secrets.metrics_key"}


@pytest.mark.parametrize("setting", [each for each in settings_in(Settings) if each.is_secret], ids=lambda it: it.key)
@pytest.mark.usefixtures("folder")
def test_no_secret_is_shown(monkeypatch, setting):
    url = setting.path[0] == "database"
    monkeypatch.setenv(setting.variable, f"postgresql://b:{CANARY}@h/d?sslpassword={CANARY}" if url else CANARY)
    for arguments in (("config", "show"), ("config", "show", "--json")):
        done = billing(*arguments)
        assert (done.exit_code, setting.key in done.stdout) == (0, True)
        assert CANARY[:6] not in done.stdout + done.stderr


@pytest.mark.usefixtures("folder")
def test_settings_that_cannot_be_used_are_told_and_not_shown(monkeypatch):
    monkeypatch.setenv("BILLING_MOED", CANARY)
    done = billing("config", "show")
    assert (done.exit_code, "did you mean BILLING_MODE?" in done.stderr) == (1, True)
    assert CANARY not in done.stderr
