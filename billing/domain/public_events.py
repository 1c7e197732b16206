"""What of the audit trail is told outside, under which type, and what is said with it. No personal data is.

An internal event has at most one public meaning. The types are part of the
API: one that is in use is never renamed, and what is in its ``data`` only grows. A thing has the name here that it has
in the objects of the API.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from billing.domain import public_data as data_of
from billing.domain.public_data import Facts, Public, Recorded
from billing.domain.public_ids import Kind, NotAnId, numbered_id, public_id, uuid_of

TEST_TYPE: Final = "webhook_endpoint.test"
_FAILED: Final = Public(
    "charge.failed", "The wallet did not pay: the attempt was declined, refused, canceled, or expired.", data_of.failed
)
PUBLIC: Final[Mapping[str, Public]] = {
    "subscription.created": Public(
        "subscription.created", "An enrolment began; the subscriber has not paid yet.", data_of.created
    ),
    "subscription.activated": Public(
        "subscription.activated", "The first payment was captured: let the subscriber in.", data_of.subscription
    ),
    "subscription.trial_started": Public(
        "subscription.trial_started", "The agreement for a trial was made: let the subscriber in.", data_of.subscription
    ),
    "subscription.enrolment_expired": Public(
        "subscription.enrolment_expired", "The subscriber did not pay in time.", data_of.subscription
    ),
    "subscription.renewed": Public(
        "subscription.renewed", "The next period is paid; `paid_through` is the first day that is not.", data_of.renewed
    ),
    "subscription.not_billed": Public(
        "subscription.not_billed",
        "Days that nobody is billed for. `reason` is outage, paused, no_access or not_due; `access` says whether they "
        "could be used all the same.",
        data_of.not_billed,
    ),
    "subscription.fell_past_due": Public(
        "subscription.past_due", "A renewal failed and is tried again on the following days.", data_of.subscription
    ),
    "subscription.recovered": Public(
        "subscription.recovered", "What was owed is paid: the subscription is active again.", data_of.subscription
    ),
    "subscription.forgiven": Public(
        "subscription.forgiven",
        "What was owed is not owed any more: the subscription is active again.",
        data_of.subscription,
    ),
    "subscription.dunning_exhausted": Public(
        "subscription.unpaid", "The last retry failed; nothing more is tried.", data_of.subscription
    ),
    "subscription.re_enrolment_requested": Public(
        "subscription.source_required",
        "The KakaoPay agreement cannot be charged any more: send the subscriber to make a new one.",
        data_of.source_required,
    ),
    "subscription.consented": Public(
        "subscription.consented", "The subscriber agreed to be charged when the trial ends.", data_of.consented
    ),
    "subscription.paused": Public(
        "subscription.paused", "Nothing is charged until it is resumed.", data_of.subscription
    ),
    "subscription.pause_scheduled": Public(
        "subscription.pause_scheduled",
        "It will be paused at `pause_at`; `resume_at` is null when it is to be resumed by hand.",
        data_of.pause_scheduled,
    ),
    "subscription.pause_undone": Public(
        "subscription.pause_undone", "It is not paused after all.", data_of.subscription
    ),
    "subscription.resumed": Public("subscription.resumed", "It is charged again.", data_of.subscription),
    "subscription.resumed_in_arrears": Public(
        "subscription.resumed", "It is charged again, beginning with what is owed.", data_of.subscription
    ),
    "subscription.cancel_scheduled": Public(
        "subscription.cancel_scheduled",
        "It will end at `cancel_at`; what is due before is still charged.",
        data_of.scheduled,
    ),
    "subscription.cancel_undone": Public("subscription.cancel_undone", "It goes on after all.", data_of.subscription),
    "subscription.canceled": Public(
        "subscription.canceled", "It has ended. `cause` is requested, no_consent or payment_failed.", data_of.canceled
    ),
    "invoice.issued": Public("invoice.issued", "A period came due; it is charged next.", data_of.invoice),
    "invoice.payment_failed": Public(
        "invoice.payment_failed",
        "An attempt to take an invoice's amount failed. `next_attempt_at` is null when the failure plans no other.",
        data_of.payment_failed,
    ),
    "invoice.paid": Public("invoice.paid", "An invoice is paid.", data_of.invoice),
    "invoice.voided": Public("invoice.voided", "An invoice is not owed any more.", data_of.invoice),
    "invoice.written_off": Public("invoice.uncollectible", "An invoice is given up.", data_of.invoice),
    "charge.declined": _FAILED,
    "charge.refused": _FAILED,
    "charge.expired": _FAILED,
    "charge.canceled": _FAILED,
    "charge.settled": _FAILED,
    "charge.outcome_unknown": Public(
        "charge.unknown",
        "The gateway's answer was lost; it is looked up, and never sent again blindly.",
        data_of.charge,
    ),
    "charge.captured": Public("charge.captured", "The wallet paid.", data_of.charge),
    "charge.disputed": Public(
        "charge.disputed",
        "The payer asks for the money back past you. Answer by `respond_by` in Checkout.com's dashboard; until it is "
        "decided nothing of the charge is refunded, and access stays as it is.",
        data_of.disputed,
    ),
    "charge.dispute_updated": Public(
        "charge.dispute_updated", "A dispute that is not decided went a step further.", data_of.disputed
    ),
    "charge.dispute_won": Public("charge.dispute_won", "The disputed money stays yours.", data_of.disputed),
    "charge.dispute_lost": Public(
        "charge.dispute_lost", "The disputed money went back to the payer by chargeback.", data_of.disputed
    ),
    "refund.created": Public("refund.created", "A refund was ordered.", data_of.refund),
    "refund.refunded": Public("refund.succeeded", "The money was given back.", data_of.refund),
    "refund.declined": Public("refund.failed", "The wallet did not take the refund.", data_of.refund_failed),
    "refund.refused": Public("refund.failed", "The gateway did not take the refund.", data_of.refund_failed),
    "refund.settled": Public("refund.failed", "A person said that the refund failed.", data_of.refund_failed),
    # How a person gave the money back, and why, are words that somebody typed: they are not told.
    "refund_obligation.created": Public(
        "refund_obligation.created",
        "A payment must go back: it paid nothing, or only made an agreement.",
        data_of.refund,
    ),
    "refund_obligation.parked": Public(
        "refund_obligation.parked", "A payment must go back, and a person must see to it.", data_of.refund
    ),
    "refund_obligation.refunded": Public(
        "refund_obligation.refunded", "What had to go back was refunded.", data_of.refund
    ),
    "refund_obligation.settled": Public(
        "refund_obligation.settled", "What had to go back went back by other means, as a person said.", data_of.refund
    ),
    "source.confirmed": Public("source.activated", "A KakaoPay agreement may be charged.", data_of.source),
    "source.revoked": Public("source.revoked", "A KakaoPay agreement is never charged again.", data_of.source),
    "source.revocation_confirmed": Public(
        "source.revocation_confirmed",
        "Checkout.com revoked a KakaoPay agreement too, or no longer knows it.",
        data_of.revocation,
    ),
    "source.revocation_settled": Public(
        "source.revocation_settled",
        "A person said that a KakaoPay agreement has ended, though Checkout.com did not confirm it.",
        data_of.revocation,
    ),
    "source.revocation_parked": Public(
        "source.revocation_parked",
        "Checkout.com did not confirm for days that a KakaoPay agreement is revoked; a person has to look at it.",
        data_of.revocation,
    ),
    "source.replaced": Public("source.replaced", "A newer KakaoPay agreement took its place.", data_of.source),
    "plan.created": Public("plan.created", "A plan went on sale.", data_of.plan),
    "plan.renamed": Public("plan.renamed", "A plan has another name.", data_of.plan),
    "plan.archived": Public("plan.archived", "A plan is not sold any more; who has it keeps it.", data_of.plan),
    "plan.paused": Public("plan.paused", "Nobody on the plan is renewed or charged.", data_of.plan),
    "plan.resumed": Public("plan.resumed", "The plan is renewed and charged again.", data_of.plan),
    "price.created": Public(
        "price.created", "A plan has a new version of its price, for new subscribers.", data_of.price
    ),
    "customer.created": Public("customer.created", "A customer became known.", data_of.customer),
    "customer.updated": Public("customer.updated", "A customer's details changed.", data_of.customer),
    "customer.erased": Public("customer.erased", "A customer's personal data was erased.", data_of.customer),
    "webhook_endpoint.disabled": Public(
        "webhook_endpoint.disabled",
        "An endpoint is sent nothing any more. `disabled_because` is requested, failing after days without an answer, "
        "or gone when it answered 410.",
        data_of.endpoint,
    ),
    "webhook_endpoint.tested": Public(TEST_TYPE, "Nothing happened: somebody tries out an endpoint.", data_of.customer),
}
"""By internal type. Each :class:`~billing.domain.event_types.EventType` is either here or in :data:`INTERNAL`."""
INTERNAL: Final = frozenset(
    {
        # Set aside for a person, and taken up again: the operator's business.
        "subscription.parked",
        "subscription.released",
        "charge.parked",
        "charge.released",
        "refund.parked",
        "refund.released",
        "refund_obligation.released",
        "refund_obligation.hastened",
        "payment.released",
        "webhook.released",
        "webhook.ignored",
        "invoice.finding_settled",
        # Steps on the way; what they lead to is told.
        "charge.started",
        "charge.accepted",
        "charge.resent",
        "charge.late_truth",
        "charge.mismatch",
        "refund.sent",
        "refund.accepted",
        "refund.outcome_unknown",
        "refund.resent",
        "refund_obligation.tried",
        "refund_obligation.try_failed",
        "dunning.exhausted",
        "invoice.period_moved",
        "source.created",
        "source.discarded",
        "source.suspected",
        "source.revocation_requested",
        "source.revocation_withdrawn",
        "source.revocation_released",
        "subscription.periods_missed",
        # Of payments that belong to no charge.
        "payment.stray",
        "payment.detached",
        # Of endpoints and of the installation: whoever runs the engine did it.
        "webhook_endpoint.created",
        "webhook_endpoint.updated",
        "webhook_endpoint.enabled",
        "webhook_endpoint.deleted",
        "webhook_endpoint.secret_rotated",
        "webhook_endpoint.secret_redrawn",
        "installation.charging_stopped",
        "installation.charging_allowed",
        "installation.charging_held",
        "installation.doubted",
    }
)
"""What concerns nobody outside."""
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
        "created_at": data_of.instant_told(event.at.isoformat()),
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
