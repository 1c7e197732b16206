"""Dated stories of renewals, through the real gateway client and the sandbox, on both databases."""


def test_an_anchor_on_the_31st_bills_the_last_day_of_short_months_and_returns(world):
    world.subscribe()
    world.live_through("2027-06-01 00:00")
    starts = [str(row["period_start"]) for row in world.rows("SELECT period_start FROM invoice ORDER BY period_start")]
    assert starts == ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]
    assert world.states("invoice") == ["paid"] * 5
    assert len(world.captured()) == 5


def test_a_soft_decline_is_retried_on_days_1_and_3_and_5_and_recovers_without_moving_the_billing_date(world):
    world.subscribe()
    world.wallet("kim@example.test", script=["20051", "20051", "20051", "ok"])
    world.live_through("2027-02-28 12:00")
    assert world.subscription()["state"] == "past_due"
    world.live_through("2027-03-06 12:00")
    assert world.subscription()["state"] == "active"
    tries = [row["created_at"] for row in world.rows("SELECT created_at FROM charge ORDER BY created_at")]
    assert len(tries) == 5
    assert str(world.subscription()["paid_through"]) == "2027-03-31"
    world.live_through("2027-04-01 00:00")
    assert len(world.captured()) == 3


def test_after_40_days_of_downtime_one_renewal_is_charged_for_the_period_that_contains_now(world):
    world.subscribe()
    world.sweep_at("2027-04-10 11:00")
    world.wait(minutes=5)
    assert len(world.captured()) == 2
    assert [
        str(row["period_start"]) for row in world.rows("SELECT period_start FROM invoice ORDER BY period_start")
    ] == [
        "2027-01-31",
        "2027-03-31",
    ]
    assert len(world.events("subscription.not_billed")) == 1
