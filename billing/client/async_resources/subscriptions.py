"""Calls about subscriptions. Written by `make client` from the OpenAPI document."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Literal

from billing.client.answers import Page
from billing.client.calls import OMIT, Omit, call, in_path
from billing.client.models import ChargePreview, EnrolledSubscription, Subscription, SubscriptionState
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
        os_type: Literal["ANDROID", "IOS"] | Omit | None = OMIT,
        name: str | Omit | None = OMIT,
        email: str | Omit | None = OMIT,
        phone: str | Omit | None = OMIT,
        locale: Literal["ko", "en"] | Omit | None = OMIT,
        country: str | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> EnrolledSubscription:
        """Enrol a subscriber."""
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
                    "country": country,
                },
                key=idempotency_key,
            ),
            EnrolledSubscription,
        )

    async def list(
        self,
        *,
        limit: int | Omit = OMIT,
        cursor: str | Omit | None = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        customer_id: str | Omit | None = OMIT,
        customer_reference: str | Omit | None = OMIT,
        plan: str | Omit | None = OMIT,
        state: SubscriptionState | Omit | None = OMIT,
    ) -> Page[Subscription]:
        """List subscriptions, newest first."""
        return await self._wire.ask(
            call(
                "GET",
                "/v1/subscriptions",
                query={
                    "limit": limit,
                    "cursor": cursor,
                    "created_from": created_from,
                    "created_before": created_before,
                    "customer_id": customer_id,
                    "customer_reference": customer_reference,
                    "plan": plan,
                    "state": state,
                },
            ),
            Page[Subscription],
        )

    async def replace_source(
        self,
        subscription_id: str,
        *,
        terminal_type: Literal["WEB", "WAP", "APP"],
        success_url: str,
        failure_url: str,
        reason: str | Omit | None = OMIT,
        os_type: Literal["ANDROID", "IOS"] | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> EnrolledSubscription:
        """Replace the KakaoPay agreement of a subscription."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/replace-source",
                body={
                    "reason": reason,
                    "terminal_type": terminal_type,
                    "os_type": os_type,
                    "success_url": success_url,
                    "failure_url": failure_url,
                },
                key=idempotency_key,
            ),
            EnrolledSubscription,
        )

    async def get(self, subscription_id: str) -> Subscription:
        """Show a subscription."""
        return await self._wire.ask(call("GET", f"/v1/subscriptions/{in_path(subscription_id)}"), Subscription)

    async def preview(self, subscription_id: str) -> ChargePreview:
        """Show which charge comes next, or why none does."""
        return await self._wire.ask(call("GET", f"/v1/subscriptions/{in_path(subscription_id)}/preview"), ChargePreview)

    async def cancel(
        self,
        subscription_id: str,
        *,
        reason: str | Omit | None = OMIT,
        at: Literal["now", "period_end", "date"] | Omit = OMIT,
        on: date | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """Cancel a subscription."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/cancel",
                body={"reason": reason, "at": at, "on": on},
                key=idempotency_key,
            ),
            Subscription,
        )

    async def undo_cancel(
        self, subscription_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> Subscription:
        """Take back a cancellation that has not come yet."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/undo-cancel",
                body={"reason": reason},
                key=idempotency_key,
            ),
            Subscription,
        )

    async def pause(
        self,
        subscription_id: str,
        *,
        reason: str | Omit | None = OMIT,
        at: Literal["now", "period_end"] | Omit = OMIT,
        resume_at: datetime | Omit | None = OMIT,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """Pause a subscription."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/pause",
                body={"reason": reason, "at": at, "resume_at": resume_at},
                key=idempotency_key,
            ),
            Subscription,
        )

    async def undo_pause(
        self, subscription_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> Subscription:
        """Take back a pause that has not begun yet."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/undo-pause",
                body={"reason": reason},
                key=idempotency_key,
            ),
            Subscription,
        )

    async def resume(
        self, subscription_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> Subscription:
        """Resume a paused subscription; days that were paused are never billed."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/resume",
                body={"reason": reason},
                key=idempotency_key,
            ),
            Subscription,
        )

    async def consent(
        self, subscription_id: str, *, reason: str | Omit | None = OMIT, idempotency_key: str | None = None
    ) -> Subscription:
        """Record that the subscriber agrees to be charged when the trial ends."""
        return await self._wire.ask(
            call(
                "POST",
                f"/v1/subscriptions/{in_path(subscription_id)}/consent",
                body={"reason": reason},
                key=idempotency_key,
            ),
            Subscription,
        )

    async def iterate(
        self,
        *,
        limit: int | Omit = OMIT,
        created_from: datetime | Omit | None = OMIT,
        created_before: datetime | Omit | None = OMIT,
        customer_id: str | Omit | None = OMIT,
        customer_reference: str | Omit | None = OMIT,
        plan: str | Omit | None = OMIT,
        state: SubscriptionState | Omit | None = OMIT,
    ) -> AsyncIterator[Subscription]:
        """Go through all that :meth:`list` finds, page after page."""
        cursor: str | Omit | None = OMIT
        more = True
        while more:
            page = await self.list(
                limit=limit,
                created_from=created_from,
                created_before=created_before,
                customer_id=customer_id,
                customer_reference=customer_reference,
                plan=plan,
                state=state,
                cursor=cursor,
            )
            for each in page.data:
                yield each
            cursor, more = page.next_cursor, page.has_more
