"""Script items that lead through the rarer statuses, and what is due after them."""

from billing.sandbox.instants import HOUR
from billing.sandbox.moves import capture
from billing.sandbox.outcomes import Outcome
from billing.sandbox.records import Payment, Task
from billing.sandbox.statuses.moves import authorize, decline_capture, give_all_back, schedule_retry, void
from billing.sandbox.world import World


def follow(world: World, payment: Payment, outcome: Outcome) -> None:
    """Bring a payment to the status that its script item names; what comes after it is put on the agenda."""
    match outcome.kind:
        case "authorized":
            authorize(world, payment)
            _go_on(world, payment, outcome)
        case "retry":
            schedule_retry(world, payment, world.clock.now() + round(outcome.hours * HOUR))
            _go_on(world, payment, outcome)
        case "void":
            void(world, payment)
        case "capture_declined":
            decline_capture(world, payment)
        case "partial":
            capture(world, payment, min(outcome.amount, payment.amount), "Partially Captured")
        case "paid":
            capture(world, payment, payment.amount, "Paid")
        case "returned":
            capture(world, payment, payment.amount)
            world.agenda.add(world.clock.now() + round(outcome.hours * HOUR), "return", payment.id)
        case _:
            pass  # the other kinds end a payment at once


def _go_on(world: World, payment: Payment, outcome: Outcome) -> None:
    """After the hours the item's own end follows; ``for ever`` has none."""
    if outcome.then:
        payment.outcome = outcome.then
        world.ledger.keep(payment)
        world.agenda.add(world.clock.now() + round(outcome.hours * HOUR), "settle", payment.id)


def return_due(world: World, task: Task) -> None:
    give_all_back(world, world.ledger.payments[task.subject])
