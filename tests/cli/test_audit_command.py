"""`billing audit`: every decision of a person is in the trail, and nobody changes the trail unseen."""

import re

import pytest
from sqlalchemy.exc import DatabaseError, IntegrityError

DECIDING = [
    (("plans", "pause", "basic", "--yes"), "plan.paused"),
    (("plans", "archive", "yearly", "--yes"), "plan.archived"),
    (("subscriptions", "cancel", "cust-kim", "--now", "--reason", "too dear", "--yes"), "subscription.canceled"),
    (("subscriptions", "cancel", "cust-kim", "--at-period-end", "--yes"), "subscription.cancel_scheduled"),
    (("subscriptions", "cancel", "cust-lee", "--undo"), "subscription.cancel_undone"),
    (("subscriptions", "pause", "cust-kim", "--yes"), "subscription.paused"),
    (("stop", "wait"), "installation.charging_stopped"),
    (("go", "--yes"), "installation.charging_allowed"),
    (("go", "--adopt", "--yes"), "installation.charging_allowed"),
    (("keys", "create", "shop-backend"), "api_key.created"),
    (("clock", "advance", "1h", "--no-sweep"), "installation.clock_moved"),
]


def acts(shop):
    return [entry["act"] for entry in shop.billing("audit", "list", "--json").json]


def seen_from_far(shop):
    """Write a trail of a few decisions, and return the head that was noted."""
    for command in (("stop", "one"), ("go", "--yes"), ("plans", "pause", "basic", "--yes"), ("stop", "two")):
        assert shop.billing(*command).code == 0
    return shop.billing("audit", "verify", "--json").json["head"]


@pytest.mark.parametrize(("command", "act"), DECIDING, ids=[" ".join(command) for command, _ in DECIDING])
def test_what_a_person_decides_is_in_the_trail_with_who_and_why(lived, command, act):
    told = lived.billing(*command)
    assert told.code == 0, told.err
    entry = lived.billing("audit", "list", "--json").json[-1]
    assert (entry["number"], entry["act"]) == (1, act)
    assert entry["actor"].startswith("cli:")
    if "--reason" in command:
        assert entry["reason"] == "too dear"
    assert lived.billing("audit", "verify").code == 0


EXPLAINED = [
    ("keys", "create", "shop-backend"),
    ("keys", "rotate", "a-backend"),
    ("keys", "revoke", "a-backend", "--yes"),
    ("plans", "apply", "CATALOG", "--yes"),
    ("plans", "archive", "basic", "--yes"),
    ("plans", "pause", "basic", "--yes"),
    ("subscriptions", "pause", "cust-kim", "--yes"),
    ("subscriptions", "resume", "cust-lee", "--yes"),
    ("subscriptions", "cancel", "cust-kim", "--at-period-end", "--yes"),
    ("webhooks", "endpoints", "create", "http://127.0.0.1:9001/"),
    ("webhooks", "endpoints", "update", "HOOK", "--description", "the shop"),
    ("webhooks", "endpoints", "disable", "HOOK"),
    ("webhooks", "endpoints", "rotate", "HOOK"),
    ("webhooks", "endpoints", "test", "HOOK"),
    ("webhooks", "endpoints", "delete", "HOOK", "--yes"),
    ("go", "--yes"),
]


@pytest.mark.parametrize("command", EXPLAINED, ids=" ".join)
def test_a_command_says_why_in_the_trail_and_without_a_reason_nothing(lived, tmp_path, command):
    hook, catalog = "http://127.0.0.1:9000/", tmp_path / "plans.toml"
    catalog.write_text('[[plans]]\ncode = "new"\nname = "New"\namount = 100\ncurrency = "KRW"\ninterval = "month"\n')
    lived.billing("keys", "create", "a-backend")
    lived.billing("webhooks", "endpoints", "create", hook)
    lived.billing("subscriptions", "pause", "cust-lee", "--yes")
    lived.billing("stop", "wait")
    before = len(acts(lived))
    command = [{"HOOK": hook, "CATALOG": str(catalog)}.get(word, word) for word in command]
    told = lived.billing(*command, "--reason", "because of a ticket")
    assert told.code == 0, told.err
    entries = lived.billing("audit", "list", "--json").json
    assert len(entries) > before
    assert {entry["reason"] for entry in entries[: len(entries) - before]} == {"because of a ticket"}
    assert {entry["reason"] for entry in entries[len(entries) - before :]} == {"", "wait"}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_a_reason_that_is_none_or_a_letter_is_refused(lived, reason):
    told = lived.billing("plans", "pause", "basic", "--yes", "--reason", reason)
    assert (told.code, acts(lived)) == (2, [])


def test_the_list_names_what_was_decided_about_and_nothing_where_it_was_the_engine(lived):
    for command in (("stop", "wait"), ("plans", "pause", "basic", "--yes"), ("keys", "create", "backend")):
        assert lived.billing(*command).code == 0
    told = lived.billing("audit", "list").out
    assert re.search(r"api_key\.created +key_[a-z2-7]{8}", told)
    assert re.search(r"plan\.paused +basic", told)
    assert re.search(r"installation\.\w+ +wait", told)


