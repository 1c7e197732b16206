"""One rule for every setting that is a URL; the settings are those of the model, so that a new one is not forgotten."""

import json
import re
from typing import get_args

import pytest
from project_settings import ALL, LIVE, LIVE_SECRETS, by_key
from pydantic import SecretStr

from billing.config.kinds import DatabaseUrl, Url
from billing.config.settings import Settings
from billing.config.source import BadConfig

MARKED = [setting for setting in ALL if setting.mark is not None]
OF_THE_WEB = [setting for setting in MARKED if isinstance(setting.mark, Url)]
TOLD_SECRETS = [setting for setting in OF_THE_WEB if setting.mark.checkout]


def parts_of(annotation):
    yield annotation
    for inner in get_args(annotation):
        yield from parts_of(inner)


def looks_like_a_url(setting):
    """Say whether the name, the type or the default of a setting says that it is a URL."""
    value = setting.of(Settings())
    default = str(value.get_secret_value() if isinstance(value, SecretStr) else value)
    types = [*parts_of(setting.field.annotation), *setting.field.metadata]
    named = re.search(r"ur[il]s?$|ur[il]_|endpoint$|address$|webhook$|link", setting.path[-1]) is not None
    return named or "://" in default or any("url" in repr(each).lower() for each in types)


def test_every_setting_that_is_a_url_is_marked_as_one():
    assert {each.key for each in ALL if looks_like_a_url(each)} == {each.key for each in MARKED}
    assert len(MARKED) >= 5
    assert {each.key for each in MARKED if isinstance(each.mark, DatabaseUrl)} == {"database.url"}


def put(text, setting, url):
    """Return a configuration with another URL."""
    section, name = setting.path
    value = json.dumps([url] if setting.is_list_or_table else url)
    text = re.sub(rf"(?m)^{name} = .*\n", "", text) if f"[{section}]" in text else f"{text}[{section}]\n"
    return text.replace(f"[{section}]\n", f"[{section}]\n{name} = {value}\n")


@pytest.mark.parametrize("setting", OF_THE_WEB, ids=by_key)
@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "//host",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "postgresql://127.0.0.1",
        "https://",
        "https://user@127.0.0.1",
        "https://user:hunter2@127.0.0.1",
        "https://user:hunter2/@127.0.0.1",
        "https://127.0.0.1?key=hunter2",
        "https://127.0.0.1#hunter2",
        "https://127.0.0.1:99999",
        "https://127.0.0.1:0",
        "https://127.0.0.1 .example",
        "https://127.0.0.1\t",
        "https://127.0.0.1\\@evil.example",
        "https://[::1",
    ],
)
@pytest.mark.parametrize("mode", ["sandbox", "live"])
def test_what_is_no_plain_url_is_refused_with_its_setting_and_without_its_password(read, setting, url, mode):
    base, secrets = (LIVE, LIVE_SECRETS) if mode == "live" else ("", {})
    with pytest.raises(BadConfig) as refused:
        read(put(base, setting, url), **secrets)
    assert re.search(rf"config\.toml: {setting.key} = .*is no base URL", str(refused.value))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("setting", OF_THE_WEB, ids=by_key)
@pytest.mark.parametrize("host", ["prefix.api.checkout.com", "prefix.access.checkout.com", "app.example.com"])
def test_no_url_of_live_mode_is_without_tls(read, setting, host):
    with pytest.raises(BadConfig, match=f"{setting.key} = .*must be https in live mode"):
        read(put(LIVE, setting, f"http://{host}"), **LIVE_SECRETS)


FOREIGN = [
    "https://evil.example",
    "https://checkout.com",
    "https://{name}.checkout.com.evil.example",
    "https://evil-{name}.checkout.com",
    "https://a.b.{name}.checkout.com",
    "https://{name}.sandbox.checkout.com",
    "https://prefix.{name}.sandbox.checkout.com",
    "https://prefix.{name}.checkout.com:8443",
    "https://prefix.{name}.checkout.com.",
    "https://127.0.0.1",
    "https://localhost",
]


