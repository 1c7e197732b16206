"""Puts what happened into sentences for somebody who answers a subscriber's question."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo

from billing.domain.cases import ChargeKind, InvoiceKind
from billing.domain.decline_classes import meaning_of_class
from billing.domain.declines import REJECTED_BY_THE_SUBSCRIBER
from billing.domain.event_types import EventType
from billing.store.fixed_sentences import PLAIN
from billing.store.report_log import EventRow
from billing.store.reports import ChargeRow, SubscriptionRow
from billing.store.tellings import Story, Telling, Tone
from plans.calendar import Interval
from plans.money import Money

_REJECTED: Final = "the subscriber rejected it in the wallet, with which nothing is wrong"


def moment(instant: datetime, zone: str) -> str:
    """Write an instant in a zone: ``2027-03-01 10:00 KST``."""
    try:
        place: tzinfo = ZoneInfo(zone)
    except (KeyError, ValueError):  # a row that was damaged must still be readable
        place = UTC
    return f"{instant.astimezone(place):%Y-%m-%d %H:%M %Z}"


def days(start: date, end: date) -> str:
    """Write a period with an exclusive end by its first and last day."""
    return f"{start} to {end - timedelta(days=1)}"


def price_of(row: SubscriptionRow) -> str:
    """Write a subscription's price: ``₩9,900 every month``."""
    return f"{Money(row.amount_minor, row.currency)} {Interval(row.interval_unit, row.interval_count)}"


def tell(event: EventRow, story: Story) -> Telling:
    """Return how an event strikes the eye and what it says. One that is not known is named as it is."""
    if event.type in PLAIN:
        return PLAIN[event.type]
    teller = TELLERS.get(event.type)
    if teller is not None:
        return teller(event, story)
    data = ", ".join(f"{name} {value}" for name, value in event.data.items())
    moved = f" ({event.from_state} → {event.to_state})" if event.to_state else ""
    return Tone.PLAIN, f"{event.type}{moved}{': ' + data if data else ''}"


def _created(_event: EventRow, story: Story) -> Telling:
    row = story.subscription
    return Tone.PLAIN, f"Enrolled on plan {row.plan_code}, price version {row.price_version}: {price_of(row)}."


def _consented(event: EventRow, _story: Story) -> Telling:
    day = event.data.get("first_charge_on")
    return Tone.GOOD, f"The subscriber agreed to be charged {_amount(event.data)} from {day} on, when the trial ends."


def _canceled(event: EventRow, story: Story) -> Telling:
    why = event.data.get("reason") or story.subscription.cancel_reason
    return Tone.BAD, f"The subscription ended{': ' + str(why) if why else ''}."


def _cancel_scheduled(event: EventRow, story: Story) -> Telling:
    at = moment(datetime.fromisoformat(event.data["cancel_at"]), story.zone)
    last = "" if event.data.get("when") == "date" else ", with the paid period"
    return Tone.WARNING, f"It will end on {at}{last}: {event.data.get('reason') or 'no reason given'}."


def _pause_scheduled(event: EventRow, story: Story) -> Telling:
    at, until = (event.data.get(name) for name in ("pause_at", "resume_at"))
    ends = f", until {moment(datetime.fromisoformat(until), story.zone)}" if until else ""
    return Tone.WARNING, f"It will be paused on {moment(datetime.fromisoformat(str(at)), story.zone)}{ends}."


def _set_aside(event: EventRow, _story: Story) -> Telling:
    why = event.data.get("reason") or event.data.get("error") or "no reason given"
    return Tone.BAD, f"The {event.subject_type} was parked for a person to look at: {why}."


def _settled(event: EventRow, _story: Story) -> Telling:
    return Tone.WARNING, f"It had no outcome, and counts as failed: {event.data.get('error') or 'settled by hand'}."


def _released(event: EventRow, _story: Story) -> Telling:
    return Tone.PLAIN, f"The {event.subject_type} was released: {event.data.get('reason') or 'no reason given'}."


