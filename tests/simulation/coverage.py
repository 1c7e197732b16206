"""What a run has covered: how often each fault struck, and each edge of the table of states was taken."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.faults import CATALOGUE
from tests.simulation.referee import EDGES

Edge = tuple[str, str, str]


@dataclass
class Coverage:
    """Sums of what worlds told; sums of sums add up."""

    worlds: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    edges: Counter[Edge] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)

    def add(self, told: Any) -> None:
        """Count a world, or another sum."""
        self.worlds += getattr(told, "worlds", 1)
        self.fired.update(told.fired)
        self.edges.update(told.edges)
        self.figures.update(told.figures)

    def silent_faults(self) -> list[str]:
        return sorted(name for name in CATALOGUE if not self.fired[name])

    def untaken_edges(self, but: frozenset[str] = frozenset()) -> list[str]:
        """Return the edges that were never taken, without those that are named as an exception."""
        never = [name_of(edge) for edge in EDGES if not self.edges[edge]]
        return [name for name in never if name not in but]

    def as_json(self) -> dict[str, Any]:
        edges = {name_of(edge): number for edge, number in self.edges.items()}
        return {"worlds": self.worlds, "fired": self.fired, "edges": edges, "figures": self.figures}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Coverage":
        named = {name_of(edge): edge for edge in EDGES}
        edges = Counter({named[name]: number for name, number in told["edges"].items()})
        return cls(told["worlds"], Counter(told["fired"]), edges, Counter(told["figures"]))

    def report(self) -> str:
        """Return the whole account, a line a fault and a line an edge."""
        lines = [f"{self.worlds} worlds", "", "faults struck"]
        lines += [f"  {name:22} {self.fired[name]:7}" for name in sorted(CATALOGUE)]
        lines += ["", "edges taken"]
        lines += [f"  {name_of(edge):42} {self.edges[edge]:7}" for edge in EDGES]
        lines += ["", "acts"]
        lines += [f"  {name:42} {number:7}" for name, number in sorted(self.figures.items())]
        return "\n".join(lines)


def name_of(edge: Edge) -> str:
    subject, state, event = edge
    return f"{subject} {state} > {event.split('.')[1]}"
