"""What must be true of a world at every moment: each a function with its number in the catalogue, judged by the
gateway's truth and by the committed rows. It yields a sentence for each breach."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from billing.domain.states import ChargeEvent
from tests.simulation.books import instant

if TYPE_CHECKING:
    from tests.simulation.truth import Payment
    from tests.simulation.world import World

Check = Callable[["World"], Iterator[str]]
KST: Final = ZoneInfo("Asia/Seoul")
LIVE: Final = "('sending', 'unknown', 'pending', 'parked')"
COUNTED: Final = "('requested', 'sending', 'unknown', 'pending', 'refunded', 'parked')"
ALWAYS: list[tuple[int, Check]] = []


def always(number: int) -> Callable[[Check], Check]:
    """Judge by this function whenever something was committed or decided."""

    def keep(check: Check) -> Check:
        ALWAYS.append((number, check))
        return check

    return keep


@always(1)
def one_live_charge(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        f"SELECT subscription_id, count(*) FROM charge WHERE state IN {LIVE} GROUP BY 1 HAVING count(*) > 1"
    ):
        yield f"subscription {row[0]} has {row[1]} live charges"


@always(2)
def one_invoice_for_a_period(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT subscription_id, period_start FROM invoice WHERE state <> 'void' AND kind <> 'agreement'"
        " GROUP BY 1, 2 HAVING count(*) > 1"
    ):
        yield f"two invoices of {row[0]} for the period of {row[1]}"


@always(3)
def captured_at_most_once(world: "World") -> Iterator[str]:
    """By the gateway's truth. What the gateway did against its own word is a surplus, which must only end refunded.

    So is what was captured of a charge that a person had settled as failed, though it was still open there.
    """
    world.settled_by_hand.update(  # kept, for an older copy forgets it and the gateway does not
        row["reference"]
        for row in world.books.rows(
            "SELECT c.reference FROM charge c JOIN event e ON e.type = ? AND replace(e.subject_id, '-', '') = c.id",
            f"charge.{ChargeEvent.SETTLE.value}",
        )
    )
    kept: dict[Any, list[str]] = defaultdict(list)
    for payment in _ours(world):
        is_surplus = payment.closed_before or payment.beside or payment.reference in world.settled_by_hand
        if payment.net > 0 and not is_surplus:
            kept[invoice_named_by(payment)].append(payment.id)
    for name, payments in kept.items():
        if len(payments) > 1:
            yield f"{name} was captured {len(payments)} times: {payments}"


@always(5)
def paid_means_captured(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT reference, gateway_payment_id, amount_minor FROM charge WHERE state = 'captured'"
    ):
        payment = world.truth.payments.get(row["gateway_payment_id"])
        if payment is None or payment.captured != row["amount_minor"]:
            yield f"charge {row['reference']} is captured here, but not at the gateway"
    for row in world.books.rows(
        "SELECT id FROM invoice i WHERE state = 'paid' AND NOT EXISTS"
        " (SELECT 1 FROM charge c WHERE c.invoice_id = i.id AND c.state = 'captured')"
    ):
        yield f"invoice {row['id']} is paid by nothing"


@always(5)
def captured_means_paid_or_given_back(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT c.reference, i.state FROM charge c JOIN invoice i ON i.id = c.invoice_id WHERE c.state = 'captured'"
        " AND i.state <> 'paid' AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.charge_id = c.id)"
        " AND NOT EXISTS (SELECT 1 FROM refund_obligation o WHERE o.gateway_payment_id = c.gateway_payment_id)"
    ):
        yield f"charge {row['reference']} is captured, its invoice is {row['state']}, and nothing goes back"


@always(6)
def no_more_is_booked_than_moved(world: "World") -> Iterator[str]:
    done = world.books.by(
        "gateway_payment_id", "SELECT gateway_payment_id, amount_minor FROM refund WHERE state = 'refunded'"
    )
    for payment_id, rows in done.items():
        payment = world.truth.payments.get(payment_id)
        booked = sum(row["amount_minor"] for row in rows)
        if payment is None or booked > payment.refunded:
            yield f"{booked} of {payment_id} are booked as refunded, the gateway refunded {payment and payment.refunded}"


@always(7)
def amounts_are_faithful(world: "World") -> Iterator[str]:
    asked = {
        row["reference"]: (row["amount_minor"], row["currency"], row["due"])
        for row in world.books.rows(
            "SELECT c.reference, c.amount_minor, c.currency, i.amount_minor AS due FROM charge c"
            " JOIN invoice i ON i.id = c.invoice_id"
        )
    }
    for payment in _ours(world):
        told = asked.get(payment.reference)
        if told is not None and told != (payment.amount, payment.currency, payment.amount):
            yield f"{payment.reference}: {payment.amount} {payment.currency} at the gateway, {told} here"


@always(15)
def nobody_pays_for_another(world: "World") -> Iterator[str]:
    # By the reference, which an erased customer keeps.
    owners = {
        row["reference"]: address_of(row["customer"])
        for row in world.books.rows(
            "SELECT c.reference, u.reference AS customer FROM charge c JOIN subscription s ON s.id = c.subscription_id"
            " JOIN customer u ON u.id = s.customer_id"
        )
    }
    for payment in _ours(world):
        if owners.get(payment.reference, payment.wallet) != payment.wallet:
            yield f"{payment.wallet} paid {payment.reference} of {owners[payment.reference]}"


@always(17)
def one_automatic_capture_a_day(world: "World") -> Iterator[str]:
    if world.was_restored:
        return  # the same reference may be sent anew; nothing was captured a second time, which 3 sees
    seen: Counter[tuple[str, Any]] = Counter()
    for row in world.books.rows(
        "SELECT c.subscription_id, c.sent_at, c.gateway_payment_id FROM charge c WHERE c.automatic AND c.state = 'captured'"
        f" AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.charge_id = c.id AND r.state IN {COUNTED})"
        " AND NOT EXISTS (SELECT 1 FROM refund_obligation o WHERE o.gateway_payment_id = c.gateway_payment_id)"
    ):
        payment = world.truth.payments.get(row["gateway_payment_id"])
        if payment is not None and (payment.closed_before or payment.beside):
            continue
        day = instant(row["sent_at"]).astimezone(KST).date()
        seen[row["subscription_id"], day] += 1
    for (subscription, day), number in seen.items():
        if number > 1:
            yield f"subscription {subscription} was charged {number} times on {day}"


@always(18)
def tries_are_bounded(world: "World") -> Iterator[str]:
    most = len(world.rules.settlement.dunning.ladder) + 1
    for row in world.books.rows("SELECT id, failures FROM invoice WHERE failures > ?", most):
        yield f"invoice {row['id']} failed {row['failures']} counted times, {most} are allowed"


@always(18)
def tries_with_a_set_up_class_are_bounded(world: "World") -> Iterator[str]:
    """A few for each reason to try at all: its renewal, and each time that a person or the subscriber did something."""
    few = world.rules.settlement.set_up.tries
    allowed = world.books.rows("SELECT count(*) FROM event WHERE type = 'installation.charging_allowed'")[0][0]
    for row in world.books.rows(
        "SELECT c.invoice_id, count(*) AS tries, (SELECT count(*) FROM event e"
        " WHERE e.subscription_id = c.subscription_id AND (e.type IN ('subscription.released', 'subscription.resumed',"
        " 'subscription.resumed_in_arrears', 'subscription.recovered') OR e.type LIKE 'source.%')) AS reasons"
        " FROM charge c WHERE c.automatic AND c.decline_class = 'set_up' GROUP BY c.invoice_id HAVING tries > ?",
        few,
    ):
        most = few * (1 + allowed + row["reasons"])
        if row["tries"] > most:
            yield f"invoice {row['invoice_id']} met a set-up class {row['tries']} times, {most} are the most"


@always(20)
def refunds_are_bounded(world: "World") -> Iterator[str]:
    for payment in _ours(world):
        refunds = [action for action in payment.actions if action.kind == "Refund" and action.approved is not False]
        if sum(action.amount for action in refunds) > payment.captured:
            yield f"{payment.id}: more than the captured {payment.captured} goes back"
        names = [action.reference for action in refunds if action.reference is not None]
        if len(names) != len(set(names)):
            yield f"{payment.id}: one refund was made twice: {names}"
    for row in world.books.rows(
        "SELECT c.reference, c.amount_minor, sum(r.amount_minor) AS back FROM charge c JOIN refund r ON r.charge_id = c.id"
        f" AND r.gateway_payment_id = c.gateway_payment_id AND r.state IN {COUNTED} GROUP BY c.id HAVING back > c.amount_minor"
    ):
        yield f"{row['reference']}: {row['back']} of {row['amount_minor']} are being refunded"


@always(20)
def nothing_is_given_back_twice(world: "World") -> Iterator[str]:
    """What a person gave back by other means is not refunded too, but by a refund that a person gave up before."""
    for row in world.books.rows(
        "SELECT gateway_payment_id, settled_minor FROM refund_obligation o WHERE state = 'settled' AND NOT EXISTS"
        " (SELECT 1 FROM refund r JOIN event e ON e.subject_type = 'refund' AND e.type = 'refund.settled'"
        " AND REPLACE(e.subject_id, '-', '') = REPLACE(CAST(r.id AS TEXT), '-', '')"
        " WHERE r.gateway_payment_id = o.gateway_payment_id)"
    ):
        payment = world.truth.payments.get(row["gateway_payment_id"])
        if (
            payment is not None
            and payment.refunded + row["settled_minor"] > payment.captured
            and not world.was_restored
        ):
            yield f"{payment.id}: {payment.refunded} refunded and {row['settled_minor']} settled of {payment.captured}"


@always(21)
def periods_do_not_overlap(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT a.subscription_id, a.period_start, b.period_start AS other FROM invoice a JOIN invoice b"
        " ON b.subscription_id = a.subscription_id AND b.id <> a.id AND b.period_start >= a.period_start"
        " AND b.period_start < a.period_end WHERE a.state <> 'void' AND b.state <> 'void'"
        " AND a.kind <> 'agreement' AND b.kind <> 'agreement'"
    ):
        yield f"periods of {row[0]} overlap: {row[1]} and {row[2]}"


@always(32)
def one_live_subscription(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT customer_id FROM subscription WHERE state NOT IN ('canceled', 'incomplete_expired')"
        " GROUP BY customer_id, plan_code HAVING count(*) > 1"
    ):
        yield f"customer {row[0]} has two live subscriptions to one plan"


def invoice_named_by(payment: "Payment") -> str:
    """Return what a payment is for: its reference without the number of the attempt, agreements apart."""
    name, attempt = payment.reference.rsplit("-", 1)
    return payment.reference if attempt.startswith("a") else name


def address_of(customer: str) -> str:
    """Return the wallet of a customer by their reference, as people are named."""
    return f"person{customer.removeprefix('cust-')}@example.test"


def _ours(world: "World") -> Iterator["Payment"]:
    return iter(world.truth.payments.values())
