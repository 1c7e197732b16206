"""What is said with a public event: its ``data``, made from the internal event and the facts that never change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from billing.domain.days.records import DayKind
from billing.domain.public_ids import Kind, public_id
from plans.calendar import Period
from plans.money import Money

Data = dict[str, object]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the audit trail has it. ``sequence`` counts the events of its subject."""

    id: int
    at: datetime
    subject_type: str
    subject_id: str
    sequence: int
    subscription_id: UUID | None
    type: str
    to_state: str | None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What never changes of the things an event is about, so that it can be told later as well as at once."""

    customer: UUID | None = None
    plan: str | None = None
    invoice: UUID | None = None
    invoice_kind: str | None = None
    period: Period | None = None
    charge: UUID | None = None
    attempt: int | None = None
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class Public:
    """A public type, what it says in a sentence, and what its ``data`` is made of."""

    type: str
    says: str
    data: Callable[[Recorded, Facts], Data]


def subscription(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, **({"state": event.to_state} if event.to_state else {})}


def created(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan or event.data.get("plan"), "state": event.to_state}


def renewed(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, "paid_through": event.data.get("paid_through")}


def not_billed(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        "plan": facts.plan,
        "period": {"start": told.get("from"), "end": told.get("to")},
        "reason": told.get("reason"),
        "access": told.get("kind") == DayKind.FORGIVEN,
    }


def scheduled(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, "cancel_at": instant_told(event.data.get("cancel_at"))}


def pause_scheduled(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, **{name: instant_told(event.data.get(name)) for name in ("pause_at", "resume_at")}}


def canceled(event: Recorded, facts: Facts) -> Data:
    # Never by the reason's words, which somebody may have typed.
    by_itself = event.data.get("cause", "payment_failed")
    return {**subscription(event, facts), "cause": "requested" if "reason" in event.data else by_itself}


def consented(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        "plan": facts.plan,
        "first_charge_on": told.get("first_charge_on"),
        "amount": told_amount(told),
    }


def source_required(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, "cause": str(event.data.get("why")).replace(" ", "_")}


def invoice(event: Recorded, facts: Facts) -> Data:
    period = facts.period
    return {
        "plan": facts.plan,
        "kind": facts.invoice_kind,
        "state": event.to_state,
        "amount": amount(facts.amount),
        "period": period and {"start": period.start.isoformat(), "end": period.end.isoformat()},
    }


def payment_failed(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        **invoice(event, facts),
        "state": told.get("state"),
        "charge_id": public_id(Kind.CHARGE, UUID(told["charge"])),
        "attempt": told.get("attempt"),
        "decline_class": told.get("decline_class"),
        "response_code": told.get("response_code"),
        "next_attempt_at": instant_told(told.get("next_attempt_at")),
    }


def charge(event: Recorded, facts: Facts) -> Data:
    return {
        "charge_id": public_id(Kind.CHARGE, UUID(event.subject_id)),
        "invoice_id": facts.invoice and public_id(Kind.INVOICE, facts.invoice),
        "invoice_kind": facts.invoice_kind,
        "plan": facts.plan,
        "amount": amount(facts.amount),
        "attempt": facts.attempt,
        "state": event.to_state,
    }


def failed(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        **charge(event, facts),
        "decline_class": told.get("decline_class"),
        "response_code": told.get("response_code"),
    }


def disputed(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        **{name: value for name, value in charge(event, facts).items() if name != "state"},
        "dispute": {
            "id": told.get("dispute"),
            "status": told.get("status"),
            "amount": told_amount(told),
            "reason": told.get("reason"),
            "respond_by": instant_told(told.get("respond_by")),
        },
    }


def refund(event: Recorded, facts: Facts) -> Data:
    return {
        "charge_id": facts.charge and public_id(Kind.CHARGE, facts.charge),
        "invoice_id": facts.invoice and public_id(Kind.INVOICE, facts.invoice),
        "amount": amount(facts.amount),
        "state": event.to_state,
    }


def refund_failed(event: Recorded, facts: Facts) -> Data:
    return {**refund(event, facts), "response_code": event.data.get("response_code")}


def source(event: Recorded, _facts: Facts) -> Data:
    return {"state": event.to_state}


def revocation(event: Recorded, _facts: Facts) -> Data:
    return {"revocation": event.data.get("revocation")}


def plan(event: Recorded, _facts: Facts) -> Data:
    name = event.data.get("new") or event.data.get("name")
    return {"plan": event.subject_id, **({"name": name} if name else {})}


def price(event: Recorded, _facts: Facts) -> Data:
    return {"plan": event.subject_id, "version": event.data.get("version"), "amount": told_amount(event.data)}


def customer(_event: Recorded, _facts: Facts) -> Data:
    return {}


def endpoint(event: Recorded, _facts: Facts) -> Data:
    return {"disabled_because": event.data.get("cause")}


def amount(money: Money | None) -> Data | None:
    return {"amount": money.minor, "currency": money.currency} if money is not None else None


def told_amount(data: Mapping[str, Any]) -> Data | None:
    return {"amount": data["amount_minor"], "currency": data["currency"]} if "amount_minor" in data else None


def instant_told(told: object) -> str | None:
    return str(told).replace("+00:00", "Z") if told is not None else None
