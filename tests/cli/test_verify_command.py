"""`billing verify`: corruption planted by hand is found, row by row."""
# ruff: noqa: E501, ISC004 - a table reads best with a row to a line

import dataclasses
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from billing.domain.charging import SearchPage
from billing.domain.public_ids import Kind, brief_id
from billing.operations.reconcile import reconcile
from billing.store.database import Database
from billing.store.invariants import INVARIANTS, Bounds, check_all

NOW = datetime(2027, 3, 5, 3, 10, tzinfo=UTC)
CAPTURED = "SELECT id FROM charge WHERE state = 'captured' AND kind = 'renewal' LIMIT 1"
PAID = "SELECT id FROM invoice WHERE state = 'paid' AND kind = 'renewal' LIMIT 1"
KIM = "SELECT s.id FROM subscription s JOIN customer c ON c.id = s.customer_id WHERE c.reference = 'cust-kim'"
LEE = KIM.replace("kim", "lee")
COPY_OF_A_CHARGE = (
    "INSERT INTO charge (id, invoice_id, subscription_id, kind, automatic, attempt_no, reference, idempotency_key,"
    " amount_minor, currency, state, gateway_payment_id, created_at, sent_at, captured_at, sends, check_at, checks,"
    " absent_looks)"
    " SELECT '{digit}' || substr(id, 2), invoice_id, subscription_id, kind, automatic, attempt_no + {digit}, reference"
    " || '{digit}', '{digit}', amount_minor, currency, '{state}', gateway_payment_id || '{digit}', created_at, sent_at,"
    " sent_at, 1, check_at, 0, 0 FROM charge WHERE id = (" + CAPTURED + ")"
)
ENDED_LONG_AGO = (
    f"UPDATE subscription SET state = 'canceled', canceled_at = '2027-02-01' WHERE id = ({KIM});"
    "INSERT INTO event (id, at, actor, subject_type, subject_id, sequence, subscription_id, type, data)"
    f" SELECT 0, '2027-02-01', 'x', 'subscription', 'x', 1, id, 'subscription.canceled', '{{}}' FROM subscription WHERE id = ({KIM})"
)
PARK = KIM.replace("kim", "park")


def _noted(number, day, kind, to_state):
    return (
        "INSERT INTO event (id, at, actor, subject_type, subject_id, sequence, subscription_id, type, to_state, data)"
        f" SELECT {number}, '{day}', 'x', 'subscription', 'x', {number}, id, '{kind}', '{to_state}', '{{}}'"
        f" FROM subscription WHERE id = ({KIM})"
    )


def _another_invoice(state, paid_at="NULL"):
    return (
        "INSERT INTO invoice (id, subscription_id, kind, period_start, period_end, amount_minor, currency, state,"
        " attempts, failures, technical_failures, lost_days, grace_until, paid_at, created_at)"
        f" SELECT '99' || substr(id, 3), id, 'renewal', '2027-01-20', '2027-02-20', 9900, 'KRW', '{state}', 1, 0, 0, 0,"
        f" '2027-02-20', {paid_at}, '2027-01-20' FROM subscription WHERE id = ({KIM})"
    )


def _days_recorded(digit, start, end, kind="none"):
    return (
        "INSERT INTO day_record (id, subscription_id, starts_on, ends_on, kind, reason, written_at)"
        f" SELECT '{digit}9' || substr(id, 3), id, '{start}', '{end}', '{kind}', 'paused', '2027-06-01 00:00:00.000000'"
        f" FROM subscription WHERE id = ({KIM})"
    )


