"""Which days are billed: every interval, whatever happened, by every catch-up policy and every end of the retries.

What the engine does is compared with an independent small model for every case (``day_model``), and both with a sample
that was worked out by hand (``days_by_hand``).
"""

from itertools import pairwise

import pytest
from day_cases import HAPPENINGS, INTERVALS, SETTINGS, VARIANTS, Setting, cases, facts
from day_driver import SAMPLED_DAYS, live
from day_model import Life, Lived
from days_by_hand import BY_HAND, setting_of
from harness import fresh_world

pytestmark = pytest.mark.untraced

ON_POSTGRES = (Setting("all", "past_due", outage=False), Setting("hold", "pause", outage=True))
"""SQLite tells all; PostgreSQL has to say the same of a sample."""


def _model(setting, case) -> Lived:
    return Life(facts(case), setting.policy, setting.end).live(setting.last_day)


def _captured(lived: Lived) -> list[str]:
    return [f"{each.day}: {each.first} to {each.end}, {each.won} won" for each in sorted(lived.captured)]


def _not_billed(lived: Lived) -> list[str]:
    return [f"{each.first} to {each.end}: {each.kind}, {each.reason}" for each in sorted(lived.not_billed)]


def _told(lived: Lived) -> dict[str, object]:
    access = {f"{day:%d %B}": lived.access[day] for day in SAMPLED_DAYS if day in lived.access}
    return {"captured": _captured(lived), "not billed": _not_billed(lived), "access": access}


def _differences(setting, case, lived: Lived) -> list[str]:
    model, engine = _told(_model(setting, case)), _told(lived)
    return [
        f"{case.interval}, {case.happening}, {name}:\n  model  {model[name]}\n  engine {engine[name]}"
        for name in model
        if model[name] != engine[name]
    ]


def _assert_as_expected(world, setting):
    lived = live(world, setting)
    assert set(lived) == set(cases(setting))
    differing = [line for case, each in lived.items() for line in _differences(setting, case, each)]
    assert not differing, "\n".join(differing)
    for (policy, end, case), by_hand in BY_HAND.items():
        if setting_of(policy, end, case) == setting:
            assert (_captured(lived[case]), _not_billed(lived[case])) == by_hand


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_engine_bills_the_days_that_the_model_bills(sqlite_world, setting):
    _assert_as_expected(sqlite_world, setting)


@pytest.mark.parametrize("setting", ON_POSTGRES, ids=str)
def test_the_engine_bills_the_same_days_on_postgresql(sandbox, postgres_url, setting):
    with fresh_world(sandbox.url, postgres_url) as world:
        _assert_as_expected(world, setting)


@pytest.mark.parametrize("sample", BY_HAND, ids=lambda each: f"{each[0]}-{each[1]}-{each[2].interval}")
def test_the_model_bills_the_days_that_were_worked_out_by_hand(sample):
    policy, end, case = sample
    setting = setting_of(policy, end, case)
    assert case in set(cases(setting))
    lived = _model(setting, case)
    assert (_captured(lived), _not_billed(lived)) == BY_HAND[sample]


def test_the_table_is_the_whole_product():
    told = {(setting.policy, setting.end, case) for setting in SETTINGS for case in cases(setting)}
    first_examples = [each for each in HAPPENINGS if each not in VARIANTS]
    assert len([case for _, _, case in told if case.happening in first_examples]) == 4 * 9 * 3 * 4
    assert {case.interval for _, _, case in told} == set(INTERVALS)
    assert {case.happening for _, _, case in told} == set(HAPPENINGS)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_no_day_of_the_model_is_billed_twice_or_both_billed_and_unbilled(setting):
    for case in cases(setting):
        lived = _model(setting, case)
        spans = sorted((each.first, each.end) for each in [*lived.captured, *lived.not_billed])
        assert all(end <= first for (_, end), (first, _) in pairwise(spans)), (case, spans)
