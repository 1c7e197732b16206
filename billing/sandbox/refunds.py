"""Refunds: accepted at once, decided later (KakaoPay page: partial and full refunds)."""

from typing import Any

from billing.sandbox import codes
from billing.sandbox.events import emit
from billing.sandbox.instants import DAY, seconds
from billing.sandbox.moves import open_action
from billing.sandbox.records import Action, Payment, Task
from billing.sandbox.world import World


def accept_refund(
    world: World, payment: Payment, *, amount: int, reference: str | None, metadata: dict[str, Any] | None
) -> Action:
    """Accept a refund of a positive amount not above what is refundable; its end comes later."""
    action = open_action(world, payment, "Refund", amount)
    action.reference, action.metadata = reference, metadata
    emit(world, payment, "payment_refund_pending", action)
    outcome = _outcome(world, payment)
    if outcome != "hang":
        low, high = world.faults.refund_seconds_min, world.faults.refund_seconds_max
        subject = (payment.wallet, payment.ordinal, len(payment.actions))
        delay = seconds(world.dice.between(low, high, "refund-seconds", *subject))
        due = world.clock.now() + delay
        world.agenda.add(due, "refund", payment.id, action=action.id, outcome=outcome)
    world.ledger.keep(payment)
    return action


def _outcome(world: World, payment: Payment) -> str:
    """``ok``, ``hang`` or a response code: from the wallet's script, else by the seed."""
    wallet = world.ledger.wallets[payment.wallet]
    if wallet.refunds:
        item = str(wallet.refunds.pop(0))
        world.ledger.keep_wallet(wallet)
        return item
    subject = (payment.wallet, payment.ordinal, len(payment.actions))
    if world.dice.hits(world.faults.refund_hang, "refund_hang", *subject):
        return "hang"
    declined = world.dice.hits(world.faults.refund_declined, "refund_declined", *subject)
    return codes.REFUND_ERROR if declined else "ok"


def settle_refund(world: World, task: Task) -> None:
    """Decide an accepted refund; a payment older than the window cannot be refunded any more."""
    payment = world.ledger.payments[task.subject]
    action = next(each for each in payment.actions if each.id == task.detail["action"])
    outcome = task.detail["outcome"]
    age = world.clock.now() - (payment.captured_at or 0)
    if age > world.faults.refund_window_days * DAY:
        outcome = codes.REFUND_WINDOW_OVER
    action.at, action.approved = world.clock.now(), outcome == "ok"
    action.response_code = codes.APPROVED if outcome == "ok" else outcome
    if outcome == "ok":
        _give_back(world, payment, action.amount)
    emit(world, payment, "payment_refunded" if outcome == "ok" else "payment_refund_declined", action)
    world.ledger.keep(payment)


def _give_back(world: World, payment: Payment, amount: int) -> None:
    payment.refunded += amount
    payment.status = "Refunded" if payment.refunded >= payment.captured else "Partially Refunded"
    wallet = world.ledger.wallets[payment.wallet]
    if wallet.balance is not None:
        wallet.balance += amount
        world.ledger.keep_wallet(wallet)
