"""The tables of moves, compared with tables written here by hand: every state with every event."""

import pytest

from billing.domain.access import Why
from billing.domain.api_keys import KeyMode
from billing.domain.cases import ChargeKind, InvoiceKind, LateEnrolment
from billing.domain.charging import PaymentStatus, RefundStatus
from billing.domain.days.renewing import CatchUp
from billing.domain.deliveries import DeliveryState, EndpointState
from billing.domain.dunning import EndOfLadder
from billing.domain.roles import Role
from billing.domain.states import (
    CHARGE_MOVES,
    COUNTED_REFUND_STATES,
    INVOICE_MOVES,
    LIVE_CHARGE_STATES,
    REFUND_MOVES,
    SOURCE_MOVES,
    SUBSCRIPTION_MOVES,
    ChargeEvent,
    ChargeState,
    IllegalMove,
    InvoiceEvent,
    InvoiceState,
    RefundEvent,
    RefundState,
    SourceEvent,
    SourceState,
    SubscriptionEvent,
    SubscriptionState,
    can_move,
    next_state,
)

# A line is a state, and after the colon each event that may happen to it, with the state it leads to.
# The first line is where a row begins its life.
SUBSCRIPTION = """
incomplete: activated=active trial_started=trialing enrolment_expired=incomplete_expired canceled=canceled
incomplete_expired: activated=active trial_started=trialing
trialing: activated=active fell_past_due=past_due canceled=canceled
active: fell_past_due=past_due paused=paused canceled=canceled
past_due: recovered=active forgiven=active dunning_exhausted=unpaid paused=paused canceled=canceled
paused: resumed=active resumed_in_arrears=past_due canceled=canceled
unpaid: recovered=active forgiven=active canceled=canceled
canceled:
"""
INVOICE = """
open: paid=paid voided=void written_off=uncollectible
uncollectible: paid=paid voided=void
paid:
void:
"""
CHARGE = """
sending: accepted=pending captured=captured declined=declined refused=refused expired=expired \
canceled=canceled outcome_unknown=unknown parked=parked settled=expired
unknown: accepted=pending captured=captured declined=declined refused=refused expired=expired \
canceled=canceled resent=sending parked=parked settled=expired
pending: captured=captured declined=declined expired=expired canceled=canceled parked=parked settled=expired
parked: captured=captured declined=declined expired=expired canceled=canceled released=unknown settled=expired
declined: captured=captured
refused: captured=captured
expired: captured=captured
canceled: captured=captured
captured:
"""
REFUND = """
requested: sent=sending refused=refused settled=declined
sending: accepted=pending refunded=refunded declined=declined refused=refused outcome_unknown=unknown parked=parked \
settled=declined
unknown: accepted=pending refunded=refunded declined=declined refused=refused resent=sending parked=parked \
settled=declined
pending: refunded=refunded declined=declined parked=parked settled=declined
declined: refunded=refunded
refused: refunded=refunded
parked: refunded=refunded declined=declined released=unknown settled=declined
refunded:
"""
SOURCE = """
pending: confirmed=active discarded=revoked
active: suspected=suspect revoked=revoked replaced=replaced
suspect: confirmed=active revoked=revoked replaced=replaced
revoked: confirmed=active replaced=replaced
replaced: confirmed=active
"""

MACHINES = {
    "subscription": (SUBSCRIPTION, SUBSCRIPTION_MOVES, SubscriptionState, SubscriptionEvent),
    "invoice": (INVOICE, INVOICE_MOVES, InvoiceState, InvoiceEvent),
    "charge": (CHARGE, CHARGE_MOVES, ChargeState, ChargeEvent),
    "refund": (REFUND, REFUND_MOVES, RefundState, RefundEvent),
    "source": (SOURCE, SOURCE_MOVES, SourceState, SourceEvent),
}
ENDS = {
    "subscription": {"canceled"},
    "invoice": {"paid", "void"},
    "charge": {"captured"},
    "refund": {"refunded"},
    "source": set(),
}

machines = pytest.mark.parametrize("machine", MACHINES)


def written(text):
    table = {}
    for line in text.strip().splitlines():
        state, _, moves = line.partition(":")
        table[state] = dict(move.split("=") for move in moves.split())
    return table


def every_state_and_event():
    for name, (_, _, states, events) in MACHINES.items():
        for state in states:
            for event in events:
                yield pytest.param(name, state, event, id=f"{name}-{state.value}-{event.value}")


@pytest.mark.parametrize(("machine", "state", "event"), list(every_state_and_event()))
def test_each_event_moves_each_state_as_written_here_and_nowhere_else(machine, state, event):
    text, moves, _, _ = MACHINES[machine]
    target = written(text)[state.value].get(event.value)
    assert can_move(moves, state, event) is (target is not None)
    if target is not None:
        assert next_state(moves, state, event).value == target
        return
    with pytest.raises(IllegalMove) as raised:
        next_state(moves, state, event)
    assert (raised.value.state, raised.value.event) == (state, event)
    said = str(raised.value)
    assert f"{type(state).__name__} {state.value}:" in said
    assert said.endswith(f"{type(event).__name__} {event.value}")


@machines
def test_every_state_has_an_entry_and_every_move_leads_to_a_state(machine):
    text, moves, states, events = MACHINES[machine]
    assert set(moves) == set(states)
    assert {state.value for state in states} == set(written(text))
    for row in moves.values():
        assert set(row) <= set(events)
        assert all(type(target) is states for target in row.values())


@machines
def test_every_state_can_be_reached_from_the_first_one(machine):
    text, moves, states, _ = MACHINES[machine]
    reached, ahead = set(), [states(next(iter(written(text))))]
    while ahead:
        state = ahead.pop()
        if state not in reached:
            reached.add(state)
            ahead.extend(moves[state].values())
    assert reached == set(states)


@machines
def test_every_event_is_of_use_somewhere(machine):
    _, moves, _, events = MACHINES[machine]
    assert {event for row in moves.values() for event in row} == set(events)


@machines
def test_only_the_ends_have_no_way_out(machine):
    _, moves, _, _ = MACHINES[machine]
    assert {state.value for state, row in moves.items() if not row} == ENDS[machine]


def test_a_captured_charge_never_becomes_anything_else_and_every_other_charge_may_turn_out_captured():
    for state in ChargeState:
        assert can_move(CHARGE_MOVES, state, ChargeEvent.CAPTURE) is (state is not ChargeState.CAPTURED)


def test_a_charge_whose_end_is_not_known_is_live_and_one_that_ended_is_not():
    assert {state.value for state in LIVE_CHARGE_STATES} == {"sending", "unknown", "pending", "parked"}


def test_a_refund_counts_against_the_captured_sum_unless_it_surely_failed():
    assert set(RefundState) - set(COUNTED_REFUND_STATES) == {RefundState.DECLINED, RefundState.REFUSED}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (ChargeKind, "first renewal re_enrolment"),
        (InvoiceKind, "first renewal agreement"),
        (LateEnrolment, "honour refund"),
        (PaymentStatus, "open captured declined expired canceled returned unclear"),
        (RefundStatus, "open succeeded declined"),
        (EndOfLadder, "cancel pause past_due unpaid"),
        (Why, "paid trial forgiven grace pending none"),
        (CatchUp, "latest all hold"),
        (EndpointState, "enabled disabled"),
        (DeliveryState, "pending delivered failed"),
        (KeyMode, "test live"),
        (Role, "read backend admin"),
    ],
)
def test_a_name_that_is_stored_configured_or_answered_never_changes(kind, names):
    assert [member.value for member in kind] == names.split()
