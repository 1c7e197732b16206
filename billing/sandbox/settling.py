"""How a payment ends: its script item, the agreement and the balance decide."""

from billing.sandbox import codes
from billing.sandbox.instants import HOUR, seconds
from billing.sandbox.moves import OPEN, announce_capture, cancel, capture, decline, expire
from billing.sandbox.outcomes import Outcome, read_outcome
from billing.sandbox.records import Payment, Task
from billing.sandbox.statuses.following import follow
from billing.sandbox.world import World


def begin(world: World, payment: Payment, delay_seconds: float) -> None:
    """Start what follows the customer's consent; a delay of 0 settles at once.

    A script item's own ``settle_seconds`` is an automatic consent and was counted already.
    """
    outcome = read_outcome(payment.outcome)
    if outcome.kind == "hang":
        return
    delay = seconds(delay_seconds)
    if outcome.kind == "pending":
        delay = round(outcome.hours * HOUR)
        payment.outcome = outcome.then
        world.ledger.keep(payment)
    if delay == 0:
        settle(world, payment)
    else:
        world.agenda.add(world.clock.now() + delay, "settle", payment.id)


def settle(world: World, payment: Payment) -> None:
    """Bring an open payment to the end its script item names."""
    if payment.status not in OPEN:
        return
    outcome = read_outcome(payment.outcome)
    match outcome.kind:
        case "ok" | "wrong_amount":
            _charge(world, payment, outcome)
        case "decline":
            decline(world, payment, outcome.code)
        case "reject":
            decline(world, payment, codes.CUSTOMER_REFUSED)
        case "expire":
            expire(world, payment)
        case "cancel":
            cancel(world, payment)
        case "late":
            _fail_before_the_truth(world, payment, outcome)
        case _:
            follow(world, payment, outcome)


def _charge(world: World, payment: Payment, outcome: Outcome) -> None:
    """Take the money if the agreement holds and the wallet has it."""
    problem = _agreement_problem(world, payment) or _balance_problem(world, payment)
    if problem:
        decline(world, payment, problem)
        return
    capture(world, payment, outcome.amount or _amount(world, payment))


def _agreement_problem(world: World, payment: Payment) -> str:
    """The decline code of a charge whose agreement is gone; first payments need none yet."""
    source = world.ledger.sources.get(payment.source_id or "")
    if source is None or source.payment_id == payment.id:
        return ""
    if source.revoked:
        return codes.UNKNOWN_AGREEMENT
    return "" if source.agreement == "active" else world.faults.dead_agreement_code


def _balance_problem(world: World, payment: Payment) -> str:
    balance = world.ledger.wallets[payment.wallet].balance
    return codes.INSUFFICIENT_FUNDS if balance is not None and balance < payment.amount else ""


def _amount(world: World, payment: Payment) -> int:
    """The requested amount, unless the fault ``wrong_amount`` strikes."""
    subject = (payment.wallet, payment.ordinal)
    if not world.dice.hits(world.faults.wrong_amount, "wrong_amount", *subject):
        return payment.amount
    wrong = (max(1, payment.amount // 2), payment.amount + 100, payment.amount * 10)
    return world.dice.pick(wrong, "wrong_amount-which", *subject)


def _fail_before_the_truth(world: World, payment: Payment, outcome: Outcome) -> None:
    """Declare an end that will turn out wrong, and arrange the capture that follows it."""
    subject = (payment.wallet, payment.ordinal)
    declared = outcome.then or world.dice.pick(("expire", codes.INSUFFICIENT_FUNDS), "late-declares", *subject)
    if declared == "expire":
        expire(world, payment)
    elif declared == "cancel":
        cancel(world, payment)
    else:
        decline(world, payment, declared)
    world.agenda.add(world.clock.now() + round(outcome.hours * HOUR), "late_capture", payment.id)


def settle_due(world: World, task: Task) -> None:
    settle(world, world.ledger.payments[task.subject])


def capture_late(world: World, task: Task) -> None:
    """The truth after an end that was none: the money was taken after all."""
    payment = world.ledger.payments[task.subject]
    capture(world, payment, payment.amount)


def expire_due(world: World, task: Task) -> None:
    """The subscriber never finished; a late script item turns this into its first, false end."""
    payment = world.ledger.payments[task.subject]
    outcome = read_outcome(payment.outcome)
    if payment.agreed and outcome.kind == "late" and payment.status == "Pending":
        _fail_before_the_truth(world, payment, outcome)
    elif not payment.agreed or outcome.kind == "expire":
        expire(world, payment)


def agree(world: World, payment: Payment) -> None:
    """The subscriber agrees on the wallet page; a second time changes nothing."""
    if payment.status != "Pending" or payment.agreed:
        return
    payment.agreed = True
    world.ledger.keep(payment)
    kind = read_outcome(payment.outcome).kind
    if kind in {"expire", "late", "hang"}:
        return  # nobody hears of the consent: the payment expires, or stays Pending for ever
    if kind == "pending":
        announce_capture(world, payment)
    begin(world, payment, 0)


def agree_due(world: World, task: Task) -> None:
    agree(world, world.ledger.payments[task.subject])


def reject(world: World, payment: Payment) -> None:
    """The subscriber refuses on the wallet page, without having agreed before."""
    decline(world, payment, codes.CUSTOMER_REFUSED)
