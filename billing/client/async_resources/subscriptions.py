"""Calls about subscriptions. Written by `make client` from the OpenAPI document."""

from typing import Literal

from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import Enrolment, Subscription, Subscriptions, SubscriptionState
from billing.client.wire import AsyncWire


class AsyncSubscriptionsResource:
    def __init__(self, wire: AsyncWire) -> None:
        self._wire = wire

    async def create(
        self,
        *,
        terminal_type: Literal["WEB", "WAP", "APP"],
        success_url: str,
        failure_url: str,
        plan: str,
        customer_reference: str,
        name: str,
        email: str,
        os_type: Literal["ANDROID", "IOS"] | Omit | None = OMIT,
        phone: str | Omit | None = OMIT,
        locale: Literal["ko", "en"] | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> Enrolment:
        """Create customer, subscription, first invoice and first charge, and answer with the link to KakaoPay."""
        return await self._wire.ask(
            call(
                "POST",
                "/v1/subscriptions",
                body={
                    "terminal_type": terminal_type,
                    "os_type": os_type,
                    "success_url": success_url,
                    "failure_url": failure_url,
                    "plan": plan,
                    "customer_reference": customer_reference,
                    "name": name,
                    "email": email,
                    "phone": phone,
                    "locale": locale,
                },
                key=idempotency_key,
            ),
            Enrolment,
        )

    async def list(
        self,
        *,
        customer: str | Omit | None = OMIT,
        state: SubscriptionState | Omit | None = OMIT,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
    ) -> Subscriptions:
        """List subscriptions, of one customer or in one state if asked so."""
        return await self._wire.ask(
            call(
                "GET",
                "/v1/subscriptions",
                query={"customer": customer, "state": state, "limit": limit, "cursor": cursor},
            ),
            Subscriptions,
        )

    async def re_enrolment(
        self,
        subscription_id: str,
        *,
        terminal_type: Literal["WEB", "WAP", "APP"],
        success_url: str,
        failure_url: str,
        os_type: Literal["ANDROID", "IOS"] | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Enrolment:
        """Answer with a link under which the subscriber makes a new KakaoPay agreement. Sent twice: the same link."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/re-enrolment",
                body={
                    "terminal_type": terminal_type,
                    "os_type": os_type,
                    "success_url": success_url,
                    "failure_url": failure_url,
                },
                key=idempotency_key,
            ),
            Enrolment,
        )

    async def get(self, subscription_id: str) -> Subscription:
        """Show a subscription."""
        return await self._wire.ask(call("GET", f"/v1/subscriptions/{in_path(subscription_id)}"), Subscription)

    async def cancel(
        self,
        subscription_id: str,
        *,
        at: Literal["now", "period_end"] | Omit = OMIT,
        reason: str | Omit = OMIT,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """Cancel, at the end of what is paid for unless `at` is `now`. One call, no body needed."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/cancel",
                body={"at": at, "reason": reason},
                key=idempotency_key,
            ),
            Subscription,
        )

    async def undo_cancel(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Take back a cancellation at period end."""
        return await self._wire.ask(
            call("POST", f"/v1/subscriptions/{in_path(subscription_id)}/undo-cancel", key=idempotency_key), Subscription
        )

    async def pause(
        self, subscription_id: str, *, resume_at: str | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> Subscription:
        """Pause: nothing is billed or charged until it is resumed, by hand or at `resume_at`."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/pause",
                body={"resume_at": resume_at},
                key=idempotency_key,
            ),
            Subscription,
        )

    async def resume(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Resume a paused subscription; days that were paused are never billed."""
        return await self._wire.ask(
            call("POST", f"/v1/subscriptions/{in_path(subscription_id)}/resume", key=idempotency_key), Subscription
        )

    async def consent(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Record that the subscriber agreed, just now and on its own, to be charged when the trial ends."""
        return await self._wire.ask(
            call("POST", f"/v1/subscriptions/{in_path(subscription_id)}/consent", key=idempotency_key), Subscription
        )
