"""One rule for every secret: it stands in no file of settings, is shown nowhere, and is no value that all know."""

import json
import os
import re

import pytest
from project_settings import ALL, LIVE, LIVE_SECRETS, SECRETS, by_key
from pydantic import SecretStr
from sqlalchemy import event

from billing.bootstrap import open_engine
from billing.config import settings as model
from billing.config.settings import BUILT_IN_SECRETS, SANDBOX_WEBHOOK_KEY, Secrets, Settings
from billing.config.source import BadConfig, read_configuration
from billing.sandbox import defaults
from billing.store.database import Database
from billing.store.database_url import shown

CANARY = "canary-of-twenty-and-more-characters"
OF_SECRETS = [setting for setting in SECRETS if setting.path[0] == "secrets"]
NAMES = [name for setting in SECRETS for name in (setting.variable, f"{setting.variable}_FILE")]


def told(setting, secret=CANARY):
    """What a variable of a setting holds that keeps a secret."""
    return f"postgresql://billing:{secret}@db.example/billing" if setting.path[0] == "database" else secret


def a_file(folder, text, mode=0o600, name="a-secret"):
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(mode)
    return str(file)


def test_all_of_the_secrets_section_and_the_url_of_the_database_are_held_as_secrets():
    assert {setting.path[1] for setting in OF_SECRETS} == set(Secrets.model_fields)
    assert {setting.key for setting in SECRETS} - {setting.key for setting in OF_SECRETS} == {"database.url"}
    named = [each.key for each in ALL if re.search(r"secret|password|token$|(?<!\w)keys?$|_keys?$", each.path[-1])]
    assert [key for key in named if key not in {each.key for each in SECRETS}] == []


@pytest.mark.parametrize("setting", SECRETS, ids=by_key)
def test_no_repr_dump_or_text_of_the_settings_shows_a_secret(read, setting):
    settings = read("", **{setting.variable: told(setting)})
    assert any(CANARY in value.get_secret_value() for value in setting.all_of(settings))
    section = getattr(settings, setting.path[0])
    for text in (repr(settings), str(settings), repr(section), str(settings.model_dump()), settings.model_dump_json()):
        assert CANARY[:8] not in text


@pytest.mark.parametrize("setting", SECRETS, ids=by_key)
def test_a_secret_in_a_file_of_settings_is_refused_with_the_variable_to_set(read, setting):
    section, name = setting.path
    with pytest.raises(BadConfig) as refused:
        read(f"[{section}]\n{name} = {json.dumps(told(setting))}\n")
    assert CANARY[:8] not in str(refused.value)
    assert "must not stand in a file" in str(refused.value)
    named = "BILLING_SECRETS__..." if section == "secrets" else "BILLING_DATABASE__URL or BILLING_DATABASE__URL_FILE"
    assert named in str(refused.value)


PASSWORDS = [
    "postgresql://billing:{}@db.example/billing",
    "postgresql://:{}@db.example/billing",
    "postgresql+psycopg://billing:{}@db.example/billing",
    "postgresql://billing@db.example/billing?password={}",
    "postgresql://billing@/billing?host=db.example&password={}",
    "postgresql://billing@db.example/billing?sslpassword={}",
    "mysql://billing:{}@db.example/billing",
    "postgresql://billing:x@{}@db.example/billing",
    "postgresql://billing:x@{}/y@db.example/billing",
    "postgresql://billing:x@y:{}@db.example/billing",
    "postgresql://billing:x@{}?y@db.example/billing",
    "postgresql://bill%40ing:x@{}@db.example/billing",
    "postgresql://billing/{}@db.example/billing",
]


@pytest.mark.parametrize("url", PASSWORDS)
def test_a_password_in_the_url_of_a_file_is_refused_however_it_is_written(read, url):
    with pytest.raises(BadConfig, match=r"BILLING_DATABASE__URL or .*PGPASSFILE") as refused:
        read(f"[database]\nurl = {json.dumps(url.format(CANARY))}\n", BILLING_DATABASE__URL="sqlite:///x.db")
    assert CANARY[:8] not in str(refused.value)


