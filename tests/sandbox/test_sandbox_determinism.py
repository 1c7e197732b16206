"""One seed, one world: whatever the order and concurrency of requests."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from billing.sandbox.dice import Dice

FAULTS = {
    "processed_500": 0.2,
    "unprocessed_502": 0.2,
    "charge_declined": 0.3,
    "charge_late": 0.2,
    "wrong_amount": 0.2,
    "refund_declined": 0.3,
}


def play(shop, seed, workers):
    """Charge twelve wallets four times each, in an order of the threads' own."""
    shop.control("POST", "reset", {"seed": seed})
    shop.at("2026-03-01T00:00:00Z")
    shop.faults(**FAULTS)
    sources = []
    for n in range(12):
        shop.script(f"w{n}@x.test", agreement="active")
    sources = {each["wallet"]: each["source_ids"][0] for each in shop.control("GET", "wallets")}

    def charge(wallet):
        statuses = []
        for n in range(4):
            answer = shop.post(shop.later_body(sources[wallet], reference=f"{wallet}-{n}".replace("@", "-")))
            statuses.append(answer.status_code)
        return wallet, statuses

    with ThreadPoolExecutor(workers) as pool:
        statuses = dict(pool.map(charge, sources if workers > 1 else reversed(sources)))
    shop.at("2026-03-05T00:00:00Z")
    return statuses, sorted(shop.ledger(), key=lambda row: row["id"])


def test_one_seed_gives_one_ledger_ids_and_outcomes_included(shop):
    one = play(shop, 5, workers=1)
    assert play(shop, 5, workers=8) == one
    statuses, ledger = one
    assert {code for each in statuses.values() for code in each} == {202, 500, 502}
    assert {row["status"] for row in ledger} == {"Captured", "Declined"}


def test_another_seed_gives_another_world(shop):
    assert play(shop, 5, workers=2) != play(shop, 6, workers=2)


def test_reads_have_odds_of_their_own_that_disturb_no_write(shop):
    first = shop.first()
    shop.faults(read_500=0.5)
    statuses = [shop.call("GET", f"/payments/{first['id']}").status_code for _ in range(40)]
    assert 10 < statuses.count(500) < 30
    shop.control("POST", "reset", {"seed": 1})
    first = shop.first()
    shop.faults(read_500=0.5)
    assert [shop.call("GET", f"/payments/{first['id']}").status_code for _ in range(40)] == statuses


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_dice_are_fair(probability):
    dice = Dice(3)
    hits = sum(dice.hits(probability, "fault", f"wallet-{n}", 1) for n in range(5000))
    assert abs(hits / 5000 - probability) < 0.03
    assert not any(dice.hits(0, "fault", n) for n in range(100))
    assert all(dice.hits(1, "fault", n) for n in range(100))


def test_the_dice_reach_both_ends_of_a_range():
    dice = Dice(3)
    assert {dice.between(1, 3, "delay", n) for n in range(100)} == {1, 2, 3}
    assert {dice.between(5, 2, "delay", n) for n in range(100)} == {5}
    names = {dice.name("pay", "wallet", n) for n in range(1000)}
    assert len(names) == 1000
