"""What `bench/hostile.py` measures, bounded: an attack takes no memory that stays, and meanwhile others are served."""

import sys
from pathlib import Path

import pytest
from waiting import until

sys.path.append(str(Path(__file__).resolve().parents[2]))
from bench.hostile import ATTACKS, MOST_TIMES_MEMORY, api, under

ATTACK_SECONDS = 2.0


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    with api(tmp_path_factory.mktemp("attacked")) as one:
        yield one


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_leaves_no_memory_taken_and_nobody_without_an_answer(attacked, name):
    before = attacked.rss()
    with under(name, attacked.port, ATTACK_SECONDS):
        read = attacked.probe(attacked.keyed_read, ATTACK_SECONDS / 2)
        webhook = attacked.probe(attacked.webhook, ATTACK_SECONDS / 2)
        meanwhile = attacked.rss()
    assert (read.failed, webhook.failed) == (0, 0)
    assert read.seconds
    assert webhook.seconds
    assert meanwhile <= MOST_TIMES_MEMORY * before
    until(lambda: attacked.rss() <= MOST_TIMES_MEMORY * before, "the memory it had before")
