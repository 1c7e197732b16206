"""/metrics of the API: for those with a key, with what the engine is and what this process did."""

import pytest
from api_world import NO_ENGINE, client, served_api, serving

from billing.config.settings import Settings
from billing.entrypoints.api.app import create_app
from billing.entrypoints.metrics.instruments import Instruments
from billing.operations.webhooks import keep_refusals
from billing.store.installation import set_clock


def value(text, series):
    [line] = [line for line in text.splitlines() if line.rpartition(" ")[0] == series]
    return float(line.rpartition(" ")[2])


@pytest.fixture
def api(sqlite_world):
    """An API of this test's own: what was read from the database is kept for seconds."""
    with served_api() as served:
        yield served.put(sqlite_world)


@pytest.fixture
def keyed():
    """An API with a metrics key and no database."""
    settings = Settings(secrets={"metrics_key": "m" * 24})
    app = create_app(settings, NO_ENGINE)
    with serving(app) as url, client(url) as http:
        yield lambda path, key: http.get(path, headers={"Authorization": f"Bearer {key}"}).status_code


def test_the_metrics_key_opens_the_metrics_and_nothing_else(keyed):
    assert keyed("/v1/plans", "m" * 24) == 401
    assert keyed("/v1/charges", "m" * 24) == 401
    assert keyed("/metrics", "x" * 24) == 401
    assert keyed("/metrics", "none") == 401
    assert keyed("/metrics/", "m" * 24) == 401


def test_metrics_are_read_with_either_key(api):
    assert api.http.get("/metrics", headers={"Authorization": ""}).status_code == 401
    answer = api.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert value(answer.text, "billing_database_up") == 1
    assert value(answer.text, 'billing_parked{kind="charge"}') == 0
    assert "sandbox-api-key" not in answer.text


def test_metrics_tell_what_came_in_by_webhook_and_what_did_not(api):
    for who in ("kim", "lee", "park"):
        api.world.subscribe(who)
    keep_refusals(api.world.engine, {"wrong_signature": 3}, now=api.world.now)
    api.world.wait(minutes=16)
    with api.world.engine.database.transaction() as tx:
        set_clock(tx, api.world.now)
    told = api.http.get("/metrics").text
    assert value(told, "billing_webhooks_shut_out") == 1
    assert value(told, "billing_payments_ended") == value(told, "billing_payments_ended_without_webhook") == 3
    assert value(told, 'billing_webhooks_refused{reason="wrong_signature"}') == 3
    assert "billing_last_webhook_age_seconds" not in told


def test_a_database_that_cannot_be_read_leaves_the_other_metrics(sandbox, sqlite_world):
    with served_api(gateway={"base_url": sandbox.url}) as served:
        broken = served.put(sqlite_world)
        with sqlite_world.engine.database.transaction() as tx:
            tx.exec_driver_sql("ALTER TABLE webhook RENAME TO gone")
        told = broken.http.get("/metrics").text
    assert value(told, "billing_database_up") == 0
    assert "billing_renewals_overdue" not in told
    assert value(told, 'billing_gateway_answers_total{answer="unknown",call="create_payment"}') == 0


def test_many_scrapes_cost_the_database_one_reading(api):
    api.http.get("/metrics")
    api.subscribe()
    with api.world.engine.database.transaction() as tx:
        tx.exec_driver_sql("UPDATE installation SET stopped_because = 'a person'")
    assert value(api.http.get("/metrics").text, "billing_charging_stopped") == 0


@pytest.mark.parametrize(
    ("because", "stopped", "braked", "by_evidence"),
    [
        (None, 0, 0, 0),
        ("holidays", 1, 0, 0),
        ("the brake: more than 1000", 1, 1, 0),
        ("the evidence: 2 subscribers met an error", 1, 0, 1),
    ],
)
def test_the_switch_the_brake_and_the_evidence_are_told_apart(api, because, stopped, braked, by_evidence):
    with api.world.engine.database.transaction() as tx:
        marker = "?" if tx.dialect.name == "sqlite" else "%s"
        tx.exec_driver_sql(f"UPDATE installation SET stopped_because = {marker}", (because,))
    told = api.http.get("/metrics").text
    names = ("billing_charging_stopped", "billing_brake_pulled", "billing_stopped_by_evidence")
    assert tuple(value(told, name) for name in names) == (stopped, braked, by_evidence)


def test_every_pair_of_call_and_answer_that_can_come_has_its_series():
    instruments = Instruments()
    for call, answer in (("create_payment", "unknown"), ("find_by_id", "unreadable"), ("revoke_source", "accepted")):
        instruments.answered(call, answer)
        instruments.exchanged(call, 0.1)


def test_metrics_take_no_query_that_they_do_not_know(still):
    assert "zzz is not known" in still.refused(still.call("GET", "/metrics?zzz=1"), 422, "invalid_request")
