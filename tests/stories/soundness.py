"""What must hold after every story, crash and race: our rows against the sandbox's own ledger, which is the truth."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import select

from billing.domain.identity import reference_prefix
from billing.domain.states import (
    CHARGE_MOVES,
    COUNTED_REFUND_STATES,
    INVOICE_MOVES,
    LIVE_CHARGE_STATES,
    OBLIGATION_MOVES,
    REFUND_MOVES,
    SOURCE_MOVES,
    SUBSCRIPTION_MOVES,
    ChargeState,
    InvoiceState,
    ObligationState,
    RefundState,
    SubscriptionState,
)
from billing.store.installation import load_installation
from billing.store.obligation_tables import RefundObligation
from billing.store.tables import Charge, Event, Invoice, Refund, Source, StrayPayment, Subscription
from billing.store.writes import table_of

_MOVES: Final[Mapping[str, Any]] = {
    "subscription": SUBSCRIPTION_MOVES,
    "invoice": INVOICE_MOVES,
    "charge": CHARGE_MOVES,
    "refund": REFUND_MOVES,
    "refund_obligation": OBLIGATION_MOVES,
    "source": SOURCE_MOVES,
}
_BEGINS: Final = {
    "subscription": "incomplete",
    "invoice": "open",
    "charge": "sending",
    "refund": "requested",
    "refund_obligation": "owed",
    "source": "pending",
}
_ENDED: Final = (SubscriptionState.CANCELED, SubscriptionState.INCOMPLETE_EXPIRED)
_LIVE: Final = frozenset(SubscriptionState) - set(_ENDED)


class Books:
    """Everything our database says, and everything the sandbox knows, read once."""

    def __init__(self, world: Any) -> None:
        with world.engine.database.snapshot() as tx:
            (
                self.subscriptions,
                self.invoices,
                self.charges,
                self.refunds,
                self.obligations,
                self.sources,
                self.strays,
            ) = (
                tx.execute(select(table_of(model))).all()
                for model in (Subscription, Invoice, Charge, Refund, RefundObligation, Source, StrayPayment)
            )
            self.events = tx.execute(select(table_of(Event)).order_by(Event.id)).all()
            self.prefix = reference_prefix(load_installation(tx).id)
        self.truth = [each for each in world.payments() if each["reference"].startswith(self.prefix)]
        self.requests = world.sandbox("GET", "requests")
        self.invoice = {row.id: row for row in self.invoices}
        self.charge = {row.id: row for row in self.charges}
        self.of_reference = {row.reference: row for row in self.charges}
        self.stray_ids = {row.gateway_payment_id for row in self.strays}
        self.watched = {row.gateway_payment_id for row in self.strays if row.resolved_at is None}
        self.refunds_of: dict[str, list[Any]] = defaultdict(list)
        for refund in self.refunds:
            self.refunds_of[refund.gateway_payment_id].append(refund)
        self.obligation_of = {row.gateway_payment_id: row for row in self.obligations}

    def given_back(self, payment: Mapping[str, Any]) -> bool:
        """Whether all of a captured payment was refunded, is being refunded, is owed, or went back otherwise."""
        owed = self.obligation_of.get(payment["id"])
        if owed is not None and owed.state is not ObligationState.REFUNDED:
            return True
        ordered = sum(r.amount_minor for r in self.refunds_of[payment["id"]] if r.state in COUNTED_REFUND_STATES)
        elsewhere = payment["returned"] + payment["charged_back"]
        gone = max(payment["refunded"] + elsewhere, ordered + elsewhere)
        return bool(gone >= payment["captured"])

    def is_known(self, payment: Mapping[str, Any]) -> bool:
        """Whether a payment is a charge's own, one that its look-up will still find, or a stray."""
        charge = self.of_reference.get(payment["reference"])
        own = charge is not None and charge.gateway_payment_id == payment["id"]
        sought = charge is not None and charge.gateway_payment_id is None and charge.state in LIVE_CHARGE_STATES
        return own or sought or payment["id"] in self.stray_ids


