"""Stories of revocations that the gateway does not confirm at once: told again until it does, and not for ever."""

from dataclasses import replace
from uuid import UUID

import pytest
from harness import WEB, email
from sqlalchemy import text

from billing.operations.engine import Conflict, NotFound, Refusal
from billing.operations.erase_customer import erase_customer
from billing.operations.manage import cancel_now
from billing.operations.re_enrol import re_enrol
from billing.operations.revocations import release_revocation, settle_revocation
from billing.operations.revoke_source import revoke_source
from billing.store.invariants import check_all
from billing.store.report_log import list_parked

KIM = email("kim")
NO_VAULT = {"granted_scopes": ["gateway"]}


def sources(world):
    return world.rows("SELECT * FROM source ORDER BY created_at")


def ident(world, number=0):
    return UUID(str(sources(world)[number]["id"]))


def revocations(world):
    return [row["revocation"] for row in sources(world)]


def told(world):
    """Return how often the gateway was told, and how it answered."""
    return [each["status"] for each in world.sandbox("GET", "requests") if each["method"] == "PATCH"]


def revoke(world, number=0):
    return revoke_source(world.engine, ident(world, number), reason="asked to", now=world.now)


def test_a_revocation_that_the_gateway_did_not_take_is_told_again_until_it_does(world):
    world.subscribe()
    world.faults(unprocessed_502=1.0)
    made = revoke(world)
    assert (made.state.value, made.revocation.value) == ("revoked", "requested")
    assert "the daemon tells it again" in made.gateway
    world.wait(minutes=2)
    world.wait(minutes=6)
    assert (revocations(world), told(world)) == (["requested"], [502] * 3)
    assert "502" in sources(world)[0]["revocation_error"]
    world.faults(unprocessed_502=0.0)
    world.live_through("2027-01-31 14:00")
    assert (revocations(world), told(world)) == (["confirmed"], [502, 502, 502, 200])
    (event,) = world.events("source.revocation_confirmed")
    assert "confirmed" in str(event["data"])
    world.live_through("2027-02-05 12:00")
    assert len(told(world)) == 4


def test_a_gateway_that_is_down_when_a_revocation_is_asked_for_is_told_when_it_is_back(world):
    world.subscribe()
    world.faults(outage=True)
    assert revoke(world).revocation.value == "requested"
    world.calm(hours=1)
    assert revocations(world) == ["confirmed"]


def test_a_sender_that_dies_before_the_answer_is_followed_by_the_next_sweep(world):
    world.subscribe()

    class Dying:
        def revoke_sources(self, _ids):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        revoke_source(replace(world.engine, gateway=Dying()), ident(world), reason="x", now=world.now)
    assert (world.states("source"), revocations(world)) == (["revoked"], ["requested"])
    world.wait(minutes=3)
    assert (revocations(world), told(world)) == (["confirmed"], [200])


def test_what_the_gateway_never_confirms_is_parked_after_days_and_a_person_may_let_it_go_on(world):
    world.subscribe()
    world.sandbox("PUT", "profiles", NO_VAULT)
    revoke(world)
    world.live_through("2027-02-06 12:00")
    tries = len(told(world))
    assert (revocations(world), set(told(world))) == (["parked"], {403})
    world.live_through("2027-02-10 12:00")
    assert len(told(world)) == tries
    with world.engine.database.snapshot() as tx:
        (row,) = list_parked(tx, 9)
        assert check_all(tx, world.now) == []
    assert (row.kind, row.id, row.customer_reference) == ("source", str(ident(world)), "cust-kim")
    assert "403" in row.why
    assert len(world.events("source.revocation_parked")) == 1
    world.sandbox("PUT", "profiles", {"granted_scopes": None})
    release_revocation(world.engine, ident(world), "the scope was granted", world.now)
    world.wait(minutes=1)
    assert revocations(world) == ["confirmed"]
    with pytest.raises(Refusal, match="confirmed, not parked"):
        release_revocation(world.engine, ident(world), "again", world.now)


def test_an_agreement_that_the_gateway_does_not_know_any_more_need_not_be_revoked(world):
    world.subscribe()
    with world.engine.database.transaction() as tx:
        tx.execute(text("UPDATE source SET gateway_source_id = 'src_aaaaaaaaaaaaaaaaaaaaaaaaaa'"))
    assert revoke(world).revocation.value == "confirmed"
    assert told(world) == [404]


def test_asked_for_twice_it_is_told_at_once_and_once_it_is_confirmed_not_again(world):
    world.subscribe()
    world.faults(unprocessed_502=1.0)
    revoke(world)
    world.faults(unprocessed_502=0.0)
    assert revoke(world).revocation.value == "confirmed"
    assert revoke(world).revocation.value == "confirmed"
    assert told(world) == [502, 200]
    assert len(world.events("source.revocation_requested")) == 1


