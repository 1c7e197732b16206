"""What others do at the gateway past the engine: refunds in its dashboard, payments on our channel, disputes."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.simulation.faults import FOREIGN_FAULTS
from tests.simulation.truth import Action, Dispute, Payment
from tests.simulation.wire import CHANNEL

if TYPE_CHECKING:
    from tests.simulation.world import World

_MOST_TIMES: Final = 2
_ASKED_DAILY: Final = timedelta(days=2, hours=12)
"""A payment younger than this is asked about every day."""
_ROTATION: Final = timedelta(days=8)
"""Within this every payment is asked about once."""
_DECISIONS: Final = ("won", "lost", "canceled", "accepted")
_LOST: Final = ("lost", "accepted")


class Foreigner:
    """Acts on whatever the gateway has. Nobody tells the engine but reconciliation; webhooks of disputes may come."""

    def __init__(self, world: "World", rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._undecided: list[Callable[[], None]] = []

    def acts(self) -> list[tuple[float, Callable[[], None]]]:
        """Return what is done when, as shares of the world's time; most worlds have none of it."""
        acts = {
            "dashboard_refund": self._refund,
            "orphan_payment": self._charge,
            "dispute": self._dispute,
        }
        return [
            (self._rng.uniform(0.1, 1), acts[name])
            for name, chance in FOREIGN_FAULTS.items()
            if self._rng.random() < chance
            for _ in range(self._rng.randint(1, _MOST_TIMES))
        ]

    def heal(self) -> None:
        """Decide every dispute."""
        for decide in self._undecided:
            decide()
        self._undecided.clear()

    def _refund(self) -> None:
        """Give back a payment in the dashboard, or a part of it; the webhook is lost."""
        for payment in self._some_captured():
            claimed = sum(
                each.amount for each in payment.actions if each.kind == "Refund" and each.approved is not False
            )
            left = payment.net - payment.disputed - (claimed - payment.refunded)
            amount = self._rng.choice((left, max(1, left // 2)))
            if left <= 0:
                return
            made = Action(self._new_id("act"), "Refund", amount, self._world.clock.now, approved=True, code="10000")
            payment.actions.append(made)
            payment.refunded += amount
            self._struck("dashboard_refund")

    def _charge(self) -> None:
        """Take a payment past the engine, under a reference that is not ours."""
        now, number = self._world.clock.now, len(self._world.truth.others)
        self._world.truth.others[f"pay_orphan_{number}"] = Payment(
            f"pay_orphan_{number}", f"order-{number + 1}", 700, "KRW", "src_other", "other",
            present=False, made_at=now, listed_at=now, shown_at=now, status="Captured", captured=700, channel=CHANNEL,
        )  # fmt: skip
        self._struck("orphan_payment")

    def _dispute(self) -> None:
        """Let a payer dispute what is left of a payment; its webhooks come in any order and number, or not at all."""
        for payment in self._some_captured():
            if payment.disputed or payment.charged_back:
                return
            claimed = sum(
                each.amount for each in payment.actions if each.kind == "Refund" and each.approved is not False
            )
            left = payment.captured - claimed
            if left <= 0:
                return
            ident, now = self._new_id("dsp"), self._world.clock.now
            made = self._world.truth.disputes[ident] = Dispute(ident, payment, left, "evidence_required", now, now)
            payment.disputed = left
            for kind in ("dispute_received", "dispute_evidence_required"):
                self._world.courier.tell_of_dispute(made, kind)
            self._struck("dispute")
            decision = self._rng.choice(_DECISIONS)

            def decide() -> None:
                if made.status in _DECISIONS:
                    return
                payment.charged_back, payment.disputed = left if decision in _LOST else 0, 0
                made.status, made.changed_at = decision, self._world.clock.now
                self._world.courier.tell_of_dispute(made, f"dispute_{decision}")

            self._undecided.append(decide)
            self._world.course.at(self._world.clock.now + timedelta(days=self._rng.uniform(0.1, 12)), decide)

    def _some_captured(self) -> list[Payment]:
        """Return one captured payment that reconciliation asks about before the end, if there is one."""
        now, world = self._world.clock.now, self._world
        whole_rotation = now + _ROTATION < world.end + world.healing - timedelta(days=1)
        owed = {row[0] for row in world.books.rows("SELECT gateway_payment_id FROM refund_obligation")}
        found = [
            each
            for each in world.truth.payments.values()
            if each.net > 0 and each.id not in owed and (whole_rotation or self._is_recent(each, now))
        ]
        return [self._rng.choice(found)] if found else []

    def _is_recent(self, payment: Payment, now: datetime) -> bool:
        return now - payment.made_at < _ASKED_DAILY

    def _new_id(self, kind: str) -> str:
        return self._world.truth.new_id(kind)

    def _struck(self, name: str) -> None:
        self._world.dice.fired[name] += 1
        self._world.let_reconcile(self._world.clock.now)
