"""The only wiring: settings in, an engine out."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time, timedelta
from math import ceil

from billing.config.settings import Settings
from billing.domain.cases import Policy
from billing.domain.dunning import DunningPolicy
from billing.domain.hanging import HangingBounds
from billing.domain.quiet_hours import ChargeWindow
from billing.domain.set_up_evidence import SetUpPolicy
from billing.gateway.auth import Authorization, OAuth, SecretKey
from billing.gateway.client import CheckoutGateway, GatewayLimits
from billing.gateway.messages import SeriesFields
from billing.gateway.observing import GatewayObserver
from billing.gateway.webhooks import WebhookKeys
from billing.operations.engine import Engine, Reconciling, Rules, SweepObserver, Unwatched
from billing.outbox.addresses import networks_of
from billing.outbox.sender import Sender
from billing.outbox.vault import Vault
from billing.store.database import Database


@contextmanager
def open_engine(
    settings: Settings,
    *,
    actor: str,
    gateway_observer: GatewayObserver | None = None,
    sweep_observer: SweepObserver | None = None,
) -> Iterator[Engine]:
    """Yield an engine; close its connections at the end of the block. The observers are told what it does."""
    database = Database(settings.database.url.get_secret_value(), pool_size=settings.database.pool_size)
    gateway = make_gateway(settings, gateway_observer)
    watch = sweep_observer or Unwatched()
    try:
        yield Engine(database=database, gateway=gateway, rules=make_rules(settings), actor=actor, watch=watch)
    finally:
        gateway.close()
        database.dispose()


def make_gateway(settings: Settings, observer: GatewayObserver | None = None) -> CheckoutGateway:
    """Return the client of the configured gateway; it connects when it is first used."""
    gateway = settings.gateway
    limits = GatewayLimits(
        in_flight=gateway.in_flight,
        writes_per_second=gateway.writes_per_second,
        reads_per_second=gateway.reads_per_second,
        answer_seconds=gateway.answer_seconds,
    )
    series = SeriesFields(gateway.merchant_initiated, gateway.previous_payment_id)
    channel = gateway.processing_channel_id
    return CheckoutGateway(gateway.base_url, _authorization(settings), channel, limits, observer, series=series)


def make_rules(settings: Settings) -> Rules:
    """Return the rules of the acts."""
    window = ChargeWindow(
        opens=time.fromisoformat(settings.window.opens),
        jitter=timedelta(minutes=settings.window.jitter_minutes),
        quiet_from=time.fromisoformat(settings.window.quiet_from),
        quiet_until=time.fromisoformat(settings.window.quiet_until),
    )
    dunning = DunningPolicy(
        ladder=tuple((step.day, time.fromisoformat(step.at)) for step in settings.dunning.ladder),
        technical_delays=tuple(timedelta(minutes=minutes) for minutes in settings.dunning.technical_minutes),
        technical_tries=settings.dunning.technical_tries,
        end=settings.dunning.end,
        window=window,
    )
    return Rules(
        settlement=Policy(
            dunning=dunning,
            late_enrolment=settings.enrolment.late_capture,
            hanging=make_hanging_bounds(settings),
            revoke_replaced=settings.gateway.revoke_replaced,
            decline_classes=settings.dunning.codes,
            set_up=SetUpPolicy(
                window=timedelta(hours=settings.set_up.window_hours),
                subscribers=settings.set_up.subscribers,
                share=settings.set_up.share,
                without_captures=settings.set_up.without_captures,
                tries=settings.set_up.tries,
            ),
        ),
        catch_up=settings.daemon.catch_up,
        catch_up_periods=settings.daemon.catch_up_periods,
        zone=settings.window.zone,
        public_url=settings.api.public_url,
        country=settings.enrolment.country,
        enrolment_lifetime=timedelta(minutes=settings.enrolment.lifetime_minutes),
        agreement_amounts=settings.enrolment.agreement_amount,
        refund_minimum=settings.limits.refund_minimum,
        batch=settings.daemon.batch,
        # As many as fill the wire, and one that is being written down.
        batches_at_once=1 + ceil(settings.gateway.in_flight / settings.daemon.batch),
        brake_floor=settings.brake.floor,
        brake_factor=settings.brake.factor,
        reconciling=Reconciling(
            reads_per_second=settings.gateway.reads_per_second * settings.reconciliation.read_share,
            recent=timedelta(days=settings.reconciliation.recent_days),
            channel_id=settings.gateway.processing_channel_id,
            shared_channel=settings.reconciliation.shared_channel,
        ),
    )


def make_hanging_bounds(settings: Settings) -> HangingBounds:
    """Return when what has no outcome is parked; a first payment not before its enrolment would expire."""
    after = timedelta(days=settings.dunning.pending_parked_after_days)
    present = max(after, timedelta(minutes=settings.enrolment.lifetime_minutes))
    return HangingBounds(renewal=after, present=present, refund=after)


def make_vault(settings: Settings) -> Vault:
    """Return what keeps the secrets of webhook endpoints."""
    return Vault([key.get_secret_value() for key in settings.endpoint_keys()])


def make_sender(settings: Settings) -> Sender:
    """Return what sends events to endpoints."""
    return Sender(networks_of(settings.allowed_networks()))


def make_webhook_keys(settings: Settings) -> WebhookKeys:
    """Return what webhooks are verified with."""
    authorization = settings.secrets.webhook_authorization
    return WebhookKeys(
        signature_keys=[key.get_secret_value() for key in settings.webhook_keys()],
        authorization=authorization.get_secret_value() if authorization is not None else None,
    )


def facts_of(settings: Settings) -> dict[str, str]:
    """Return the facts of the configuration that a database is bound to: whose money it is that would move."""
    return {
        "mode": settings.mode,
        "gateway": settings.gateway.base_url,
        "processing channel": settings.gateway.processing_channel_id,
    }


def former_fingerprint(settings: Settings, database: Database) -> str:
    """Return what versions up to 0.1 bound a database to."""
    url = database.url
    location = database.location if database.is_sqlite else f"{url.host}:{url.port or 5432}/{url.database}"
    parts = (
        settings.mode,
        settings.gateway.base_url,
        settings.gateway.processing_channel_id,
        settings.api.public_url,
        location,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _authorization(settings: Settings) -> Authorization:
    secrets, token_url = settings.secrets, settings.gateway.token_url
    if secrets.gateway_client_id and secrets.gateway_client_secret and token_url:
        return OAuth(
            token_url,
            secrets.gateway_client_id.get_secret_value(),
            secrets.gateway_client_secret,
            scopes=settings.gateway.scopes,
        )
    key = settings.secret_key()
    if key is None:
        raise ValueError("no key for the gateway: set BILLING_SECRETS__GATEWAY_SECRET_KEY")
    return SecretKey(key)
