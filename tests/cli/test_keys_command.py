"""`billing keys`: shown once, stored as a hash, rotated with an overlap, revoked for good."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.api_keys import key_digest, read_mode


def made(shop, name="shop-backend", *more):
    told = shop.billing("keys", "create", name, *more, "--json")
    assert told.code == 0, told.err
    return told.json


def test_a_key_is_shown_once_and_only_its_hash_is_kept(shop):
    told = shop.billing("keys", "create", "shop-backend")
    key = next(line for line in told.out.splitlines() if line.startswith("bk_test_"))
    assert read_mode(key) == "test"
    assert shop.ask("SELECT digest FROM api_key") == key_digest(key)
    everything = " ".join(str(value) for value in shop.ask("SELECT name || hint || digest FROM api_key"))
    assert key not in everything
    listed = shop.billing("keys", "list")
    assert key not in listed.out
    assert key[:12] in listed.words
    assert "backend" in listed.words


def test_json_tells_role_id_and_secret(shop):
    told = made(shop, "ops", "--role", "admin")
    assert (told["role"], told["state"], told["created_by"].split(":")[0]) == ("admin", "active", "cli")
    assert told["id"].startswith("key_")
    [listed] = shop.billing("keys", "list", "--json").json
    assert "secret" not in listed
    assert "digest" not in listed
    assert listed["id"] == told["id"]


def test_every_key_is_another_one(shop):
    assert len({made(shop, f"shop-{number}")["secret"] for number in range(5)}) == 5


@pytest.mark.parametrize("name", ["", "Shop", "9shop", "shop backend", "s" * 51, "sandbox"])
def test_a_bad_name_is_refused_with_what_would_be_right(shop, name):
    told = shop.billing("keys", "create", name)
    assert told.code == 1
    assert "such as shop-backend" in told.err
    assert shop.ask("SELECT count(*) FROM api_key") == 0


def test_a_name_with_a_letter_that_cannot_be_seen_is_refused_by_its_number(shop):
    told = shop.billing("keys", "create", "shop\nx")
    assert (told.code, "NAME holds the character U+000A" in told.err) == (2, True)
    assert shop.ask("SELECT count(*) FROM api_key") == 0


def test_a_name_in_use_is_refused_and_free_again_after_the_key_was_revoked(shop):
    first = made(shop)
    told = shop.billing("keys", "create", "shop-backend")
    assert (told.code, "there is a key shop-backend already" in told.err) == (1, True)
    assert shop.billing("keys", "revoke", "shop-backend", "--yes").code == 0
    second = made(shop)
    assert first["id"] != second["id"]
    assert [row["id"] for row in shop.billing("keys", "list", "--json").json] == [second["id"]]
    assert len(shop.billing("keys", "list", "--revoked", "--json").json) == 2


def test_rotating_keeps_id_name_and_role_and_lets_the_old_secret_work_on_for_a_day(shop):
    first = made(shop)
    told = shop.billing("keys", "rotate", "shop-backend", "--json").json
    assert (told["id"], told["name"], told["role"]) == (first["id"], first["name"], first["role"])
    assert told["secret"] != first["secret"]
    assert told["previous_hint"] == first["secret"][:12]
    ends = datetime.fromisoformat(told["previous_ends_at"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=58) < ends <= timedelta(hours=24)
    assert "rotating" in shop.billing("keys", "list", "--json").out
    assert f"active; {first['secret'][:12]}… until" in shop.billing("keys", "list", width=200).words


def test_rotating_again_within_the_overlap_asks_because_the_oldest_secret_ends(shop):
    made(shop)
    shop.billing("keys", "rotate", "shop-backend")
    told = shop.billing("keys", "rotate", "shop-backend", answer="n\n")
    assert (told.code, "ends now. Rotate again?" in told.err) == (1, True)
    assert shop.billing("keys", "rotate", "shop-backend", "--yes").code == 0


def test_a_key_that_leaked_is_rotated_at_once(shop):
    made(shop)
    told = shop.billing("keys", "rotate", "shop-backend", "--at-once", "--yes", "--json").json
    assert datetime.fromisoformat(told["previous_ends_at"]) <= datetime.now(UTC)
    assert told["state"] == "active"


@pytest.mark.parametrize(("overlap", "code"), [("31d", 1), ("soon", 2), ("0h", 2)])
def test_an_overlap_that_cannot_be_is_refused(shop, overlap, code):
    made(shop)
    assert shop.billing("keys", "rotate", "shop-backend", "--overlap", overlap).code == code
    assert shop.ask("SELECT previous_digest FROM api_key") is None


def test_a_revoked_key_stays_revoked(shop):
    key = made(shop)
    asked = shop.billing("keys", "revoke", key["id"], answer="y\n")
    assert "is revoked" in asked.out
    assert "was revoked on" in shop.billing("keys", "rotate", key["id"]).err
    assert "was revoked on" in shop.billing("keys", "revoke", key["id"], "--yes").err


def test_a_key_that_nobody_has_is_told_of(shop):
    for command in ("rotate", "revoke"):
        told = shop.billing("keys", command, "nobody", "--yes")
        assert (told.code, "billing keys list" in told.err) == (1, True)


def test_a_name_that_several_revoked_keys_had_means_none_of_them(shop):
    for _ in range(2):
        made(shop)
        shop.billing("keys", "revoke", "shop-backend", "--yes")
    assert "say the id" in shop.billing("keys", "revoke", "shop-backend", "--yes").err


def test_a_live_installation_makes_live_keys(live_shop):
    assert made(live_shop)["secret"].startswith("bk_live_")
