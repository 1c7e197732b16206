"""A bad configuration is refused with the key, the value and what would be right; a good one may come from anywhere."""

import pytest
from project_settings import LIVE, LIVE_SECRETS

from billing.config.source import BadConfig


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('mode = "sandbx"', "mode = 'sandbx': input should be 'sandbox' or 'live'"),
        ("[dunning]\nendd = 'cancel'", "dunning.endd is not a setting; did you mean end?"),
        ("[dunning]\nend = 'cancle'", "dunning.end = 'cancle'"),
        ("[dunning]\nladder = []", "dunning.ladder"),
        ("[dunning]\nladder = [{day = 3}, {day = 1}]", "growing order"),
        ("[dunning.codes]\n20059 = 'later'", "dunning.codes.20059 = 'later'"),
        ("[window]\nzone = 'Mars/Olympus'", "window.zone = 'Mars/Olympus': is no time zone; write one such as"),
        ("[window]\nopens = '25:00'", "window.opens = '25:00'"),
        ("[database]\npool_size = true", "database.pool_size = True: must be a whole number"),
        ("[database]\npool_size = 8.0", "database.pool_size = 8.0: must be a whole number"),
        ("[database]\npool_size = '1_0'", "database.pool_size = '1_0': must be a whole number"),
        ("[database]\npool_size = 1000", "less than or equal to 64"),
        ("[api]\npublic_url = 'billing.example.com'", "api.public_url = 'billing.example.com': is no base URL"),
        ("[api]\npublic_url = 'https://user@host'", "is no base URL"),
        ("[api]\nreturn_urls = ['https://app.test/done']", "list the origin alone"),
        ("[api]\nreturn_urls = ['app.test']", "is no base URL"),
        ("[api]\napp_schemes = ['javascript']", "'javascript', which is no scheme of an app; write one such as"),
        ("[api]\napp_schemes = ['Shop']", "'Shop', which is no scheme of an app"),
        ("[api]\napp_schemes = ['shop://']", "'shop://', which is no scheme of an app"),
        ("[limits]\ncurrencies = ['krw']", "limits"),
        ("[limits]\ncurrencies = ['USD']", "USD needs both a minimum and a maximum"),
        ("[daemon]\nsingle_process = 'yes'", "daemon.single_process = 'yes': must be true or false"),
        ("[gateway]\nanswer_seconds = nan", "gateway.answer_seconds"),
        ("[gateway]\nscopes = []", "gateway.scopes"),
        ("[gateway]\nscopes = ['gateway vault']", "'gateway vault', which is no scope; write one such as gateway"),
        ("[secrets]\nwebhook_keys = 'x'", "[secrets] must not stand in a file"),
        ("mode = ", "not readable as TOML"),
        ("[gateway]\nbase_url = 'https://api.checkout.com'", "is Checkout.com's live API, but mode"),
        ("[gateway]\nbase_url = 'https://api.sandbox.checkout.com'", "no key for the gateway"),
    ],
)
def test_a_bad_file_is_refused_with_the_key_and_the_remedy(read, text, says):
    with pytest.raises(BadConfig) as refused:
        read(text)
    assert says in str(refused.value)


def test_every_problem_is_told_at_once(read):
    with pytest.raises(BadConfig) as refused:
        read('mode = "x"\n[window]\nzone = "y"\n[api]\nport = -1')
    assert len(str(refused.value).splitlines()) == 3


def test_the_environment_wins_over_the_file(read):
    told = read(
        "[api]\nport = 1",
        BILLING_API__PORT="8601",
        BILLING_DAEMON__TICK_SECONDS="0.5",
        BILLING_DAEMON__SINGLE_PROCESS="true",
    )
    assert (told.api.port, told.daemon.tick_seconds, told.daemon.single_process) == (8601, 0.5, True)


def test_a_bad_value_from_the_environment_is_told_by_its_variable(read):
    with pytest.raises(BadConfig, match="environment: BILLING_API__PORT = 'many': must be a whole number"):
        read("", BILLING_API__PORT="many")


def test_live_mode_starts_with_everything_in_place(read):
    assert read(LIVE, **LIVE_SECRETS).mode == "live"


@pytest.mark.parametrize(
    ("change", "secrets", "says"),
    [
        (("https://billing", "http://billing"), {}, "api.public_url"),
        (("https://abcdefgh.api.checkout.com", "https://api.sandbox.checkout.com"), {}, "gateway.base_url"),
        (("postgresql://billing@db.example/billing", "sqlite:///billing.db"), {}, "single_process = true"),
        (("", ""), {"BILLING_SECRETS__GATEWAY_SECRET_KEY": "sk_sbox_" + "a" * 27}, "needs a live key"),
        (("", ""), {"BILLING_SECRETS__WEBHOOK_KEYS": ""}, "BILLING_SECRETS__WEBHOOK_KEYS"),
        (("", ""), {"BILLING_SECRETS__METRICS_KEY": "short"}, "METRICS_KEY is shorter than 24 characters"),
    ],
)
def test_live_mode_without_one_of_its_conditions_does_not_start(read, change, secrets, says):
    with pytest.raises(BadConfig) as refused:
        read(LIVE.replace(*change), **{**LIVE_SECRETS, **secrets})
    assert says in str(refused.value)


def test_sqlite_in_live_mode_is_possible_when_it_is_meant(read):
    text = LIVE.replace("postgresql://billing@db.example/billing", "sqlite:///billing.db")
    assert read(text + "[daemon]\nsingle_process = true", **LIVE_SECRETS).daemon.single_process


def test_a_live_key_in_sandbox_mode_is_refused(read):
    with pytest.raises(BadConfig, match="is a live key"):
        read("", BILLING_SECRETS__GATEWAY_SECRET_KEY="sk_" + "a" * 27)


def test_secrets_are_shown_by_no_repr_and_no_error(read):
    canary = "sk_sbox_canarycanarycanarycanarya"
    told = read("", BILLING_SECRETS__GATEWAY_SECRET_KEY=canary, BILLING_SECRETS__METRICS_KEY=canary)
    assert canary not in repr(told)
    assert canary not in str(told.model_dump())
    with pytest.raises(BadConfig) as refused:
        read('mode = "x"')
    assert canary not in str(refused.value)
