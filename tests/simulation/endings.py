"""What must be true of a world after the healing: everything has ended, nothing was lost, every won is explained."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from billing.operations.reconcile import reconcile
from billing.store.invariants import Bounds, check_all
from tests.simulation.books import instant
from tests.simulation.courier import KEY
from tests.simulation.invariants import KST, LIVE, Check, invoice_named_by
from tests.simulation.wire import CHANNEL, SECRET_KEY

if TYPE_CHECKING:
    from tests.simulation.truth import Payment
    from tests.simulation.world import World

_OWED: Final = 40
ENDINGS: list[tuple[int, Check]] = []


def at_the_end(number: int) -> Callable[[Check], Check]:
    def keep(check: Check) -> Check:
        ENDINGS.append((number, check))
        return check

    return keep


@at_the_end(16)
def everything_has_ended(world: "World") -> Iterator[str]:
    settled_by = world.clock.now - timedelta(hours=2)
    for row in world.books.rows(f"SELECT reference, state, sent_at FROM charge WHERE state IN {LIVE}"):
        if instant(row["sent_at"]) < settled_by:
            yield f"charge {row['reference']} is still {row['state']}"
    for row in world.books.rows(
        "SELECT reference, state FROM refund WHERE state IN ('requested', 'sending', 'unknown', 'pending', 'parked')"
    ):
        yield f"refund {row['reference']} is still {row['state']}"
    for row in world.books.rows(
        "SELECT gateway_payment_id, state, created_at FROM refund_obligation WHERE state IN ('owed', 'refunding')"
    ):
        if instant(row["created_at"]) < settled_by:
            yield f"what is owed of {row['gateway_payment_id']} is still {row['state']}"
    for row in world.books.rows("SELECT gateway_payment_id FROM stray_payment WHERE resolved_at IS NULL"):
        yield f"stray {row[0]} is still watched"
    for row in world.books.rows("SELECT id, type, received_at FROM webhook WHERE state = 'received'"):
        if instant(row["received_at"]) < settled_by:
            yield f"webhook {row['type']} is still not processed"


@at_the_end(4)
def no_renewal_is_lost(world: "World") -> Iterator[str]:
    """Every subscription that lives has a future: its next renewal, and the next step of each open invoice."""
    late = world.clock.now - timedelta(hours=2)
    for row in world.books.rows(
        "SELECT id, state, next_due_at, paid_through FROM subscription WHERE state IN ('active', 'trialing') AND parked_reason IS NULL"
    ):
        if instant(row["next_due_at"]) < late:
            yield f"the renewal of {row['id']} was due at {row['next_due_at']}"
    for row in world.books.rows(
        "SELECT i.id, i.next_attempt_at, i.give_up_at, i.created_at, s.state, s.parked_reason FROM invoice i"
        " JOIN subscription s ON s.id = i.subscription_id WHERE i.state = 'open' AND i.kind <> 'agreement'"
        f" AND NOT EXISTS (SELECT 1 FROM charge c WHERE c.subscription_id = s.id AND c.state IN {LIVE})"
    ):
        if row["parked_reason"] is not None or row["state"] in ("paused", "unpaid", "incomplete"):
            continue
        steps = [instant(at) for at in (row["next_attempt_at"], row["give_up_at"]) if at is not None]
        if row["state"] == "canceled" or (steps and max(steps) < late):
            yield f"invoice {row['id']} is open and nothing is done ({row['state']}, steps {steps})"
        if not steps and (row["state"] == "active" or world.rules.settlement.dunning.end != "past_due"):
            yield f"invoice {row['id']} of a subscription that is {row['state']} waits for nothing"


@at_the_end(4)
def every_failure_is_told_of_its_invoice(world: "World") -> Iterator[str]:
    """Once for each attempt that failed: the backend hears of it by the invoice's events, in their order."""
    rows = world.books.rows(
        "SELECT type, CASE type WHEN 'invoice.payment_failed' THEN json_extract(data, '$.charge') ELSE subject_id END"
        " AS charge FROM event WHERE type IN ('charge.declined', 'charge.refused', 'charge.expired', 'charge.canceled', 'charge.settled',"
        " 'invoice.payment_failed')"
    )
    told = Counter(row["charge"] for row in rows if row["type"] == "invoice.payment_failed")
    failed = Counter(row["charge"] for row in rows if row["type"] != "invoice.payment_failed")
    for charge in (told - failed) + (failed - told):
        yield f"charge {charge} failed {failed[charge]} times, and that was told {told[charge]} times of its invoice"


@at_the_end(4)
def who_could_pay_has_paid(world: "World") -> Iterator[str]:
    """An active subscription whose wallet accepts is paid up to today, for all of the healing had no fault."""
    today = world.clock.now.astimezone(KST).date()
    for row in world.books.rows(
        "SELECT s.id, s.paid_through, s.next_due_at FROM subscription s WHERE s.state = 'active'"
        " AND s.parked_reason IS NULL AND s.source_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM invoice i WHERE i.subscription_id = s.id AND i.state IN ('open', 'uncollectible', 'void'))"
    ):
        due = instant(row["next_due_at"]).astimezone(KST).date()
        if row["paid_through"] is None or (row["paid_through"] < today.isoformat() and due > today):
            if not _gap_is_told(world, row["id"]):
                yield f"subscription {row['id']} is active, and paid only through {row['paid_through']}"


