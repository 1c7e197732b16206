"""`billing doctor`: each finding, provoked."""

import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing.gateway.client import CheckoutGateway
from billing.gateway.port import Health
from billing.store.heartbeats import announce_daemon, beat

NOW = datetime.now(UTC)


def finding(shop, name):
    told = shop.billing("doctor", "--json")
    found = [check for check in told.json["checks"] if check["name"] == name]
    assert len(found) == 1, told.out
    wrong = any(check["verdict"] == "wrong" for check in told.json["checks"])
    assert (told.code, told.json["healthy"]) == ((1, False) if wrong else (0, True))
    return found[0]["verdict"], f"{found[0]['found']} → {found[0]['remedy']}"


def health(monkeypatch, **told):
    told = {"reachable": True, "authorised": True, "detail": "HTTP 200", "clock_skew_seconds": 0.0} | told
    monkeypatch.setattr(CheckoutGateway, "check_health", lambda _self: Health(**told))


def test_a_sound_installation_is_in_order(lived):
    lived.announce_all()
    told = lived.billing("doctor")
    assert told.code == 0
    assert "0 wrong, 2 to look at." in told.out  # the test clock stands, and no daemon runs


def test_plans_whose_period_is_shorter_than_the_retries_are_named(lived):
    verdict, words = finding(lived, "retry plan")
    assert (verdict, "14 days, longer than a period of daily, weekly: access ends" in words) == ("ok", True)


def test_a_bad_configuration_is_the_only_finding(lived, tmp_path):
    lived.config = tmp_path / "bad.toml"
    lived.config.write_text("[daemon]\ntick = 1\nbatch = 0\n", encoding="utf-8")
    told = lived.billing("doctor", "--json")
    assert told.code == 1
    assert [check["name"] for check in told.json["checks"]] == ["configuration", "configuration"]
    assert "daemon.tick is not a setting" in told.out


@pytest.mark.parametrize(
    ("told", "verdict", "words"),
    [
        ({"reachable": False, "detail": "connection refused"}, "wrong", "start it with `billing sandbox`"),
        ({"authorised": False, "detail": "HTTP 401"}, "wrong", "check BILLING_SECRETS__GATEWAY_SECRET_KEY"),
        ({"authorised": False, "detail": "HTTP 403"}, "wrong", "the key lacks the scope"),
        ({"authorised": False, "detail": "HTTP 404"}, "wrong", "check keys and base URL"),
        (
            {"authorised": False, "detail": "HTTP 400 invalid_scope", "refused_scopes": ("payments:search",)},
            "wrong",
            "may not have the scope `payments:search` → grant it to the access key in Checkout.com's dashboard",
        ),
        ({}, "ok", "answers and knows the key"),
    ],
)
def test_the_gateway_is_examined(lived, monkeypatch, told, verdict, words):
    health(monkeypatch, **told)
    found = finding(lived, "gateway")
    assert found[0] == verdict
    assert words in found[1]


@pytest.mark.parametrize(
    ("skew", "verdict", "words"),
    [
        (0.4, "ok", "within 0 s"),
        (90.0, "warning", "90 s ahead of the gateway's"),
        (-301.0, "wrong", "301 s behind the gateway's → set this machine's clock by NTP"),
        (None, "warning", "did not tell its time"),
    ],
)
def test_the_clock_is_compared(lived, monkeypatch, skew, verdict, words):
    health(monkeypatch, clock_skew_seconds=skew)
    found = finding(lived, "clock")
    assert found[0] == verdict
    assert words in found[1]


def test_a_database_that_is_not_there(empty):
    verdict, words = finding(empty, "database")
    assert verdict == "wrong"
    assert "the database is empty → run `billing migrate`" in words


def test_a_database_that_cannot_be_opened(empty, tmp_path):
    url = f"sqlite:///{tmp_path}"
    empty.config.write_text(f'[database]\nurl = "{url}"\n', encoding="utf-8")
    told = empty.billing("doctor", "--json")
    assert told.code == 1
    assert "cannot be used" in told.out


def test_an_older_schema(lived):
    lived.write("UPDATE alembic_version SET version_num = '0000'")
    assert finding(lived, "database") == (
        "wrong",
        f"{lived.database.location}: the database has an older schema → run `billing migrate`",
    )


def test_a_copied_database(lived):
    lived.write("UPDATE installation SET bound_to = '{}'")
    verdict, words = finding(lived, "binding")
    assert verdict == "wrong"
    assert "billing go --adopt" in words