@pytest.mark.parametrize("setting", TOLD_SECRETS, ids=by_key)
@pytest.mark.parametrize("url", FOREIGN)
def test_no_secret_of_live_mode_goes_anywhere_but_to_checkout(read, setting, url):
    with pytest.raises(BadConfig, match=f"{setting.key} = .*is not Checkout.com's live server"):
        read(put(LIVE, setting, url.format(name=setting.mark.checkout)), **LIVE_SECRETS)


@pytest.mark.parametrize("setting", TOLD_SECRETS, ids=by_key)
@pytest.mark.parametrize("url", ["https://{name}.checkout.com", "https://prefix.{name}.checkout.com"])
def test_live_mode_takes_the_servers_of_checkout(read, setting, url):
    asked = url.format(name=setting.mark.checkout)
    assert setting.of(read(put(LIVE, setting, asked), **LIVE_SECRETS)) == asked


OAUTH = {
    "BILLING_SECRETS__GATEWAY_CLIENT_ID": "ack_one",
    "BILLING_SECRETS__GATEWAY_CLIENT_SECRET": "two",
    "BILLING_SECRETS__GATEWAY_SECRET_KEY": "sk_sbox_" + "a" * 27,
}


@pytest.mark.parametrize("setting", TOLD_SECRETS, ids=by_key)
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "http://evil.example",
        "https://sandbox.checkout.com.evil.example",
        "http://prefix.{name}.sandbox.checkout.com",
        "https://evilsandbox.checkout.com",
        "http://0.0.0.0:8700",
        "http://203.0.114.9",
        "http://134744072",
        "http://0x08080808",
    ],
)
def test_sandbox_mode_tells_its_secrets_to_no_stranger(read, setting, url):
    with pytest.raises(BadConfig, match=f"{setting.key} = .*is no sandbox"):
        read(put("", setting, url.format(name=setting.mark.checkout)), **OAUTH)


@pytest.mark.parametrize("setting", TOLD_SECRETS, ids=by_key)
@pytest.mark.parametrize("url", ["https://{name}.checkout.com", "https://prefix.{name}.checkout.com"])
def test_sandbox_mode_takes_no_server_of_live_money(read, setting, url):
    with pytest.raises(BadConfig, match=f"{setting.key} = .*live API, but mode"):
        read(put("", setting, url.format(name=setting.mark.checkout)), **OAUTH)


@pytest.mark.parametrize("setting", TOLD_SECRETS, ids=by_key)
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8700",
        "http://127.8.8.8",
        "http://[::1]:8700",
        "http://localhost:8700",
        "http://sandbox:8700",
        "http://10.1.2.3:8700",
        "http://sandbox.internal",
        "https://{name}.sandbox.checkout.com",
        "https://prefix.{name}.sandbox.checkout.com",
    ],
)
def test_sandbox_mode_takes_sandboxes_here_in_our_network_and_at_checkout(read, setting, url):
    asked = url.format(name=setting.mark.checkout)
    assert setting.of(read(put("", setting, asked), **OAUTH)) == asked


def test_live_mode_does_not_send_the_client_secret_in_clear_to_any_listener(read):
    text = put(
        LIVE, next(each for each in ALL if each.key == "gateway.token_url"), "http://127.0.0.1:48777/connect/token"
    )
    with pytest.raises(BadConfig, match=r"gateway\.token_url"):
        read(
            text,
            **(
                LIVE_SECRETS
                | {"BILLING_SECRETS__GATEWAY_CLIENT_ID": "ack_x", "BILLING_SECRETS__GATEWAY_CLIENT_SECRET": "y"}
            ),
        )


def test_a_url_of_the_environment_is_told_by_its_variable_and_without_its_password(read):
    with pytest.raises(BadConfig) as refused:
        read("", BILLING_API__PUBLIC_URL="https://user:hunter2@host")
    assert str(refused.value).startswith("environment: BILLING_API__PUBLIC_URL = 'https://***@host': is no base URL")
    assert "hunter2" not in str(refused.value)
