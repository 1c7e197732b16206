"""Sentences about events that are the same each time, and the types of events that need none."""

from collections.abc import Mapping
from typing import Final

from billing.store.tellings import Telling, Tone

PLAIN: Final[Mapping[str, Telling]] = {
    "subscription.activated": (Tone.GOOD, "The subscription became active."),
    "subscription.trial_started": (Tone.GOOD, "The trial began."),
    "subscription.enrolment_expired": (Tone.BAD, "The enrolment expired: the first payment did not come in time."),
    "subscription.fell_past_due": (Tone.BAD, "The subscription fell past due."),
    "subscription.recovered": (Tone.GOOD, "The debt is paid: the subscription is active again."),
    "subscription.forgiven": (Tone.GOOD, "Nothing is owed any more: the subscription is active again."),
    "subscription.dunning_exhausted": (Tone.BAD, "The last retry failed: the subscription is unpaid."),
    "subscription.paused": (Tone.WARNING, "Paused: nothing is invoiced or charged until it is resumed."),
    "subscription.resumed": (Tone.GOOD, "Resumed."),
    "subscription.resumed_in_arrears": (Tone.WARNING, "Resumed with an open invoice, which is tried again at once."),
    "subscription.pause_undone": (Tone.GOOD, "The planned pause was taken back."),
    "subscription.cancel_undone": (Tone.GOOD, "The cancellation was taken back."),
    "plan.paused": (Tone.WARNING, "The plan was paused: nobody on it is renewed or charged."),
    "plan.resumed": (Tone.GOOD, "The plan was resumed."),
    "invoice.payment_failed": (Tone.QUIET, "The invoice stays unpaid by this attempt."),
    "charge.outcome_unknown": (
        Tone.WARNING,
        "The answer was lost. Checkout.com is asked what became of it; nothing else is charged meanwhile.",
    ),
    "charge.resent": (Tone.PLAIN, "It had surely never arrived, so it was sent again under the same key."),
    "charge.expired": (Tone.BAD, "The payment expired without an answer from the wallet."),
    "charge.canceled": (Tone.BAD, "The payment was canceled before it was captured."),
    "refund.sent": (Tone.QUIET, "The refund was sent to Checkout.com."),
    "refund.accepted": (Tone.QUIET, "Checkout.com accepted the refund; it is not done yet."),
    "refund.outcome_unknown": (Tone.WARNING, "The answer to the refund was lost; Checkout.com is asked about it."),
    "refund.resent": (Tone.PLAIN, "The refund had surely never arrived, so it was sent again under the same key."),
    "refund_obligation.tried": (Tone.QUIET, "A refund of what is owed is made."),
    "refund_obligation.hastened": (Tone.PLAIN, "A refund of what is owed is made without waiting."),
    "source.confirmed": (Tone.GOOD, "The KakaoPay agreement is confirmed: it may be charged for renewals."),
    "source.discarded": (Tone.QUIET, "The KakaoPay agreement was never completed."),
    "source.suspected": (Tone.BAD, "The KakaoPay agreement looks dead."),
    "source.revocation_requested": (Tone.QUIET, "Checkout.com is told that the KakaoPay agreement is revoked."),
    "source.revocation_confirmed": (Tone.QUIET, "Checkout.com confirmed that the KakaoPay agreement is revoked."),
    "source.revocation_parked": (Tone.BAD, "Checkout.com did not confirm for days that the agreement is revoked."),
    "source.revocation_released": (Tone.QUIET, "Checkout.com is told of the revocation again."),
    "source.revocation_withdrawn": (Tone.QUIET, "The subscriber agreed again: no revocation is sent to Checkout.com."),
    "source.revocation_settled": (Tone.QUIET, "A person confirmed that the KakaoPay agreement has ended."),
    "source.replaced": (Tone.QUIET, "The old KakaoPay agreement was replaced."),
}
OF_NO_SUBSCRIPTION: Final = frozenset(
    {
        "plan.created",
        "plan.renamed",
        "plan.archived",
        "price.created",
        "customer.created",
        "customer.updated",
        "customer.erased",
        "webhook.released",
        "webhook.ignored",
        "webhook_endpoint.created",
        "webhook_endpoint.updated",
        "webhook_endpoint.enabled",
        "webhook_endpoint.disabled",
        "webhook_endpoint.deleted",
        "webhook_endpoint.secret_rotated",
        "webhook_endpoint.secret_redrawn",
        "webhook_endpoint.tested",
        "installation.charging_stopped",
        "installation.charging_allowed",
        "installation.charging_held",
        "installation.doubted",
    }
)
"""Types that stand in no subscription's timeline, so that no sentence is needed; every other type has one."""