def test_the_stop_switch_and_a_hold(lived):
    lived.billing("stop", "the bank is closed")
    assert finding(lived, "stop switch") == (
        "wrong",
        "charging is stopped: the bank is closed → when it is mended: `billing go`",
    )
    lived.billing("go", "--yes")
    lived.write("UPDATE installation SET held_until = '2027-03-06 00:00:00', held_because = 'HTTP 503'")
    verdict, words = finding(lived, "stop switch")
    assert verdict == "warning"
    assert "charging is held until 2027-03-06 09:00 KST: HTTP 503" in words


def test_daemons_alive_dead_and_none(lived):
    assert finding(lived, "daemons")[0] == "warning"
    with lived.database.transaction() as tx:
        announce_daemon(tx, "a", NOW, NOW)
        beat(tx, "a", NOW, datetime.now(UTC), 0)
    assert finding(lived, "daemons") == ("ok", "a alive → ")
    with lived.database.transaction() as tx:
        announce_daemon(tx, "b", NOW, NOW)
        beat(tx, "b", NOW, datetime.now(UTC) - timedelta(minutes=5), 0)
    assert finding(lived, "daemons")[0] == "warning"
    lived.write("DELETE FROM daemon WHERE name = 'a'")
    verdict, words = finding(lived, "daemons")
    assert verdict == "wrong"
    assert "no sign of life from b" in words


def test_an_old_charge_without_an_outcome(lived):
    lived.write(
        "UPDATE charge SET state = 'pending', check_at = '2027-03-06' WHERE id = (SELECT id FROM charge LIMIT 1)"
    )
    verdict, words = finding(lived, "unsettled charges")
    assert verdict == "warning"
    assert "billing charges list --state pending" in words


def test_overdue_renewals(lived):
    lived.write("UPDATE subscription SET next_due_at = '2027-03-01 00:00:00' WHERE state = 'active'")
    verdict, words = finding(lived, "overdue")
    assert verdict == "wrong"
    assert "3 renewals and 0 charges are late" in words


def test_due_subscriptions_on_a_paused_plan(lived):
    lived.write("UPDATE plan SET paused_at = '2027-03-01 00:00:00' WHERE code = 'basic'")
    lived.write("UPDATE subscription SET next_due_at = '2027-03-01 00:00:00' WHERE state = 'active'")
    assert "nobody is renewed on basic (2 due)" in finding(lived, "paused plans")[1]


def test_an_old_webhook(lived):
    lived.write(
        "INSERT INTO webhook (event_id, type, state, received_at, next_try_at, tries)"
        " VALUES ('e', 't', 'received', '2027-03-01', '2027-03-01', 0)"
    )
    assert finding(lived, "webhooks")[0] == "warning"


def test_something_parked(lived):
    lived.write("UPDATE subscription SET parked_reason = 'odd' WHERE state = 'active'")
    assert finding(lived, "parked") == ("warning", "3 things wait for a person → `billing parked list`")


def test_one_thing_parked(lived):
    lived.write("UPDATE subscription SET parked_reason = 'odd' WHERE id = (SELECT min(id) FROM subscription)")
    assert finding(lived, "parked") == ("warning", "one thing waits for a person → `billing parked list`")


def test_an_examination_that_fails_is_a_finding_and_the_others_go_on(lived, monkeypatch):
    monkeypatch.setattr("billing.entrypoints.cli.examine_database.list_parked", lambda *_: 1 / 0)
    assert finding(lived, "parked")[0] == "wrong"


@pytest.mark.parametrize(
    ("name", "value", "check", "words"),
    [
        ("WEBHOOK_KEYS", "some-other-long-webhook-key", "webhook key", "1 set"),
    ],
)
def test_live_keys_are_examined(live_shop, monkeypatch, name, value, check, words):
    health(monkeypatch)
    monkeypatch.setenv(f"BILLING_SECRETS__{name}", value)
    assert words in finding(live_shop, check)[1]
    assert finding(live_shop, "mode") == ("ok", "live: real money moves → ")
    assert finding(live_shop, "public URL")[0] == "ok"


def test_a_public_url_without_https_beside_a_remote_sandbox(lived, monkeypatch):
    health(monkeypatch)
    text = lived.config.read_text(encoding="utf-8")
    lived.config.write_text(
        "\n".join(
            'base_url = "https://x.api.sandbox.checkout.com"' if "base_url" in line else line
            for line in text.split("\n")
        ),
        encoding="utf-8",
    )
    monkeypatch.setenv("BILLING_SECRETS__GATEWAY_SECRET_KEY", "sk_sbox_abcdefghijklmnopqrstuvwxyz2")
    assert finding(lived, "public URL")[0] == "warning"
    assert finding(lived, "webhook key")[0] == "wrong"
    assert finding(lived, "binding")[0] == "wrong"  # it was moved to another gateway
    assert "billing keys create NAME" in finding(lived, "API keys")[1]
    assert lived.billing("go", "--adopt", "--yes").code == 0
    assert lived.billing("keys", "create", "shop-backend").code == 0
    assert finding(lived, "API keys")[:1] == ("ok",)


