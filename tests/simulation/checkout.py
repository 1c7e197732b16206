"""The fake gateway's HTTP: raw requests in, raw answers out. Written from the fact sheet, not from the engine."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulation.clock import Clock
from tests.simulation.faults import Dice
from tests.simulation.outcomes import Outcomes
from tests.simulation.truth import KEY_LIFE, TIME_TO_ANSWER, Dispute, Payment, SavedAnswer, Truth

Answer = tuple[int, bytes]
_TOO_MUCH = ("refund_amount_exceeds_balance",)


@dataclass
class Ticket:
    """A request between its arrival and its answer."""

    method: str
    path: str
    body: Any
    key: str | None
    at_once: Answer | None = None


class Checkout:
    """Checkout.com as documented: keys are remembered after a 2xx only, lists lag, outcomes come later."""

    def __init__(self, truth: Truth, clock: Clock, dice: Dice, outcomes: Outcomes) -> None:
        self.truth = truth
        self.clock = clock
        self.dice = dice
        self.outcomes = outcomes
        self.on_arrival: Callable[[str, dict[str, Any], str], None] = lambda _path, _body, _key: None
        self.on_departure: Callable[[dict[str, Any], str], None] = lambda _body, _key: None
        self.on_absence: Callable[[str], None] = lambda _reference: None
        self.paying: set[str] = set()
        """References of the payments that are being processed."""

    def arrive(self, method: str, path: str, body: bytes | None, key: str | None) -> Ticket:
        """Take a request in: what is known of its key, and whether another request holds that key now."""
        ticket = Ticket(method, path, json.loads(body) if body else {}, key)
        if key is None:
            return ticket
        self.on_arrival(path, ticket.body, key)
        saved = self.truth.keys.get(key)
        if saved is not None and saved.until > self.clock.now:
            ticket.at_once = (saved.status, saved.body)
        elif key in self.truth.in_flight:
            ticket.at_once = _error(429, "too_many_requests")
        else:
            self.truth.in_flight.add(key)
            if path == "/payments":
                self.paying.add(ticket.body["reference"])
        return ticket

    def finish(self, ticket: Ticket, *, then_fails: bool = False, beside: bool = False) -> Answer:
        """Process a request and answer it. ``then_fails``: no 2xx leaves, so the key is not remembered."""
        if ticket.at_once is not None:
            return ticket.at_once
        try:
            status, body = self._process(ticket, beside)
        finally:
            self.truth.in_flight.discard(ticket.key or "")
            self.paying.discard(str(ticket.body.get("reference")))
        if ticket.key is not None and 200 <= status < 300 and not then_fails:
            until = self.clock.now + KEY_LIFE
            self.truth.keys[ticket.key] = SavedAnswer(until, status, body, ticket.path)
        return status, body

    def abandon(self, ticket: Ticket) -> None:
        """The request ends without having been processed."""
        if ticket.at_once is None:
            self.truth.in_flight.discard(ticket.key or "")

    def _process(self, ticket: Ticket, beside: bool) -> Answer:
        url = urlsplit(ticket.path)
        parts = [part for part in url.path.split("/") if part]
        match (ticket.method, parts):
            case ("POST", ["payments"]):
                return self._create_payment(ticket.body, beside)
            case ("POST", ["payments", "search"]):
                return self._search(ticket.body)
            case ("POST", ["payments", payment_id, "refunds"]):
                return self._create_refund(payment_id, ticket.body)
            case ("GET", ["payments"]):
                return self._list(parse_qs(url.query))
            case ("GET", ["payments", payment_id]):
                payment = self._shown(payment_id)
                return (404, b"") if payment is None else _json(200, self._told(payment))
            case ("GET", ["payments", payment_id, "actions"]):
                payment = self._shown(payment_id)
                return (404, b"") if payment is None else _json(200, _actions(payment))
            case ("GET", ["disputes"]):
                return self._list_disputes(parse_qs(url.query))
            case ("GET", ["disputes", dispute_id]):
                dispute = self.truth.disputes.get(dispute_id)
                return (404, b"") if dispute is None else _json(200, _details(dispute))
            case ("PATCH", ["instruments", source_id, "revoke"]):
                return self._revoke(source_id)
        return 404, b""

    def _create_payment(self, body: dict[str, Any], beside: bool) -> Answer:
        present = body["source"]["type"] == "kakaopay"
        if present:
            wallet = self.truth.wallet(body["customer"]["email"])
            kept = next(iter(wallet.sources), None) if self.dice.strikes("source_kept") else None
            source_id = kept or self.truth.new_id("src")
            wallet.sources.setdefault(source_id, False)
        else:
            source_id = body["source"]["id"]
            owner = self.truth.of_source(source_id)
            if owner is None:
                return _error(422, "source_id_unknown")
            wallet = owner
        now = self.clock.now
        payment = Payment(
            id=self.truth.new_id("pay"),
            reference=body["reference"],
            amount=body["amount"],
            currency=body["currency"],
            source_id=source_id,
            wallet=wallet.name,
            present=present,
            made_at=now,
            listed_at=now + (timedelta(seconds=300) if self.dice.strikes("list_lag") else timedelta(seconds=1)),
            shown_at=now + (timedelta(seconds=90) if self.dice.strikes("id_lag") else timedelta(0)),
            beside=beside,
        )
        self.truth.payments[payment.id] = payment
        self.outcomes.begin(payment)
        told: dict[str, Any] = {
            "id": payment.id,
            "status": "Pending",
            "reference": payment.reference,
            "source": {"id": source_id, "type": "kakaopay"},
        }
        if present:
            told["_links"] = {"redirect": {"href": f"https://wallet.test/{payment.id}"}}
        return _json(202, told)

    def _create_refund(self, payment_id: str, body: dict[str, Any]) -> Answer:
        payment = self.truth.payments.get(payment_id)
        if payment is None:
            return 404, b""
        claimed = sum(a.amount for a in payment.actions if a.kind == "Refund" and a.approved is not False)
        if body["amount"] > payment.captured - claimed - payment.charged_back - payment.disputed:
            return _error(422, *_TOO_MUCH)
        action = self.outcomes.begin_refund(payment, body["amount"], body["reference"])
        return _json(202, {"action_id": action.id, "reference": action.reference})

    def _search(self, body: dict[str, Any]) -> Answer:
        """Answer with everything of the window at once: a page may be as long as the gateway likes."""
        since, until = (datetime.fromisoformat(body[name]) for name in ("from", "to"))
        everything = (*self.truth.others.values(), *self.truth.payments.values())
        found = [each for each in everything if each.listed_at <= self.clock.now and since <= each.made_at <= until]
        return _json(200, {"data": [self._told(payment) for payment in reversed(found)], "_links": {}})

    def _list(self, query: dict[str, list[str]]) -> Answer:
        now, wanted = self.clock.now, query.get("reference")
        everything = (*self.truth.others.values(), *self.truth.payments.values())
        listed = [payment for payment in everything if payment.listed_at <= now]
        if wanted is not None:
            listed = [payment for payment in listed if payment.reference == wanted[0]]
            if not listed:
                self.on_absence(wanted[0])
        listed.reverse()
        skip, limit = int(query["skip"][0]), int(query["limit"][0])
        page = [self._told(payment) for payment in listed[skip : skip + limit]]
        return _json(200, {"limit": limit, "skip": skip, "total_count": len(listed), "data": page})

    def _list_disputes(self, query: dict[str, list[str]]) -> Answer:
        since = datetime.fromisoformat(query["from"][0])
        found = [each for each in self.truth.disputes.values() if each.changed_at >= since]
        found.sort(key=lambda each: each.changed_at, reverse=True)
        skip, limit = int(query["skip"][0]), int(query["limit"][0])
        rows = [_row(each) for each in found[skip : skip + limit]]
        return _json(200, {"limit": limit, "skip": skip, "total_count": len(found), "data": rows})

    def _shown(self, payment_id: str) -> Payment | None:
        payment = self.truth.payments.get(payment_id) or self.truth.others.get(payment_id)
        return payment if payment is not None and payment.shown_at <= self.clock.now else None

    def _told(self, payment: Payment) -> dict[str, Any]:
        status = payment.status
        if payment.captured and not self.dice.on:
            payment.told_at = payment.told_at or self.clock.now
        if payment.refunded:
            status = "Refunded" if payment.refunded == payment.captured else "Partially Refunded"
        if payment.is_open and self.dice.strikes("odd_status"):
            status = "Retry Scheduled"
        told: dict[str, Any] = {
            "id": payment.id,
            "requested_on": _instant(payment.made_at),
            "source": {"id": payment.source_id, "type": "kakaopay"},
            "amount": payment.amount,
            "currency": payment.currency,
            "payment_type": "Recurring",
            "reference": payment.reference,
            "status": status,
            "approved": payment.captured > 0,
            "balances": {"total_captured": payment.captured, "total_refunded": payment.refunded},
        }
        if payment.channel is not None:
            told["processing_channel_id"] = payment.channel
        if payment.present and payment.is_open:
            told["_links"] = {"redirect": {"href": f"https://wallet.test/{payment.id}"}}
        if payment.code is not None and len(payment.actions) % 2:  # some bodies lack it; the actions have it
            told["response_code"] = payment.code
        if self.dice.strikes("read_lies") and not payment.needs_its_webhook:
            told["amount"] = payment.amount * 100
        return told

    def _revoke(self, source_id: str) -> Answer:
        wallet = self.truth.of_source(source_id)
        if wallet is None:
            return 404, b""
        wallet.sources[source_id] = False
        return _json(200, {})


def _actions(payment: Payment) -> list[dict[str, Any]]:
    return [
        {
            "id": action.id,
            "type": action.kind,
            "amount": action.amount,
            "processed_on": _instant(action.at),
            "approved": action.approved,
            "response_code": action.code,
            "reference": action.reference,
        }
        for action in reversed(payment.actions)
    ]


def _row(dispute: Dispute) -> dict[str, Any]:
    payment = dispute.payment
    return {**_of_dispute(dispute), "payment_id": payment.id, "payment_reference": payment.reference}


def _details(dispute: Dispute) -> dict[str, Any]:
    payment = dispute.payment
    return {**_of_dispute(dispute), "payment": {"id": payment.id, "reference": payment.reference}}


def _of_dispute(dispute: Dispute) -> dict[str, Any]:
    return {
        "id": dispute.id,
        "category": "general",
        "status": dispute.status,
        "amount": dispute.amount,
        "currency": dispute.payment.currency,
        "received_on": _instant(dispute.made_at),
        "last_update": _instant(dispute.changed_at),
        "evidence_required_by": _instant(dispute.made_at + TIME_TO_ANSWER),
    }


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.1234567Z")


def _error(status: int, *codes: str) -> Answer:
    return _json(status, {"request_id": "req", "error_type": "request_invalid", "error_codes": list(codes)})


def _json(status: int, body: Any) -> Answer:
    return status, json.dumps(body).encode()
