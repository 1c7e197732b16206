"""When each invariant is judged: at every request, every commit, every instant, and at the end."""

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NoReturn

from billing.domain.identity import idempotency_key
from billing.domain.states import (
    CHARGE_MOVES,
    INVOICE_MOVES,
    OBLIGATION_MOVES,
    REFUND_MOVES,
    SOURCE_MOVES,
    SUBSCRIPTION_MOVES,
)
from billing.operations.foreign_refunds import MADE_BY
from tests.simulation import billed_days  # noqa: F401 - its invariants are judged, too
from tests.simulation.invariants import ALWAYS
from tests.simulation.sends import Sends

if TYPE_CHECKING:
    from billing.gateway.webhooks import VerifiedEvent
    from tests.simulation.world import World

MOVES: Final[dict[str, Any]] = {
    "subscription": SUBSCRIPTION_MOVES,
    "invoice": INVOICE_MOVES,
    "charge": CHARGE_MOVES,
    "refund": REFUND_MOVES,
    "refund_obligation": OBLIGATION_MOVES,
    "source": SOURCE_MOVES,
}
EDGES: Final = {
    (subject, state.value, f"{subject}.{event.value}"): reached.value
    for subject, moves in MOVES.items()
    for state, edges in moves.items()
    for event, reached in edges.items()
}
_BIRTHS: Final = {
    "subscription": "incomplete",
    "invoice": "open",
    "charge": "sending",
    "refund": "requested",
    "refund_obligation": "owed",
    "source": "pending",
}
_INJECTED: Final = (
    "injected",
    "Poisoned",
    "database is locked",
    "the database failed",
    "not sent",
    "charging is ",
    "HTTP ",
    "declined with ",
)


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"invariant {number}: {what}")
        self.number = number