def test_an_erased_customer_s_agreements_are_revoked_at_the_gateway_though_it_was_down(world):
    subscription = world.subscribe()
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    gateway_customer = world.scalar("SELECT gateway_customer_id FROM customer")
    world.faults(outage=True)
    customer = UUID(str(world.rows("SELECT id FROM customer")[0]["id"]))
    made = erase_customer(world.engine, customer, reason="asked to be forgotten", now=world.now)
    assert made.untold_sources == (ident(world),)
    assert made.gateway_customer_id == gateway_customer
    world.calm(hours=1)
    assert revocations(world) == ["confirmed"]
    again = erase_customer(world.engine, customer, reason="again", now=world.now)
    assert (again.untold_sources, told(world)) == ((), [503, 200])


def test_a_replaced_agreement_is_revoked_at_the_gateway_and_the_new_one_goes_on(world):
    subscription = world.subscribe()
    world.go_to("2027-02-10 12:00")
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.live_through("2027-02-10 13:00")
    assert [(row["state"], row["revocation"]) for row in sources(world)] == [
        ("replaced", "confirmed"),
        ("active", "none"),
    ]
    world.live_through("2027-03-01 00:00")
    assert (world.state(), told(world), len(world.captured())) == ("active", [200], 2)


def test_a_replaced_agreement_is_left_alone_where_that_is_configured(world):
    world.with_rules(settlement=replace(world.engine.rules.settlement, revoke_replaced=False))
    subscription = world.subscribe()
    world.go_to("2027-02-10 12:00")
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.live_through("2027-02-10 13:00")
    assert (revocations(world), told(world)) == (["none", "none"], [])


@pytest.mark.usefixtures("inbox")
def test_a_renewal_that_is_captured_late_brings_no_revoked_agreement_back(world):
    world.subscribe()
    world.wallet(KIM, script=["late:30"])
    world.live_through("2027-02-28 12:00")
    assert world.states("charge")[-1] == "expired"
    revoke(world)
    world.live_through("2027-03-05 12:00")
    assert world.states("charge") == ["captured", "captured"]
    assert [(row["state"], row["revocation"]) for row in sources(world)] == [("revoked", "confirmed")]
    world.live_through("2027-04-02 12:00")
    assert len(world.sent()) == 2


def settle(world, number=0):
    settle_revocation(world.engine, ident(world, number), reason="cut by the subscriber in KakaoTalk", now=world.now)


def test_a_parked_revocation_is_settled_by_hand_and_never_told_again(world):
    world.subscribe()
    world.faults(unprocessed_502=1.0)
    revoke(world)
    world.live_through("2027-02-06 12:00")
    assert revocations(world) == ["parked"]
    tries = len(told(world))
    settle(world)
    assert revocations(world) == ["confirmed"]
    (event,) = world.events("source.revocation_settled")
    assert "cut by the subscriber" in str(event["data"])
    with world.engine.database.snapshot() as tx:
        assert list_parked(tx, 10) == []
        assert check_all(tx, world.now) == []
    settle(world)
    revoke(world)
    world.live_through("2027-02-08 12:00")
    assert len(told(world)) == tries
    assert len(world.events("source.revocation_settled")) == 1


def test_an_erasure_counts_a_settled_revocation_as_told(world):
    subscription = world.subscribe()
    world.faults(unprocessed_502=1.0)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    customer = UUID(str(world.rows("SELECT id FROM customer")[0]["id"]))
    erased = erase_customer(world.engine, customer, reason="asked to", now=world.now)
    assert erased.untold_sources == (ident(world),)
    settle(world)  # it need not be parked first
    tries = len(told(world))
    assert erase_customer(world.engine, customer, reason="asked to", now=world.now).untold_sources == ()
    assert len(told(world)) == tries


def test_what_is_not_being_revoked_cannot_be_settled(world):
    world.subscribe()
    with pytest.raises(Conflict, match="is active, and not being revoked"):
        settle(world)
    with pytest.raises(NotFound):
        settle_revocation(world.engine, UUID(int=0), reason="x", now=world.now)


def test_an_agreement_that_comes_anew_after_its_revocation_was_settled_is_charged(world):
    subscription = world.subscribe()
    world.faults(unprocessed_502=1.0)
    revoke(world)
    settle(world)
    world.faults(unprocessed_502=0.0)
    world.agree(re_enrol(world.engine, subscription, WEB, now=world.now).redirect_url)
    world.live_through("2027-02-28 12:00")
    assert world.states("invoice")[-1] == "paid"
    assert world.state() == "active"