def assert_sound(world: Any, *, at_rest: bool = False) -> Books:
    """Check every invariant that must hold at any moment; ``at_rest`` adds what must hold when nothing is open."""
    books = Books(world)
    for check in (
        _money_is_taken_once,
        _paid_means_captured,
        _amounts_are_the_same,
        _every_payment_is_accounted_for,
        _refunds_stay_within_the_capture,
        _one_live_charge,
        _one_live_subscription,
        _periods_do_not_overlap,
        _every_state_has_its_event,
        _what_has_ended_owes_nothing,
        _a_key_is_one_reference,
    ):
        check(books)
    if at_rest:
        _nothing_is_open(books)
    return books


def _money_is_taken_once(books: Books) -> None:
    kept: dict[Any, list[str]] = defaultdict(list)
    for payment in books.truth:
        charge = books.of_reference.get(payment["reference"])
        watched = payment["id"] in books.watched
        if charge is None or payment["captured"] == 0 or books.given_back(payment) or watched:
            continue
        kept[charge.invoice_id].append(payment["id"])
    for invoice_id, payments in kept.items():
        assert len(payments) <= 1, f"invoice {invoice_id} was captured {len(payments)} times: {payments}"


def _paid_means_captured(books: Books) -> None:
    truth = {payment["id"]: payment for payment in books.truth}
    captured: dict[Any, list[Any]] = defaultdict(list)
    for charge in books.charges:
        if charge.state is ChargeState.CAPTURED:
            payment = truth.get(charge.gateway_payment_id)
            assert payment is not None, f"charge {charge.reference} is captured, the gateway has no such payment"
            assert payment["captured"] == charge.amount_minor, charge.reference
            captured[charge.invoice_id].append(payment)
    for invoice in books.invoices:
        mine = captured[invoice.id]
        if invoice.state is InvoiceState.PAID:
            assert mine, f"invoice {invoice.id} is paid, but nothing was captured"
        else:
            owed = [payment["id"] for payment in mine if not books.given_back(payment)]
            assert not owed, f"invoice {invoice.id} is {invoice.state}, but {owed} were captured and kept"


def _amounts_are_the_same(books: Books) -> None:
    for charge in books.charges:
        invoice = books.invoice[charge.invoice_id]
        assert (charge.amount_minor, charge.currency) == (invoice.amount_minor, invoice.currency), charge.reference
        assert charge.subscription_id == invoice.subscription_id, charge.reference
    for payment in books.truth:
        charge = books.of_reference.get(payment["reference"])
        if charge is not None:
            asked = (payment["amount"], payment["currency"])
            assert asked == (charge.amount_minor, charge.currency), payment["reference"]


def _every_payment_is_accounted_for(books: Books) -> None:
    for payment in books.truth:
        assert payment["captured"] == 0 or books.is_known(payment), f"nobody knows {payment}"


def _refunds_stay_within_the_capture(books: Books) -> None:
    truth = {payment["id"]: payment for payment in books.truth}
    for payment_id, refunds in books.refunds_of.items():
        payment = truth[payment_id]
        ordered = sum(r.amount_minor for r in refunds if r.state in COUNTED_REFUND_STATES)
        assert ordered <= payment["captured"], f"{payment_id}: {ordered} of {payment['captured']} to be refunded"
        done = sum(r.amount_minor for r in refunds if r.state is RefundState.REFUNDED)
        back = payment["refunded"] + payment["returned"]
        assert done <= back, f"{payment_id}: we say {done} refunded, it was {back}"
        assert payment["refunded"] <= ordered, f"{payment_id}: {payment['refunded']} refunded, {ordered} ordered"


def _one_live_charge(books: Books) -> None:
    live = [charge.subscription_id for charge in books.charges if charge.state in LIVE_CHARGE_STATES]
    assert len(live) == len(set(live)), "a subscription has two live charges"


def _one_live_subscription(books: Books) -> None:
    live = [(row.customer_id, row.plan_code) for row in books.subscriptions if row.state in _LIVE]
    assert len(live) == len(set(live)), "a customer has two live subscriptions to a plan"