RENEWAL_OF_KIM = f"UPDATE invoice SET state = '{{state}}' WHERE kind = 'renewal' AND subscription_id = ({KIM})"
PLANTED = [
    (1, "DROP INDEX one_live_charge;UPDATE charge SET state = 'pending' WHERE state = 'captured'", "charges are under way"),
    (2, f"DROP INDEX one_invoice_for_a_period;UPDATE invoice SET period_start = '2027-01-31' WHERE id = ({PAID})",
     "2 invoices for the period that begins on 2027-01-31"),
    (3, COPY_OF_A_CHARGE.format(digit=9, state="captured"), "2 captured charges are kept"),
    (4, f"UPDATE subscription SET next_due_at = '2027-03-01 00:00:00' WHERE id = ({KIM})", "its renewal is overdue"),
    (4, f"UPDATE invoice SET state = 'open', next_attempt_at = '2027-03-01 00:00:00' WHERE id = ({PAID})",
     "its charge is overdue"),
    (5, f"UPDATE invoice SET state = 'open' WHERE id = ({PAID})", "its invoice is open, and the money is not on its way"),
    (5, f"UPDATE charge SET state = 'declined' WHERE id = ({CAPTURED})", "it is paid, but no charge of it is captured"),
    (7, f"UPDATE charge SET amount_minor = 990 WHERE id = ({CAPTURED})", "it asks for 990 KRW, its invoice for 9900 KRW"),
    (7, f"UPDATE invoice SET amount_minor = 19900 WHERE id = ({PAID})", "it asks for 19900 KRW, the price is 9900 KRW"),
    (9, f"UPDATE charge SET idempotency_key = 'x' WHERE id = ({CAPTURED})", "its idempotency key is not the one"),
    (9, f"UPDATE charge SET reference = 'zz-' || reference WHERE id = ({CAPTURED})", "does not begin with"),
    (11, f"UPDATE subscription SET state = 'unpaid' WHERE id = ({KIM})", "it is unpaid, but its last event says active"),
    (11, "UPDATE event SET to_state = 'pending' WHERE type = 'charge.captured'", "is no move from pending to pending"),
    (11, "DELETE FROM event WHERE type = 'charge.accepted'", "leaves pending, but the event before left sending"),
    (11, "DELETE FROM event WHERE subject_type = 'charge'", "no event says so"),
    (13, "INSERT INTO webhook (event_id, type, state, received_at, next_try_at, tries) VALUES"
     " ('e', 'payment_captured', 'received', '2027-03-01', '2027-03-01', 0)", "still waits to be processed"),
    (13, "INSERT INTO webhook (event_id, type, state, received_at, next_try_at, tries) VALUES"
     " ('e', 'payment_captured', 'ignored', '2027-03-05', '2027-03-05', 0)", "is ignored without a reason"),
    (14, f"UPDATE charge SET invoice_id = '{'0' * 32}' WHERE id = ({CAPTURED})", "it names invoice 00000000-"),
    (14, "INSERT INTO stray_payment (gateway_payment_id, status, found_at, check_at, checks) VALUES"
     " ('pay_x', 'Captured', '2027-03-01', '2027-03-01', 0)", "without a charge, and nobody has dealt with it"),
    (15, f"UPDATE charge SET subscription_id = ({LEE}) WHERE id = ({CAPTURED})", "its invoice belongs to subscription"),
    (15, f"UPDATE charge SET source_id = (SELECT source_id FROM subscription WHERE id = ({LEE})) WHERE id = ({CAPTURED})",
     "it was charged to the agreement of another customer"),
    (15, f"UPDATE subscription SET source_id = (SELECT source_id FROM subscription WHERE id = ({LEE})) WHERE id = ({KIM})",
     "it would be charged to the agreement of another customer"),
    (15, f"UPDATE subscription SET plan_code = 'daily' WHERE id = ({KIM})", "its price is one of another plan"),
    (16, f"UPDATE charge SET state = 'sending', check_at = sent_at, sent_at = '2027-03-01' WHERE id = ({CAPTURED})",
     "it is still sending"),
    (16, f"UPDATE charge SET state = 'pending', check_at = NULL WHERE id = ({CAPTURED})",
     "nobody will ask the gateway about it"),
    (16, f"UPDATE charge SET state = 'pending', check_at = sent_at, sent_at = '2027-01-01' WHERE id = ({CAPTURED})",
     "ask Checkout.com's support"),
    (16, "UPDATE refund SET state = 'unknown', check_at = sent_at, sent_at = '2027-03-01'", "it is still unknown"),
    (17, COPY_OF_A_CHARGE.format(digit=9, state="captured"), "another automatic charge was made on the same day"),
    (18, f"UPDATE invoice SET state = 'open', failures = 7 WHERE id = ({PAID})", "7 counted failures, but 6 are the most"),
    (18, f"UPDATE invoice SET attempts = 0 WHERE id = ({PAID})", "it counts 0 attempts, but charge number"),
    (45, ";".join(COPY_OF_A_CHARGE.replace("INSERT", "INSERT OR IGNORE").format(digit=each, state="declined") for each in range(5, 10))
     + ";UPDATE charge SET decline_class = 'set_up', automatic = true, source_id ="
     " (SELECT s.source_id FROM subscription s WHERE s.id = charge.subscription_id) WHERE state = 'declined'",
     "but 3 are the most there may be"),
    (46, "UPDATE charge SET decline_class = 'set_up', state = 'declined', automatic = true;"
     "UPDATE invoice SET state = 'uncollectible';"
     f"UPDATE subscription SET state = 'canceled', canceled_at = '2027-03-05',"
     f" cancel_reason = 'no new KakaoPay agreement was made in time' WHERE id = ({KIM});"
     "INSERT INTO event (id, at, actor, subject_type, subject_id, sequence, subscription_id, type, data) SELECT 0,"
     " '2027-03-01', 'x', 'subscription', 'x', 1, id, 'subscription.re_enrolment_requested', '{\"why\"\\: \"set_up\"}'"
     f" FROM subscription WHERE id = ({KIM})",
     "it was ended for an error of our set-up"),
    (36, f"UPDATE subscription SET state = 'past_due' WHERE id = ({KIM})", "it is past_due, but no invoice of it is open"),
    (19, ENDED_LONG_AGO,
     "it was made after the subscription ended"),
    (19, ENDED_LONG_AGO,
     "it was captured after the subscription ended, and is not being given back"),
    (20, "UPDATE refund SET amount_minor = 99000", "99000 is being given back of"),
    (20, "UPDATE charge SET state = 'declined' WHERE id IN (SELECT charge_id FROM refund)", "it gives back charge"),
    (21, f"UPDATE invoice SET period_start = '2027-03-05' WHERE id = ({PAID})", "leaves a gap that nothing explains"),
    (21, f"UPDATE invoice SET period_start = '2027-02-20' WHERE id = ({PAID})", "overlaps the one before"),
    (21, f"UPDATE subscription SET next_due_at = '2027-04-15 01:00:00' WHERE id = ({KIM})", "the next period begins"),
    (21, "UPDATE subscription SET zone = 'Asia/Soul'", "'Asia/Soul' is no time zone (6 subscriptions)"),
    (23, f"UPDATE subscription SET paid_through = '2028-01-01' WHERE id = ({KIM})", "the last paid period ends on"),
    (24, "UPDATE event SET at = '2028-01-01 00:00:00' WHERE id = (SELECT MAX(id) FROM event)", "still to come"),
    (29, f"UPDATE charge SET amount_minor = 990 WHERE id = ({CAPTURED})", "its amount_minor is 990, but 9900 when it was"),
    (29, f"UPDATE invoice SET period_end = '2027-04-30' WHERE id = ({PAID})", "its period_end is 2027-04-30"),
    (30, "UPDATE event SET actor = ' ' WHERE id = 1", "has no actor"),
    (40, "UPDATE refund_obligation SET state = 'parked', parked_reason = 'x', ended_at = NULL", "is owed"),
    (41, "DELETE FROM refund_obligation;UPDATE refund SET state = 'declined'", "nothing says that the amount goes back"),
    (42, "UPDATE refund_obligation SET state = 'owed', ended_at = NULL", "it is owed, and 100 of 100 went back"),
    (43, f"UPDATE charge SET state = 'parked', check_at = NULL, sent_at = '2027-02-01' WHERE id = ({CAPTURED})",
     "was set aside, and nobody has settled it"),
    (50, _noted(9990, "2027-02-10", "subscription.paused", "paused") + ";"
     + _noted(9991, "2027-04-05", "subscription.resumed", "active"), "all of which were paused"),
    (51, _another_invoice("paid", "'2027-04-05'") + ";UPDATE charge SET invoice_id = '99' || substr(subscription_id, 3)"
     f" WHERE kind = 'first' AND subscription_id = ({KIM})", "which gave no access: a debt was open"),
    (52, "UPDATE invoice SET paid_at = '2027-02-03 00:00:00' WHERE kind = 'first'", "but it was paid on 2027-02-03"),
    (53, RENEWAL_OF_KIM.format(state="open") + ";" + _another_invoice("open"), "it owes 2 periods, the first from 2027-01-20"),
    (54, f"UPDATE invoice SET state = 'open', grace_until = '2027-05-01' WHERE id = ({PAID})", "it gives access until 2027-05-01"),
    (54, f"UPDATE invoice SET state = 'open', grace_until = NULL WHERE id = ({PAID})", "it gives access until None"),
    (55, _days_recorded(1, "2027-03-01", "2027-03-05"), "are recorded as none"),
    (55, _days_recorded(1, "2027-05-01", "2027-05-05") + ";" + _days_recorded(2, "2027-05-04", "2027-05-09"), "overlap"),
    (56, f"DROP INDEX one_live_subscription_to_a_plan;UPDATE subscription SET customer_id = (SELECT customer_id FROM subscription"
     f" WHERE id = ({KIM})) WHERE id = ({PARK})", "were paid before, by another subscription"),
    (57, _days_recorded(1, "2027-05-01", "2027-05-05", "forgiven") + ";"
     + _noted(9990, "2027-05-04", "subscription.paused", "paused"), "but it gave no access from 2027-05-04 on"),
    (57, _days_recorded(1, "2027-05-01", "2027-05-05", "forgiven") + ";"
     + _noted(9990, "2027-05-05", "subscription.canceled", "canceled") + ";UPDATE event SET subject_id = 'x', data ="
     " '{\"cancel_at\"\\: \"2027-05-02T15\\:00\\:00+00\\:00\"}', subscription_id = (" + KIM + "),"
     " subject_type = 'subscription', to_state = NULL, type = 'subscription.cancel_scheduled' WHERE id = 1",
     "but it gave no access from 2027-05-03 on"),
    (58, "INSERT INTO dispute (gateway_dispute_id, charge_id, gateway_payment_id, amount_minor, currency, state, status, rank,"
     " opened_at) SELECT 'dsp_1', charge_id, gateway_payment_id, 9900, 'KRW', 'lost', 'dispute_lost', 5, '2027-05-01'"
     " FROM refund LIMIT 1", "was refunded and 9900 was charged back"),
    (31, "DELETE FROM event WHERE type = 'charge.accepted'", "but the last of them is number"),
]  # fmt: skip