def _missed(event: EventRow, _story: Story) -> Telling:
    start, end = (date.fromisoformat(event.data[key]) for key in ("from", "to"))
    number = event.data["count"]
    noun = "1 period" if number == 1 else f"{number} periods"
    return Tone.WARNING, f"{noun} passed unbilled and will not be charged: {days(start, end)}."


def _not_billed(event: EventRow, _story: Story) -> Telling:
    start, end = (date.fromisoformat(event.data[key]) for key in ("from", "to"))
    access = "could be used all the same" if event.data["kind"] == "forgiven" else "gave no access"
    return (
        Tone.WARNING,
        f"{days(start, end)} will not be charged ({_UNBILLED[event.data['reason']]}): the days {access}.",
    )


_UNBILLED: Final = {
    "outage": "an outage, a stop, or a paused plan",
    "paused": "the subscription was paused",
    "no_access": "a debt was open beyond its period",
}


def _finding_settled(event: EventRow, _story: Story) -> Telling:
    return Tone.QUIET, f"What verify's rule {event.data['rule']} found is settled: {event.data['reason']}."


def _moved(event: EventRow, _story: Story) -> Telling:
    start, end = (date.fromisoformat(event.data[key]) for key in ("period_start", "period_end"))
    return Tone.QUIET, f"The payment is for {days(start, end)}: its period begins on the day it was captured."


def _renewed(event: EventRow, _story: Story) -> Telling:
    return Tone.QUIET, f"Renewed: paid up to {event.data.get('paid_through')}, that day not included."


def _re_enrolment(event: EventRow, _story: Story) -> Telling:
    word = str(event.data.get("why"))
    why = meaning_of_class(word) or word
    return Tone.BAD, f"The subscriber must make a new KakaoPay agreement: {why}."


def _issued(event: EventRow, _story: Story) -> Telling:
    if event.data.get("kind") == InvoiceKind.AGREEMENT:
        return Tone.PLAIN, f"Invoice of {_amount(event.data)}, which only makes the agreement and is given back."
    start, end = (date.fromisoformat(event.data[key]) for key in ("period_start", "period_end"))
    return Tone.PLAIN, f"Invoice of {_amount(event.data)} for {days(start, end)}."


def _paid(event: EventRow, story: Story) -> Telling:
    of = next((row for row in story.charges.values() if str(row.invoice_id) == event.subject_id), None)
    return (
        Tone.GOOD,
        f"The invoice for {days(of.period_start, of.period_end)} is paid." if of else "An invoice is paid.",
    )


def _voided(event: EventRow, _story: Story) -> Telling:
    return Tone.QUIET, f"The invoice was voided: {event.data.get('reason') or 'nothing is owed for it'}."


def _written_off(event: EventRow, _story: Story) -> Telling:
    why = event.data.get("reason")
    return Tone.BAD, f"The invoice was written off{': ' + str(why) if why else ''}."


def _started(event: EventRow, story: Story) -> Telling:
    row = story.charges.get(event.subject_id)
    if row is None:
        return Tone.PLAIN, f"Attempt {event.data.get('attempt_no')} to charge {_amount(event.data)}."
    return Tone.PLAIN, f"Attempt {row.attempt_no} to charge {_amount(event.data)} {occasion(row)}."


def occasion(row: ChargeRow) -> str:
    """Say what a charge is for and who set it off."""
    if row.invoice_kind is InvoiceKind.AGREEMENT:
        return "to make the KakaoPay agreement; it is given back at once"
    period = days(row.period_start, row.period_end)
    match row.kind:
        case ChargeKind.FIRST:
            return f"for {period}: the first payment, with the subscriber in the wallet"
        case ChargeKind.RE_ENROLMENT:
            return f"for {period}, with the subscriber in the wallet to make a new agreement"
        case ChargeKind.RENEWAL:
            return f"for {period}: {'an automatic renewal' if row.automatic else 'a retry that a person asked for'}"
        case _:
            assert_never(row.kind)


