"""A variable that sets nothing is refused by its name, and a fault of the environment is not blamed on the file."""

import re
from pathlib import Path

import pytest
from project_settings import ALL, by_key

from billing.config.environment import OTHER_VARIABLES, names_of, read_environment
from billing.config.source import BadConfig

ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("BILLING_DATABSE__URL", "BILLING_DATABSE__URL is not a setting; did you mean BILLING_DATABASE__URL?"),
        ("BILLING_MOED", "did you mean BILLING_MODE?"),
        ("BILLING_DEAMON__CATCH_UP", "did you mean BILLING_DAEMON__CATCH_UP?"),
        ("BILLING_DATABASE_URL", "did you mean BILLING_DATABASE__URL?"),
        ("BILLING_API_PORT", "did you mean BILLING_API__PORT?"),
        ("BILLING_API__PORTT", "did you mean BILLING_API__PORT?"),
        ("BILLING_SECRETS__WEBHOOK_KEY", "did you mean BILLING_SECRETS__WEBHOOK_KEYS?"),
        ("BILLING_SECRETS__WEBHOOK_KEYS_FIEL", "did you mean BILLING_SECRETS__WEBHOOK_KEYS_FILE?"),
        ("BILLING_API__PORT_FILE", "did you mean BILLING_API__PORT?"),
        ("BILLING_MODE__X", "did you mean BILLING_MODE?"),
        ("BILLING_CONFG", "did you mean BILLING_CONFIG?"),
        ("billing_mode", "did you mean BILLING_MODE?"),
        ("Billing_Secrets__Webhook_Keys", "did you mean BILLING_SECRETS__WEBHOOK_KEYS?"),
        ("BILLING_DATABASE", "is a section; set its settings one by one, such as BILLING_DATABASE__URL"),
        ("BILLING_SECRETS", "is a section; set its settings one by one"),
        ("BILLING_", "is not a setting"),
        ("BILLING_ZZZZZZZZZZZZZZZZZZZZ", "`billing config show` lists what can be set"),
    ],
)
def test_a_name_that_sets_nothing_is_refused_with_the_nearest_and_without_its_value(read, name, says):
    with pytest.raises(BadConfig) as refused:
        read("", **{name: SECRET})
    assert says in str(refused.value)
    assert str(refused.value).startswith(f"environment: {name} is ")
    assert "config.toml" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_all_names_that_set_nothing_are_told_at_once(read):
    with pytest.raises(BadConfig) as refused:
        read("", BILLING_A="1", BILLING_B__C="2")
    assert len(str(refused.value).splitlines()) == 2


def test_names_of_others_are_nobodys_fault(read):
    others = {name: "x" for name in OTHER_VARIABLES if name != "BILLING_CONFIG"}
    kubernetes = {
        "BILLING_SERVICE_HOST": "10.0.0.1",
        "BILLING_SERVICE_PORT": "8600",
        "BILLING_SERVICE_PORT_HTTP": "8600",
        "BILLING_PORT": "tcp://10.0.0.1:8600",
        "BILLING_PORT_8600_TCP": "tcp://10.0.0.1:8600",
        "BILLING_PORT_8600_TCP_PROTO": "tcp",
        "BILLING_API_SERVICE_HOST": "10.0.0.1",
        "BILLING_API_PORT": "tcp://10.0.0.1:8600",
        "BILLING_API_PORT_8600_TCP_ADDR": "10.0.0.1",
    }
    assert read("", **others, **kubernetes, BILLINGS="x", MY_BILLING_MODE="live").mode == "sandbox"


def test_every_variable_that_the_project_names_is_known():
    known = {name for setting in ALL for name in names_of(setting)} | set(OTHER_VARIABLES)
    tables = tuple(f"{setting.variable}__" for setting in ALL if setting.is_table)
    pages = [ROOT / "README.md", ROOT / "config.toml", ROOT / "ARCHITECTURE.md", ROOT / "Makefile"]
    for folder in ("billing", "docs", "tools", "bench", "examples"):
        pages += [page for page in (ROOT / folder).rglob("*") if page.suffix in (".py", ".md", ".toml")]
    named = {
        (page.name, name) for page in pages for name in re.findall(r"\bBILLING_\w*[A-Z]\b", page.read_text("utf-8"))
    }
    assert len(named) > 20
    wrong = [(page, name) for page, name in named if name not in known and not name.startswith(tables)]
    assert [each for each in wrong if not each[1].endswith("__X")] == []


@pytest.mark.parametrize("setting", ALL, ids=by_key)
def test_every_setting_is_read_from_its_variable(read, setting):
    shown = setting.of(read(""))
    environment = read_environment({setting.variable: '["a"]' if setting.is_list_or_table else "a"})
    assert environment.variable_of(setting.path) == setting.variable
    assert environment.problems == []
    assert setting.of(read("")) == shown


def test_a_key_of_a_table_is_set_by_its_name(read):
    told = read(
        "[limits.minimum]\nKRW = 60\nSGD = 1\n", BILLING_LIMITS__MINIMUM__HKD="7", BILLING_DUNNING__CODES__20059="stop"
    )
    assert (told.limits.minimum["KRW"], told.limits.minimum["HKD"], told.dunning.codes["20059"]) == (60, 7, "stop")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BILLING_API__RETURN_URLS", "https://app.example.com", "is no JSON; write it such as"),
        ("BILLING_LIMITS__MINIMUM", "50", "should be a valid dictionary"),
        ("BILLING_LIMITS__MINIMUM__KRW", "0", "greater than or equal to 1"),
        ("BILLING_LIMITS__CURRENCIES", '["USD"]', "USD needs both a minimum and a maximum"),
        ("BILLING_DUNNING__LADDER", '[{"day": 90}]', "less than or equal to 60"),
        ("BILLING_WINDOW__ZONE", "Mars/Olympus", "is no time zone"),
        ("BILLING_MODE", "sandbx", "input should be 'sandbox' or 'live'"),
        ("BILLING_DATABASE__URL", "mysql://host/name", "database.url names 'mysql'"),
        ("BILLING_GATEWAY__BASE_URL", "https://evil.example", "is no sandbox"),
    ],
)
def test_a_fault_of_the_environment_is_told_of_its_variable_and_not_of_the_file(read, name, value, says):
    with pytest.raises(BadConfig) as refused:
        read('mode = "sandbox"\n[window]\nopens = "09:00"\n', **{name: value})
    assert str(refused.value).startswith(f"environment: {name}")
    assert says in str(refused.value)
    assert "config.toml" not in str(refused.value)


def test_what_is_set_nowhere_is_not_blamed_on_the_file(read):
    with pytest.raises(BadConfig) as refused:
        read("", BILLING_MODE="live")
    assert "config.toml" not in str(refused.value)
    assert "configuration: live mode runs on PostgreSQL" in str(refused.value)