@pytest.fixture(scope="session")
def lived_database(lived_file):
    opened = Database(f"sqlite:///{lived_file}")
    yield opened
    opened.dispose()


@pytest.fixture
def scratch(lived_database):
    """A connection to the lived-through database on which everything is taken back at the end."""
    with lived_database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN")
        connection.invalidate()


@pytest.mark.parametrize(("number", "planted", "detail"), PLANTED, ids=[f"{n}: {d}" for n, _, d in PLANTED])
def test_planted_corruption_is_found(scratch, number, planted, detail):
    for statement in planted.split(";"):
        scratch.execute(text(statement))
    breaches = check_all(scratch, NOW)
    found = [breach.detail for breach in breaches if breach.number == number]
    assert any(detail in each for each in found), found


ALLOWED = {
    "a charge that had failed, captured after all once the next one of the day was sent": (
        17,
        COPY_OF_A_CHARGE.format(digit=9, state="captured")
        + ";UPDATE charge SET captured_at = '2027-03-04' WHERE reference LIKE '%9' OR kind = 'renewal'"
        + ";INSERT INTO event (at, actor, subject_type, sequence, subject_id, type, data)"
        " SELECT '2027-03-04', 'daemon', 'charge', 99, substr(id, 1, 8) || '-' || substr(id, 9, 4) || '-' || substr(id, 13, 4) || '-' || substr(id, 17, 4) || '-' ||"
        " substr(id, 21), 'charge.late_truth', '{}' FROM charge WHERE kind = 'renewal'",
    ),
}


