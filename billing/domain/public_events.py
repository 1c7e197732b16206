"""What of the audit trail is told outside, under which type, and what is said with it. No personal data is.

An internal event has at most one public meaning; what has none concerns nobody outside. The types are part of the
API: one that is in use is never renamed, and what is in its ``data`` only grows. A thing has the name here that it has
in the objects of the API.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from billing.domain.days.records import DayKind
from billing.domain.public_ids import Kind, NotAnId, numbered_id, public_id, uuid_of
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


def _subscription(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, **({"state": event.to_state} if event.to_state else {})}


def _created(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan or event.data.get("plan"), "state": event.to_state}


def _renewed(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, "paid_through": event.data.get("paid_through")}


def _not_billed(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        "plan": facts.plan,
        "period": {"start": told.get("from"), "end": told.get("to")},
        "reason": told.get("reason"),
        "access": told.get("kind") == DayKind.FORGIVEN,
    }


def _scheduled(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, "cancel_at": _instant(event.data.get("cancel_at"))}


def _pause_scheduled(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, **{name: _instant(event.data.get(name)) for name in ("pause_at", "resume_at")}}


def _canceled(event: Recorded, facts: Facts) -> Data:
    # Never by the reason's words, which somebody may have typed.
    by_itself = event.data.get("cause", "payment_failed")
    return {**_subscription(event, facts), "cause": "requested" if "reason" in event.data else by_itself}


def _consented(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        "plan": facts.plan,
        "first_charge_on": told.get("first_charge_on"),
        "amount": _told_amount(told),
    }


def _source_required(event: Recorded, facts: Facts) -> Data:
    return {"plan": facts.plan, "cause": str(event.data.get("why")).replace(" ", "_")}


def _invoice(event: Recorded, facts: Facts) -> Data:
    period = facts.period
    return {
        "plan": facts.plan,
        "kind": facts.invoice_kind,
        "state": event.to_state,
        "amount": _amount(facts.amount),
        "period": period and {"start": period.start.isoformat(), "end": period.end.isoformat()},
    }


def _payment_failed(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        **_invoice(event, facts),
        "state": told.get("state"),
        "charge_id": public_id(Kind.CHARGE, UUID(told["charge"])),
        "attempt": told.get("attempt"),
        "decline_class": told.get("decline_class"),
        "response_code": told.get("response_code"),
        "next_attempt_at": _instant(told.get("next_attempt_at")),
    }


def _charge(event: Recorded, facts: Facts) -> Data:
    return {
        "charge_id": public_id(Kind.CHARGE, UUID(event.subject_id)),
        "invoice_id": facts.invoice and public_id(Kind.INVOICE, facts.invoice),
        "invoice_kind": facts.invoice_kind,
        "plan": facts.plan,
        "amount": _amount(facts.amount),
        "attempt": facts.attempt,
        "state": event.to_state,
    }


def _failed(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        **_charge(event, facts),
        "decline_class": told.get("decline_class"),
        "response_code": told.get("response_code"),
    }


def _disputed(event: Recorded, facts: Facts) -> Data:
    told = event.data
    return {
        **{name: value for name, value in _charge(event, facts).items() if name != "state"},
        "dispute": {
            "id": told.get("dispute"),
            "status": told.get("status"),
            "amount": _told_amount(told),
            "reason": told.get("reason"),
            "respond_by": _instant(told.get("respond_by")),
        },
    }


def _refund(event: Recorded, facts: Facts) -> Data:
    return {
        "charge_id": facts.charge and public_id(Kind.CHARGE, facts.charge),
        "invoice_id": facts.invoice and public_id(Kind.INVOICE, facts.invoice),
        "amount": _amount(facts.amount),
        "state": event.to_state,
    }


def _refund_failed(event: Recorded, facts: Facts) -> Data:
    return {**_refund(event, facts), "response_code": event.data.get("response_code")}


def _source(event: Recorded, _facts: Facts) -> Data:
    return {"state": event.to_state}


def _revocation(event: Recorded, _facts: Facts) -> Data:
    return {"revocation": event.data.get("revocation")}


def _plan(event: Recorded, _facts: Facts) -> Data:
    name = event.data.get("new") or event.data.get("name")
    return {"plan": event.subject_id, **({"name": name} if name else {})}


def _price(event: Recorded, _facts: Facts) -> Data:
    return {"plan": event.subject_id, "version": event.data.get("version"), "amount": _told_amount(event.data)}


def _customer(_event: Recorded, _facts: Facts) -> Data:
    return {}


def _endpoint(event: Recorded, _facts: Facts) -> Data:
    return {"disabled_because": event.data.get("cause")}


TEST_TYPE: Final = "webhook_endpoint.test"
_FAILED: Final = Public(
    "charge.failed", "The wallet did not pay: the attempt was declined, refused, canceled, or expired.", _failed
)
PUBLIC: Final[Mapping[str, Public]] = {
    "subscription.created": Public(
        "subscription.created", "An enrolment began; the subscriber has not paid yet.", _created
    ),
    "subscription.activated": Public(
        "subscription.activated", "The first payment was captured: let the subscriber in.", _subscription
    ),
    "subscription.trial_started": Public(
        "subscription.trial_started", "The agreement for a trial was made: let the subscriber in.", _subscription
    ),
    "subscription.enrolment_expired": Public(
        "subscription.enrolment_expired", "The subscriber did not pay in time.", _subscription
    ),
    "subscription.renewed": Public(
        "subscription.renewed", "The next period is paid; `paid_through` is the first day that is not.", _renewed
    ),
    "subscription.not_billed": Public(
        "subscription.not_billed",
        "Days that nobody is billed for. `reason` is outage, paused or no_access; `access` says whether they could be "
        "used all the same.",
        _not_billed,
    ),
    "subscription.fell_past_due": Public(
        "subscription.past_due", "A renewal failed and is tried again on the following days.", _subscription
    ),
    "subscription.recovered": Public(
        "subscription.recovered", "What was owed is paid: the subscription is active again.", _subscription
    ),
    "subscription.forgiven": Public(
        "subscription.forgiven", "What was owed is not owed any more: the subscription is active again.", _subscription
    ),
    "subscription.dunning_exhausted": Public(
        "subscription.unpaid", "The last retry failed; nothing more is tried.", _subscription
    ),
    "subscription.re_enrolment_requested": Public(
        "subscription.source_required",
        "The KakaoPay agreement cannot be charged any more: send the subscriber to make a new one.",
        _source_required,
    ),
    "subscription.consented": Public(
        "subscription.consented", "The subscriber agreed to be charged when the trial ends.", _consented
    ),
    "subscription.paused": Public("subscription.paused", "Nothing is charged until it is resumed.", _subscription),
    "subscription.pause_scheduled": Public(
        "subscription.pause_scheduled",
        "It will be paused at `pause_at`; `resume_at` is null when it is to be resumed by hand.",
        _pause_scheduled,
    ),
    "subscription.pause_undone": Public("subscription.pause_undone", "It is not paused after all.", _subscription),
    "subscription.resumed": Public("subscription.resumed", "It is charged again.", _subscription),
    "subscription.resumed_in_arrears": Public(
        "subscription.resumed", "It is charged again, beginning with what is owed.", _subscription
    ),
    "subscription.cancel_scheduled": Public(
        "subscription.cancel_scheduled",
        "It will end at `cancel_at`; what is due before is still charged.",
        _scheduled,
    ),
    "subscription.cancel_undone": Public("subscription.cancel_undone", "It goes on after all.", _subscription),
    "subscription.canceled": Public(
        "subscription.canceled", "It has ended. `cause` is requested, no_consent or payment_failed.", _canceled
    ),
    "invoice.issued": Public("invoice.issued", "A period came due; it is charged next.", _invoice),
    "invoice.payment_failed": Public(
        "invoice.payment_failed",
        "An attempt to take an invoice's amount failed. `next_attempt_at` is null when the failure plans no other.",
        _payment_failed,
    ),
    "invoice.paid": Public("invoice.paid", "An invoice is paid.", _invoice),
    "invoice.voided": Public("invoice.voided", "An invoice is not owed any more.", _invoice),
    "invoice.written_off": Public("invoice.uncollectible", "An invoice is given up.", _invoice),
    "charge.declined": _FAILED,
    "charge.refused": _FAILED,
    "charge.expired": _FAILED,
    "charge.canceled": _FAILED,
    "charge.settled": _FAILED,
    "charge.outcome_unknown": Public(
        "charge.unknown", "The gateway's answer was lost; it is looked up, and never sent again blindly.", _charge
    ),
    "charge.captured": Public("charge.captured", "The wallet paid.", _charge),
    "charge.disputed": Public(
        "charge.disputed",
        "The payer asks for the money back past you. Answer by `respond_by` in Checkout.com's dashboard; until it is "
        "decided nothing of the charge is refunded, and access stays as it is.",
        _disputed,
    ),
    "charge.dispute_updated": Public(
        "charge.dispute_updated", "A dispute that is not decided went a step further.", _disputed
    ),
    "charge.dispute_won": Public("charge.dispute_won", "The disputed money stays yours.", _disputed),
    "charge.dispute_lost": Public(
        "charge.dispute_lost", "The disputed money went back to the payer by chargeback.", _disputed
    ),
    "refund.created": Public("refund.created", "A refund was ordered.", _refund),
    "refund.refunded": Public("refund.succeeded", "The money was given back.", _refund),
    "refund.declined": Public("refund.failed", "The wallet did not take the refund.", _refund_failed),
    "refund.refused": Public("refund.failed", "The gateway did not take the refund.", _refund_failed),
    # How a person gave the money back, and why, are words that somebody typed: they are not told.
    "refund_obligation.created": Public(
        "refund_obligation.created", "A payment must go back: it paid nothing, or only made an agreement.", _refund
    ),
    "refund_obligation.parked": Public(
        "refund_obligation.parked", "A payment must go back, and a person must see to it.", _refund
    ),
    "refund_obligation.refunded": Public("refund_obligation.refunded", "What had to go back was refunded.", _refund),
    "refund_obligation.settled": Public(
        "refund_obligation.settled", "What had to go back went back by other means, as a person said.", _refund
    ),
    "source.confirmed": Public("source.activated", "A KakaoPay agreement may be charged.", _source),
    "source.revoked": Public("source.revoked", "A KakaoPay agreement is never charged again.", _source),
    "source.revocation_confirmed": Public(
        "source.revocation_confirmed",
        "Checkout.com revoked a KakaoPay agreement too, or no longer knows it.",
        _revocation,
    ),
    "source.revocation_parked": Public(
        "source.revocation_parked",
        "Checkout.com did not confirm for days that a KakaoPay agreement is revoked; a person has to look at it.",
        _revocation,
    ),
    "source.replaced": Public("source.replaced", "A newer KakaoPay agreement took its place.", _source),
    "plan.created": Public("plan.created", "A plan went on sale.", _plan),
    "plan.renamed": Public("plan.renamed", "A plan has another name.", _plan),
    "plan.archived": Public("plan.archived", "A plan is not sold any more; who has it keeps it.", _plan),
    "plan.paused": Public("plan.paused", "Nobody on the plan is renewed or charged.", _plan),
    "plan.resumed": Public("plan.resumed", "The plan is renewed and charged again.", _plan),
    "price.created": Public("price.created", "A plan has a new version of its price, for new subscribers.", _price),
    "customer.created": Public("customer.created", "A customer became known.", _customer),
    "customer.updated": Public("customer.updated", "A customer's details changed.", _customer),
    "customer.erased": Public("customer.erased", "A customer's personal data was erased.", _customer),
    "webhook_endpoint.disabled": Public(
        "webhook_endpoint.disabled",
        "An endpoint is sent nothing any more. `disabled_because` is requested, failing after days without an answer, "
        "or gone when it answered 410.",
        _endpoint,
    ),
    "webhook_endpoint.tested": Public(TEST_TYPE, "Nothing happened: somebody tries out an endpoint.", _customer),
}
"""By internal type. A type that is not here is internal."""
PUBLIC_TYPES: Final = tuple(dict.fromkeys(public.type for public in PUBLIC.values()))
"""Every public type, in the order of the documentation."""
_PLAN_CODE: Final = re.compile(r"[a-z][a-z0-9-]{0,49}")
_KINDS: Final = {
    "subscription": Kind.SUBSCRIPTION,
    "invoice": Kind.INVOICE,
    "charge": Kind.CHARGE,
    "refund": Kind.REFUND,
    "refund_obligation": Kind.REFUND_OBLIGATION,
    "source": Kind.SOURCE,
    "customer": Kind.CUSTOMER,
    "webhook_endpoint": Kind.WEBHOOK_ENDPOINT,
}


def meaning_of(type_: str, to_state: str | None) -> Public | None:
    """Return what an internal event means outside, or None."""
    if type_ == "refund.created" and to_state == "refunded":
        return PUBLIC["refund.refunded"]  # made past us, in the gateway's dashboard: done when it is first heard of
    return PUBLIC.get(type_)


def internal_types(public_types: Collection[str] = PUBLIC_TYPES) -> frozenset[str]:
    """Return the internal types that may mean one of these public ones."""
    found = {name for name, public in PUBLIC.items() if public.type in public_types}
    return frozenset(found | {"refund.created"} if "refund.succeeded" in public_types else found)


def public_event(event: Recorded, facts: Facts) -> dict[str, object] | None:
    """Return the event as it is told outside, or None when it is internal."""
    meaning = meaning_of(event.type, event.to_state)
    if meaning is None:
        return None
    owner = event.subscription_id
    return {
        "object": "event",
        "id": numbered_id(Kind.EVENT, event.id),
        "type": meaning.type,
        "created_at": _instant(event.at.isoformat()),
        "sequence": event.sequence,
        "subject": {"object": event.subject_type, "id": _subject_id(event)},
        "subscription_id": owner and public_id(Kind.SUBSCRIPTION, owner),
        "customer_id": facts.customer and public_id(Kind.CUSTOMER, facts.customer),
        "data": meaning.data(event, facts),
    }


def wants(patterns: Collection[str], type_: str) -> bool:
    """Say whether a public type is among those asked for: whole types, ``invoice.*``, or ``*``; none means all."""
    group = type_.split(".", 1)[0]
    return not patterns or not {"*", f"{group}.*", type_}.isdisjoint(patterns)


def unknown_patterns(patterns: Collection[str]) -> list[str]:
    """Return those patterns that no public type can match."""
    return [each for each in patterns if not any(wants([each], type_) for type_ in PUBLIC_TYPES)]


def subject_of(told: str) -> tuple[str, str]:
    """Return type and internal id of a subject by its public id; a plan's is its code.

    :raises NotAnId: it is the id of nothing that events are about.
    """
    for name, kind in _KINDS.items():
        if told.startswith(f"{kind}_"):
            return name, str(uuid_of(kind, told))
    if not _PLAN_CODE.fullmatch(told):
        raise NotAnId("must be an id such as sub_…, inv_… or ch_…, or the code of a plan")
    return "plan", told


def _subject_id(event: Recorded) -> str:
    kind = _KINDS.get(event.subject_type)
    return event.subject_id if kind is None else public_id(kind, UUID(event.subject_id))


def _amount(money: Money | None) -> Data | None:
    return {"amount": money.minor, "currency": money.currency} if money is not None else None


def _told_amount(data: Mapping[str, Any]) -> Data | None:
    return {"amount": data["amount_minor"], "currency": data["currency"]} if "amount_minor" in data else None


def _instant(told: object) -> str | None:
    return str(told).replace("+00:00", "Z") if told is not None else None