def test_the_built_in_key_is_told_of_with_where_the_api_listens(lived, monkeypatch):
    verdict, words = finding(lived, "API keys")
    assert (verdict, "none was made; sandbox-api-key opens it as an admin" in words) == ("ok", True)
    monkeypatch.setenv("BILLING_API__HOST", "0.0.0.0")  # noqa: S104 - told, not bound
    verdict, words = finding(lived, "API keys")
    assert verdict == "wrong"
    assert "sandbox-api-key does not open it: with api.host 0.0.0.0 other machines reach the API" in words


def test_an_audit_trail_that_the_database_guards_no_more_is_wrong(lived):
    lived.billing("stop", "look at it")
    assert "guarded; head 1:" in finding(lived, "audit trail")[1]
    lived.write("DROP TRIGGER audit_entry_no_replace")
    verdict, told = finding(lived, "audit trail")
    assert (verdict, "audit_entry_no_replace is dropped" in told) == ("wrong", True)


HOOK = "http://127.0.0.1:9000/hooks/a-token-that-is-nobodys-business"


def endpoint(shop):
    return shop.billing("webhooks", "endpoints", "create", HOOK, "--json").json["id"]


def test_without_a_key_for_secrets_live_mode_can_make_no_endpoint(live_shop, monkeypatch):
    health(monkeypatch)
    verdict, words = finding(live_shop, "endpoint keys")
    assert verdict == "warning"
    assert "BILLING_SECRETS__ENDPOINT_KEYS is not set: no webhook endpoint can be made" in words
    refused = live_shop.billing("webhooks", "endpoints", "create", "https://shop.example.com/hooks")
    assert (refused.code, "BILLING_SECRETS__ENDPOINT_KEYS" in refused.err) == (1, True)
    monkeypatch.setenv("BILLING_SECRETS__ENDPOINT_KEYS", "k" * 32)
    assert finding(live_shop, "endpoint keys")[0] == "ok"


def test_an_endpoint_whose_secret_was_kept_under_another_key_is_wrong(lived, monkeypatch):
    health(monkeypatch)
    assert finding(lived, "endpoint keys")[0] == finding(lived, "webhook endpoints")[0] == "ok"
    ident = endpoint(lived)
    assert finding(lived, "endpoint keys")[0] == "ok"
    monkeypatch.setenv("BILLING_SECRETS__ENDPOINT_KEYS", "k" * 32)
    verdict, words = finding(lived, "endpoint keys")
    assert verdict == "wrong"
    assert f"the secret of {ident} at 127.0.0.1 cannot be read" in words
    assert "token" not in words


def test_endpoints_that_fail_or_were_given_up_are_told_with_what_waits(lived, monkeypatch):
    health(monkeypatch)
    ident = endpoint(lived)
    assert "1; deliveries that wait: 0" in finding(lived, "webhook endpoints")[1]
    lived.billing("webhooks", "endpoints", "test", ident)
    lived.write("UPDATE webhook_endpoint SET failing_since = '2027-03-05 01:00:00'")
    lived.write(PUT_IN_LINE)
    verdict, words = finding(lived, "webhook endpoints")
    assert verdict == "warning"
    assert f"{ident} at 127.0.0.1 fails since 2027-03-05 10:00 KST; deliveries that wait: 1" in words
    lived.write("UPDATE webhook_endpoint SET state = 'disabled', disabled_because = 'failing'")
    verdict, words = finding(lived, "webhook endpoints")
    assert verdict == "wrong"
    assert f"{ident} at 127.0.0.1 took nothing and is switched off; deliveries that wait: 1" in words
    assert "billing webhooks endpoints enable ID" in words
    lived.write("UPDATE webhook_endpoint SET disabled_because = 'requested'")
    verdict, words = finding(lived, "webhook endpoints")
    assert verdict == "ok"
    assert "1, 1 of them switched off by hand" in words


def test_deliveries_that_nobody_sends_are_told(lived, monkeypatch):
    health(monkeypatch)
    endpoint(lived)
    lived.write(PUT_IN_LINE)
    verdict, words = finding(lived, "webhook endpoints")
    assert verdict == "ok", "what is due at a time to come is late for nobody"
    lived.write("UPDATE webhook_delivery SET next_try_at = '2026-01-05 01:00:00'")
    verdict, words = finding(lived, "webhook endpoints")
    assert verdict == "wrong"
    assert "nobody sends: what waits longest is due since 2026-01-05 10:00 KST; deliveries that wait: 1" in words
    assert "start `billing daemon`" in words