@pytest.mark.parametrize(("number", "planted"), ALLOWED.values(), ids=ALLOWED)
def test_what_cannot_be_helped_is_no_breach(scratch, number, planted):
    for statement in planted.split(";"):
        scratch.execute(text(statement))
    assert [breach for breach in check_all(scratch, NOW) if breach.number == number] == []


def test_something_is_planted_for_every_invariant():
    assert {number for number, _, _ in PLANTED} == {each.number for each in INVARIANTS}


def test_a_breach_is_shown_with_its_row_and_exit_1(lived):
    lived.write(f"UPDATE invoice SET state = 'open' WHERE id = ({PAID})")
    opened = "SELECT id FROM invoice WHERE state = 'open' AND paid_at IS NOT NULL"
    told = lived.billing("verify")
    assert told.code == 1
    assert "wrong 1" in told.words
    assert f"invoice {brief_id(Kind.INVOICE, UUID(lived.id_of(opened)))}" in told.words
    assert "Every rule holds" not in told.out


def test_a_sound_database_holds_every_rule(lived):
    told = lived.billing("verify")
    assert told.code == 0
    assert "Every rule holds." in told.out
    assert all(rule["breaches"] == 0 for rule in lived.billing("verify", "--json").json["rules"])


def test_the_audit_trail_is_walked_too(lived):
    assert lived.billing("plans", "pause", "basic", "--yes").code == 0
    assert "The audit trail holds: 1 entries." in lived.billing("verify").out
    lived.write("DROP TRIGGER audit_entry_no_update")
    lived.write("UPDATE audit_entry SET actor = 'cli:eve' WHERE number = 1")
    told = lived.billing("verify")
    assert told.code == 1
    assert "The audit trail does not hold: entry 1 was changed after it was written" in told.words
    assert "Every rule holds" not in told.out
    told = lived.billing("verify", "--json").json
    assert (told["holds"], told["audit_trail"]["holds"], told["audit_trail"]["broken"]["number"]) == (False, False, 1)


