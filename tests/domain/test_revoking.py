"""What an answer to the revocation of an agreement changes, and when the gateway is told again."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.charging import NotSent, Refused, Revoked, Unknown
from billing.domain.revoking import MOST_TRIES, WAITS, after_answer, ask, settle, withdraw
from billing.domain.states import IllegalMove, RevocationEvent, RevocationState

NOW = datetime(2027, 3, 1, 3, 0, tzinfo=UTC)
_V = RevocationState
TROUBLE = [NotSent("HTTP 403"), Refused(422, ("request_invalid",)), Unknown("no answer")]


@pytest.mark.parametrize("how", ["revoked", "revoked before", "not known there"])
@pytest.mark.parametrize("tries", [1, MOST_TRIES, MOST_TRIES + 1])
def test_a_confirmation_ends_it_whichever_try_it_answers(how, tries):
    step = after_answer(tries, Revoked(how), NOW)
    assert step.event is RevocationEvent.CONFIRM
    assert (step.columns["revocation"], step.columns["revocation_due_at"]) == (_V.CONFIRMED, None)
    assert (step.told["revocation"], step.told["how"]) == ("confirmed", how)


@pytest.mark.parametrize("outcome", TROUBLE, ids=lambda each: type(each).__name__)
def test_whatever_confirms_nothing_is_told_again_ever_later_and_then_waits_for_a_person(outcome):
    asked, waits = NOW, []
    for tries in range(1, MOST_TRIES):
        step = after_answer(tries, outcome, asked)
        assert step.event is None
        waits.append(step.columns["revocation_due_at"] - asked)
        asked = step.columns["revocation_due_at"]
    assert waits == sorted(waits) == list(WAITS)
    assert timedelta(days=2) < asked - NOW < timedelta(days=4)
    last = after_answer(MOST_TRIES, outcome, asked)
    assert last.event is RevocationEvent.PARK
    assert (last.columns["revocation"], last.columns["revocation_due_at"]) == (_V.PARKED, None)
    assert last.columns["revocation_error"]


def test_what_was_never_asked_or_is_parked_begins_anew_and_what_was_confirmed_is_not_asked_again():
    for state in (_V.NONE, _V.PARKED):
        step = ask(state, NOW)
        assert (step.event, step.columns["revocation"]) == (RevocationEvent.REQUEST, _V.REQUESTED)
        assert (step.columns["revocation_due_at"], step.columns["revocation_tries"]) == (NOW, 0)
    again = ask(_V.REQUESTED, NOW)
    assert (again.event, dict(again.columns)) == (None, {"revocation_due_at": NOW})
    assert dict(ask(_V.CONFIRMED, NOW).columns) == {}


def test_an_agreement_that_is_made_anew_is_not_revoked_any_more():
    assert dict(withdraw(_V.NONE)) == {}
    for state in (_V.REQUESTED, _V.CONFIRMED, _V.PARKED):
        cleared = withdraw(state)
        assert (cleared["revocation"], cleared["revocation_due_at"]) == (_V.NONE, None)


@pytest.mark.parametrize("state", [_V.REQUESTED, _V.PARKED])
def test_a_person_may_end_it_without_a_confirmation(state):
    step = settle(state, "cut in KakaoTalk")
    assert step.event is RevocationEvent.SETTLE
    assert (step.columns["revocation"], step.columns["revocation_due_at"]) == (_V.CONFIRMED, None)
    assert step.told == {"revocation": "confirmed", "reason": "cut in KakaoTalk"}


def test_what_was_confirmed_is_not_settled_again_and_what_was_not_asked_for_cannot_be():
    assert settle(_V.CONFIRMED, "again").event is None
    with pytest.raises(IllegalMove):
        settle(_V.NONE, "nobody asked")