@pytest.mark.parametrize("url", PASSWORDS)
def test_a_url_with_a_password_shows_it_in_no_error_location_or_repr(read, url):
    if "mysql" in url or url.count("@") > 1 or "billing/{}" in url:
        with pytest.raises(BadConfig, match=r"^environment: BILLING_DATABASE__URL: database\.url") as refused:
            read("", BILLING_DATABASE__URL=url.format(CANARY))
        assert CANARY[:8] not in str(refused.value)
        return
    settings = read("", BILLING_DATABASE__URL=url.format(CANARY))
    database = Database(settings.database.url.get_secret_value())
    assert CANARY[:8] not in database.location + repr(settings) + shown(database.url)
    assert CANARY[:8] not in repr(database.engine)


def test_what_was_read_shows_no_secret_either(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for setting in SECRETS:
        monkeypatch.setenv(setting.variable, told(setting))
    assert CANARY[:8] not in repr(read_configuration())


def test_the_parameters_that_are_secret_still_reach_the_driver(read):
    url = f"postgresql://billing@db.example/billing?sslpassword={CANARY}&password=word&sslmode=require"
    database = Database(read("", BILLING_DATABASE__URL=url).database.url.get_secret_value())
    _, arguments = database.engine.dialect.create_connect_args(database.engine.url)
    assert (arguments["password"], arguments["sslmode"]) == ("word", "require")
    reached = []
    event.listen(database.engine, "do_connect", lambda *told: reached.append(told[3]) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        database.engine.connect()
    assert reached[0]["sslpassword"] == CANARY


def test_a_url_without_a_password_may_stand_in_a_file(read):
    for url in ("postgresql://billing@db.example/billing", "postgresql://u:@/db?host=/run/pg", "sqlite:///a@b.db"):
        assert read(f'[database]\nurl = "{url}"\n').database.url.get_secret_value() == url


@pytest.mark.parametrize("setting", SECRETS, ids=by_key)
@pytest.mark.parametrize("built_in", sorted(BUILT_IN_SECRETS))
def test_live_mode_takes_no_value_that_everybody_knows(read, setting, built_in):
    with pytest.raises(BadConfig) as refused:
        read(LIVE, **(LIVE_SECRETS | {setting.variable: told(setting, built_in)}))
    assert f"{setting.variable} holds a value of the bundled sandbox" in str(refused.value)
    assert built_in not in str(refused.value)


@pytest.mark.parametrize("setting", [each for each in OF_SECRETS if each.key.endswith("keys")], ids=by_key)
def test_live_mode_takes_no_value_that_everybody_knows_beside_a_good_one(read, setting):
    both = f"{'g' * 32},{SANDBOX_WEBHOOK_KEY}"
    with pytest.raises(BadConfig, match="holds a value of the bundled sandbox"):
        read(LIVE, **(LIVE_SECRETS | {setting.variable: both}))


def test_every_key_of_the_sandbox_and_every_built_in_key_is_known_to_be_no_secret():
    keys = {value for name, value in vars(defaults).items() if re.search(r"_KEY$|^CLIENT_", name)}
    ours = {value for name, value in vars(model).items() if name.startswith("SANDBOX_")}
    settings = Settings()
    used = {settings.secret_key(), settings.built_in_api_key(), *settings.webhook_keys(), *settings.endpoint_keys()}
    assert len(keys) == 4
    assert keys | ours | {each.get_secret_value() for each in used} == BUILT_IN_SECRETS


@pytest.mark.parametrize("setting", SECRETS, ids=by_key)
def test_a_secret_is_read_from_the_file_that_its_variable_names(read, tmp_path, setting):
    settings = read("", **{f"{setting.variable}_FILE": a_file(tmp_path, told(setting) + "\n")})
    (value,) = setting.all_of(settings)
    assert value.get_secret_value() == told(setting)


@pytest.mark.parametrize("setting", SECRETS, ids=by_key)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601])
def test_a_file_that_others_may_use_is_refused_with_what_to_do(read, tmp_path, setting, mode):
    file = a_file(tmp_path, told(setting), mode)
    with pytest.raises(BadConfig) as refused:
        read("", **{f"{setting.variable}_FILE": file})
    assert f"environment: {setting.variable}_FILE: {file} may be read or changed by others" in str(refused.value)
    assert f"`chmod 600 {file}`" in str(refused.value)
    assert CANARY[:8] not in str(refused.value)


