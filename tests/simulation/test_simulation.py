"""The search, in portions that workers share, and what must be true of the search itself.

Worlds are lived through in processes of their own: measuring coverage would cost more than the worlds.
"""

import json
import os

import pytest

from tests.simulation.coverage import Coverage
from tests.simulation.expected import not_demanded
from tests.simulation.simulating import simulate

PORTIONS = 8
WORLDS_IN_A_PORTION = 63


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A folder that all workers of this run see."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "simulation"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("portion", range(PORTIONS))
def test_no_world_charges_twice_or_loses_a_renewal(portion, shared):
    first = 1 + portion * WORLDS_IN_A_PORTION
    account = shared / f"{portion}.part"
    simulate("--worlds", str(WORLDS_IN_A_PORTION), "--seed", str(first), "--account", str(account))
    account.rename(shared / f"{portion}.json")
    told = sorted(shared.glob("*.json"))
    if len(told) == PORTIONS:  # the portion that ends last speaks for all of them
        whole = Coverage()
        for file in told:
            whole.add(Coverage.from_json(json.loads(file.read_text())))
        assert whole.worlds >= 500
        assert whole.silent_faults() == []
        assert whole.untaken_edges(not_demanded(whole.worlds)) == []


@pytest.mark.timeout(1800)
def test_worlds_that_failed_once_go_well():
    simulate("--corpus")


def test_a_seed_is_one_world_in_every_process_and_under_every_hash_seed():
    told = {simulate("--replay", "7", PYTHONHASHSEED=hash_seed).splitlines()[-1] for hash_seed in ("0", "1", "2")}
    assert len(told) == 1
    assert "trace " in told.pop()
