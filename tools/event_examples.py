"""An example of each event: rows of an audit trail, told by the code that tells the real ones."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from billing.domain.public_data import Facts, Recorded
from billing.domain.public_events import PUBLIC, meaning_of, public_event
from plans.calendar import Period
from plans.money import Money

AT: Final = datetime(2027, 3, 1, 1, 12, 30, tzinfo=UTC)
PRICE: Final = {"amount_minor": 9900, "currency": "KRW"}
DISPUTE: Final = {
    "dispute": "dsp_bc94ebda8d275i461229",
    "reason": "general",
    "respond_by": "2027-03-11T00:00:00+00:00",
    **PRICE,
}
REACHED: Final = {
    "subscription.created": "incomplete",
    "subscription.activated": "active",
    "subscription.trial_started": "trialing",
    "subscription.enrolment_expired": "incomplete_expired",
    "subscription.fell_past_due": "past_due",
    "subscription.recovered": "active",
    "subscription.forgiven": "active",
    "subscription.dunning_exhausted": "unpaid",
    "subscription.paused": "paused",
    "subscription.resumed": "active",
    "subscription.resumed_in_arrears": "past_due",
    "subscription.canceled": "canceled",
    "invoice.issued": "open",
    "invoice.paid": "paid",
    "invoice.voided": "void",
    "invoice.written_off": "uncollectible",
    "charge.declined": "declined",
    "charge.refused": "refused",
    "charge.expired": "expired",
    "charge.canceled": "canceled",
    "charge.settled": "expired",
    "charge.outcome_unknown": "unknown",
    "charge.captured": "captured",
    "refund.created": "requested",
    "refund.refunded": "refunded",
    "refund.declined": "declined",
    "refund.refused": "refused",
    "refund.settled": "declined",
    "refund_obligation.created": "owed",
    "refund_obligation.parked": "parked",
    "refund_obligation.refunded": "refunded",
    "refund_obligation.settled": "settled",
    "source.confirmed": "active",
    "source.revoked": "revoked",
    "source.replaced": "replaced",
}
DATA: Final[dict[str, dict[str, object]]] = {
    "source.revocation_confirmed": {"revocation": "confirmed", "how": "revoked", "tries": 1},
    "source.revocation_settled": {"revocation": "confirmed", "reason": "cut in KakaoTalk"},
    "source.revocation_parked": {"revocation": "parked", "error": "HTTP 403", "tries": 10},
    "subscription.renewed": {"paid_through": "2027-04-01"},
    "subscription.not_billed": {"from": "2027-04-01", "to": "2027-05-01", "kind": "forgiven", "reason": "outage"},
    "subscription.re_enrolment_requested": {"why": "agreement_gone"},
    "subscription.consented": {"first_charge_on": "2027-03-20", **PRICE},
    "subscription.cancel_scheduled": {"cancel_at": "2027-03-31T15:00:00+00:00", "reason": "enough"},
    "subscription.pause_scheduled": {"pause_at": "2027-03-31T15:00:00+00:00", "resume_at": "2027-05-31T15:00:00+00:00"},
    "subscription.canceled": {"reason": "enough"},
    "invoice.payment_failed": {
        "state": "open",
        "charge": str(uuid5(NAMESPACE_URL, "https://example.com/charge")),
        "attempt": 1,
        "decline_class": "retry_later",
        "response_code": "20051",
        "next_attempt_at": "2027-03-02T01:12:30+00:00",
    },
    "charge.declined": {"decline_class": "retry_later", "response_code": "20051"},
    "charge.disputed": {**DISPUTE, "status": "dispute_received"},
    "charge.dispute_updated": {**DISPUTE, "status": "dispute_evidence_required"},
    "charge.dispute_won": {**DISPUTE, "status": "dispute_won"},
    "charge.dispute_lost": {**DISPUTE, "status": "dispute_lost"},
    "refund.declined": {"response_code": "20068"},
    "plan.created": {"name": "Basic"},
    "plan.renamed": {"old": "Basic", "new": "Basic plus"},
    "price.created": {"version": 2, **PRICE},
    "webhook_endpoint.disabled": {"cause": "failing"},
}
_WITHOUT_OWNER: Final = ("plan", "price", "customer", "webhook_endpoint")


def example_ids(what: str) -> UUID:
    """Return an id that is the same in every printing of the documentation."""
    return uuid5(NAMESPACE_URL, f"https://example.com/{what}")


def example_of(type_: str) -> dict[str, object]:
    """Return how an internal event is told."""
    subject, _, _ = type_.partition(".")
    if subject == "price":
        subject = "plan"
    owned = subject not in _WITHOUT_OWNER
    event = Recorded(
        id=4711,
        at=AT,
        subject_type=subject,
        subject_id="basic" if subject == "plan" else str(example_ids(subject)),
        sequence=3,
        subscription_id=example_ids("subscription") if owned else None,
        type=type_,
        to_state=REACHED.get(type_),
        data=DATA.get(type_, {}),
    )
    told = public_event(event, _facts(subject) if owned or subject == "customer" else Facts())
    if told is None:
        raise AssertionError(f"{type_} is internal")
    return told


def examples() -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield each public type with its sentence and an example, once."""
    seen = set()
    for type_ in PUBLIC:
        meaning = meaning_of(type_, None)
        if meaning is not None and meaning.type not in seen:
            seen.add(meaning.type)
            yield meaning.type, meaning.says, example_of(type_)


def _facts(subject: str) -> Facts:
    customer = example_ids("customer")
    if subject == "customer":
        return Facts(customer=customer)
    if subject in ("subscription", "source"):
        return Facts(customer=customer, plan="basic")
    return Facts(
        customer=customer,
        plan="basic",
        invoice=example_ids("invoice"),
        invoice_kind="renewal",
        period=Period(date(2027, 3, 1), date(2027, 4, 1)),
        charge=example_ids("charge"),
        attempt=1,
        amount=Money(9900, "KRW"),
    )