def test_no_breach_list_grows_without_end(lived):
    lived.write("UPDATE event SET actor = ''")
    lived.write(
        "INSERT INTO event (at, actor, subject_type, subject_id, sequence, type, data)"
        " SELECT a.at, '', 'plan', 'x', row_number() OVER (), 'plan.renamed', '{}' FROM event a, event b"
    )
    told = lived.billing("verify", "--json").json
    assert sum(breach["number"] == 30 for breach in told["breaches"]) == 1000
    assert "and" in lived.billing("verify").words


def _lock_out(lived):
    """Plant a renewal that was charged for days without access, as before days were recorded."""
    lived.write(_another_invoice("paid", "'2027-04-05'"))
    lived.write(
        "UPDATE charge SET invoice_id = '99' || substr(subscription_id, 3)"
        f" WHERE kind = 'first' AND subscription_id = ({KIM})"
    )
    lived.write(f"UPDATE invoice SET grace_until = NULL WHERE kind = 'renewal' AND subscription_id = ({KIM})")
    found = f"SELECT id FROM invoice WHERE kind = 'renewal' AND grace_until IS NULL AND subscription_id = ({KIM})"
    return brief_id(Kind.INVOICE, UUID(lived.id_of(found)))


def test_what_lies_in_the_past_is_settled_with_a_reason_and_not_named_again(lived):
    invoice = _lock_out(lived)
    assert "settle it with `billing verify --settle`" in lived.billing("verify").words
    told = lived.billing("verify", "--settle", f"51:{invoice}", "--reason", "given back by bank transfer")
    assert told.code == 0, told.err
    rules = {each["number"]: each["breaches"] for each in lived.billing("verify", "--json").json["rules"]}
    assert rules[51] == 0
    [entry] = lived.billing("audit", "list", "--json").json
    assert (entry["act"], entry["reason"]) == ("invoice.finding_settled", "given back by bank transfer")
    again = lived.billing("verify", "--settle", f"51:{invoice}", "--reason", "twice")
    assert (again.code, "finds nothing about" in again.words) == (1, True)


@pytest.mark.parametrize(
    ("settle", "more", "words"),
    [
        ("51", ["--reason", "x"], "such as 51:inv_bu7w7d"),
        ("x:inv_b", ["--reason", "x"], "such as 51:inv_bu7w7d"),
        ("51:{invoice}", [], "is needed with --settle"),
        ("3:{invoice}", ["--reason", "x"], "rules 50, 51, 52, 56, 58 may be settled"),
        ("50:{invoice}", ["--reason", "x"], "rule 50 finds nothing about"),
    ],
)
def test_what_cannot_be_settled_says_why(lived, settle, more, words):
    invoice = _lock_out(lived)
    told = lived.billing("verify", "--settle", settle.format(invoice=invoice), *more)
    assert told.code != 0
    assert words in told.words


def test_the_bounds_can_be_told(lived):
    with lived.database.snapshot() as tx:
        assert check_all(tx, NOW, Bounds(overdue=timedelta(seconds=1))) == []


# --- against the gateway -------------------------------------------------------------------------


@pytest.fixture
def paid(world, shop):
    world.subscribe("kim")
    return shop


def compared(shop):
    told = shop.billing("verify", "--gateway", "--json")
    return told.code, [each["detail"] for each in told.json["gateway"]["differences"]]


def test_the_gateway_agrees_with_a_sound_database(paid):
    assert compared(paid) == (0, [])
    assert "Compared 1 payments of the gateway" in paid.billing("verify", "--gateway").words


