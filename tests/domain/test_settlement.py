"""What each answer of the gateway means, one rule to a sentence."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from a_case import (
    CANCELED,
    CAPTURED,
    CURRENT,
    EXPIRED,
    NOW,
    OPEN,
    OTHER,
    SUBSCRIPTION,
    a_case,
    a_first_charge,
    a_re_enrolment,
    carry_out,
    declined,
    is_in_slot,
    kst,
    told,
)

from billing.domain.cases import NOTHING, InvoiceKind, LateEnrolment, Policy
from billing.domain.charging import NotSent, PaymentStatus, Refused, Unknown
from billing.domain.days.schedule import BillingSchedule
from billing.domain.decline_classes import DeclineClass
from billing.domain.dunning import DunningPolicy, EndOfLadder
from billing.domain.hanging import HangingBounds
from billing.domain.set_up_evidence import Trouble
from billing.domain.settlement import class_of, mismatch, settle, took_another_amount
from billing.domain.states import (
    ChargeEvent,
    ChargeState,
    InvoiceEvent,
    InvoiceState,
    SourceEvent,
    SourceState,
    SubscriptionEvent,
    SubscriptionState,
)
from plans.calendar import Interval, IntervalUnit, Period

_C, _I, _O, _S = ChargeState, InvoiceState, SourceState, SubscriptionState
REFUND_LATE = Policy(late_enrolment=LateEnrolment.REFUND)
SUSPECT = Refused(422, ("source_invalid",))
GONE = Refused(422, ("source_id_unknown",))


def decide(case, answer, policy=None, now=NOW, trouble=Trouble.OPEN):
    return settle(case, answer, now=now, policy=policy or Policy(), trouble=trouble)


def after(case, *answers, policy=None):
    for answer in answers:
        case = carry_out(case, decide(case, answer, policy))
    return case


def ending(end):
    return Policy(dunning=DunningPolicy(end=end))


def last_retry(**changes):
    beginning = {
        "failures": 5,
        "first_failed_on": date(2027, 2, 14),
        "subscription_state": _S.PAST_DUE,
        "charge_state": _C.PENDING,
    }
    return a_case(**{**beginning, **changes})


def notes(decision):
    return [note.type for note in decision.notes]


# --- a charge that is captured --------------------------------------------------------------------


def test_a_captured_renewal_pays_its_invoice_up_to_the_end_of_its_period_and_not_from_today():
    decision = decide(a_case(), CAPTURED, now=kst("2027-03-06 17:03"))
    assert decision.charge_event is ChargeEvent.CAPTURE
    assert decision.charge["gateway_payment_id"] == "pay_1"
    assert decision.charge["captured_at"] == kst("2027-03-06 17:03")
    assert decision.charge["check_at"] is None
    assert decision.charge["response_code"] == CAPTURED.payment.response_code
    assert decision.invoice_event is InvoiceEvent.PAY
    assert decision.invoice["paid_at"] == kst("2027-03-06 17:03")
    assert decision.invoice["next_attempt_at"] is None
    assert decision.invoice["give_up_at"] is None
    assert decision.subscription == {"paid_through": date(2027, 4, 1)}
    assert decision.subscription_event is None
    assert decision.refund_reason is None
    assert decision.notes == ()


def test_an_old_invoice_paid_late_does_not_shorten_what_is_paid_already():
    paid_further = a_case(paid_through=date(2027, 6, 1), subscription_state=_S.PAST_DUE)
    assert after(paid_further, CAPTURED).paid_through == date(2027, 6, 1)


@pytest.mark.parametrize("state", [_S.PAST_DUE, _S.UNPAID])
def test_a_capture_recovers_a_subscription_that_is_behind(state):
    assert after(a_case(subscription_state=state), CAPTURED).subscription_state is _S.ACTIVE


def test_the_first_renewal_after_a_trial_makes_the_subscription_active():
    assert after(a_case(subscription_state=_S.TRIALING), CAPTURED).subscription_state is _S.ACTIVE


def test_a_capture_during_a_pause_pays_the_invoice_and_leaves_the_pause():
    paused = after(a_case(subscription_state=_S.PAUSED), CAPTURED)
    assert (paused.invoice_state, paused.subscription_state) == (_I.PAID, _S.PAUSED)


@pytest.mark.parametrize("state", [_C.DECLINED, _C.EXPIRED, _C.CANCELED, _C.REFUSED])
def test_a_capture_that_comes_after_a_failure_still_pays_the_open_invoice_and_is_reported(state):
    decision = decide(a_case(charge_state=state, subscription_state=_S.PAST_DUE), CAPTURED)
    assert decision.invoice_event is InvoiceEvent.PAY
    assert decision.subscription_event is SubscriptionEvent.RECOVER
    assert decision.refund_reason is None
    assert [(note.type, note.data) for note in decision.notes] == [("charge.late_truth", {"was": state.value})]


@pytest.mark.parametrize("state", [_C.SENDING, _C.UNKNOWN, _C.PENDING, _C.PARKED])
def test_a_capture_of_a_charge_whose_end_was_not_known_is_no_late_truth(state):
    assert decide(a_case(charge_state=state), CAPTURED).notes == ()


def test_a_late_capture_for_an_invoice_that_a_later_attempt_paid_goes_back():
    decision = decide(a_case(charge_state=_C.DECLINED, invoice_state=_I.PAID), CAPTURED)
    assert decision.charge_event is ChargeEvent.CAPTURE
    assert decision.invoice_event is None
    assert decision.refund_reason == "the invoice was already paid"


def test_a_late_capture_for_a_void_invoice_goes_back():
    decision = decide(a_case(charge_state=_C.EXPIRED, invoice_state=_I.VOID), CAPTURED)
    assert decision.refund_reason == "the invoice was void"
    assert decision.invoice_event is None


def test_a_late_capture_for_an_invoice_that_was_written_off_pays_it():
    assert after(a_case(charge_state=_C.DECLINED, invoice_state=_I.UNCOLLECTIBLE), CAPTURED).invoice_state is _I.PAID


@pytest.mark.parametrize("charge", [_C.PENDING, _C.DECLINED, _C.EXPIRED, _C.CANCELED, _C.REFUSED])
def test_a_capture_on_a_canceled_subscription_goes_back_and_its_open_invoice_is_void(charge):
    decision = decide(a_case(charge_state=charge, subscription_state=_S.CANCELED), CAPTURED)
    assert decision.refund_reason == "the subscription was canceled"
    assert decision.invoice_event is InvoiceEvent.VOID
    assert decision.invoice == {"next_attempt_at": None}
    assert decision.subscription_event is None
    assert decision.subscription == {}


def test_a_capture_on_a_canceled_subscription_leaves_an_invoice_that_was_written_off():
    decision = decide(a_case(subscription_state=_S.CANCELED, invoice_state=_I.UNCOLLECTIBLE), CAPTURED)
    assert (decision.invoice_event, decision.invoice) == (None, {})
    assert decision.refund_reason is not None


def test_a_capture_proves_that_a_source_that_was_suspected_or_revoked_is_alive():
    for state in (_O.SUSPECT, _O.REVOKED):
        alive = after(a_case(charge_state=_C.DECLINED, source_state=state, replaced_source_state=state), CAPTURED)
        assert alive.source_state is _O.ACTIVE


def test_a_renewal_captured_late_on_a_replaced_source_does_not_bring_that_source_back():
    late = a_case(charge_state=_C.DECLINED, source_id=CURRENT, source_state=_O.REPLACED, subscription_source_id=OTHER)
    decision = decide(late, CAPTURED)
    assert decision.source_event is None
    assert "source_id" not in decision.subscription
    assert decision.invoice_event is InvoiceEvent.PAY


def test_a_capture_without_a_source_pays_all_the_same():
    bare = a_first_charge(source_id=None, source_state=None)
    decision = decide(bare, CAPTURED)
    assert decision.source_event is None
    assert decision.subscription == {"paid_through": date(2027, 4, 1)}
    assert decision.subscription_event is SubscriptionEvent.ACTIVATE


def test_a_captured_charge_ignores_everything_that_is_told_afterwards():
    captured = after(a_case(), CAPTURED)
    other_sum = told(PaymentStatus.CAPTURED, amount_minor=1)
    for answer in (OPEN, declined(), EXPIRED, CANCELED, other_sum, Unknown("x"), NotSent("x"), GONE):
        assert decide(captured, answer) == NOTHING


# --- enrolment, trial, re-enrolment ---------------------------------------------------------------


def test_a_first_capture_makes_the_subscription_active_with_its_source():
    decision = decide(a_first_charge(), CAPTURED)
    assert decision.subscription_event is SubscriptionEvent.ACTIVATE
    assert decision.source_event is SourceEvent.CONFIRM
    assert decision.subscription == {"paid_through": date(2027, 4, 1), "source_id": OTHER}
    assert decision.replace_old_source is False


def test_a_trial_starts_on_the_agreement_charge_and_the_token_amount_goes_back():
    decision = decide(a_first_charge(invoice_kind=InvoiceKind.AGREEMENT), CAPTURED)
    assert decision.subscription_event is SubscriptionEvent.START_TRIAL
    assert decision.subscription == {"paid_through": date(2027, 4, 1), "source_id": OTHER}
    assert decision.invoice_event is InvoiceEvent.PAY
    assert decision.refund_reason == "it only made the agreement"


def test_the_agreement_charge_of_a_canceled_enrolment_goes_back_once():
    decision = decide(a_first_charge(invoice_kind=InvoiceKind.AGREEMENT, subscription_state=_S.CANCELED), CAPTURED)
    assert decision.refund_reason == "the subscription was canceled"
    assert decision.invoice_event is InvoiceEvent.VOID


def test_a_first_payment_captured_after_the_enrolment_expired_is_honoured_by_default():
    expired = a_first_charge(subscription_state=_S.INCOMPLETE_EXPIRED, invoice_state=_I.UNCOLLECTIBLE)
    honoured = after(expired, CAPTURED)
    assert (honoured.subscription_state, honoured.invoice_state) == (_S.ACTIVE, _I.PAID)
    assert decide(expired, CAPTURED).refund_reason is None


def test_a_trial_agreed_to_after_the_enrolment_expired_is_honoured_by_default():
    expired = a_first_charge(
        invoice_kind=InvoiceKind.AGREEMENT,
        subscription_state=_S.INCOMPLETE_EXPIRED,
        invoice_state=_I.UNCOLLECTIBLE,
    )
    assert after(expired, CAPTURED).subscription_state is _S.TRIALING
    assert after(expired, CAPTURED).paid_through == date(2027, 4, 1)


def test_a_first_payment_captured_after_the_enrolment_expired_goes_back_where_the_policy_says_so():
    expired = a_first_charge(subscription_state=_S.INCOMPLETE_EXPIRED, invoice_state=_I.UNCOLLECTIBLE)
    decision = decide(expired, CAPTURED, REFUND_LATE)
    assert decision.refund_reason == "the enrolment had expired"
    assert decision.subscription_event is None
    assert decision.invoice_event is None


def test_a_first_payment_captured_late_goes_back_when_another_subscription_took_its_place():
    expired = a_first_charge(
        subscription_state=_S.INCOMPLETE_EXPIRED, invoice_state=_I.UNCOLLECTIBLE, has_other_live_subscription=True
    )
    decision = decide(expired, CAPTURED)
    assert decision.refund_reason == "the enrolment had expired and another subscription took its place"
    assert decision.subscription_event is None


def test_a_re_enrolment_replaces_the_source_pays_the_open_invoice_and_recovers():
    decision = decide(a_re_enrolment(), CAPTURED)
    assert decision.source_event is SourceEvent.CONFIRM
    assert decision.replace_old_source is True
    assert decision.subscription["source_id"] == OTHER
    assert decision.invoice_event is InvoiceEvent.PAY
    assert decision.subscription_event is SubscriptionEvent.RECOVER
    assert decision.refund_reason is None


def test_a_re_enrolment_without_an_open_invoice_replaces_the_source_and_gives_the_token_amount_back():
    again = a_re_enrolment(
        invoice_kind=InvoiceKind.AGREEMENT,
        subscription_state=_S.ACTIVE,
        replaced_source_state=_O.ACTIVE,
        paid_through=date(2027, 3, 20),
    )
    decision = decide(again, CAPTURED)
    assert decision.replace_old_source is True
    assert decision.subscription == {"source_id": OTHER}, "a token amount pays for no period"
    assert decision.subscription_event is None
    assert decision.refund_reason == "it only made the agreement"


@pytest.mark.parametrize("state", [_S.TRIALING, _S.PAST_DUE, _S.UNPAID, _S.PAUSED])
def test_a_token_amount_neither_ends_a_trial_nor_recovers_a_subscription(state):
    again = a_re_enrolment(invoice_kind=InvoiceKind.AGREEMENT, subscription_state=state)
    assert decide(again, CAPTURED).subscription_event is None


def test_a_re_enrolment_under_the_same_source_id_confirms_it_and_replaces_nothing():
    same = a_re_enrolment(source_id=CURRENT, source_state=_O.REVOKED, replaced_source_state=_O.REVOKED)
    decision = decide(same, CAPTURED)
    assert decision.source_event is SourceEvent.CONFIRM
    assert decision.replace_old_source is False
    assert "source_id" not in decision.subscription


def test_a_re_enrolment_brings_a_source_back_that_was_replaced_before():
    back = a_re_enrolment(source_state=_O.REPLACED, replaced_source_state=_O.REPLACED)
    decision = decide(back, CAPTURED)
    assert decision.source_event is SourceEvent.CONFIRM
    assert decision.replace_old_source is False, "what is replaced already cannot be replaced again"


def test_a_failed_first_payment_throws_its_new_source_away_and_plans_nothing():
    decision = decide(a_first_charge(charge_state=_C.PENDING), declined("20017"))
    assert decision.charge_event is ChargeEvent.DECLINE
    assert decision.source_event is SourceEvent.DISCARD
    assert (decision.invoice_event, decision.invoice) == (None, {})
    assert decision.subscription_event is None


def test_a_failed_re_enrolment_leaves_a_source_that_is_in_use_alone():
    known = a_re_enrolment(charge_state=_C.PENDING, source_state=_O.ACTIVE)
    assert decide(known, EXPIRED).source_event is None
    assert decide(known, EXPIRED).invoice == {}


# --- a renewal that is declined -------------------------------------------------------------------


def test_a_first_soft_decline_makes_the_subscription_past_due_and_plans_the_next_day():
    decision = decide(a_case(charge_state=_C.PENDING), declined("20051"))
    assert decision.charge_event is ChargeEvent.DECLINE
    assert decision.charge["response_code"] == "20051"
    assert decision.charge["decline_class"] == "retry_later"
    assert decision.charge["gateway_payment_id"] == "pay_1"
    assert decision.charge["check_at"] == NOW + timedelta(hours=1)
    assert decision.subscription_event is SubscriptionEvent.FALL_PAST_DUE
    assert decision.invoice["failures"] == 1
    assert decision.invoice["technical_failures"] == 0
    assert decision.invoice["first_failed_on"] == date(2027, 3, 1)
    assert is_in_slot(decision.invoice["next_attempt_at"], "2027-03-02 10:00")
    assert decision.source_event is None


def test_the_day_of_the_first_failure_is_the_day_in_the_subscriptions_zone():
    late_in_utc = kst("2027-03-02 00:50")  # 1 March, 15:50 UTC
    decision = decide(a_case(charge_state=_C.PENDING), declined(), now=late_in_utc)
    assert decision.invoice["first_failed_on"] == date(2027, 3, 2)


@pytest.mark.parametrize(("answer", "event"), [(EXPIRED, ChargeEvent.EXPIRE), (CANCELED, ChargeEvent.CANCEL)])
def test_a_renewal_that_expires_or_is_canceled_with_nobody_there_is_a_soft_failure(answer, event):
    decision = decide(a_case(charge_state=_C.PENDING), answer)
    assert decision.charge_event is event
    assert decision.charge["decline_class"] == "retry_later"
    assert decision.invoice["failures"] == 1


@pytest.mark.parametrize("answer", [declined("200R1"), declined("200R3"), GONE], ids=str)
def test_an_agreement_that_is_gone_is_never_charged_again_and_the_subscriber_is_asked_for_a_new_one(answer):
    decision = decide(a_case(), answer)
    assert decision.source_event is SourceEvent.REVOKE
    assert decision.subscription_event is SubscriptionEvent.FALL_PAST_DUE
    assert decision.invoice["next_attempt_at"] is None
    assert notes(decision) == ["subscription.re_enrolment_requested"]
    assert decision.notes[0].data == {"why": "agreement_gone"}


@pytest.mark.parametrize("answer", [declined("20101"), SUSPECT], ids=str)
def test_an_agreement_that_looks_dead_is_suspected_first_and_not_tried_again(answer):
    decision = decide(a_case(), answer)
    assert decision.source_event is SourceEvent.SUSPECT
    assert decision.invoice["next_attempt_at"] is None
    assert notes(decision) == ["subscription.re_enrolment_requested"]


def test_an_agreement_that_looks_dead_twice_is_revoked():
    suspect = a_case(source_state=_O.SUSPECT, replaced_source_state=_O.SUSPECT)
    assert decide(suspect, declined("20101")).source_event is SourceEvent.REVOKE


@pytest.mark.parametrize("state", [_O.REVOKED, _O.REPLACED])
def test_a_source_that_is_out_of_use_is_not_moved_by_a_decline(state):
    old = a_case(source_state=state, replaced_source_state=state)
    assert decide(old, declined("200R1")).source_event is None


def test_a_forbidden_charge_is_not_tried_again_but_its_source_stays():
    decision = decide(a_case(), declined("20059"))
    assert decision.source_event is None
    assert decision.invoice["next_attempt_at"] is None
    assert decision.subscription_event is SubscriptionEvent.FALL_PAST_DUE
    assert notes(decision) == ["subscription.re_enrolment_requested"]


def test_who_must_make_a_new_agreement_has_until_the_day_after_the_last_step_of_the_ladder():
    decision = decide(a_case(), declined("200R1"))
    assert is_in_slot(decision.invoice["give_up_at"], "2027-03-16 10:00")
    later = decide(a_case(failures=2, first_failed_on=date(2027, 3, 1)), declined("200R1"), now=kst("2027-03-04 17:20"))
    assert is_in_slot(later.invoice["give_up_at"], "2027-03-16 10:00")


def test_who_is_asked_when_the_ladder_should_be_over_still_has_until_the_next_day():
    interrupted = a_case(failures=3, first_failed_on=date(2027, 3, 1), subscription_state=_S.PAST_DUE)
    decision = decide(interrupted, declined("200R1"), now=kst("2027-04-20 11:00"))
    assert is_in_slot(decision.invoice["give_up_at"], "2027-04-21 10:00")


@pytest.mark.parametrize("code", ["20096", "20091", "20068", "20009"])
def test_a_technical_decline_uses_up_no_step_and_makes_nobody_past_due(code):
    decision = decide(a_case(charge_state=_C.PENDING), declined(code))
    assert decision.charge_event is ChargeEvent.DECLINE
    assert decision.subscription_event is None
    assert decision.invoice["failures"] == 0
    assert decision.invoice["technical_failures"] == 1
    assert "first_failed_on" not in decision.invoice, "the ladder does not begin"
    assert decision.invoice["next_attempt_at"] == NOW + timedelta(minutes=10)
    assert decision.stop_the_run is None


def test_a_charge_that_failed_technically_too_often_is_set_aside_for_a_person():
    decision = decide(a_case(technical_failures=40), declined("20096"))
    assert decision.invoice == {"failures": 0, "technical_failures": 41, "next_attempt_at": NOW}  # due once released
    assert decision.subscription == {"parked_reason": "41 technical failures in a row"}
    assert decision.subscription_event is None
    assert notes(decision) == ["subscription.parked"]


SET_UP_ANSWERS = [
    Refused(422, ("currency_not_supported",)),
    Refused(422, ("payee_not_onboarded", "request_invalid")),
    Refused(400, ()),
    declined("20003"),
]


@pytest.mark.parametrize("answer", SET_UP_ANSWERS, ids=str)
@pytest.mark.parametrize("trouble", [Trouble.OPEN, Trouble.ACCOUNT])
def test_a_set_up_class_that_may_be_our_accounts_costs_the_subscriber_nothing(answer, trouble):
    decision = decide(a_case(), answer, trouble=trouble)
    assert decision.charge["decline_class"] == "set_up"
    assert decision.subscription_event is None
    assert decision.source_event is None
    assert decision.invoice["failures"] == 0
    assert decision.invoice["next_attempt_at"] == NOW + timedelta(minutes=10)
    assert decision.stop_the_run is None, "no single answer stops the run"


@pytest.mark.parametrize("answer", SET_UP_ANSWERS, ids=str)
def test_a_set_up_class_that_is_the_wallets_trouble_asks_the_subscriber_and_leaves_the_agreement_alone(answer):
    decision = decide(a_case(), answer, trouble=Trouble.WALLET)
    assert decision.charge["decline_class"] == "set_up", "what was learned stays as it was told"
    assert decision.subscription_event is SubscriptionEvent.FALL_PAST_DUE
    assert decision.source_event is None
    assert decision.invoice["next_attempt_at"] is None
    assert is_in_slot(decision.invoice["give_up_at"], "2027-03-16 10:00")
    assert notes(decision) == ["subscription.re_enrolment_requested"]


@pytest.mark.parametrize("answer", SET_UP_ANSWERS, ids=str)
def test_a_set_up_class_without_proof_parks_the_subscription_and_ends_nothing(answer):
    decision = decide(a_case(), answer, trouble=Trouble.UNPROVEN)
    assert decision.subscription_event is None
    assert decision.invoice_event is None
    assert decision.invoice["failures"] == 0
    assert decision.invoice["next_attempt_at"] == NOW  # due once released
    assert "set-up" in decision.subscription["parked_reason"]
    assert notes(decision) == ["subscription.parked"]


@pytest.mark.parametrize("trouble", Trouble)
def test_a_retry_that_a_person_asked_for_parks_nobody_and_asks_nobody_whosever_trouble_it_is(trouble):
    decision = decide(a_case(automatic=False), declined("20003"), trouble=trouble)
    assert (decision.subscription_event, decision.subscription, decision.notes) == (None, {}, ())
    assert "next_attempt_at" not in decision.invoice


@pytest.mark.parametrize("trouble", Trouble)
def test_whose_trouble_a_set_up_class_is_says_nothing_of_any_other_class(trouble):
    for answer in (declined(), declined("20096"), declined("200R1"), GONE, EXPIRED, CAPTURED):
        assert decide(a_case(), answer, trouble=trouble) == decide(a_case(), answer)


def test_a_code_that_the_configuration_calls_set_up_is_one_too():
    policy = Policy(decline_classes={"20051": DeclineClass.SET_UP})
    assert class_of(declined("20051"), policy) is DeclineClass.SET_UP
    assert decide(a_case(), declined("20051"), policy, trouble=Trouble.UNPROVEN).subscription["parked_reason"]


def test_only_an_answer_that_says_a_charge_failed_has_a_class():
    for answer in (OPEN, CAPTURED, Unknown("no whole answer within 20 s")):
        assert class_of(answer, Policy()) is None
    assert class_of(EXPIRED, Policy()) is DeclineClass.RETRY_LATER
    assert class_of(NotSent("no line"), Policy()) is DeclineClass.TECHNICAL
    assert class_of(GONE, Policy()) is DeclineClass.AGREEMENT_GONE


def test_a_subscribers_own_decline_stops_no_run():
    for answer in (declined(), declined("200R1"), GONE, Refused(422, ("apm_service_unavailable",)), EXPIRED):
        assert decide(a_case(), answer).stop_the_run is None


# --- a retry that a person asked for --------------------------------------------------------------


@pytest.mark.parametrize("answer", [declined(), declined("20061"), declined("20096"), NotSent("x")], ids=str)
def test_a_manual_retry_that_fails_does_not_move_the_ladder(answer):
    manual = a_case(automatic=False, failures=2, first_failed_on=date(2027, 2, 27), subscription_state=_S.PAST_DUE)
    decision = decide(manual, answer)
    assert decision.charge_event is not None
    assert decision.invoice["failures"] == 2
    assert "next_attempt_at" not in decision.invoice, "the planned retry stays planned"
    assert decision.subscription_event is None


def test_a_manual_retry_that_fails_first_of_all_makes_the_subscription_past_due():
    decision = decide(a_case(automatic=False), declined())
    assert decision.subscription_event is SubscriptionEvent.FALL_PAST_DUE
    assert decision.invoice["failures"] == 0
    assert decision.invoice["first_failed_on"] == date(2027, 3, 1)


def test_a_manual_retry_after_the_last_step_does_not_give_up_a_second_time():
    decision = decide(last_retry(automatic=False, failures=6), declined())
    assert (decision.invoice_event, decision.subscription_event) == (None, None)
    assert decision.notes == ()


def test_a_manual_retry_that_finds_the_agreement_gone_stops_the_ladder():
    manual = a_case(automatic=False, failures=2, first_failed_on=date(2027, 2, 27), subscription_state=_S.PAST_DUE)
    decision = decide(manual, declined("200R1"))
    assert decision.invoice["next_attempt_at"] is None
    assert decision.source_event is SourceEvent.REVOKE


@pytest.mark.parametrize("automatic", [True, False])
def test_where_dunning_is_over_no_further_retry_is_planned(automatic):
    unpaid = a_case(subscription_state=_S.UNPAID, failures=3, automatic=automatic)
    for answer in (declined(), declined("20096")):
        assert "next_attempt_at" not in decide(unpaid, answer).invoice


# --- the end of the ladder ------------------------------------------------------------------------


def test_the_last_failure_cancels_the_subscription_and_writes_the_invoice_off():
    decision = decide(last_retry(), declined(), ending(EndOfLadder.CANCEL))
    assert decision.subscription_event is SubscriptionEvent.CANCEL
    assert decision.invoice_event is InvoiceEvent.WRITE_OFF
    assert decision.invoice["next_attempt_at"] is None
    assert decision.invoice["give_up_at"] is None
    assert [(note.type, note.data) for note in decision.notes] == [("dunning.exhausted", {"end": "cancel"})]


@pytest.mark.parametrize(
    ("end", "event"),
    [
        (EndOfLadder.PAUSE, SubscriptionEvent.PAUSE),
        (EndOfLadder.UNPAID, SubscriptionEvent.GIVE_UP),
        (EndOfLadder.PAST_DUE, None),
    ],
)
def test_the_last_failure_may_instead_pause_give_up_or_leave_past_due_and_then_the_invoice_stays_open(end, event):
    decision = decide(last_retry(), declined(), ending(end))
    assert decision.subscription_event is event
    assert decision.invoice_event is None
    assert decision.invoice["next_attempt_at"] is None
    assert notes(decision) == ["dunning.exhausted"]


@pytest.mark.parametrize(
    ("state", "end", "event"),
    [
        (_S.ACTIVE, EndOfLadder.PAUSE, SubscriptionEvent.PAUSE),
        (_S.ACTIVE, EndOfLadder.UNPAID, SubscriptionEvent.FALL_PAST_DUE),
        (_S.ACTIVE, EndOfLadder.PAST_DUE, SubscriptionEvent.FALL_PAST_DUE),
        (_S.TRIALING, EndOfLadder.PAUSE, SubscriptionEvent.FALL_PAST_DUE),
        (_S.TRIALING, EndOfLadder.CANCEL, SubscriptionEvent.CANCEL),
    ],
)
def test_where_the_end_of_the_ladder_has_no_move_the_subscription_is_past_due(state, end, event):
    assert decide(last_retry(subscription_state=state), declined(), ending(end)).subscription_event is event


def test_the_failure_before_the_last_one_still_plans_a_retry():
    decision = decide(last_retry(failures=4), declined())
    assert decision.invoice["next_attempt_at"] is not None
    assert decision.subscription_event is None
    assert decision.notes == ()


def test_a_capture_after_the_ladder_canceled_the_subscription_goes_back():
    ended = after(last_retry(), declined(), policy=ending(EndOfLadder.CANCEL))
    decision = decide(ended, CAPTURED)
    assert decision.refund_reason == "the subscription was canceled"
    assert carry_out(ended, decision).subscription_state is _S.CANCELED


def test_a_capture_after_the_ladder_paused_the_subscription_pays_the_invoice():
    ended = after(last_retry(), declined(), policy=ending(EndOfLadder.PAUSE))
    paid = after(ended, CAPTURED)
    assert (paid.invoice_state, paid.subscription_state) == (_I.PAID, _S.PAUSED)


def test_a_capture_after_dunning_gave_up_recovers_the_subscription():
    ended = after(last_retry(), declined(), policy=ending(EndOfLadder.UNPAID))
    assert ended.subscription_state is _S.UNPAID
    assert after(ended, CAPTURED).subscription_state is _S.ACTIVE


# --- failures that meet a subscription that changed meanwhile -------------------------------------


@pytest.mark.parametrize("answer", [declined(), EXPIRED, NotSent("x"), GONE], ids=str)
def test_a_failure_on_a_canceled_subscription_voids_the_open_invoice_and_plans_nothing(answer):
    decision = decide(a_case(subscription_state=_S.CANCELED), answer)
    assert decision.invoice_event is InvoiceEvent.VOID
    assert decision.invoice == {"next_attempt_at": None, "give_up_at": None}
    assert decision.subscription_event is None


def test_a_failure_on_a_paused_subscription_closes_the_charge_and_nothing_else():
    decision = decide(a_case(subscription_state=_S.PAUSED), declined())
    assert decision.charge_event is ChargeEvent.DECLINE
    assert (decision.invoice_event, decision.invoice, decision.subscription_event) == (None, {}, None)


@pytest.mark.parametrize("invoice", [_I.PAID, _I.VOID, _I.UNCOLLECTIBLE])
def test_a_failure_for_an_invoice_that_is_closed_changes_only_the_charge(invoice):
    decision = decide(a_case(invoice_state=invoice, subscription_state=_S.PAST_DUE), declined())
    assert decision.charge_event is ChargeEvent.DECLINE
    assert (decision.invoice_event, decision.invoice, decision.subscription_event) == (None, {}, None)


# --- answers that prove little --------------------------------------------------------------------


def test_an_answer_that_was_lost_makes_the_charge_unknown_and_is_looked_into_after_30_seconds():
    decision = decide(a_case(), Unknown("no whole answer within 20 s"))
    assert decision.charge_event is ChargeEvent.LOSE
    assert decision.charge == {"error": "no whole answer within 20 s", "check_at": NOW + timedelta(seconds=30)}
    assert replace(decision, charge_event=None, charge={}) == NOTHING


@pytest.mark.parametrize("state", [state for state in _C if state is not _C.SENDING])
def test_an_answer_that_was_lost_says_nothing_about_a_charge_of_which_more_is_known(state):
    assert decide(a_case(charge_state=state), Unknown("x")) == NOTHING
    assert decide(a_case(charge_state=state), NotSent("x", stop_the_run=True)) == NOTHING


@pytest.mark.parametrize("state", [state for state in _C if state not in (_C.SENDING, _C.UNKNOWN)])
def test_a_refusal_says_nothing_about_a_charge_that_the_gateway_accepted_or_that_is_closed_or_parked(state):
    assert decide(a_case(charge_state=state), GONE) == NOTHING


def test_a_charge_that_was_never_sent_is_closed_as_a_technical_failure_with_its_reason():
    decision = decide(a_case(), NotSent("cannot connect"))
    assert decision.charge_event is ChargeEvent.REFUSE
    assert decision.charge["error"] == "cannot connect"
    assert decision.charge["decline_class"] == "technical"
    assert decision.invoice["failures"] == 0
    assert decision.invoice["next_attempt_at"] == NOW + timedelta(minutes=10)
    assert decision.subscription_event is None
    assert decision.stop_the_run is None


def test_a_key_that_is_turned_away_stops_the_run():
    assert decide(a_case(), NotSent("HTTP 401", stop_the_run=True)).stop_the_run == "HTTP 401"


def test_a_refusal_keeps_its_error_codes_as_far_as_they_fit_their_column():
    decision = decide(a_case(), Refused(422, ("a" * 150, "b" * 150)))
    assert decision.charge["response_code"] == f"{'a' * 150},{'b' * 49}"
    assert decide(a_case(), Refused(422, ())).charge["response_code"] is None


@pytest.mark.parametrize("state", [_C.SENDING, _C.UNKNOWN])
def test_an_open_payment_makes_the_charge_pending_and_is_asked_about_again(state):
    decision = decide(a_case(charge_state=state), OPEN)
    assert decision.charge_event is ChargeEvent.ACCEPT
    assert decision.charge == {"gateway_payment_id": "pay_1", "check_at": NOW + timedelta(minutes=1), "checks": 1}


def test_a_pending_charge_that_is_still_open_is_asked_about_ever_more_rarely_and_never_ages_into_a_failure():
    case, waits = a_case(charge_state=_C.PENDING), []
    for _ in range(400):
        decision = decide(case, OPEN)
        assert decision.charge_event is None
        waits.append(decision.charge["check_at"] - NOW)
        case = carry_out(case, decision)
    assert case.charge_state is _C.PENDING
    assert waits == sorted(waits)
    assert [wait.total_seconds() for wait in waits[:7]] == [60, 120, 300, 1800, 7200, 21600, 21600]
    assert sum(waits[:28], timedelta()) > timedelta(days=5)
    assert waits[28] == waits[-1] == timedelta(days=1)


def test_the_wallets_link_is_kept_when_it_is_told_and_not_lost_when_it_is_not():
    linked = told(PaymentStatus.OPEN, redirect_url="https://wallet.test/w")
    assert decide(a_first_charge(), linked).charge["redirect_url"] == "https://wallet.test/w"
    assert "redirect_url" not in decide(a_first_charge(), OPEN).charge


@pytest.mark.parametrize("state", [_C.PARKED, _C.DECLINED, _C.EXPIRED, _C.CANCELED, _C.REFUSED])
def test_a_late_pending_changes_nothing_about_a_charge_that_is_parked_or_closed(state):
    assert decide(a_case(charge_state=state), OPEN) == NOTHING


@pytest.mark.parametrize("state", [_C.DECLINED, _C.EXPIRED, _C.CANCELED, _C.REFUSED])
def test_a_second_failure_of_a_closed_charge_changes_nothing(state):
    for answer in (declined("200R1"), EXPIRED, CANCELED):
        assert decide(a_case(charge_state=state), answer) == NOTHING


def test_a_parked_charge_that_turns_out_declined_or_captured_is_settled():
    parked = a_case(charge_state=_C.PARKED)
    assert after(parked, declined()).charge_state is _C.DECLINED
    assert after(parked, CAPTURED).invoice_state is _I.PAID


# --- payments that are not what was asked for -----------------------------------------------------


@pytest.mark.parametrize(
    ("payment", "difference"),
    [
        ({"reference": "another"}, f"reference another instead of {a_case().reference}"),
        ({"currency": "HKD"}, "currency HKD instead of KRW"),
        ({"amount_minor": 990}, "amount 990 instead of 9900 (minor units)"),
        ({"captured_minor": 9800}, "amount 9800 instead of 9900 (minor units)"),
        ({"amount_minor": 0, "captured_minor": 0}, "amount 0 instead of 9900 (minor units)"),
        ({"amount_minor": None, "captured_minor": None}, "a capture without an amount"),
    ],
)
def test_a_capture_of_something_else_is_parked_and_pays_nothing(payment, difference):
    decision = decide(a_case(charge_state=_C.PENDING), told(PaymentStatus.CAPTURED, **payment))
    assert decision.charge_event is ChargeEvent.PARK
    assert decision.charge["error"] == difference
    assert decision.charge["check_at"] is None
    assert (decision.invoice_event, decision.refund_reason) == (None, None)
    assert notes(decision) == ["charge.mismatch"]
    assert decision.notes[0].data == {"gateway_payment_id": "pay_1", "difference": difference}


def test_a_payment_under_another_reference_does_not_give_the_charge_its_id():
    other = told(PaymentStatus.OPEN, reference="another")
    assert "gateway_payment_id" not in decide(a_case(), other).charge
    wrong_amount = told(PaymentStatus.OPEN, amount_minor=1)
    assert decide(a_case(), wrong_amount).charge["gateway_payment_id"] == "pay_1"
    untold = told(PaymentStatus.OPEN, amount_minor=1, reference=None)
    assert decide(a_case(), untold).charge["gateway_payment_id"] == "pay_1"


@pytest.mark.parametrize("state", [_C.PARKED, _C.DECLINED, _C.EXPIRED, _C.CANCELED, _C.REFUSED])
def test_a_mismatch_on_a_charge_that_cannot_be_parked_is_reported_and_moves_nothing(state):
    decision = decide(a_case(charge_state=state), told(PaymentStatus.CAPTURED, amount_minor=1))
    assert notes(decision) == ["charge.mismatch"]
    assert replace(decision, notes=()) == NOTHING


@pytest.mark.parametrize("state", _C)
@pytest.mark.parametrize("status", PaymentStatus)
@pytest.mark.parametrize("amount", [9900, 8000])
def test_another_amount_is_taken_only_by_a_capture_after_the_charge_was_closed(state, status, amount):
    captured = amount if status is PaymentStatus.CAPTURED else None
    answer = told(status, amount_minor=amount, captured_minor=captured)
    is_closed = state in (_C.DECLINED, _C.EXPIRED, _C.CANCELED, _C.REFUSED)
    took_another = status is PaymentStatus.UNCLEAR or (status is PaymentStatus.CAPTURED and amount == 8000)
    expected = is_closed and took_another
    assert took_another_amount(a_case(charge_state=state), answer.payment) == expected


def test_what_an_answer_does_not_tell_is_no_difference():
    silent = told(PaymentStatus.OPEN, reference=None, amount_minor=None, currency=None).payment
    assert mismatch(a_case(), silent) is None
    nothing_yet = told(PaymentStatus.DECLINED, "20051", amount_minor=0).payment
    assert mismatch(a_case(), nothing_yet) is None
    assert mismatch(a_case(), CAPTURED.payment) is None


@pytest.mark.parametrize("status", PaymentStatus)
@pytest.mark.parametrize("state", ChargeState)
def test_a_second_payment_under_the_same_reference_says_nothing_about_the_first_and_is_reported(state, status):
    case = a_case(charge_state=state, gateway_payment_id="pay_1")
    decision = decide(case, told(status, id="pay_2"))
    assert replace(decision, notes=()) == NOTHING
    assert [(note.type, note.data) for note in decision.notes] == [
        ("payment.stray", {"gateway_payment_id": "pay_2", "status": status.value})
    ]


def test_a_retry_is_planned_on_the_clock_of_the_subscriptions_own_zone():
    abroad = a_case(zone="America/New_York", charge_state=_C.PENDING)
    decision = decide(abroad, declined(), now=kst("2027-03-01 10:05"))
    assert decision.invoice["first_failed_on"] == date(2027, 2, 28)
    # 10:00 in New York on 1 March is midnight in Seoul, where the banks are closed.
    assert is_in_slot(decision.invoice["next_attempt_at"], "2027-03-02 00:40")


def test_a_refusal_of_a_charge_whose_outcome_was_unknown_closes_it():
    assert decide(a_case(charge_state=_C.UNKNOWN), GONE).charge_event is ChargeEvent.REFUSE


def test_a_code_on_a_payment_that_expired_says_nothing_of_the_agreement():
    expired = replace(EXPIRED, payment=replace(EXPIRED.payment, response_code="200R1"))
    decision = decide(a_case(), expired)
    assert decision.charge["decline_class"] == "retry_later"
    assert decision.source_event is None


def test_a_renewal_is_kept_where_the_subscriber_has_another_subscription():
    assert decide(a_case(has_other_live_subscription=True), CAPTURED).refund_reason is None


def test_a_first_payment_that_made_no_source_writes_none_to_the_subscription():
    case = a_first_charge(source_id=None, source_state=None, subscription_source_id=CURRENT)
    decision = decide(case, CAPTURED)
    assert "source_id" not in decision.subscription
    assert not decision.replace_old_source


def test_a_capture_that_tells_one_of_its_two_amounts_is_good_enough():
    assert mismatch(a_case(), replace(CAPTURED.payment, captured_minor=None)) is None
    assert mismatch(a_case(), replace(CAPTURED.payment, amount_minor=None)) is None


def test_a_person_who_retries_an_unpaid_subscription_learns_that_a_new_agreement_is_needed():
    decision = decide(a_case(subscription_state=_S.UNPAID, automatic=False), GONE)
    assert [note.type for note in decision.notes] == ["subscription.re_enrolment_requested"]
    assert decision.invoice["failures"] == 0


def test_who_is_asked_for_a_new_agreement_failed_once_more():
    failed_before = a_case(failures=2, first_failed_on=date(2027, 2, 26))
    assert decide(failed_before, GONE).invoice["failures"] == 3


def test_a_charge_that_is_set_aside_tells_the_timeline_why():
    decision = decide(a_case(technical_failures=40), declined("20068"))
    assert [note.data for note in decision.notes] == [{"reason": "41 technical failures in a row"}]


HUNG = {"charge_state": _C.PENDING, "gateway_payment_id": "pay_1", "sent_at": NOW - timedelta(days=3)}


def test_a_payment_that_is_open_for_too_long_is_parked_and_asked_about_further():
    decision = decide(a_case(**HUNG), OPEN)
    assert decision.charge_event is ChargeEvent.PARK
    assert decision.charge["error"].startswith("still open at Checkout.com after 3 days")
    assert decision.charge["check_at"] > NOW
    assert (decision.invoice, decision.subscription, decision.notes) == ({}, {}, ())


def test_a_moment_before_the_bound_it_is_waited_for():
    almost = a_case(**HUNG | {"sent_at": NOW - timedelta(days=3) + timedelta(seconds=1)})
    assert decide(almost, OPEN).charge_event is None


@pytest.mark.parametrize("case", [a_first_charge, a_re_enrolment])
def test_with_the_subscriber_present_the_bound_is_another(case):
    policy = Policy(hanging=HangingBounds(renewal=timedelta(days=3), present=timedelta(days=5)))
    assert settle(case(**HUNG), OPEN, now=NOW, policy=policy).charge_event is None
    late = case(**HUNG | {"sent_at": NOW - timedelta(days=5)})
    assert settle(late, OPEN, now=NOW, policy=policy).charge_event is ChargeEvent.PARK


def test_a_parked_charge_that_hangs_is_asked_about_again_and_stays_parked():
    decision = decide(a_case(**HUNG | {"charge_state": _C.PARKED, "check_at": NOW}), OPEN)
    assert decision.charge_event is None
    assert decision.charge["check_at"] > NOW


def test_another_amount_on_a_parked_charge_that_hangs_makes_it_a_persons_whole_business():
    hung = a_case(**HUNG | {"charge_state": _C.PARKED, "check_at": NOW})
    decision = decide(hung, told(PaymentStatus.CAPTURED, amount_minor=1))
    assert decision.charge_event is None
    assert decision.charge["check_at"] is None
    assert decision.charge["error"] == "amount 1 instead of 9900 (minor units)"


def test_a_decline_without_a_known_reason_is_of_the_set_up_where_the_account_is_in_trouble():
    unexplained = told(PaymentStatus.DECLINED, None)
    assert decide(a_case(), unexplained).charge["decline_class"] == DeclineClass.UNKNOWN
    assert decide(a_case(), unexplained, trouble=Trouble.ACCOUNT).charge["decline_class"] == DeclineClass.SET_UP


def test_a_debt_that_nobody_confirmed_goes_back_when_it_is_captured_months_late():
    sent = a_case(
        subscription_state=_S.PAST_DUE,
        grace_until=date(2027, 3, 10),
        period=Period(date(2027, 3, 1), date(2028, 3, 1)),
        schedule=BillingSchedule(SUBSCRIPTION, date(2026, 3, 1), Interval(IntervalUnit.YEAR, 1), "Asia/Seoul", 1),
    )
    late = decide(sent, CAPTURED, now=kst("2027-06-28 10:05"))
    assert late.refund_reason == "the subscriber had not confirmed the debt"
    assert decide(sent, CAPTURED, now=kst("2027-03-11 10:05")).refund_reason is None