def _accepted(event: EventRow, story: Story) -> Telling:
    row = story.charges.get(event.subject_id)
    if row is not None and row.kind is not ChargeKind.RENEWAL:
        return Tone.QUIET, "The link to the wallet was made; now the subscriber has to agree."
    return Tone.QUIET, "Checkout.com took it; the wallet has not answered yet."


def _captured(event: EventRow, story: Story) -> Telling:
    row = story.charges.get(event.subject_id)
    if row is None:
        return Tone.GOOD, "It was captured."
    return Tone.GOOD, f"{Money(row.amount_minor, row.currency)} was captured ({row.gateway_payment_id})."


def _failed(event: EventRow, story: Story) -> Telling:
    word = "Declined by the wallet" if event.type == "charge.declined" else "It failed before the wallet saw it"
    told = [word, decline(event.data.get("response_code"), event.data.get("decline_class"), event.data.get("error"))]
    row = story.charges.get(event.subject_id)
    next_try = what_follows(row, list(story.charges.values())) if row is not None else None
    return Tone.BAD, ". ".join(filter(None, [" ".join(filter(None, told)), next_try])) + "."


def decline(code: str | None, decline_class: str | None, error: str | None) -> str:
    """Write why a charge failed: the code, its class and what that means."""
    meaning = _REJECTED if code in REJECTED_BY_THE_SUBSCRIBER else meaning_of_class(decline_class) or "no meaning known"
    words = f"{decline_class}: {meaning}" if decline_class else None
    inside = "; ".join(filter(None, [f"code {code}" if code else None, words, error]))
    return f"({inside})" if inside else ""


def what_follows(row: ChargeRow, charges: list[ChargeRow]) -> str | None:
    """Say when the invoice of a failed charge is tried again, or what else becomes of it."""
    later = [each for each in charges if each.invoice_id == row.invoice_id and each.attempt_no > row.attempt_no]
    if later:
        after = min(later, key=lambda each: each.attempt_no)
        return f"Tried again on {moment(after.created_at, row.zone)}"
    if row.invoice_state.value != "open":
        return None
    if row.next_attempt_at is not None:
        return f"Next try on {moment(row.next_attempt_at, row.zone)}"
    if row.give_up_at is not None:
        return f"No further try; it is given up on {moment(row.give_up_at, row.zone)} unless a new agreement is made"
    return None


def _late(event: EventRow, _story: Story) -> Telling:
    return Tone.WARNING, f"The gateway told late that it was captured after all; it had been {event.data.get('was')}."


def _mismatch(event: EventRow, _story: Story) -> Telling:
    return Tone.BAD, f"The gateway's payment is not what was asked for: {event.data.get('difference')}."


def _exhausted(event: EventRow, _story: Story) -> Telling:
    return Tone.BAD, f"There are no retries left; the configured end is “{event.data.get('end')}”."


def _stray(event: EventRow, _story: Story) -> Telling:
    return Tone.BAD, f"A second payment was found at the gateway: {event.subject_id}, {event.data.get('status')}."


def _detached(event: EventRow, _story: Story) -> Telling:
    return Tone.WARNING, f"Payment {event.subject_id} no longer counts for the charge: {event.data.get('resolution')}."


def _source_created(_event: EventRow, _story: Story) -> Telling:
    return Tone.QUIET, "KakaoPay made an agreement; it counts once the payment is captured."


def _revoked(event: EventRow, _story: Story) -> Telling:
    why = event.data.get("reason")
    return Tone.BAD, f"The KakaoPay agreement ended{' (' + str(why) + ')' if why else ''}: it is never charged again."


def _refund_created(event: EventRow, _story: Story) -> Telling:
    if event.to_state == "refunded":
        return Tone.WARNING, f"{_amount(event.data)} was given back past the engine, in Checkout.com's dashboard."
    return (
        Tone.PLAIN,
        f"A refund of {_amount(event.data)} was ordered: {event.data.get('reason') or 'no reason given'}.",
    )


