"""Every type of event that the engine writes: ``SUBJECT.WHAT``, where a move of a state is named after its event.

Whoever writes an event takes its type from here, and :func:`billing.store.event_rows.append_events` refuses any other.
Of each type it is decided whether it is told outside (:mod:`.public_events`) and how it reads in a timeline
(``billing/store/sentences.py``); a test names what is missing.
"""

from enum import StrEnum


class EventType(StrEnum):
    """What happened. A type that has been written is never renamed without a migration of the rows."""

    SUBSCRIPTION_CREATED = "subscription.created"
    SUBSCRIPTION_ACTIVATED = "subscription.activated"
    SUBSCRIPTION_TRIAL_STARTED = "subscription.trial_started"
    SUBSCRIPTION_ENROLMENT_EXPIRED = "subscription.enrolment_expired"
    SUBSCRIPTION_CANCELED = "subscription.canceled"
    SUBSCRIPTION_FELL_PAST_DUE = "subscription.fell_past_due"
    SUBSCRIPTION_PAUSED = "subscription.paused"
    SUBSCRIPTION_RECOVERED = "subscription.recovered"
    SUBSCRIPTION_FORGIVEN = "subscription.forgiven"
    SUBSCRIPTION_DUNNING_EXHAUSTED = "subscription.dunning_exhausted"
    SUBSCRIPTION_RESUMED = "subscription.resumed"
    SUBSCRIPTION_RESUMED_IN_ARREARS = "subscription.resumed_in_arrears"
    SUBSCRIPTION_RENEWED = "subscription.renewed"
    SUBSCRIPTION_NOT_BILLED = "subscription.not_billed"
    SUBSCRIPTION_CONSENTED = "subscription.consented"
    SUBSCRIPTION_RE_ENROLMENT_REQUESTED = "subscription.re_enrolment_requested"
    SUBSCRIPTION_CANCEL_SCHEDULED = "subscription.cancel_scheduled"
    SUBSCRIPTION_CANCEL_UNDONE = "subscription.cancel_undone"
    SUBSCRIPTION_PAUSE_SCHEDULED = "subscription.pause_scheduled"
    SUBSCRIPTION_PAUSE_UNDONE = "subscription.pause_undone"
    SUBSCRIPTION_PARKED = "subscription.parked"
    SUBSCRIPTION_RELEASED = "subscription.released"
    SUBSCRIPTION_PERIODS_MISSED = "subscription.periods_missed"
    """In older rows only: ``subscription.not_billed`` took its place."""

    INVOICE_ISSUED = "invoice.issued"
    INVOICE_PAID = "invoice.paid"
    INVOICE_VOIDED = "invoice.voided"
    INVOICE_WRITTEN_OFF = "invoice.written_off"
    INVOICE_PAYMENT_FAILED = "invoice.payment_failed"
    INVOICE_PERIOD_MOVED = "invoice.period_moved"
    INVOICE_FINDING_SETTLED = "invoice.finding_settled"

    CHARGE_STARTED = "charge.started"
    CHARGE_CAPTURED = "charge.captured"
    CHARGE_DECLINED = "charge.declined"
    CHARGE_EXPIRED = "charge.expired"
    CHARGE_CANCELED = "charge.canceled"
    CHARGE_ACCEPTED = "charge.accepted"
    CHARGE_REFUSED = "charge.refused"
    CHARGE_OUTCOME_UNKNOWN = "charge.outcome_unknown"
    CHARGE_PARKED = "charge.parked"
    CHARGE_SETTLED = "charge.settled"
    CHARGE_RESENT = "charge.resent"
    CHARGE_RELEASED = "charge.released"
    CHARGE_LATE_TRUTH = "charge.late_truth"
    CHARGE_MISMATCH = "charge.mismatch"
    CHARGE_DISPUTED = "charge.disputed"
    CHARGE_DISPUTE_UPDATED = "charge.dispute_updated"
    CHARGE_DISPUTE_WON = "charge.dispute_won"
    CHARGE_DISPUTE_LOST = "charge.dispute_lost"

    REFUND_CREATED = "refund.created"
    REFUND_SENT = "refund.sent"
    REFUND_REFUSED = "refund.refused"
    REFUND_SETTLED = "refund.settled"
    REFUND_ACCEPTED = "refund.accepted"
    REFUND_REFUNDED = "refund.refunded"
    REFUND_DECLINED = "refund.declined"
    REFUND_OUTCOME_UNKNOWN = "refund.outcome_unknown"
    REFUND_PARKED = "refund.parked"
    REFUND_RESENT = "refund.resent"
    REFUND_RELEASED = "refund.released"

    REFUND_OBLIGATION_CREATED = "refund_obligation.created"
    REFUND_OBLIGATION_TRIED = "refund_obligation.tried"
    REFUND_OBLIGATION_REFUNDED = "refund_obligation.refunded"
    REFUND_OBLIGATION_PARKED = "refund_obligation.parked"
    REFUND_OBLIGATION_SETTLED = "refund_obligation.settled"
    REFUND_OBLIGATION_TRY_FAILED = "refund_obligation.try_failed"
    REFUND_OBLIGATION_RELEASED = "refund_obligation.released"
    REFUND_OBLIGATION_HASTENED = "refund_obligation.hastened"

    SOURCE_CREATED = "source.created"
    SOURCE_CONFIRMED = "source.confirmed"
    SOURCE_DISCARDED = "source.discarded"
    SOURCE_SUSPECTED = "source.suspected"
    SOURCE_REVOKED = "source.revoked"
    SOURCE_REPLACED = "source.replaced"
    SOURCE_REVOCATION_REQUESTED = "source.revocation_requested"
    SOURCE_REVOCATION_CONFIRMED = "source.revocation_confirmed"
    SOURCE_REVOCATION_PARKED = "source.revocation_parked"
    SOURCE_REVOCATION_WITHDRAWN = "source.revocation_withdrawn"
    SOURCE_REVOCATION_SETTLED = "source.revocation_settled"
    SOURCE_REVOCATION_RELEASED = "source.revocation_released"

    DUNNING_EXHAUSTED = "dunning.exhausted"

    PAYMENT_STRAY = "payment.stray"
    PAYMENT_DETACHED = "payment.detached"
    PAYMENT_RELEASED = "payment.released"

    WEBHOOK_RELEASED = "webhook.released"
    WEBHOOK_IGNORED = "webhook.ignored"

    PLAN_CREATED = "plan.created"
    PLAN_RENAMED = "plan.renamed"
    PLAN_ARCHIVED = "plan.archived"
    PLAN_PAUSED = "plan.paused"
    PLAN_RESUMED = "plan.resumed"

    PRICE_CREATED = "price.created"

    CUSTOMER_CREATED = "customer.created"
    CUSTOMER_UPDATED = "customer.updated"
    CUSTOMER_ERASED = "customer.erased"

    WEBHOOK_ENDPOINT_CREATED = "webhook_endpoint.created"
    WEBHOOK_ENDPOINT_UPDATED = "webhook_endpoint.updated"
    WEBHOOK_ENDPOINT_ENABLED = "webhook_endpoint.enabled"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint.disabled"
    WEBHOOK_ENDPOINT_DELETED = "webhook_endpoint.deleted"
    WEBHOOK_ENDPOINT_SECRET_ROTATED = "webhook_endpoint.secret_rotated"  # noqa: S105 - no secret
    WEBHOOK_ENDPOINT_SECRET_REDRAWN = "webhook_endpoint.secret_redrawn"  # noqa: S105 - no secret
    WEBHOOK_ENDPOINT_TESTED = "webhook_endpoint.tested"

    INSTALLATION_CHARGING_STOPPED = "installation.charging_stopped"
    INSTALLATION_CHARGING_ALLOWED = "installation.charging_allowed"
    INSTALLATION_CHARGING_HELD = "installation.charging_held"
    INSTALLATION_DOUBTED = "installation.doubted"

    @property
    def subject(self) -> str:
        """What it is about: the first word of the type."""
        return self.value.partition(".")[0]