def test_keys_are_rotated_and_revoked_in_the_trail_without_a_secret(lived):
    made = lived.billing("keys", "create", "shop-backend", "--json").json
    lived.billing("keys", "rotate", "shop-backend")
    lived.billing("keys", "revoke", "shop-backend", "--yes")
    assert acts(lived) == ["api_key.revoked", "api_key.rotated", "api_key.created"]
    assert made["secret"][20:40] not in lived.billing("audit", "list", "--json").out


def test_a_refund_a_retry_and_a_write_off_are_in_the_trail(world, shop):
    world.subscribe("kim")
    charge = shop.billing("charges", "list", "--json").json[0]["id"]
    assert shop.billing("refunds", "create", charge, "--amount", "100", "-r", "sorry", "--yes").code == 0
    world.wallet("kim@example.test", default="20051")
    world.live_through("2027-02-28 12:00")
    declined = shop.billing("charges", "list", "--state", "declined", "--json").json[0]["id"]
    assert shop.billing("charges", "retry", declined, "--yes").code == 0
    world.wait(minutes=30)
    source = shop.billing("subscriptions", "show", "cust-kim", "--json").json["subscription"]["gateway_source_id"]
    assert shop.billing("sources", "revoke", source, "--yes").code == 0
    assert acts(shop)[:3] == ["source.revoked", "invoice.retried", "refund.created"]
    refund = shop.billing("audit", "list", "--json").json[-1]
    assert (refund["reason"], refund["details"]["amount_minor"]) == ("sorry", 100)
    assert refund["details"]["charge"] == charge
    assert refund["subject_id"].startswith("re_")


def test_what_was_refused_and_what_the_daemon_does_is_not_in_the_trail(world, shop):
    world.subscribe("kim")
    assert shop.billing("plans", "resume", "basic", "--yes").code == 1
    assert shop.billing("run-due", "--at", "2027-02-28 11:00").code == 0
    assert acts(shop) == []
    assert "Nobody has decided anything" in shop.billing("audit", "list").out
    assert "0 entries" in shop.billing("audit", "verify").out


def test_a_sound_trail_tells_its_head(lived):
    head = seen_from_far(lived)
    told = lived.billing("audit", "verify")
    assert "holds: 4 entries" in told.out
    assert f"head {head}\n" in told.out
    assert lived.billing("audit", "verify", "--head", head).code == 0
    assert lived.billing("audit", "verify", "--head", head[:10]).code == 0


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        ("UPDATE audit_entry SET actor = 'cli:eve' WHERE number = 2", "entry 2 was changed after it was written"),
        ("UPDATE audit_entry SET details = '{}' WHERE number = 2", "entry 2 was changed after it was written"),
        ("DELETE FROM audit_entry WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM audit_entry WHERE number = 1", "entry 1 is missing"),
        ("UPDATE audit_entry SET number = 9 WHERE number = 3", "entry 3 is missing"),
        ("UPDATE audit_entry SET number = -1 WHERE number = 4", "entry 1 is missing: the next one is -1"),
    ],
)
def test_whoever_gets_past_the_database_is_told_of_by_the_first_entry_they_touched(lived, harm, says):
    seen_from_far(lived)
    lived.write("DROP TRIGGER audit_entry_no_update")
    lived.write("DROP TRIGGER audit_entry_no_delete")
    lived.write(harm)
    told = lived.billing("audit", "verify")
    assert (told.code, says in told.err) == (1, True), told.err
    assert lived.billing("audit", "verify", "--json").json["holds"] is False


def test_a_trail_whose_end_was_cut_off_holds_by_itself_and_not_against_a_head_that_was_noted(lived):
    head = seen_from_far(lived)
    lived.write("DROP TRIGGER audit_entry_no_delete")
    lived.write("DELETE FROM audit_entry WHERE number = 4")
    told = lived.billing("audit", "verify")
    assert "holds: 3 entries" in told.out
    assert (told.code, "the trigger audit_entry_no_delete is dropped" in " ".join(told.err.split())) == (1, True)
    told = lived.billing("audit", "verify", "--head", head)
    assert (told.code, "cut off" in told.err) == (1, True)
    lived.billing("stop", "three")
    assert "written anew" in lived.billing("audit", "verify", "--head", head).err


@pytest.mark.parametrize("head", ["", "12", "0:9f86d081", "1:9f86", "x:9f86d081"])
def test_what_is_no_head_is_refused(lived, head):
    told = lived.billing("audit", "verify", "--head", head)
    assert told.code == 2
    assert "is no head" in re.sub(r"\s+", " ", told.words)


@pytest.mark.parametrize("harm", ["UPDATE audit_entry SET reason = ''", "DELETE FROM audit_entry"])
def test_the_database_itself_refuses_to_change_the_trail(lived, harm):
    seen_from_far(lived)
    with pytest.raises((DatabaseError, IntegrityError), match="only appended to"):
        lived.write(harm)
    assert lived.billing("audit", "verify").code == 0