PUT_IN_LINE = """
INSERT INTO webhook_delivery (id, endpoint_id, event_id, event_type, state, tries, queued_at, next_try_at)
SELECT '00000000000000000000000000000001', w.id, (SELECT MAX(id) FROM event) - 1, 'invoice.paid', 'pending', 1,
       '2027-03-05', '2027-03-05'
FROM webhook_endpoint w
"""


def refuse(shop, why, at):
    shop.write(f"INSERT INTO webhook_refusal VALUES ('{why}', 7, '{at}', '{at}')")


def test_payments_that_were_settled_without_a_webhook_say_that_the_front_door_is_shut(lived):
    verdict, words = finding(lived, "incoming webhooks")
    assert verdict == "wrong"
    assert "the front door is shut" in words
    assert "none ever came" in words
    assert "names https://YOUR-HOST/webhooks/checkout" in words


def test_a_door_is_shut_by_a_wrong_key_and_the_doctor_names_the_setting(lived):
    refuse(lived, "wrong_signature", "2027-03-05 01:00:00")
    verdict, words = finding(lived, "incoming webhooks")
    assert verdict == "wrong"
    assert "7 turned away (wrong signature, last 2027-03-05 10:00 KST)" in words
    assert words.endswith("set BILLING_SECRETS__WEBHOOK_KEYS to the signature key of the workflow in the dashboard")


def test_a_key_that_is_wrong_since_the_last_webhook_is_noticed_before_a_payment_ends(lived):
    lived.announce_all()
    assert finding(lived, "incoming webhooks")[0] == "ok"
    refuse(lived, "wrong_signature", "2027-03-05 03:00:00")
    verdict, words = finding(lived, "incoming webhooks")
    assert verdict == "warning"
    assert "BILLING_SECRETS__WEBHOOK_KEYS" in words


def test_who_paid_and_made_no_agreement(lived):
    assert finding(lived, "agreements")[0] == "ok"
    lived.write("UPDATE subscription SET source_id = NULL WHERE state = 'active'")
    verdict, words = finding(lived, "agreements")
    assert verdict == "warning"
    assert "no agreement came with the payment" in words


def test_an_error_of_our_set_up_that_a_few_subscribers_met(lived):
    assert finding(lived, "set-up") == ("ok", "nobody met an error of it in the last 24 hours → ")
    lived.write(
        "UPDATE charge SET decline_class = 'set_up', state = 'declined', automatic = true,"
        " sent_at = '2027-03-05 03:00:00' WHERE id = (SELECT id FROM charge WHERE kind = 'renewal' LIMIT 1)"
    )
    verdict, words = finding(lived, "set-up")
    assert verdict == "warning"
    assert "1 subscriber met an error of our set-up in the last 24 hours" in words
    lived.write("UPDATE installation SET is_careful = true")
    assert "few are charged at once until one is captured" in finding(lived, "set-up")[1]


@pytest.mark.parametrize(("respond_by", "verdict"), [("2027-03-20", "warning"), ("2027-03-06", "wrong")])
def test_a_dispute_waits_for_an_answer(lived, respond_by, verdict):
    assert finding(lived, "disputes")[0] == "ok"
    lived.write(
        "INSERT INTO dispute (gateway_dispute_id, charge_id, gateway_payment_id, amount_minor, currency, state, status,"
        " rank, respond_by, opened_at) SELECT 'dsp_1', id, gateway_payment_id, 9900, 'KRW', 'open',"
        f" 'dispute_received', 1, '{respond_by} 00:00:00', '2027-03-05'"
        " FROM charge WHERE gateway_payment_id IS NOT NULL LIMIT 1"
    )
    found, words = finding(lived, "disputes")
    assert found == verdict
    assert "₩9,900 of ch_" in words
    assert f"answer by {respond_by}" in words


def test_a_database_file_that_others_may_read_is_named_with_what_to_do(lived):
    assert finding(lived, "database file") == ("ok", "its owner's alone → ")
    file = Path(lived.database.location)
    file.chmod(0o644)
    verdict, words = finding(lived, "database file")
    assert verdict == "warning"
    assert "others than its owner may read or change billing.db (mode 0644)" in words
    assert f"`chmod 600 {file}*`" in words


@pytest.mark.parametrize(("hard", "verdict"), [(4096, "ok"), (4095, "warning"), (1024, "warning"), (-1, "ok")])
def test_a_low_limit_of_open_files_is_told_with_what_it_means(lived, monkeypatch, hard, verdict):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (min(hard, 1024), hard))
    found, words = finding(lived, "open files")
    assert found == verdict
    assert ("640 connections at most → raise it: LimitNOFILE" in words) == (hard == 1024)
