"""The client against a gateway that misbehaves: what each trouble proves, and what was really done."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr
from requests_to_send import a_first_payment, a_refund, a_renewal, fresh_client

from billing.domain.charging import (
    Accepted,
    Found,
    NotSent,
    PaymentStatus,
    RefundAccepted,
    RefundsFound,
    RefundStatus,
    Refused,
    Revoked,
    Unknown,
    Unreadable,
)
from billing.gateway.auth import SecretKey

KIM = "kim@example.test"
TROUBLES = {
    "processed_500": (Unknown, 1),
    "processed_timeout": (Unknown, 1),
    "drip_body": (Unknown, 1),
    "endless_body": (Unknown, 1),
    "garbage_json": (Unknown, 1),
    "truncated_body": (Unknown, 1),
    "unprocessed_502": (Unknown, 0),
    "unprocessed_timeout": (Unknown, 0),
    "rate_limit_429": (NotSent, 0),
    "unauthorized_401_empty": (NotSent, 0),
}
NEVER_IN_TIME = {"processed_timeout", "unprocessed_timeout", "drip_body", "read_timeout", "read_drip_body"}
READ_TROUBLES = [
    "read_unauthorized_401_empty",
    "read_rate_limit_429",
    "read_404",
    "read_502",
    "read_500",
    "read_timeout",
    "read_drip_body",
    "read_endless_body",
    "read_garbage_json",
    "read_truncated_body",
]


@pytest.fixture
def renewal(shop):
    return a_renewal(source_id=shop.source(KIM))


def client_for(shop, fault):
    return shop.hasty if fault in NEVER_IN_TIME else shop.gateway


def charge(shop, request, fault=None):
    (outcome,) = client_for(shop, fault).create_payments([request])
    return outcome


def settled(shop, request, script="ok"):
    """Charge, let the outcome come, and return the payment as a look-up tells it."""
    shop.put(f"/wallets/{KIM}", script=[script])
    payment = charge(shop, request).payment
    shop.put("/clock", now="2027-03-01T02:00:00Z")
    return found(shop.gateway.find_by_id([payment.id]))


def found(look_ups):
    (look_up,) = look_ups
    assert isinstance(look_up, Found), look_up
    (payment,) = look_up.payments
    return payment


def test_a_renewal_is_accepted_and_pending_and_later_captured_in_full(shop, renewal):
    outcome = charge(shop, renewal)
    assert isinstance(outcome, Accepted)
    assert outcome.payment.status is PaymentStatus.OPEN
    assert outcome.payment.redirect_url is None
    shop.put("/clock", now="2027-03-01T02:00:00Z")
    payment = found(shop.gateway.find_by_reference([renewal.reference]))
    assert payment.id == outcome.payment.id
    assert payment.status is PaymentStatus.CAPTURED
    assert (payment.amount_minor, payment.captured_minor, payment.currency) == (9900, 9900, "KRW")
    assert payment.requested_on.isoformat() == "2027-03-01T01:00:00+00:00"


def test_a_first_payment_comes_with_a_link_and_a_source(shop):
    outcome = charge(shop, a_first_payment())
    assert outcome.payment.redirect_url.startswith(shop.url)
    assert outcome.payment.source_id.startswith("src_")


@pytest.mark.parametrize(("fault", "expected"), TROUBLES.items(), ids=TROUBLES)
def test_each_trouble_of_a_charge_is_told_for_what_it_is(shop, renewal, fault, expected):
    kind, processed = expected
    shop.faults(**{fault: 1.0})
    outcome = charge(shop, renewal, fault)
    assert isinstance(outcome, kind), outcome
    assert len(shop.payments()) == processed, "what the gateway really did"
    shop.faults(**{fault: 0.0})
    (look_up,) = shop.gateway.find_by_reference([renewal.reference])
    assert isinstance(look_up, Found)
    assert len(look_up.payments) == processed, "the look-up tells the truth"


def test_a_key_that_is_turned_away_stops_the_run_and_a_limit_does_not(shop, renewal):
    shop.faults(unauthorized_401_empty=1.0)
    assert charge(shop, renewal).stop_the_run is True
    shop.faults(unauthorized_401_empty=0.0, rate_limit_429=1.0)
    assert charge(shop, renewal).stop_the_run is False


def test_an_outage_is_unknown_and_charged_nobody(shop, renewal):
    shop.faults(outage=True)
    assert charge(shop, renewal) == Unknown("HTTP 503")
    assert shop.payments() == []


def test_a_lost_answer_whose_key_is_remembered_can_be_sent_again_without_a_second_charge(shop, renewal):
    shop.faults(processed_timeout=1.0)
    assert isinstance(charge(shop, renewal, "processed_timeout"), Unknown)
    shop.faults(processed_timeout=0.0)
    assert isinstance(charge(shop, renewal), Accepted)
    assert len(shop.payments()) == 1


def test_after_a_500_the_key_is_forgotten_so_a_blind_resend_charges_twice_and_the_look_up_shows_both(shop, renewal):
    shop.faults(processed_500=1.0)
    assert isinstance(charge(shop, renewal), Unknown)
    shop.faults(processed_500=0.0)
    assert isinstance(charge(shop, renewal), Accepted)
    (look_up,) = shop.gateway.find_by_reference([renewal.reference])
    assert len(look_up.payments) == len({payment.id for payment in look_up.payments}) == 2


def test_a_payment_that_is_not_listed_yet_is_absent_and_shows_up_later(shop, renewal):
    shop.faults(list_lag_seconds=3600, settle_seconds_min=7200, settle_seconds_max=7200)
    charge(shop, renewal)
    assert shop.gateway.find_by_reference([renewal.reference]) == [Found(())]
    shop.put("/clock", now="2027-03-01T02:00:01Z")
    assert found(shop.gateway.find_by_reference([renewal.reference])).status is PaymentStatus.OPEN


def test_a_reference_nobody_used_is_absent(shop):
    assert shop.gateway.find_by_reference(["nobody-1", "nobody-2"]) == [Found(()), Found(())]


def test_a_wrong_amount_is_told_as_it_was_captured(shop, renewal):
    payment = settled(shop, renewal, "wrong_amount:990")
    assert payment.status is PaymentStatus.CAPTURED
    assert payment.captured_minor == 990


@pytest.mark.parametrize("code", ["20051", "200R1", "20003", "30046"])
def test_a_decline_has_its_code_from_wherever_the_gateway_keeps_it(shop, renewal, code):
    payment = settled(shop, renewal, code)
    assert (payment.status, payment.response_code) == (PaymentStatus.DECLINED, code)


@pytest.mark.parametrize(("script", "status"), [("expire", PaymentStatus.EXPIRED), ("cancel", PaymentStatus.CANCELED)])
def test_a_payment_that_comes_to_nothing_is_expired_or_canceled_and_has_no_code(shop, renewal, script, status):
    payment = settled(shop, renewal, script)
    assert (payment.status, payment.response_code) == (status, None)


def test_a_refused_renewal_has_the_code_of_its_refusal(shop, renewal):
    shop.put(f"/wallets/{KIM}", script=["422:payee_not_onboarded"])
    outcome = charge(shop, renewal)
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.codes) == (422, ("payee_not_onboarded",))
    assert outcome.request_id


@pytest.mark.parametrize("fault", READ_TROUBLES)
def test_a_look_up_that_fails_proves_nothing(shop, renewal, fault):
    payment = charge(shop, renewal).payment
    shop.faults(**{fault: 1.0})
    client = client_for(shop, fault)
    asked = [
        (client.find_by_reference, renewal.reference),
        (client.find_by_id, payment.id),
        (client.find_refunds, payment.id),
    ]
    with ThreadPoolExecutor(len(asked)) as threads:
        for (look_up,) in threads.map(lambda each: each[0]([each[1]]), asked):
            assert isinstance(look_up, Unreadable), look_up
            assert look_up.reason


def test_a_payment_nobody_knows_is_unreadable_for_it_may_only_be_too_new(shop):
    assert shop.gateway.find_by_id(["pay_nobody"]) == [Unreadable("HTTP 404", not_found=True)]
    assert shop.gateway.find_refunds(["pay_nobody"]) == [Unreadable("HTTP 404", not_found=True)]


# --- refunds and revocations ----------------------------------------------------------------------


@pytest.fixture
def captured(shop, renewal):
    return settled(shop, renewal)


def refund(shop, captured, minor, fault=None):
    (outcome,) = client_for(shop, fault).create_refunds([a_refund(captured.id, f"{captured.reference}-r1", minor)])
    return outcome


def refunds_of(shop, captured):
    (told,) = shop.gateway.find_refunds([captured.id])
    assert isinstance(told, RefundsFound), told
    return [(refund.reference, refund.amount_minor, refund.status) for refund in told.refunds]


def test_a_refund_is_open_until_it_is_decided_and_then_shows_in_the_balance(shop, captured):
    assert refunds_of(shop, captured) == []
    assert isinstance(refund(shop, captured, 4000), RefundAccepted)
    assert refunds_of(shop, captured) == [(f"{captured.reference}-r1", 4000, RefundStatus.OPEN)]
    shop.put("/clock", now="2027-03-01T03:00:00Z")
    assert refunds_of(shop, captured) == [(f"{captured.reference}-r1", 4000, RefundStatus.SUCCEEDED)]
    payment = found(shop.gateway.find_by_id([captured.id]))
    assert (payment.status, payment.raw_status) == (PaymentStatus.CAPTURED, "Partially Refunded")
    assert (payment.captured_minor, payment.refunded_minor) == (9900, 4000)


def test_a_refund_that_is_declined_after_it_was_accepted_says_so_with_its_code(shop, captured):
    shop.put(f"/wallets/{KIM}", refunds=["20158"])
    refund(shop, captured, 9900)
    shop.put("/clock", now="2027-03-01T03:00:00Z")
    (told,) = shop.gateway.find_refunds([captured.id])
    assert [(each.status, each.response_code) for each in told.refunds] == [(RefundStatus.DECLINED, "20158")]


@pytest.mark.parametrize("status", [422, 403])
def test_a_refund_above_the_balance_is_refused_by_either_status(shop, captured, status):
    shop.faults(over_refund_status=status)
    outcome = refund(shop, captured, 9901)
    assert isinstance(outcome, Refused), outcome
    assert outcome.codes == ("refund_amount_exceeds_balance",)


def test_a_refund_sent_twice_with_its_key_is_done_once(shop, captured):
    shop.faults(processed_timeout=1.0)
    assert isinstance(refund(shop, captured, 4000, "processed_timeout"), Unknown)
    shop.faults(processed_timeout=0.0)
    assert isinstance(refund(shop, captured, 4000), RefundAccepted)
    assert len(refunds_of(shop, captured)) == 1


@pytest.mark.parametrize(("fault", "expected"), TROUBLES.items(), ids=TROUBLES)
def test_each_trouble_of_a_refund_is_told_for_what_it_is(shop, captured, fault, expected):
    kind, processed = expected
    shop.faults(**{fault: 1.0})
    assert isinstance(refund(shop, captured, 4000, fault), kind)
    shop.faults(**{fault: 0.0})
    assert len(refunds_of(shop, captured)) == processed


def test_a_revoked_source_cannot_be_charged_again(shop, renewal):
    assert shop.gateway.revoke_sources([renewal.source_id]) == [Revoked()]
    outcome = charge(shop, renewal)
    assert isinstance(outcome, Refused)
    assert outcome.codes == ("source_id_invalid",)


def test_a_source_nobody_knows_need_not_be_revoked(shop):
    assert shop.gateway.revoke_sources(["src_nobody"]) == [Revoked("not known there")]


# --- batches --------------------------------------------------------------------------------------


def test_outcomes_come_back_in_the_order_of_their_requests(shop):
    source = shop.source(KIM)
    references = [f"ref-{number}" for number in range(60)]
    requests = [
        a_renewal(reference, source_id="src_nobody" if number % 3 == 0 else source)
        for number, reference in enumerate(references)
    ]
    outcomes = shop.gateway.create_payments(requests)
    for number, (reference, outcome) in enumerate(zip(references, outcomes, strict=True)):
        if number % 3 == 0:
            assert isinstance(outcome, Refused)
        else:
            assert outcome.payment.reference == reference
    look_ups = shop.gateway.find_by_reference(references)
    assert [bool(look_up.payments) for look_up in look_ups] == [number % 3 != 0 for number in range(60)]


def test_one_bad_answer_in_a_batch_spoils_no_other(shop):
    shop.faults(garbage_json=0.3, processed_500=0.3)
    source = shop.source(KIM)
    outcomes = shop.gateway.create_payments([a_renewal(f"ref-{number}", source_id=source) for number in range(60)])
    kinds = {type(outcome) for outcome in outcomes}
    assert kinds == {Accepted, Unknown}
    assert len(shop.payments()) == 60


def test_an_empty_batch_asks_nobody(shop):
    before = len(shop.requests())
    assert shop.gateway.create_payments([]) == []
    assert shop.gateway.find_by_reference([]) == []
    assert shop.gateway.create_refunds([]) == []
    assert len(shop.requests()) == before


# --- health ---------------------------------------------------------------------------------------


def test_health_says_whether_the_gateway_is_there_and_knows_us(shop):
    health = shop.gateway.check_health()
    assert (health.reachable, health.authorised, health.detail) == (True, True, "HTTP 200")
    assert abs(health.clock_skew_seconds) < 30
    with fresh_client(shop.url, SecretKey(SecretStr("sk_sbox_wrong"))) as stranger:
        assert stranger.check_health().authorised is False
    with fresh_client("http://gateway.invalid") as nowhere:
        assert nowhere.check_health().reachable is False