@at_the_end(14)
def every_won_is_explained(world: "World") -> Iterator[str]:
    """Each captured payment is a charge's own, was given back, or is written down as astray.

    What a restored copy has forgotten, and what was taken past the engine, is found by the rounds of reconciliation.
    """
    own = {row[0] for row in world.books.rows("SELECT gateway_payment_id FROM charge WHERE state = 'captured'")}
    astray = {row[0] for row in world.books.rows("SELECT gateway_payment_id FROM stray_payment")}
    strangers = [payment for payment in world.truth.others.values() if payment.channel == CHANNEL]
    for payment in (*world.truth.payments.values(), *strangers):
        if world.was_restored and payment.net <= 0:
            continue  # it was forgotten with all that was given back of it
        if payment.captured and payment.id not in own | astray and not _will_be_seen(world, payment):
            if not _will_be_searched(world, payment):
                yield f"{payment.id} ({payment.reference}) was captured, and nobody here knows"


@at_the_end(7)
def what_went_back_is_booked(world: "World") -> Iterator[str]:
    """Each won that the gateway gave back of a charge is a refund of it here, or is named as a difference and parked."""
    here = world.books.by("charge_id", "SELECT charge_id, gateway_payment_id, amount_minor, state FROM refund")
    for row in world.books.rows("SELECT id, gateway_payment_id FROM charge WHERE state = 'captured'"):
        payment = world.truth.payments[row["gateway_payment_id"]]
        refunds = [each for each in here[row["id"]] if each["gateway_payment_id"] == payment.id]
        booked = sum(each["amount_minor"] for each in refunds if each["state"] == "refunded")
        if booked != payment.refunded and not _is_named(world, row["id"]):
            yield f"{payment.refunded} of {payment.id} went back, {booked} are booked"


@at_the_end(7)
def what_went_back_by_chargeback_is_known(world: "World") -> Iterator[str]:
    """Each dispute of a charge's own payment is marked here as it was decided, though no webhook told of it."""
    own = {row[0] for row in world.books.rows("SELECT gateway_payment_id FROM charge WHERE state = 'captured'")}
    rows = world.books.rows("SELECT gateway_dispute_id, state, amount_minor FROM dispute")
    here = {row["gateway_dispute_id"]: (row["state"], row["amount_minor"]) for row in rows}
    for dispute in world.truth.disputes.values():
        ends = "lost" if dispute.status in ("lost", "accepted") else "won"
        if dispute.payment.id in own and here.get(dispute.id) != (ends, dispute.amount):
            yield f"dispute {dispute.id} of {dispute.payment.id} was {dispute.status}, here {here.get(dispute.id)}"


@at_the_end(14)
def what_is_another_systems_is_left_alone(world: "World") -> Iterator[str]:
    for row in world.books.rows("SELECT gateway_payment_id FROM stray_payment"):
        stranger = world.truth.others.get(row[0])
        if stranger is not None and stranger.channel != CHANNEL:
            yield f"{row[0]} of another processing channel was taken for ours"


@at_the_end(3)
def a_surplus_was_given_back(world: "World") -> Iterator[str]:
    """Nothing that was captured is kept beside the payment that counts, unless it is parked as owed, or was settled."""
    kept: dict[str, list[str]] = {}
    owed = {
        row[0] for row in world.books.rows("SELECT gateway_payment_id FROM refund_obligation WHERE state <> 'refunded'")
    }
    for payment in world.truth.payments.values():
        if payment.net > 0 and payment.id not in owed and not _will_be_seen(world, payment):
            kept.setdefault(invoice_named_by(payment), []).append(payment.id)
    for name, payments in kept.items():
        if len(payments) > 1 and not world.was_restored:
            yield f"{name} was captured {len(payments)} times, and {payments} are kept"


@at_the_end(19)
def what_was_captured_after_the_end_went_back(world: "World") -> Iterator[str]:
    for row in world.books.rows(
        "SELECT c.reference FROM charge c JOIN subscription s ON s.id = c.subscription_id WHERE s.state = 'canceled'"
        " AND c.state = 'captured' AND c.captured_at > s.canceled_at"
        " AND NOT EXISTS (SELECT 1 FROM refund r WHERE r.charge_id = c.id)"
        " AND NOT EXISTS (SELECT 1 FROM refund_obligation o WHERE o.gateway_payment_id = c.gateway_payment_id)"
    ):
        yield f"{row['reference']} was captured after the cancellation and kept"


