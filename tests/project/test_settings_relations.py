"""Settings that are each good by themselves, and do not hold together, are refused with what would be right."""

import pytest

from billing.config.source import BadConfig

RELATIONS = [
    ('[window]\nopens = "23:30"', "window.opens", "lies in the quiet hours, 23:20 to 00:40 in Asia/Seoul"),
    ('[window]\nzone = "America/New_York"\nopens = "10:00"', "window.opens", "10:00 in America/New_York lies in"),
    ('[window]\nopens = "23:00"', "window.jitter_minutes", "= 30 from 23:00 on reaches into the quiet hours"),
    ('[window]\nquiet_from = "00:40"\nquiet_until = "23:20"', "window.opens", "lies in the quiet hours"),
    ('[dunning]\nladder = [{ day = 1, at = "00:10" }]', "dunning.ladder", "day 1 at 00:10 in Asia/Seoul lies in"),
    ("[enrolment.agreement_amount]\nKRW = 40", "enrolment.agreement_amount", ".KRW = 40 cannot be charged and given"),
    ("[daemon]\ntick_seconds = 60.0\nstalled_after_seconds = 60.0", "daemon.stalled_after_seconds", "not longer than"),
    ("[webhooks]\nkeep_days = 7\ndisable_after_days = 8", "webhooks.keep_days", "shorter than"),
]


@pytest.mark.parametrize(("file", "setting", "told"), RELATIONS, ids=[each[0].replace("\n", " ") for each in RELATIONS])
def test_settings_that_do_not_hold_together_are_refused(read, file, setting, told):
    with pytest.raises(BadConfig) as refused:
        read(file)
    assert setting in str(refused.value)
    assert told in str(refused.value)


def test_hours_beside_the_quiet_hours_are_taken(read):
    read('[window]\nopens = "00:40"\n[dunning]\nladder = [{ day = 1, at = "23:19" }]\n')
    read('[window]\nquiet_from = "00:00"\nquiet_until = "00:00"\nopens = "23:30"\n')
