"""The chain of the audit trail: any change of what was written shows at its first entry."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.audit import Decision, Entry, first_break, follow, genesis, is_decision

HERE = UUID("0d3f6f8e-1111-4222-8333-444455556666")
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
TEXTS = st.text(max_size=20)
DECISIONS = st.builds(
    Decision,
    at=st.datetimes(timezones=st.just(UTC)),
    actor=TEXTS,
    act=TEXTS,
    subject_type=TEXTS,
    subject_id=TEXTS,
    reason=TEXTS,
    details=st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), max_size=3),
)


def decision(number=1, **changes):
    told = Decision(NOW, "cli:ops", "plan.paused", "plan", f"basic-{number}", "외환", {"count": number})
    return replace(told, **changes)


def chain(decisions):
    entries: list[Entry] = []
    for number, each in enumerate(decisions, start=1):
        entries.append(follow(number, entries[-1].hash if entries else genesis(HERE), each))
    return entries


TRAIL = chain(decision(number) for number in range(1, 6))


def test_the_hash_of_an_entry_stays_the_same_for_ever():
    assert TRAIL[0].hash == "8cd8bb6f3aa6e1f78e3d009b484d4a34260cbc0c8d49a17be7975f22eff9e568"


@given(st.lists(DECISIONS, max_size=5))
def test_a_trail_that_nobody_touched_holds(decisions):
    entries = chain(decisions)
    assert first_break(HERE, entries) == (None, entries[-1] if entries else None)


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "cli:eve"},
        {"act": "plan.resumed"},
        {"subject_id": "other"},
        {"subject_type": "price"},
        {"reason": ""},
        {"details": {}},
        {"at": NOW + timedelta(microseconds=1)},
    ],
)
def test_a_changed_entry_is_named(changes):
    entries = list(TRAIL)
    entries[2] = replace(entries[2], decision=replace(entries[2].decision, **changes))
    broken, last = first_break(HERE, entries)
    assert (broken.number, "was changed" in broken.why) == (3, True)
    assert last == TRAIL[1]


def test_an_entry_that_was_changed_and_hashed_anew_breaks_the_chain_behind_it():
    entries = list(TRAIL)
    entries[2] = follow(3, entries[1].hash, decision(3, actor="cli:eve"))
    assert first_break(HERE, entries)[0].number == 4
    entries[3] = replace(entries[3], previous_hash=entries[2].hash)
    assert first_break(HERE, entries)[0].number == 4


def test_a_removed_a_doubled_and_a_moved_entry_are_named():
    assert "missing" in first_break(HERE, TRAIL[:2] + TRAIL[3:])[0].why
    assert first_break(HERE, TRAIL[1:])[0].number == 1
    assert first_break(HERE, [*TRAIL[:2], TRAIL[1], *TRAIL[2:]])[0].number == 3
    assert first_break(HERE, [TRAIL[0], TRAIL[2], TRAIL[1]])[0].number == 2


def test_the_trail_of_another_installation_does_not_hold_here():
    assert first_break(UUID(int=1), TRAIL)[0].number == 1


def test_an_instant_is_the_same_in_every_zone():
    seoul = NOW.astimezone(timezone(timedelta(hours=9)))
    assert follow(1, "x", decision(at=seoul)) == replace(follow(1, "x", decision()), decision=decision(at=seoul))


@pytest.mark.parametrize("kind", ["refund.created", "plan.archived", "webhook_endpoint.created", "customer.erased"])
def test_what_a_person_orders_is_a_decision(kind):
    assert is_decision(kind)


@pytest.mark.parametrize("kind", ["charge.started", "charge.captured", "subscription.created", "refund.refunded"])
def test_what_follows_from_it_and_enrolments_are_none(kind):
    assert not is_decision(kind)