@at_the_end(37)
def nobody_is_ended_for_what_may_be_our_account(world: "World") -> Iterator[str]:
    """Whose dunning ended with a set-up class was ended while somebody was captured, by the gateway's truth."""
    taken = [payment.made_at for payment in world.truth.payments.values() if payment.captured and not payment.present]
    for row in world.books.rows(
        "SELECT s.id, s.canceled_at, (SELECT min(f.sent_at) FROM charge f WHERE f.invoice_id = i.id AND f.automatic"
        " AND f.decline_class = 'set_up') AS since, (SELECT json_extract(e.data, '$.why') FROM event e"
        " WHERE e.subscription_id = s.id AND e.type = 'subscription.re_enrolment_requested' ORDER BY e.id DESC LIMIT 1)"
        " AS why FROM subscription s JOIN invoice i ON i.subscription_id = s.id WHERE s.state = 'canceled'"
        " AND i.state = 'uncollectible' AND s.cancel_reason LIKE 'no new%'"
    ):
        if row["why"] != "set_up" or row["since"] is None or world.was_restored:
            continue
        slack = timedelta(hours=1)  # clocks step
        since, until = instant(row["since"]) - slack, instant(row["canceled_at"]) + slack
        if not any(since <= at <= until for at in taken):
            yield f"{row['id']} was ended for an error of our set-up, and nobody was captured since {since}"


@at_the_end(33)
def nothing_personal_or_secret_is_written_down(world: "World") -> Iterator[str]:
    """No key, and nobody's address outside the row of the customer."""
    tables = [row[0] for row in world.books.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for row in world.books.rows(f"SELECT * FROM {table}"):
            told = " ".join(str(value) for value in tuple(row) if isinstance(value, str))
            for canary in (SECRET_KEY, KEY, *(() if table == "customer" else ("@example.test",))):
                if canary in told:
                    yield f"{canary} is in {table}: {told[:200]}"


@at_the_end(6)
def the_gateway_tells_the_same(world: "World") -> Iterator[str]:
    """The production comparison with the gateway finds nothing."""
    if world.was_restored:
        return
    unseen = {payment.id for payment in world.truth.payments.values() if _will_be_seen(world, payment)}
    for difference in reconcile(world.engines["operator"], now=world.clock.now).differences:
        if difference.payment_id in unseen or difference.payment_id in world.truth.others:
            continue  # a payment of another system is named, and no fault of ours
        yield f"{difference.reference} {difference.payment_id}: {difference.detail}"


@at_the_end(0)
def the_production_invariants_hold(world: "World") -> Iterator[str]:
    """``billing verify``: every invariant it knows, over the database as it is left.

    What is parked as owed it must go on naming, until a person has paid it by other means.
    """
    steps, tries = len(world.rules.settlement.dunning.ladder), world.rules.settlement.set_up.tries
    with world.engines["operator"].database.snapshot() as tx:
        breaches = check_all(tx, world.clock.now, Bounds(ladder_steps=steps, set_up_tries=tries))
    parked = {str(UUID(row[0])) for row in world.books.rows("SELECT id FROM refund_obligation WHERE state = 'parked'")}
    unnamed = parked - {breach.id for breach in breaches if breach.number == _OWED}
    for ident in unnamed:
        yield f"obligation {ident} is parked, and verify does not name it"
    for breach in breaches:
        if breach.number == _OWED and breach.id in parked:
            continue
        yield f"verify {breach.number} {breach.name}: {breach.subject} {breach.id} {breach.detail}"


def _gap_is_told(world: "World", subscription: str) -> bool:
    """Say whether a period that passed unbilled is written down as such."""
    return bool(
        world.books.rows(
            "SELECT 1 FROM event WHERE subscription_id = ? AND type = 'subscription.not_billed'", subscription
        )
    )


def _is_named(world: "World", charge: str) -> bool:
    """Say whether a charge was named as one that the gateway tells otherwise."""
    return bool(
        world.books.rows(
            "SELECT 1 FROM event WHERE type = 'charge.mismatch' AND replace(subject_id, '-', '') = ?", charge
        )
    )


def _will_be_searched(world: "World", payment: "Payment") -> bool:
    """Say whether the next search goes back to it: after a restore, its charge may be found for a week."""
    rows = world.books.rows("SELECT since FROM reconciliation_round WHERE name = 'search' AND since IS NOT NULL")
    return world.was_restored and any(instant(row[0]) <= payment.made_at for row in rows)


def _will_be_seen(world: "World", payment: "Payment") -> bool:
    """Say whether it was captured so late that a look which is planned already is the first to show it.

    What was shown by a webhook or a look since the faults ended is known: another look is no excuse.
    """
    lately = world.clock.now - timedelta(minutes=10)
    if payment.told_at is not None and payment.told_at < lately:
        return False
    recently = payment.captured_at is not None and payment.captured_at > lately
    rows = world.books.rows(
        "SELECT state FROM charge WHERE reference = ? AND state NOT IN ('captured', 'parked') AND check_at IS NOT NULL",
        payment.reference,
    )
    return bool(rows) and (payment.closed_before or recently)