class Referee:
    """Watches a world. What it counts (edges of the table of states) is what the run has covered."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.edges: Counter[tuple[str, str, str]] = Counter()
        self._states: dict[tuple[str, str], str] = {}
        self._ended: dict[str, str] = {}
        self._keys: dict[str, tuple[str, Any]] = {}
        self._news = False
        self.sends = Sends(world)
        self.failed: Violation | None = None

    def fail(self, number: int, what: str) -> NoReturn:
        raise Violation(number, f"{what} (at {self._world.clock.now:%Y-%m-%d %H:%M:%S})")

    def on_problem(self, problem: str) -> None:
        """26: what a sweep or a request reports as gone wrong is one of the faults put in, never a bug of ours."""
        self._world.figures["problems"] += 1
        if not any(word in problem for word in _INJECTED):
            self._keep(26, f"an unexpected problem: {problem}")

    def on_arrival(self, path: str, body: dict[str, Any], key: str) -> None:
        """8, 9: what reaches the gateway was committed before, and its key has always meant the same request."""
        self._news = True
        reference = str(body["reference"])
        known = self._keys.setdefault(key, (path, body))
        if known != (path, body) and not (self._world.was_restored and not self._was_made(reference)):
            self._keep(9, f"key {key} came with {path} {body}, and before with {known}")
        if idempotency_key(reference) != key:
            self._keep(9, f"key {key} is not the one of {reference}")
        if path == "/payments":
            for number, breach in self.sends.on_arrival(body):
                self._keep(number, breach)
        table = "refund" if path.endswith("/refunds") else "charge"
        rows = self._world.books.rows(f"SELECT state, idempotency_key FROM {table} WHERE reference = ?", reference)
        if not rows or rows[0]["idempotency_key"] != key:
            if not self._world.was_restored:
                self._keep(8, f"{reference} reached the gateway before it was committed")

    def on_departure(self, body: dict[str, Any], key: str) -> None:
        """10: see there."""
        for number, breach in self.sends.on_departure(body, key):
            self._keep(number, breach)

    def on_webhook_taken(self, event: "VerifiedEvent") -> None:
        """13: what was answered 2xx is in the table."""
        rows = self._world.books.rows(
            "SELECT 1 FROM webhook WHERE event_id = ? OR (payment_id = ? AND action_id = ? AND type = ?)",
            event.id,
            event.payment_id,
            event.action_id,
            event.type,
        )
        if not rows:
            self._keep(13, f"{event.type} {event.id} was answered 200, and is not stored")

    def after_commit(self, *, is_restored: bool = False) -> None:
        """11, 19, 38: every new event is a legal move from where its subject was; none comes after the end or a stop."""
        self._news = True
        for row in self._world.books.new_events():
            if row["to_state"] is not None:
                self._follow(row)
            if row["type"] in ("charge.started", "charge.resent"):
                self._may_be_charged(row)
                if not is_restored:
                    self._is_not_stopped(row)
            if row["type"] == "subscription.canceled":
                self._ended[row["subject_id"]] = "canceled"

    def between_instants(self) -> None:
        """Judge everything that must hold at every moment, if anything has happened since."""
        if self.failed is not None:
            raise self.failed
        if self._news:
            self._news = False
            for number, check in ALWAYS:
                for breach in check(self._world):
                    self.fail(number, breach)

    def at_the_end(self) -> None:
        """Judge what must hold once everything had time to come to its end."""
        self._news = True
        self.between_instants()
        for number, check in self._world.masks.endings():
            for breach in check(self._world):
                self.fail(number, breach)

    def on_restore(self) -> None:
        """The rows are those of an earlier time: begin anew to follow them."""
        self._states.clear()
        self._ended.clear()
        self._world.books.last_event = 0
        edges, self.edges = self.edges, Counter()
        self.after_commit(is_restored=True)
        self.edges = edges

    def _keep(self, number: int, what: str) -> None:
        # Raised between instants: inside a process, production code would take it for an error of its own.
        if self.failed is None:
            self.failed = Violation(number, f"{what} (at {self._world.clock.now:%Y-%m-%d %H:%M:%S})")

    def _was_made(self, reference: str) -> bool:
        """Say whether the gateway made anything of it. If not, a restored copy may use its name for something else."""
        payments = self._world.truth.payments.values()
        refunds = (action.reference for payment in payments for action in payment.actions)
        return reference in {*refunds, *(payment.reference for payment in payments)}

    def _follow(self, row: Any) -> None:
        subject = (row["subject_type"], row["subject_id"])
        if row["from_state"] is None:
            adopted = subject[0] == "refund" and row["actor"] == MADE_BY  # one that a restored copy has forgotten
            born = "refunded" if adopted else _BIRTHS[row["subject_type"]]
            if subject in self._states or row["to_state"] != born:
                self._keep(11, f"{row['type']} of {subject} is no birth")
        else:
            edge = (row["subject_type"], row["from_state"], row["type"])
            was = self._states.get(subject, _BIRTHS[row["subject_type"]])
            if EDGES.get(edge) != row["to_state"] or was != row["from_state"]:
                self._keep(11, f"{edge} leads to {row['to_state']}, and {subject} was {was}")
            self.edges[edge] += 1
        self._states[subject] = row["to_state"]

    def _is_not_stopped(self, row: Any) -> None:
        stopped = self._world.books.rows("SELECT stopped_because FROM installation")[0][0]
        if stopped is not None:
            self._keep(38, f"{row['type']} of {row['subject_id']} while charging is stopped: {stopped}")

    def _may_be_charged(self, row: Any) -> None:
        owner = str(row["subscription_id"])
        state = self._state_of(owner)
        if state == "canceled":
            self._keep(19, f"{row['type']} of {row['subject_id']} after the subscription was canceled")
        kind = self._world.books.rows("SELECT kind FROM charge WHERE id = ?", row["subject_id"].replace("-", ""))
        if state == "paused" and kind and kind[0]["kind"] == "renewal":
            self._keep(19, f"{row['type']} of {row['subject_id']} while the subscription was paused")

    def _state_of(self, subscription: str) -> str:
        dashed = subscription
        if len(subscription) == 32:
            dashed = "-".join(subscription[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
        return self._states.get(("subscription", dashed), "")
