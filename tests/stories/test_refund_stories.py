"""Stories of giving money back: in part, twice, too much, too late, and with answers that are lost."""

from uuid import UUID

import pytest
from harness import email, impatient

from billing.operations.engine import NotFound, Refusal
from billing.operations.request_refund import request_refund

KIM = email("kim")


def _charge(world):
    return UUID(str(world.rows("SELECT id FROM charge ORDER BY created_at")[-1]["id"]))


def _refund(world, amount):
    return request_refund(world.engine, _charge(world), amount, reason="sorry", now=world.now)


def _refunded(world):
    return world.payments()[-1]["refunded"]


def test_a_payment_is_refunded_in_part_twice_and_then_nothing_is_left(world):
    world.subscribe()
    _refund(world, 4900)
    world.wait(minutes=2)
    _refund(world, 5000)
    world.wait(minutes=2)
    assert _refunded(world) == 9900
    assert world.states("refund") == ["refunded", "refunded"]
    with pytest.raises(Refusal, match="nothing"):
        _refund(world, 50)
    references = [row["reference"] for row in world.rows("SELECT reference FROM refund")]
    assert len(set(references)) == 2


def test_the_rest_is_refunded_without_naming_it(world):
    world.subscribe()
    _refund(world, 4900)
    _refund(world, None)  # while the first one is still under way
    world.wait(minutes=2)
    assert _refunded(world) == 9900
    amounts = [row["amount_minor"] for row in world.rows("SELECT amount_minor FROM refund ORDER BY amount_minor")]
    assert amounts == [4900, 5000]


@pytest.mark.parametrize(
    ("amount", "why"),
    [(9901, "more than"), (49, "under"), (0, "under"), (9870, "would leave"), (9851, "would leave")],
)
def test_a_refund_that_kakaopay_would_not_take_is_refused_before_it_is_asked_for(world, amount, why):
    world.subscribe()
    with pytest.raises(Refusal, match=why):
        _refund(world, amount)
    assert world.rows("SELECT id FROM refund") == []


@pytest.mark.parametrize("amount", [50, 9850, 9900])
def test_the_smallest_the_largest_and_what_leaves_fifty_won_are_refunded(world, amount):
    world.subscribe()
    _refund(world, amount)
    world.wait(minutes=2)
    assert _refunded(world) == amount


def test_a_refund_under_way_counts_as_refunded(world):
    world.subscribe()
    world.wallet(KIM, refunds=["hang"])
    _refund(world, 6000)
    with pytest.raises(Refusal, match="more than"):
        _refund(world, 6000)
    world.wait(minutes=10)
    assert world.states("refund") == ["pending"]


def test_nothing_is_refunded_after_365_days(world):
    world.subscribe(plan="yearly")
    charge = _charge(world)
    world.go_to("2028-01-31 11:00")
    request_refund(world.engine, charge, 1000, reason="sorry", now=world.now)
    world.wait(minutes=2)
    assert world.states("refund") == ["refunded"]
    world.go_to("2028-01-31 12:30")
    with pytest.raises(Refusal, match="365 days"):
        request_refund(world.engine, charge, 1000, reason="sorry", now=world.now)


def test_only_a_captured_charge_can_be_refunded(world):
    world.enrol()
    with pytest.raises(Refusal, match="only a captured"):
        _refund(world, 1000)
    with pytest.raises(NotFound):
        request_refund(world.engine, UUID(int=5), None, reason="sorry", now=world.now)


def test_a_refund_answered_500_after_processing_is_found_and_not_sent_again(world):
    world.subscribe()
    world.faults(processed_500=1)
    _refund(world, 4000)
    assert world.states("refund") == ["unknown"]
    world.calm(hours=3)
    assert world.states("refund") == ["refunded"]
    assert _refunded(world) == 4000


def test_a_refund_that_timed_out_after_processing_is_one_refund(sqlite_world):
    world = sqlite_world
    world.subscribe()
    world.faults(processed_timeout=1, timeout_seconds=10)
    with impatient(world):
        _refund(world, 4000)
    world.calm(hours=3)
    assert world.states("refund") == ["refunded"]
    assert _refunded(world) == 4000


def test_a_refund_that_was_never_processed_is_sent_again_under_the_same_key_after_two_absent_looks(world):
    world.subscribe()
    world.faults(unprocessed_502=1)
    _refund(world, 4000)
    began = world.now
    world.faults(unprocessed_502=0)
    world.wait(seconds=31)
    assert len(_posts(world)) == 1
    world.sweep_at(began.replace(minute=began.minute + 9))
    assert len(_posts(world)) == 1
    world.calm(hours=1)
    posts = _posts(world)
    assert len(posts) == 2
    assert len({post["idempotency_key"] for post in posts}) == 1
    assert _refunded(world) == 4000


def _posts(world):
    return [each for each in world.sandbox("GET", "requests") if each["path"].endswith("/refunds")]


def test_a_refund_that_is_declined_after_it_was_accepted_can_be_asked_for_again(world):
    world.subscribe()
    world.wallet(KIM, refunds=["20006", "ok"])
    _refund(world, None)
    world.wait(minutes=2)
    assert world.states("refund") == ["declined"]
    _refund(world, None)
    world.wait(minutes=2)
    assert _refunded(world) == 9900


def test_a_refund_made_in_the_dashboard_makes_the_gateway_refuse_ours_and_ours_is_told_so(world):
    world.subscribe()
    world.wallet(KIM, refunds=["hang"])
    payment = world.payments()[-1]["id"]
    world.post(f"/payments/{payment}/refunds", {"amount": 9900})
    _refund(world, 5000)
    assert world.states("refund") == ["refused"]
    assert "refund_amount_exceeds_balance" in world.rows("SELECT error FROM refund")[0]["error"]


@pytest.mark.usefixtures("inbox")
def test_a_refund_is_asked_about_at_once_when_its_webhook_comes(world):
    world.subscribe()
    world.faults(refund_seconds_min=1800, refund_seconds_max=1800)
    _refund(world, 4000)
    world.live_through("2027-01-31 12:20")
    assert world.states("refund") == ["pending"]
    world.go_to("2027-01-31 12:33")
    world.sweep()
    assert world.states("refund") == ["refunded"]