@pytest.mark.parametrize("setting", SECRETS, ids=by_key)
def test_a_secret_and_its_file_are_not_both_taken(read, tmp_path, setting):
    both = {setting.variable: told(setting), f"{setting.variable}_FILE": a_file(tmp_path, told(setting))}
    with pytest.raises(BadConfig, match=f"{setting.variable} and {setting.variable}_FILE are both set") as refused:
        read("", **both)
    assert CANARY[:8] not in str(refused.value)


@pytest.mark.parametrize("setting", SECRETS, ids=by_key)
def test_a_file_that_cannot_be_used_is_refused_by_its_name(read, tmp_path, setting):
    name = f"{setting.variable}_FILE"
    os.mkfifo(tmp_path / "pipe", 0o600)
    for file, says in (
        (str(tmp_path / "missing"), "cannot be read: No such file"),
        (str(tmp_path / "pipe"), "is no file"),
        (str(tmp_path), "cannot be read: Is a directory"),
        (a_file(tmp_path, ""), "is empty"),
        (a_file(tmp_path, "\n", name="b"), "is empty"),
        (a_file(tmp_path, b"\xff\xfe", name="c"), "is not text in UTF-8"),
    ):
        with pytest.raises(BadConfig, match=f"environment: {name}: {re.escape(file)} {says}"):
            read("", **{name: file})


@pytest.mark.parametrize("setting", OF_SECRETS, ids=by_key)
@pytest.mark.parametrize("bad", [f"{CANARY}\nmore", f"{CANARY}\x07", f"{CANARY}\u200b", f"{CANARY} \n"])
def test_a_secret_with_what_cannot_be_seen_is_refused_and_not_shown(read, tmp_path, setting, bad):
    if setting.key.endswith("keys") and bad.endswith(" \n"):
        pytest.skip("spaces around the parts of a list do not count")
    with pytest.raises(BadConfig, match=f"environment: .*{setting.variable} holds a space at an end, or") as refused:
        read("", **{f"{setting.variable}_FILE": a_file(tmp_path, bad)})
    assert CANARY[:8] not in str(refused.value)


@pytest.mark.parametrize("setting", OF_SECRETS, ids=by_key)
def test_an_empty_variable_sets_no_secret(read, setting):
    assert setting.all_of(read("", **{setting.variable: "", f"{setting.variable}_FILE": ""})) == ()


def test_no_part_of_a_password_is_shown_when_the_database_does_not_answer(read):
    settings = read("", BILLING_DATABASE__URL=f"postgresql://billing:{CANARY}@127.0.0.1:1/billing")
    with open_engine(settings, actor="test") as engine, pytest.raises(Exception, match="127") as failed:  # noqa: SIM117
        with engine.database.snapshot():
            pass
    assert CANARY[:8] not in f"{failed.value} {failed.value!r} {engine.database.location}"


@pytest.mark.parametrize("setting", [each for each in ALL if not each.is_secret], ids=by_key)
def test_a_refused_value_that_may_be_a_secret_in_the_wrong_place_is_not_shown(read, setting):
    if setting.variable in (
        "BILLING_API__HOST",
        "BILLING_DAEMON__METRICS_HOST",
        "BILLING_GATEWAY__PROCESSING_CHANNEL_ID",
    ):
        pytest.skip("any text will do")
    with pytest.raises(BadConfig) as refused:
        read("", **{setting.variable: CANARY})
    assert str(refused.value).startswith(f"environment: {setting.variable}")
    assert "config.toml" not in str(refused.value)
    assert CANARY[:8] not in str(refused.value)


def test_what_is_held_is_a_secret_type():
    for setting in SECRETS:
        for value in setting.all_of(Settings(secrets={"metrics_key": "x"})):
            assert isinstance(value, SecretStr)
