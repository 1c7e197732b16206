"""Stories of customers who are made known, updated and erased."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from harness import WEB
from sqlalchemy import text

from billing.domain.charging import Unknown
from billing.domain.public_ids import Kind, public_id
from billing.operations.customers import (
    CustomerErased,
    CustomerKnown,
    Subscriber,
    create_customer,
    update_customer,
)
from billing.operations.engine import BadInput, Conflict, NotFound
from billing.operations.enrol_subscriber import enrol_subscriber
from billing.operations.erase_customer import erase_customer
from billing.operations.manage import cancel_now
from billing.operations.request_keys import Answer, Asked, claim_request, keep_answer
from billing.operations.request_refund import request_refund
from billing.store.invariants import check_all

KIM = Subscriber("cust-kim", "김소월", "sowol@example.test", "+821012345678", "ko")
PERSONAL = ("김소월", "sowol", "12345678", "sowol-private-link", "cus_")
LINKED = replace(WEB, success_url="http://127.0.0.1/ok?who=sowol-private-link")


def _row(world):
    return world.rows("SELECT * FROM customer")[0]


def _ident(world):
    return UUID(str(_row(world)["id"]))


def _erase(world):
    return erase_customer(world.engine, _ident(world), reason="asked to be forgotten", now=world.now)


def _subscribed(world):
    made = enrol_subscriber(world.engine, KIM, "basic", LINKED, now=world.now)
    world.agree(str(made.redirect_url))
    world.wait(minutes=2)
    return made.subscription_id


def _everything(world):
    tables = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if world.engine.database.is_sqlite
        else "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    )
    names = [row["name"] for row in world.rows(tables)]
    return {name: str(world.rows(f'SELECT * FROM "{name}"')) for name in names}


def test_a_customer_is_made_known_before_there_is_a_subscription_and_enrolled_by_reference_later(world):
    ident = create_customer(world.engine, KIM, now=world.now)
    assert (_ident(world), _row(world)["name"], _row(world)["phone"]) == (ident, "김소월", "+821012345678")
    with pytest.raises(CustomerKnown, match="update that one") as known:
        create_customer(world.engine, KIM, now=world.now)
    assert known.value.customer_id == ident
    made = enrol_subscriber(world.engine, Subscriber("cust-kim"), "basic", WEB, now=world.now)
    world.agree(str(made.redirect_url))
    world.wait(minutes=2)
    assert (world.state(), len(world.rows("SELECT id FROM customer"))) == ("active", 1)
    assert len(world.events("customer.created")) == 1


@pytest.mark.parametrize("missing", ["name", "email"])
def test_a_customer_without_a_name_or_an_address_is_not_made(world, missing):
    with pytest.raises(BadInput, match=f"{missing} is required"):
        create_customer(world.engine, replace(KIM, **{missing: None}), now=world.now)
    assert world.rows("SELECT id FROM customer") == []


def test_what_is_told_of_a_customer_is_changed_and_the_rest_stays(world):
    ident = create_customer(world.engine, KIM, now=world.now)
    update_customer(world.engine, ident, {"email": "new@example.test", "phone": None}, now=world.now)
    row = _row(world)
    assert (row["name"], row["email"], row["phone"], row["locale"]) == ("김소월", "new@example.test", None, "ko")
    (event,) = world.events("customer.updated")
    assert "email" in str(event["data"])
    assert "example.test" not in str(event["data"])
    update_customer(world.engine, ident, {"email": "new@example.test"}, now=world.now)
    assert len(world.events("customer.updated")) == 1  # it was so already


def test_what_cannot_be_changed_of_a_customer_is_refused_and_changes_nothing(world):
    ident = create_customer(world.engine, KIM, now=world.now)
    for told, said in (
        ({"reference": "x"}, "reference cannot be changed"),
        ({"name": None}, "name cannot be taken away"),
        ({"locale": "en", "email": None}, "email cannot be taken away"),
    ):
        with pytest.raises(BadInput, match=said):
            update_customer(world.engine, ident, told, now=world.now)
    assert _row(world)["locale"] == "ko"
    with pytest.raises(NotFound):
        update_customer(world.engine, UUID(int=1), {"name": "x"}, now=world.now)


def test_an_erased_customer_leaves_nothing_personal_in_any_table_and_the_books_stay_sound(world):
    subscription = _subscribed(world)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    before = " ".join(_everything(world).values())
    assert all(each in before for each in PERSONAL)
    told = _erase(world)
    assert told.untold_sources == ()
    for table, rows in _everything(world).items():
        for each in PERSONAL:
            assert each not in rows, table
    row = _row(world)
    assert (row["reference"], row["name"], row["email"], row["phone"]) == ("cust-kim", "", "", None)
    assert world.states("source") == ["revoked"]
    assert world.states("invoice") == ["paid"]
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []


TYPED = "sowol said that 김소월 moves to Busan"


def test_an_erasure_blanks_what_people_typed_as_reasons(world):
    subscription = _subscribed(world)
    cancel_now(world.engine, subscription, reason=TYPED, now=world.now)
    charge = UUID(str(world.rows("SELECT id FROM charge")[0]["id"]))
    request_refund(world.engine, charge, None, reason=TYPED, now=world.now)
    world.calm(hours=2)
    typed = ("SELECT cancel_reason AS why FROM subscription", "SELECT reason AS why FROM refund")
    assert [world.rows(query)[0]["why"] for query in typed] == [TYPED, TYPED]
    _erase(world)
    assert [world.rows(query)[0]["why"] for query in typed] == [None, ""]
    with world.engine.database.snapshot() as tx:
        assert check_all(tx, world.now) == []


def test_the_reasons_of_others_stay(world):
    subscription = _subscribed(world)
    cancel_now(world.engine, subscription, reason="of the first", now=world.now)
    other = world.subscribe("lee")
    cancel_now(world.engine, other, reason="of the other", now=world.now)
    erase_customer(
        world.engine,
        UUID(str(world.rows("SELECT id FROM customer WHERE reference = 'cust-kim'")[0]["id"])),
        reason="asked",
        now=world.now,
    )
    told = {row["cancel_reason"] for row in world.rows("SELECT cancel_reason FROM subscription")}
    assert told == {None, "of the other"}


def _bytes_on_disk(world):
    file = Path(world.engine.database.location)
    return b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*") if not each.name.endswith("-shm"))


def test_an_erasure_leaves_nothing_personal_in_the_files_of_sqlite(world):
    if not world.engine.database.is_sqlite:
        pytest.skip("what PostgreSQL keeps of former rows is told in docs/security.md")
    subscription = _subscribed(world)
    for number in range(20):
        update_customer(world.engine, _ident(world), {"name": f"김소월 {number}"}, now=world.now)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    personal = [each.encode() for each in PERSONAL if each != "cus_"]
    assert all(each in _bytes_on_disk(world) for each in personal)
    _erase(world)
    assert [each for each in personal if each in _bytes_on_disk(world)] == []


def test_an_erasure_while_somebody_reads_is_done_and_its_traces_go_when_it_is_asked_for_again(world):
    if not world.engine.database.is_sqlite:
        pytest.skip("PostgreSQL has no such log")
    subscription = _subscribed(world)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    reader = sqlite3.connect(world.engine.database.location, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM customer").fetchone()
    _erase(world)
    assert _row(world)["name"] == ""
    reader.close()
    _erase(world)
    assert "김소월".encode() not in _bytes_on_disk(world)


def test_an_erased_customer_is_not_enrolled_updated_or_made_known_again(world):
    ident = create_customer(world.engine, KIM, now=world.now)
    _erase(world)
    for act in (
        lambda: enrol_subscriber(world.engine, KIM, "basic", WEB, now=world.now),
        lambda: enrol_subscriber(world.engine, Subscriber("cust-kim"), "basic", WEB, now=world.now),
        lambda: create_customer(world.engine, KIM, now=world.now),
        lambda: update_customer(world.engine, ident, {"name": "x"}, now=world.now),
    ):
        with pytest.raises(CustomerErased, match="gets a new reference"):
            act()
    assert _row(world)["name"] == ""
    assert world.rows("SELECT id FROM subscription") == []
    enrol_subscriber(world.engine, replace(KIM, reference="cust-kim-2"), "basic", WEB, now=world.now)
    assert len(world.rows("SELECT id FROM customer")) == 2


def test_what_stands_in_the_way_of_an_erasure_is_told_and_nothing_is_erased(world):
    subscription = _subscribed(world)
    with pytest.raises(Conflict, match=r"sub_\w+ is active \(cancel it\)"):
        _erase(world)
    world.live_through("2027-02-28 09:59")
    world.sweep_at(world.next_due())
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    with pytest.raises(Conflict, match=r"ch_\w+ is pending"):
        _erase(world)
    world.wait(minutes=3)
    with pytest.raises(Conflict, match=r"re_\w+ is \w+"):  # what was captured after the end is on its way back
        _erase(world)
    assert _row(world)["name"] == "김소월"
    world.calm(hours=2)
    _erase(world)
    assert _row(world)["name"] == ""
    with pytest.raises(NotFound):
        erase_customer(world.engine, UUID(int=1), reason="x", now=world.now)


def test_a_first_payment_that_is_captured_after_the_erasure_goes_back_and_brings_nothing_to_life(world):
    world.wallet(KIM.email, first_payment=["late:3:expire"])
    made = enrol_subscriber(world.engine, KIM, "basic", WEB, now=world.now)
    world.agree(str(made.redirect_url))
    world.live_through("2027-01-31 14:30")
    assert (world.state(), world.states("charge")) == ("incomplete_expired", ["expired"])
    _erase(world)
    world.calm(days=2)
    assert world.states("charge") == ["captured"]
    assert (world.state(), world.states("refund")) == ("incomplete_expired", ["refunded"])
    assert _row(world)["name"] == ""
    assert world.states("source") == ["active"]  # it came with the payment
    _erase(world)
    assert world.states("source") == ["revoked"]


def test_an_agreement_that_the_gateway_could_not_be_told_of_is_told_when_the_customer_is_erased_again(world):
    subscription = _subscribed(world)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)

    class Deaf:
        def __init__(self, gateway):
            self._gateway = gateway

        def revoke_sources(self, source_ids):
            return [Unknown("no answer")] * len(source_ids)

        def __getattr__(self, name):
            return getattr(self._gateway, name)

    deaf = replace(world.engine, gateway=Deaf(world.engine.gateway))
    told = erase_customer(deaf, _ident(world), reason="x", now=world.now)
    assert len(told.untold_sources) == 1
    assert world.states("source") == ["revoked"]
    again = _erase(world)
    assert (again.untold_sources, again.erased_at) == ((), told.erased_at)
    assert len(world.events("customer.erased")) == 1


def test_a_captured_charge_of_an_erased_customer_can_still_be_given_back(world):
    subscription = _subscribed(world)
    cancel_now(world.engine, subscription, reason="enough", now=world.now)
    _erase(world)
    charge = UUID(str(world.rows("SELECT id FROM charge")[0]["id"]))
    request_refund(world.engine, charge, None, reason="goodwill", now=world.now)
    world.calm(hours=2)
    assert world.states("refund") == ["refunded"]


def test_answers_that_are_kept_for_a_customer_are_emptied_and_their_requests_stay_known(world):
    ident = create_customer(world.engine, KIM, now=world.now)
    with world.engine.database.transaction() as tx:
        for number, body in enumerate((f'{{"id":"{public_id(Kind.CUSTOMER, ident)}","name":"김소월"}}', "{}", None)):
            tx.execute(
                text(
                    "INSERT INTO keyed_request (id, holder, key, fingerprint, forget_at, status, body)"
                    " VALUES (:id, 'h', :key, 'f', :at, 200, :body)"
                ),
                {"id": UUID(int=number).hex, "key": str(number), "at": "2027-03-01 00:00:00", "body": body},
            )
    _erase(world)
    kept = {row["key"]: row["body"] for row in world.rows("SELECT key, body FROM keyed_request")}
    assert kept == {"0": "", "1": "{}", "2": None}


def test_an_answer_that_is_kept_only_after_the_erasure_is_kept_without_its_body(world):
    database, asked = world.engine.database, Asked("shop", "key-1", "f")
    claim = claim_request(database, asked, now=world.now, machine_now=world.now)
    ident = public_id(Kind.CUSTOMER, create_customer(world.engine, KIM, now=world.now))
    _erase(world)
    keep_answer(database, claim, Answer(201, "application/json", f'{{"id":"{ident}","name":"김소월"}}'))
    kept = claim_request(database, asked, now=world.now, machine_now=world.now)
    assert kept == Answer(201, "application/json", "")


def test_an_answer_about_somebody_else_or_that_only_looks_like_an_id_is_kept_whole(world):
    database, asked = world.engine.database, Asked("shop", "key-1", "f")
    ident = public_id(Kind.CUSTOMER, create_customer(world.engine, KIM, now=world.now))
    answer = Answer(201, "application/json", f'{{"id":"{ident}","reason":"cus_{"z" * 26}"}}')
    claim = claim_request(database, asked, now=world.now, machine_now=world.now)
    keep_answer(database, claim, answer)
    assert claim_request(database, asked, now=world.now, machine_now=world.now) == answer
