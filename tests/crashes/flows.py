"""What a process may die of: each flow with what leads up to it and what the outside does after the crash."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from harness import KST, WEB, World, email
from sqlalchemy import update
from sqlmodel import col

from billing.config.settings import SANDBOX_SECRET_KEY
from billing.domain.states import InvoiceState
from billing.gateway.webhooks import VerifiedEvent
from billing.operations.charge_due import charge_due
from billing.operations.engine import Refusal
from billing.operations.first_charges import Enrolment, GatewayUnavailable
from billing.operations.manage import cancel_at_period_end, cancel_now
from billing.operations.re_enrol import re_enrol
from billing.operations.renew_due import renew_due
from billing.operations.request_refund import request_refund
from billing.operations.webhooks import process_webhooks, receive_webhooks
from billing.store.tables import Invoice

Outcome = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Flow:
    """``prepare`` leads up to the act and ``afterwards`` is what the client or the gateway does when it got no answer.

    ``afterwards`` runs after an act without a crash too, so it must do nothing that was done already.
    """

    name: str
    prepare: Callable[[World, str], None]
    act: Callable[[World, str], None]
    afterwards: Callable[[World, str], None] = lambda _world, _who: None


def _sweep(world: World, _who: str) -> None:
    world.sweep()


def _id(world: World, who: str) -> UUID:
    query = (
        "SELECT s.id FROM subscription s JOIN customer c ON c.id = s.customer_id "
        "WHERE c.reference = :who ORDER BY s.created_at DESC"
    )
    return UUID(str(world.rows(query, who=f"cust-{who}")[0]["id"]))


def _next_day(world: World, hour: int) -> None:
    tomorrow = world.now.astimezone(KST).date() + timedelta(days=1)
    world.go_to(datetime(tomorrow.year, tomorrow.month, tomorrow.day, hour, tzinfo=KST))


def _subscribed(world: World, who: str) -> None:
    _next_day(world, 12)
    world.subscribe(who, "daily")


def _due(world: World, who: str) -> None:
    _subscribed(world, who)
    _next_day(world, 11)


def _invoiced(world: World, who: str) -> None:
    _due(world, who)
    renew_due(world.engine, now=world.now)


def _pending(world: World, who: str) -> None:
    _due(world, who)
    world.sweep()


def _decided(world: World, who: str) -> None:
    _pending(world, who)
    world.go_to(world.now + timedelta(minutes=2))


def _declined(world: World, who: str) -> None:
    _subscribed(world, who)
    world.wallet(email(who), script=["20051"])
    _next_day(world, 11)
    world.sweep()
    world.go_to(world.now + timedelta(minutes=2))


def _last_decline(world: World, who: str) -> None:
    _subscribed(world, who)
    world.wallet(email(who), default="20051")
    subscription = _id(world, who)
    _next_day(world, 11)
    world.sweep()
    world.wait(minutes=2)
    with world.engine.database.transaction() as tx:
        open_ = (col(Invoice.subscription_id) == subscription, col(Invoice.state) == InvoiceState.OPEN)
        tx.execute(update(Invoice).where(*open_).values(failures=5, next_attempt_at=world.now))
    world.sweep()
    world.go_to(world.now + timedelta(minutes=2))


def _lost(fault: str) -> Callable[[World, str], None]:
    def prepare(world: World, who: str) -> None:
        _due(world, who)
        world.faults(**{fault: 1})
        world.sweep()
        world.faults(**{fault: 0})
        world.go_to(world.now + timedelta(seconds=40))

    return prepare


def _absent_once(world: World, who: str) -> None:
    _lost("unprocessed_502")(world, who)
    world.sweep()
    world.go_to(world.now + timedelta(minutes=11))


def _charged_twice(world: World, who: str) -> None:
    _lost("processed_500")(world, who)
    payment = world.payments()[-1]
    body = {
        "source": {"type": "id", "id": payment["source_id"]},
        "amount": payment["amount"],
        "currency": "KRW",
        "payment_type": "Recurring",
        "reference": payment["reference"],
        "processing_channel_id": "pc_kakaosandboxkakaosandbox22",
    }
    headers = {"Authorization": f"Bearer {SANDBOX_SECRET_KEY}"}
    assert world.http.post("/payments", json=body, headers=headers).status_code == 202
    world.go_to(world.now + timedelta(minutes=2))


def _hear(world: World, _who: str) -> None:
    """The gateway delivers, until it gets its 200."""
    payment = world.payments()[-1]
    event = VerifiedEvent(f"evt_{payment['id']}", "payment_captured", payment["id"], "act_1", payment["reference"])
    receive_webhooks(world.engine, [event], now=world.now)


def _hear_and_process(world: World, who: str) -> None:
    _hear(world, who)
    process_webhooks(world.engine, now=world.now)


def _enrol(world: World, who: str) -> None:
    world.enrol(who, "daily")


def _until_there_is_a_link(world: World, ask: Callable[[], Enrolment]) -> None:
    """The client repeats its request until it has a link; then the subscriber agrees."""
    for _ in range(8):
        try:
            made = ask()
        except GatewayUnavailable:
            world.wait(minutes=3)
            continue
        world.agree(str(made.redirect_url))
        return
    raise AssertionError("no link after 8 requests")


def _enrol_and_agree(world: World, who: str) -> None:
    _until_there_is_a_link(world, lambda: world.enrol(who, "daily"))


def _agreed(world: World, who: str) -> None:
    _next_day(world, 12)
    world.agree(str(world.enrol(who, "daily").redirect_url))
    world.go_to(world.now + timedelta(minutes=2))


def _cut(world: World, who: str) -> None:
    _subscribed(world, who)
    world.wallet(email(who), agreement="cut")
    _next_day(world, 11)
    world.sweep()
    world.wait(minutes=2)


def _re_enrol(world: World, who: str) -> Enrolment:
    return re_enrol(world.engine, _id(world, who), WEB, now=world.now)


def _agreed_anew(world: World, who: str) -> None:
    _cut(world, who)
    world.agree(str(_re_enrol(world, who).redirect_url))
    world.go_to(world.now + timedelta(minutes=2))


def _charge_of(world: World, who: str) -> UUID:
    reference = next(p["reference"] for p in world.payments() if p["wallet"] == email(who))
    return UUID(str(world.scalar("SELECT id FROM charge WHERE reference = :reference", reference=reference)))


def _refund(world: World, who: str) -> None:
    request_refund(world.engine, _charge_of(world, who), None, reason="sorry", now=world.now)


def _refund_unless_it_is_there(world: World, who: str) -> None:
    charge = _charge_of(world, who)
    bound = charge.hex if world.engine.database.is_sqlite else charge
    if not world.rows("SELECT id FROM refund WHERE charge_id = :id", id=bound):
        _refund(world, who)


def _refund_accepted(world: World, who: str) -> None:
    _subscribed(world, who)
    _refund(world, who)
    world.go_to(world.now + timedelta(minutes=2))


def _refund_absent_once(world: World, who: str) -> None:
    _subscribed(world, who)
    world.faults(unprocessed_502=1)
    _refund(world, who)
    world.faults(unprocessed_502=0)
    world.wait(seconds=40)
    world.go_to(world.now + timedelta(minutes=11))


def _cancel(world: World, who: str) -> None:
    cancel_now(world.engine, _id(world, who), reason="enough", now=world.now)


def _cancel_unless_it_is(world: World, who: str) -> None:
    try:
        _cancel(world, who)
    except Refusal:
        return


def _ends_today(world: World, who: str) -> None:
    _subscribed(world, who)
    cancel_at_period_end(world.engine, _id(world, who), reason="enough", now=world.now)
    _next_day(world, 0)


FLOWS: Final = (
    Flow("enrolment", lambda world, _who: _next_day(world, 12), _enrol, _enrol_and_agree),
    Flow("enrolment_captured", _agreed, _sweep),
    Flow("renewal", _due, _sweep),
    Flow("charge", _invoiced, lambda world, _who: charge_due(world.engine, now=world.now) and None),
    Flow("look_up_captured", _decided, _sweep),
    Flow("look_up_declined", _declined, _sweep),
    Flow("look_up_last_decline", _last_decline, _sweep),
    Flow("look_up_of_a_lost_answer", _lost("processed_500"), _sweep),
    Flow("look_up_and_resend", _absent_once, _sweep),
    Flow("look_up_of_two_payments", _charged_twice, _sweep),
    Flow("webhook", _decided, _hear_and_process, _hear),
    Flow("refund", _subscribed, _refund, _refund_unless_it_is_there),
    Flow("refund_settled", _refund_accepted, _sweep),
    Flow("refund_resent", _refund_absent_once, _sweep),
    Flow("cancel", _pending, _cancel, _cancel_unless_it_is),
    Flow("cancel_at_period_end", _ends_today, _sweep),
    Flow(
        "re_enrolment",
        _cut,
        lambda world, who: _re_enrol(world, who) and None,
        lambda world, who: _until_there_is_a_link(world, lambda: _re_enrol(world, who)),
    ),
    Flow("re_enrolment_captured", _agreed_anew, _sweep),
)


def outcome_of(world: World, who: str) -> Outcome:
    """What became of a subscriber: everything that must be the same with and without a crash."""
    subscription = _id(world, who)
    bound = subscription.hex if world.engine.database.is_sqlite else subscription
    row = world.subscription(subscription)
    rows = {
        table: world.rows(f"SELECT * FROM {table} WHERE subscription_id = :id ORDER BY created_at, id", id=bound)
        for table in ("invoice", "charge")
    }
    payments = [payment for payment in world.payments() if payment["wallet"] == email(who)]
    return {
        "subscription": (row["state"], row["parked_reason"] is not None),
        "invoices": sorted(
            (each["kind"], each["state"], each["failures"], each["attempts"]) for each in rows["invoice"]
        ),
        "charges": sorted((each["kind"], each["state"], each["attempt_no"]) for each in rows["charge"]),
        "captured": sorted(payment["captured"] for payment in payments if payment["captured"]),
        "refunded": sorted(payment["refunded"] for payment in payments if payment["refunded"]),
        "notes": sorted(
            event["type"]
            for event in world.rows("SELECT type FROM event WHERE subscription_id = :id", id=bound)
            if not event["type"].startswith(("charge.", "refund.", "payment."))
        ),
    }


def leave(world: World, who: str) -> None:
    """End a subscriber's story, so that the next one's boundaries are their own."""
    _cancel_unless_it_is(world, who)
