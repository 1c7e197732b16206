"""The gateway's webhooks: signed, at least once, in any order, tried for thirty hours, then dropped."""

import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from billing.gateway.webhooks import sign
from tests.simulation.clock import Clock
from tests.simulation.faults import Dice
from tests.simulation.truth import FOREIGN, TIME_TO_ANSWER, Action, Dispute, Payment, Truth

KEY = "a-webhook-key"
TRIES_AGAIN_AFTER = tuple(timedelta(minutes=m) for m in (5, 10, 15, 30, 60, 240, 720, 720))
Deliver = Callable[[bytes, str, Callable[[bool], None]], None]
"""Body, signature, and what to call with whether it was answered 2xx."""


class Courier:
    """Tells our endpoint what happens at the gateway."""

    def __init__(self, seed: int, truth: Truth, clock: Clock, dice: Dice) -> None:
        self._rng = random.Random(f"{seed}/courier")
        self.truth = truth
        self.clock = clock
        self.dice = dice
        self.is_silent = False
        self.deliver: Deliver = lambda _body, _signature, answered: answered(False)

    def tell(self, payment: Payment, kind: str, action: Action | None, *, surely: bool = False) -> None:
        """Send an event on its way. ``surely``: it is neither dropped nor given up."""
        if self.dice.strikes("webhook_foreign"):
            self._send(_event(self.truth.new_id("evt"), kind, FOREIGN, None, "order-1", 100, "KRW"), False)
        if not surely and self.dice.strikes("webhook_dropped"):
            return
        ident = self.truth.new_id("evt")
        told = (payment.id, action.id if action else None, payment.reference)
        amount = action.amount if action else payment.amount
        event = _event(ident, kind, *told, amount, payment.currency)
        self._send(event, surely)
        if self.dice.strikes("webhook_duplicated"):
            self._send({**event, "id": self._maybe_renamed(ident)}, False)

    def tell_of_dispute(self, dispute: Dispute, kind: str) -> None:
        """Send an event of a dispute on its way, or drop it: the rounds of reconciliation ask about disputes, too."""
        if self.is_silent or self.dice.strikes("webhook_dropped"):
            return
        data = {
            "id": dispute.id,
            "payment_id": dispute.payment.id,
            "payment_reference": dispute.payment.reference,
            "amount": dispute.amount,
            "currency": dispute.payment.currency,
            "category": "general",
            "evidence_required_by": (dispute.made_at + TIME_TO_ANSWER).isoformat(),
            "last_update": dispute.changed_at.isoformat(),
        }
        self._send({"id": self.truth.new_id("evt"), "type": kind, "version": "1.0.5", "data": data}, False)

    def _send(self, event: dict[str, Any], surely: bool) -> None:
        wait = timedelta(seconds=self._rng.choice((0, 0, 1, 3)))
        if self.dice.strikes("webhook_delayed"):
            wait = timedelta(minutes=self._rng.choice((10, 200, 2000, 6000)))
        elif self.dice.strikes("webhook_reordered"):
            wait = timedelta(seconds=self._rng.randint(0, 90))
        self.truth.at(self.clock.now + wait, lambda: self._try(event, 0, surely))

    def _try(self, event: dict[str, Any], tries: int, surely: bool) -> None:
        body = json.dumps(event).encode()
        if self.dice.strikes("webhook_forged"):
            self.deliver(body.replace(b"payment_", b"payment_f"), sign(body, KEY), lambda _ok: None)

        def answered(ok: bool) -> None:
            if ok or (tries >= len(TRIES_AGAIN_AFTER) and not surely):
                return
            wait = TRIES_AGAIN_AFTER[min(tries, len(TRIES_AGAIN_AFTER) - 1)]
            again = {**event, "id": self._maybe_renamed(event["id"])}
            self.truth.at(self.clock.now + wait, lambda: self._try(again, tries + 1, surely))

        self.deliver(body, sign(body, KEY), answered)

    def _maybe_renamed(self, ident: str) -> str:
        return self.truth.new_id("evt") if self.dice.strikes("webhook_renamed") else ident


def _event(
    ident: str, kind: str, payment: str, action: str | None, reference: str | None, amount: int, currency: str
) -> dict[str, Any]:
    data = {"id": payment, "reference": reference, "amount": amount, "currency": currency}
    if action is not None:
        data["action_id"] = action
    return {"id": ident, "type": kind, "version": "1.0.29", "data": data}