def _periods_do_not_overlap(books: Books) -> None:
    periods: dict[Any, list[tuple[Any, Any]]] = defaultdict(list)
    for invoice in books.invoices:
        if invoice.state is not InvoiceState.VOID and invoice.kind.value != "agreement":
            periods[invoice.subscription_id].append((invoice.period_start, invoice.period_end))
    for each in periods.values():
        for (_, end), (start, _) in pairwise(sorted(each)):
            assert end <= start, f"periods overlap: one ends {end}, the next starts {start}"


def _every_state_has_its_event(books: Books) -> None:
    reached: dict[tuple[str, str], str] = {}
    for event in books.events:
        if event.from_state is None and event.to_state is None:
            continue
        subject = (event.subject_type, event.subject_id)
        before = reached.get(subject, _BEGINS[event.subject_type])
        if event.from_state is not None:
            assert event.from_state == before, f"{event.type} of {subject} leaves {event.from_state}, it was {before}"
            legal = {to.value for to in _MOVES[event.subject_type][_state(event, before)].values()}
            assert event.to_state in legal, f"{event.type}: no move from {before} to {event.to_state}"
        else:
            assert subject not in reached, f"{subject} begins twice"
        reached[subject] = event.to_state
    for kind, rows in (
        ("subscription", books.subscriptions),
        ("invoice", books.invoices),
        ("charge", books.charges),
        ("refund", books.refunds),
        ("refund_obligation", books.obligations),
        ("source", books.sources),
    ):
        for row in rows:
            told = reached.get((kind, str(row.id)), _BEGINS[kind])
            assert told == row.state.value, f"{kind} {row.id} is {row.state}, its last event says {told}"


def _state(event: Any, value: str) -> Any:
    return next(state for state in _MOVES[event.subject_type] if state.value == value)


def _what_has_ended_owes_nothing(books: Books) -> None:
    live = {charge.subscription_id for charge in books.charges if charge.state in LIVE_CHARGE_STATES}
    for row in books.subscriptions:
        if row.state is SubscriptionState.CANCELED and row.id not in live:
            still = [i.id for i in books.invoices if i.subscription_id == row.id and i.state is InvoiceState.OPEN]
            assert not still, f"subscription {row.id} is canceled, invoices {still} are open"


def _a_key_is_one_reference(books: Books) -> None:
    keys: dict[str, set[str]] = defaultdict(set)
    for request in books.requests:
        if request["method"] == "POST" and request["path"] == "/payments" and request["idempotency_key"]:
            keys[request["idempotency_key"]].add(str(request["reference"]))
    for key, references in keys.items():
        assert len(references) == 1, f"key {key} was used for {references}"


def _nothing_is_open(books: Books) -> None:
    live = [(c.reference, c.state.value) for c in books.charges if c.state in LIVE_CHARGE_STATES]
    assert not live, f"charges are still open: {live}"
    ended = (RefundState.REFUNDED, RefundState.DECLINED, RefundState.REFUSED)
    refunds = [(r.reference, r.state.value) for r in books.refunds if r.state not in ended]
    assert not refunds, f"refunds are still open: {refunds}"
    owed = [(row.gateway_payment_id, row.state.value) for row in books.obligations if row.ended_at is None]
    assert not owed, f"refunds are still owed: {owed}"
    watched = [row.gateway_payment_id for row in books.strays if row.resolved_at is None]
    assert not watched, f"strays are still open: {watched}"
    for payment in books.truth:
        charge = books.of_reference.get(payment["reference"])
        if charge is not None and charge.gateway_payment_id == payment["id"] and payment["captured"]:
            assert charge.state is ChargeState.CAPTURED, f"{payment['reference']} was captured, we say {charge.state}"
        done = sum(r.amount_minor for r in books.refunds_of[payment["id"]] if r.state is RefundState.REFUNDED)
        assert payment["refunded"] == done, f"{payment['id']}: {payment['refunded']} refunded, we say {done}"
