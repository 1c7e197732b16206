"""The legal moves of a payment, each with its action and event. Nothing else changes a status."""

from typing import Final

from billing.sandbox.codes import APPROVED
from billing.sandbox.events import emit
from billing.sandbox.records import Action, Payment
from billing.sandbox.world import World

#: What is open may end in any way; an end that was no capture may still be overtaken by a late capture.
MAY_BE_CAPTURED: Final = frozenset(
    {"Pending", "Authorized", "Retry Scheduled", "Declined", "Expired", "Canceled", "Voided"}
)

#: Neither paid nor failed.
OPEN: Final = frozenset({"Pending", "Authorized", "Retry Scheduled"})


def open_action(world: World, payment: Payment, action_type: str, amount: int) -> Action:
    """Add an action that is not decided yet."""
    action_id = world.dice.name("act", payment.wallet, payment.ordinal, len(payment.actions) + 1)
    action = Action(action_id, action_type, world.clock.now(), amount, reference=payment.reference)
    payment.actions.append(action)
    return action


def announce_capture(world: World, payment: Payment) -> Action:
    """The customer agreed, or need not: the money is about to be taken (``payment_capture_pending``)."""
    authorization = open_action(world, payment, "Authorization", payment.amount)
    authorization.approved, authorization.response_code = True, APPROVED
    capture_action = open_action(world, payment, "Capture", payment.amount)
    emit(world, payment, "payment_capture_pending", capture_action)
    world.ledger.keep(payment)
    return capture_action


def capture(world: World, payment: Payment, amount: int, status: str = "Captured") -> None:
    """Take the money, told as this status; the agreement, if this payment makes one, holds from now on."""
    if payment.status not in MAY_BE_CAPTURED:
        return
    stop_expiry(world, payment)
    action = _undecided_capture(payment) or announce_capture(world, payment)
    now = world.clock.now()
    action.at, action.amount, action.approved, action.response_code = now, amount, True, APPROVED
    payment.status, payment.captured, payment.captured_at = status, amount, now
    payment.response_code = APPROVED
    _take_from_wallet(world, payment, amount)
    _activate_agreement(world, payment)
    emit(world, payment, "payment_captured", action)
    world.ledger.keep(payment)


def decline(world: World, payment: Payment, code: str) -> None:
    _fail(world, payment, "Declined", "payment_declined", code)


def expire(world: World, payment: Payment) -> None:
    _fail(world, payment, "Expired", "payment_expired", None)


def cancel(world: World, payment: Payment) -> None:
    _fail(world, payment, "Canceled", "payment_canceled", None)


def _fail(world: World, payment: Payment, status: str, event_type: str, code: str | None) -> None:
    """End an open payment without money; one that has already ended stays as it is."""
    if payment.status not in OPEN:
        return
    stop_expiry(world, payment)
    action = _undecided_capture(payment) or open_action(world, payment, "Authorization", payment.amount)
    action.at, action.approved, action.response_code = world.clock.now(), False, code
    payment.status, payment.response_code = status, code
    emit(world, payment, event_type, action)
    world.ledger.keep(payment)


def stop_expiry(world: World, payment: Payment) -> None:
    """A decided first payment expires no more."""
    if payment.expires_at is not None and world.clock.now() < payment.expires_at:
        world.agenda.cancel("expire", payment.id)


def _undecided_capture(payment: Payment) -> Action | None:
    return next((each for each in payment.actions if each.type == "Capture" and each.approved is None), None)


def _take_from_wallet(world: World, payment: Payment, amount: int) -> None:
    wallet = world.ledger.wallets[payment.wallet]
    if wallet.balance is not None:
        wallet.balance = max(0, wallet.balance - amount)
        world.ledger.keep_wallet(wallet)


def _activate_agreement(world: World, payment: Payment) -> None:
    source = world.ledger.sources.get(payment.source_id or "")
    if source and source.payment_id == payment.id and source.agreement == "none":
        source.agreement, source.agreed_at = "active", world.clock.now()
        world.ledger.keep_source(source)
