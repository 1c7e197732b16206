"""With any one line of defence taken away, nobody is charged twice and every won has a name."""

import pytest

from tests.simulation.masks import MASKS, Masks
from tests.simulation.simulating import simulate

WORLDS = 5


@pytest.mark.parametrize("mask", sorted(MASKS))
def test_no_world_charges_twice_without(mask):
    told = simulate("--worlds", str(WORLDS), "--without", mask)
    assert f"{WORLDS} worlds without {mask}" in told
    assert told.endswith("0 failed\n")


@pytest.mark.parametrize("seed", [1021, 1036])
def test_a_refusal_that_was_none_is_found_without_webhooks(seed):
    """Two worlds in which nobody ever knew of a payment that the gateway had made though it refused it."""
    assert "went well" in simulate("--replay", str(seed), "--without", "webhooks")


def test_no_world_charges_twice_without_webhooks_and_indexes_at_once():
    simulate("--worlds", str(WORLDS), "--without", "webhooks", "--without", "indexes")


def test_a_mask_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="there is no defence belt"):
        Masks(frozenset({"belt"}))