def _refund_end(event: EventRow, story: Story) -> Telling:
    row = story.refunds.get(event.subject_id)
    why = f": {row.reason}" if row is not None and row.reason else ""
    if event.type == "refund.refunded":
        return Tone.GOOD, f"{_amount(event.data)} was given back{why}."
    told = event.data.get("error") or event.data.get("response_code") or "no reason told"
    return Tone.BAD, f"The refund of {_amount(event.data)} failed ({told})."


def _owed(event: EventRow, _story: Story) -> Telling:
    return Tone.WARNING, f"{_amount(event.data)} must go back: {event.data.get('reason') or 'no reason given'}."


def _owed_still(event: EventRow, _story: Story) -> Telling:
    again = event.data.get("next_try_at")
    next_ = f"; the next refund is made on {str(again)[:10]}" if again else ""
    return Tone.BAD, f"{_amount(event.data)} is still owed ({event.data.get('error') or 'a part went back'}){next_}."


def _owed_no_more(event: EventRow, _story: Story) -> Telling:
    if event.type == "refund_obligation.refunded":
        return Tone.GOOD, f"{_amount(event.data)} that was owed has gone back."
    left = Money(event.data["settled_minor"], event.data["currency"])
    return Tone.GOOD, f"{left} went back by other means: {event.data['how']} ({event.data['reason']})."


def _disputed(event: EventRow, story: Story) -> Telling:
    told, amount = event.data, _amount(event.data)
    if event.type == EventType.CHARGE_DISPUTE_WON:
        return Tone.GOOD, f"The dispute of {amount} was won ({told.get('status')}): the money stays."
    if event.type == EventType.CHARGE_DISPUTE_LOST:
        return Tone.BAD, f"The dispute of {amount} was lost ({told.get('status')}): it went back by chargeback."
    by = told.get("respond_by")
    until = f"; answer by {moment(datetime.fromisoformat(by), story.subscription.zone)}" if by else ""
    return (
        Tone.BAD,
        f"The payer disputes {amount} ({told['dispute']}: {told.get('reason') or 'no reason told'}){until}.",
    )


def _amount(data: Mapping[str, Any]) -> str:
    return str(Money(data["amount_minor"], data["currency"])) if "amount_minor" in data else "an amount"


TELLERS: Final[Mapping[str, Callable[[EventRow, Story], Telling]]] = {
    "subscription.created": _created,
    "subscription.consented": _consented,
    "subscription.canceled": _canceled,
    "subscription.cancel_scheduled": _cancel_scheduled,
    "subscription.pause_scheduled": _pause_scheduled,
    "subscription.periods_missed": _missed,
    "subscription.not_billed": _not_billed,
    "invoice.period_moved": _moved,
    "invoice.finding_settled": _finding_settled,
    "subscription.renewed": _renewed,
    "subscription.re_enrolment_requested": _re_enrolment,
    **{f"{kind}.parked": _set_aside for kind in ("subscription", "charge", "refund", "refund_obligation")},
    **{f"{kind}.released": _released for kind in ("subscription", "charge", "refund", "refund_obligation", "payment")},
    "invoice.issued": _issued,
    "invoice.paid": _paid,
    "invoice.voided": _voided,
    "invoice.written_off": _written_off,
    "charge.started": _started,
    "charge.accepted": _accepted,
    "charge.captured": _captured,
    "charge.settled": _settled,
    "refund.settled": _settled,
    "charge.declined": _failed,
    "charge.refused": _failed,
    "charge.late_truth": _late,
    "charge.mismatch": _mismatch,
    **{f"charge.{name}": _disputed for name in ("disputed", "dispute_updated", "dispute_won", "dispute_lost")},
    "dunning.exhausted": _exhausted,
    "payment.stray": _stray,
    "source.created": _source_created,
    "source.revoked": _revoked,
    "refund.created": _refund_created,
    "payment.detached": _detached,
    "refund.refunded": _refund_end,
    "refund.declined": _refund_end,
    "refund.refused": _refund_end,
    "refund_obligation.created": _owed,
    "refund_obligation.try_failed": _owed_still,
    "refund_obligation.refunded": _owed_no_more,
    "refund_obligation.settled": _owed_no_more,
}