@pytest.mark.parametrize(
    ("planted", "detail"),
    [
        ("UPDATE charge SET amount_minor = 990", "9900 KRW at the gateway, 990 KRW here"),
        ("UPDATE charge SET currency = 'HKD'", "9900 KRW at the gateway, 9900 HKD here"),
        ("UPDATE charge SET state = 'declined'", "Captured at the gateway, declined here"),
        (
            "UPDATE charge SET gateway_payment_id = 'pay_other'",
            "at the gateway beside pay_other, which the charge counts",
        ),
        ("UPDATE charge SET reference = 'other-reference'", "captured here, but the gateway does not know it"),
        (
            "INSERT INTO refund (id, charge_id, gateway_payment_id, amount_minor, currency, state, reference,"
            " idempotency_key, reason, requested_by, created_at, sends, checks, absent_looks) SELECT id, id,"
            " gateway_payment_id, 500, 'KRW', 'refunded', 'r', 'r', 'x', 'x', created_at, 1, 0, 0 FROM charge",
            "0 refunded at the gateway, 500 here",
        ),
    ],
)
def test_a_difference_from_the_gateway_is_found(paid, world, planted, detail):
    world.wait(hours=2)
    if "other-reference" in planted:
        paid.write("UPDATE charge SET gateway_payment_id = 'pay_' || substr('a2345672345672345672345672', 1, 26)")
    paid.write(planted)
    code, differences = compared(paid)
    assert code == 1
    assert any(detail in each for each in differences), differences


def test_money_that_came_in_just_now_is_no_difference_yet(paid):
    paid.write("UPDATE charge SET state = 'pending', check_at = sent_at")
    paid.write("UPDATE invoice SET state = 'open'")
    assert compared(paid)[1] == []


def test_two_captures_of_one_invoice_are_found(paid, world):
    world.wallet("kim@example.test", script=["20051", "ok"])
    world.live_through("2027-03-02 12:00")
    assert compared(paid) == (0, [])
    paid.write(
        "UPDATE charge SET attempt_no = 7, invoice_id = (SELECT id FROM invoice WHERE kind = 'first')"
        " WHERE kind = 'renewal' AND state = 'captured'"
    )
    code, differences = compared(paid)
    assert code == 1
    assert any("was captured 2 times" in each for each in differences), differences


def test_a_gateway_that_does_not_answer_is_a_difference_not_a_crash(paid, world):
    world.faults(outage=True)
    code, differences = compared(paid)
    world.faults(outage=False)
    assert code == 1
    assert any("could not be read" in each for each in differences)


class SearchableGateway:
    """The gateway, of which the search shows these payments, two on a page."""

    def __init__(self, real, payments):
        self._real, self._payments = real, payments

    def __getattr__(self, name):
        return getattr(self._real, name)

    def search_payments(self, _since, _until, *, following=None, **_page):
        begins = int(following or 0)
        ends = begins + 2
        return SearchPage(tuple(self._payments[begins:ends]), str(ends) if ends < len(self._payments) else None)


def test_a_search_shows_payments_that_no_charge_explains(world, paid):
    row = paid.billing("charges", "list", "--json").json[0]
    known = world.engine.gateway.find_by_id([row["gateway_payment_id"]])[0].payments[0]
    prefix = row["reference"][:7]
    payments = [
        dataclasses.replace(known, id="pay_unknown", reference=f"{prefix}nobody-20270131-1"),
        dataclasses.replace(known, id="pay_elsewhere", reference="another-system-1"),
        dataclasses.replace(known, id="pay_none", reference=None),
        dataclasses.replace(known, id="pay_card", reference="another-system-2", method="card"),
        dataclasses.replace(known, id="pay_channel", reference="another-system-3", channel_id="pc_other"),
        known,
    ]
    engine = dataclasses.replace(world.engine, gateway=SearchableGateway(world.engine.gateway, payments))
    seen = []
    told = reconcile(engine, now=world.now, on_progress=lambda done, of: seen.append((done, of)))
    assert (told.unseen, told.payments, seen[0]) == (None, 4, (1, 1))
    assert [difference.payment_id for difference in told.differences] == ["pay_unknown", "pay_elsewhere", "pay_none"]
    assert "there is no charge of it here" in told.differences[0].detail
    assert "under none of our references" in told.differences[1].detail


def test_without_the_scope_it_says_what_it_cannot_see_and_how_to_grant_it(world, paid):
    world.sandbox("PUT", "profiles", {"granted_scopes": ["gateway", "vault:instruments"]})
    told = paid.billing("verify", "--gateway")
    assert told.code == 0
    assert "cannot see payments that carry none of our references" in told.words
    assert "payments:search" in told.words
    assert "payments:search" in paid.billing("verify", "--gateway", "--json").json["gateway"]["unseen"]
