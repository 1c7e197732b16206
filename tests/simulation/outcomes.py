"""What becomes of payments and refunds at the gateway, seconds to days after they were made."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.simulation.clock import Clock
from tests.simulation.faults import Dice
from tests.simulation.truth import Action, Payment, Truth

# One or more codes of every class that the fact sheet tells apart, and one that is in no list.
CODES = ("20051", "20051", "20005", "20061", "20065", "20068", "20101", "200R1", "20059", "30046", "20103", "29999")
GONE = "200R1"
REFUND_CODES = ("20158", "50003", "50003", "20006", "20006", "30046", "20101")
"""Why a refund is declined: too late, our balance is short, nobody knows, and two ways of a closed wallet."""
INVALID_MERCHANT = "20003"
LINK_LIVES = (timedelta(minutes=15), timedelta(hours=2), timedelta(days=1))
LATE = tuple(timedelta(minutes=m) for m in (1, 30, 600, 2800, 9000, 20000))
LOOKED_AT_FOR = timedelta(days=7)
"""A capture that comes later than this after a closed end is told by a webhook that arrives: nobody looks any more."""


class Outcomes:
    """Decides payments and refunds, and tells of each step. ``tell`` is handed payment, event type and action."""

    def __init__(self, seed: int, truth: Truth, clock: Clock, dice: Dice) -> None:
        self._rng = random.Random(f"{seed}/outcomes")
        self._refund_rng = random.Random(f"{seed}/refunds")
        self.truth = truth
        self.clock = clock
        self.dice = dice
        self.tell: Callable[..., None] = lambda *_args, **_more: None
        self.relents: Callable[[], bool] = lambda: False
        """Whether the charge that is decided now is declined, and captured after all."""
        self._awaited: dict[str, Callable[[], None]] = {}
        self._broken_until: datetime | None = None

    def account_breaks(self, length: timedelta) -> None:
        """Our account is misconfigured: for so long every wallet charge is declined, once it was accepted."""
        self._broken_until = self.clock.now + length

    def begin(self, payment: Payment) -> None:
        """A payment was made: it ends by itself, or when the subscriber has been to the wallet."""
        if self._rng.random() < 0.4:
            self.tell(payment, "payment_pending", None)
        if payment.present:
            self.truth.at(self.clock.now + self._rng.choice(LINK_LIVES), lambda: self._close(payment, "Expired"))
        else:
            self._awaited[payment.id] = lambda: self._decide(payment)
            if not self.dice.strikes("stuck"):
                self.truth.at(self.clock.now + self._wait(), self._awaited[payment.id])

    def agree(self, payment_id: str) -> None:
        """The subscriber agrees in the wallet; a link that was used or has expired does nothing."""
        payment = self.truth.payments[payment_id]
        if payment.is_open:
            self.truth.wallet(payment.wallet).sources[payment.source_id] = True
            self._capture(payment)

    def reject(self, payment_id: str) -> None:
        payment = self.truth.payments[payment_id]
        if payment.is_open:
            self._close(payment, "Canceled" if self._rng.random() < 0.5 else "Declined", "20017")

    def begin_refund(self, payment: Payment, amount: int, reference: str) -> Action:
        """A refund was accepted; it ends later."""
        action = Action(self.truth.new_id("act"), "Refund", amount, self.clock.now, reference=reference)
        payment.actions.append(action)
        self.tell(payment, "payment_refund_pending", action)
        wait = timedelta(hours=self._rng.randint(1, 100)) if self.dice.strikes("refund_slow") else timedelta(seconds=20)
        self.truth.at(self.clock.now + wait, lambda: self._end_refund(payment, action))
        return action

    def heal(self) -> None:
        """What is stuck, or would come late, comes now."""
        for act in self._awaited.values():
            self.truth.at(self.clock.now + timedelta(seconds=30), act)
        self._awaited.clear()
        self._broken_until = None

    def cut(self, wallet: str) -> None:
        """The subscriber ends every agreement in the wallet; nobody tells us."""
        sources = self.truth.wallet(wallet).sources
        for source in sources:
            sources[source] = False

    def _wait(self) -> timedelta:
        if self.dice.strikes("slow_outcome"):
            return timedelta(minutes=self._rng.choice((3, 40, 300, 1500, 4500, 12000)))
        return timedelta(seconds=self._rng.choice((0, 1, 2, 5, 20, 60)))

    def _decide(self, payment: Payment) -> None:
        if not payment.is_open:
            return
        if self._broken_until is not None and self.clock.now < self._broken_until:
            self.dice.fired["misconfigured"] += 1
            self._close(payment, "Declined", INVALID_MERCHANT)
        elif not self.truth.wallet(payment.wallet).sources.get(payment.source_id, False):
            self._close(payment, "Declined", GONE)
        elif self.dice.strikes("declined"):
            self._close(payment, "Declined", self._rng.choice(CODES))
        elif self.relents():
            self._close(payment, "Declined", "20051", after_all=True)
        elif self.dice.strikes("expired"):
            self._close(payment, "Expired")
        elif self.dice.strikes("canceled"):
            self._close(payment, "Canceled")
        else:
            self._capture(payment)

    def _capture(self, payment: Payment, *, surely: bool = False) -> None:
        self._awaited.pop(payment.id, None)
        payment.status, payment.code = "Captured", "10000"
        payment.captured, payment.captured_at = payment.amount, self.clock.now
        action = self._act(payment, "Capture", approved=True, code="10000")
        if self._rng.random() < 0.2:
            self.tell(payment, "payment_capture_pending", self._act(payment, "Authorization", approved=True, code=None))
        self.tell(payment, "payment_captured", action, surely=surely)

    def _close(self, payment: Payment, status: str, code: str | None = None, *, after_all: bool = False) -> None:
        if not payment.is_open:
            return
        self._awaited.pop(payment.id, None)
        payment.status = status
        payment.code = code if status == "Declined" else None
        action = self._act(payment, "Authorization", approved=False, code=payment.code)
        self.tell(payment, f"payment_{status.lower()}", action)
        if not payment.present and (self.dice.strikes("late_capture") or after_all):
            wait = self._rng.choice(LATE)
            payment.needs_its_webhook = wait > LOOKED_AT_FOR
            self._awaited[payment.id] = lambda: self._after_all(payment)
            self.truth.at(self.clock.now + wait, self._awaited[payment.id])

    def _after_all(self, payment: Payment) -> None:
        if payment.captured:
            return
        payment.closed_before = True
        self._capture(payment, surely=payment.needs_its_webhook)

    def _end_refund(self, payment: Payment, action: Action) -> None:
        action.approved = not self.dice.strikes("refund_declined")
        action.code = "10000" if action.approved else self._refund_rng.choice(REFUND_CODES)
        if action.approved:
            payment.refunded += action.amount
        self.tell(payment, "payment_refunded" if action.approved else "payment_refund_declined", action)

    def _act(self, payment: Payment, kind: str, *, approved: bool, code: str | None) -> Action:
        action = Action(self.truth.new_id("act"), kind, payment.amount, self.clock.now, approved, code)
        payment.actions.append(action)
        return action
