"""The moves to the rarer statuses, each with its action and event (event pages; the SDKs' list of statuses)."""

from typing import Final

from billing.sandbox.codes import APPROVED
from billing.sandbox.events import emit
from billing.sandbox.instants import Instant, render
from billing.sandbox.moves import open_action, stop_expiry
from billing.sandbox.records import Payment
from billing.sandbox.world import World

_RETRY_ATTEMPTS: Final = 6
_BANK_CODE: Final = "20068"


def authorize(world: World, payment: Payment) -> None:
    """The money is reserved and not yet taken: Authorized (``payment_approved``)."""
    stop_expiry(world, payment)
    action = open_action(world, payment, "Authorization", payment.amount)
    action.approved, action.response_code = True, APPROVED
    payment.status = "Authorized"
    emit(world, payment, "payment_approved", action)
    world.ledger.keep(payment)


def void(world: World, payment: Payment) -> None:
    """What was reserved is let go, or was never to be had: Voided."""
    stop_expiry(world, payment)
    action = open_action(world, payment, "Void", payment.amount)
    action.approved, action.response_code = True, APPROVED
    payment.status, payment.response_code = "Voided", None
    emit(world, payment, "payment_voided", action)
    world.ledger.keep(payment)


def decline_capture(world: World, payment: Payment, code: str = _BANK_CODE) -> None:
    """What was reserved could not be taken: Declined (``payment_capture_declined``)."""
    stop_expiry(world, payment)
    action = open_action(world, payment, "Capture", payment.amount)
    action.approved, action.response_code = False, code
    payment.status, payment.response_code = "Declined", code
    emit(world, payment, "payment_capture_declined", action)
    world.ledger.keep(payment)


def schedule_retry(world: World, payment: Payment, at: Instant, code: str = _BANK_CODE) -> None:
    """The gateway will ask the wallet again by itself (dunning page): Retry Scheduled, neither paid nor failed."""
    stop_expiry(world, payment)
    action = open_action(world, payment, "Authorization", payment.amount)
    action.approved, action.response_code = False, code
    payment.status = "Retry Scheduled"
    payment.echo["retry"] = {
        "max_attempts": _RETRY_ATTEMPTS,
        "next_attempt_on": render(at, 3),
        "ends_on": render(at, 3),
    }
    emit(world, payment, "payment_retry_scheduled", action)
    world.ledger.keep(payment)


def give_all_back(world: World, payment: Payment) -> None:
    """After the capture the wallet's side gave all of it back: Returned. What is not left cannot be returned."""
    left = payment.refundable
    if left <= 0:
        return
    action = open_action(world, payment, "Return", left)
    action.approved, action.response_code = True, APPROVED
    payment.status, payment.returned = "Returned", left
    wallet = world.ledger.wallets[payment.wallet]
    if wallet.balance is not None:
        wallet.balance += left
        world.ledger.keep_wallet(wallet)
    emit(world, payment, "payment_returned", action)
    world.ledger.keep(payment)
