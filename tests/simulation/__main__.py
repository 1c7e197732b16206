"""``python -m tests.simulation``: search for a world in which the engine charges twice or loses a renewal."""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.coverage import Coverage
from tests.simulation.expected import not_demanded
from tests.simulation.machine import Machine
from tests.simulation.masks import MASKS
from tests.simulation.world import World


def main() -> int:
    """Run worlds, or replay one; return 0 when nothing was found and everything was covered."""
    asked = _arguments()
    with Machine() as machine:
        if asked.replay is not None:
            return _replay(asked, machine)
        return _search(asked, machine)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--worlds", type=int, default=500, help="how many worlds to live through")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first; the others follow it")
    parser.add_argument("--seconds", type=float, help="stop beginning worlds after so long")
    parser.add_argument("--replay", type=int, metavar="SEED", help="live through this world only")
    parser.add_argument("--trace", action="store_true", help="with --replay: show every step")
    parser.add_argument("--corpus", action="store_true", help="live through the worlds that failed once, only")
    parser.add_argument(
        "--without", action="append", default=[], choices=MASKS, help="take a line of defence away; may be repeated"
    )
    parser.add_argument("--account", type=Path, help="write what was covered to this file instead of judging it")
    return parser.parse_args()


def _search(asked: argparse.Namespace, machine: Machine) -> int:
    began, total, failed = time.monotonic(), Coverage(), 0
    for seed in corpus() if asked.corpus else range(asked.seed, asked.seed + asked.worlds):
        if asked.seconds is not None and time.monotonic() - began > asked.seconds:
            break
        try:
            total.add(World(seed, machine, without=frozenset(asked.without)).run())
        except Exception as error:  # noqa: BLE001 - whatever a world ends with is the finding
            failed += 1
            print(f"world {seed} FAILED: {type(error).__name__}: {error}\n  {command(seed, asked.without)}", flush=True)
    took = time.monotonic() - began
    if asked.without:
        print(f"{total.worlds + failed} worlds without {', '.join(asked.without)} in {took:.0f} s; {failed} failed")
    if asked.account is not None or asked.corpus or asked.without:
        if asked.account is not None:
            asked.account.write_text(json.dumps(total.as_json()))
        return 1 if failed else 0
    print(total.report())
    print(
        f"\n{total.worlds + failed} worlds in {took:.0f} s, {(total.worlds + failed) / took:.1f} a second; {failed} failed"
    )
    wanting = [f"fault {name}" for name in total.silent_faults()]
    wanting += [f"edge {name}" for name in total.untaken_edges(not_demanded(total.worlds))]
    if wanting:
        print("never: " + ", ".join(wanting))
    return 1 if failed or wanting else 0


def _replay(asked: argparse.Namespace, machine: Machine) -> int:
    seed = asked.replay
    world = World(seed, machine, show=asked.trace, without=frozenset(asked.without))
    print(f"world {seed}: {', '.join(sorted(world.dice.on))}")
    try:
        told = world.run()
    except Exception:  # noqa: BLE001 - as above
        traceback.print_exc()
        print("\n".join(world.last_events))
        print(f"world {seed} FAILED\n  {command(seed, asked.without)}")
        return 1
    print(f"world {seed} went well: {told.steps} steps, trace {told.digest}")
    return 0


def corpus() -> list[int]:
    """Return the seeds of worlds that failed once."""
    lines = (Path(__file__).parent / "corpus.txt").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line[:1].isdigit()]


def command(seed: int, without: Sequence[str] = ()) -> str:
    """Return the one command that replays a world."""
    return " ".join([f"python -m tests.simulation --replay {seed} --trace", *(f"--without {each}" for each in without)])


if __name__ == "__main__":
    sys.exit(main())
