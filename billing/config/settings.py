"""Every setting, its default and its bounds. ``config.toml`` for what anyone may read, the environment for secrets."""

import re
from ipaddress import ip_network
from typing import Annotated, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, field_validator, model_validator

from billing.config.kinds import (
    ClockTime,
    DatabaseUrl,
    Flag,
    Minor,
    Number,
    Secret,
    SecretList,
    Section,
    Trimmed,
    Url,
    Whole,
    is_loopback,
    is_loopback_host,
)
from billing.domain.cases import LateEnrolment
from billing.domain.countries import WANTED, is_country
from billing.domain.days.renewing import CatchUp
from billing.domain.decline_classes import DeclineClass
from billing.domain.dunning import EndOfLadder
from plans.limits import Limits, LimitsError

DEFAULT_SCOPES: Final = ("gateway", "vault:instruments")
"""What the engine uses: payments and refunds, and the revocation of agreements."""
SANDBOX_SECRET_KEY: Final = "sk_sbox_kakaosandbox2kakaosandbox2a"  # noqa: S105 - opens the bundled sandbox only
SANDBOX_WEBHOOK_KEY: Final = "kakaosandbox-webhook-key"
SANDBOX_API_KEY: Final = "sandbox-api-key"
SANDBOX_ENDPOINT_KEY: Final = "kakaosandbox-endpoint-key"
SANDBOX_CLIENT_ID: Final = "ack_kakaosandboxkakaosandbox2"
SANDBOX_CLIENT_SECRET: Final = "kakaosandbox-client-secret"  # noqa: S105 - opens the bundled sandbox only
BUILT_IN_SECRETS: Final = frozenset(
    {
        SANDBOX_SECRET_KEY,
        SANDBOX_WEBHOOK_KEY,
        SANDBOX_API_KEY,
        SANDBOX_ENDPOINT_KEY,
        SANDBOX_CLIENT_ID,
        SANDBOX_CLIENT_SECRET,
    }
)
"""What everybody knows: no secret of live mode is one of these."""
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


_APP_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{2,63}")
"""RFC 3986, section 3.1, in the lower case that URLs are compared in."""
_NOT_OF_APPS: Final = frozenset(
    {
        *("http", "https", "ws", "wss", "ftp", "file", "filesystem", "content", "about", "blob", "data", "javascript"),
        *("vbscript", "view-source", "intent", "mailto", "tel", "sms", "market", "kakaotalk", "kakaopay"),
    }
)
"""Schemes that run or show something, or open what is not an app of the operator's."""
_SCOPE: Final = re.compile(r"[a-z]+(?:[:_-][a-z]+)*")
_GATEWAY: Final = Url(
    example="https://{prefix}.api.checkout.com", because="the secret key is sent there", checkout="api"
)
_TOKENS: Final = Url(
    example="https://{prefix}.access.checkout.com/connect/token",
    because="the client secret is sent there",
    checkout="access",
)
_PUBLIC: Final = Url(
    example="https://billing.example.com", because="subscribers return there and webhooks arrive there"
)
_RETURN: Final = Url(example="https://app.example.com", because="subscribers are sent back there", is_origin=True)


class DatabaseSection(Section):
    url: Annotated[SecretStr, DatabaseUrl()] = SecretStr("sqlite:///billing.db")
    pool_size: Annotated[int, Whole, Field(ge=2, le=64)] = 8


class GatewaySection(Section):
    base_url: Annotated[str, _GATEWAY, Trimmed] = "http://127.0.0.1:8700"
    token_url: Annotated[str | None, _TOKENS] = None
    scopes: Annotated[list[str], Field(min_length=1)] = Field(default_factory=lambda: list(DEFAULT_SCOPES))
    merchant_initiated: Flag = False
    previous_payment_id: Flag = False
    revoke_replaced: Flag = True
    processing_channel_id: Annotated[str, Field(min_length=1, max_length=100)] = "pc_kakaosandboxkakaosandbox22"
    in_flight: Annotated[int, Whole, Field(ge=1, le=1024)] = 128
    writes_per_second: Annotated[float, Number, Field(gt=0, le=10_000)] = 80
    reads_per_second: Annotated[float, Number, Field(gt=0, le=10_000)] = 80
    answer_seconds: Annotated[float, Number, Field(ge=1, le=60)] = 20

    @field_validator("scopes")
    @classmethod
    def _are_scopes(cls, values: list[str]) -> list[str]:
        for value in values:
            if not _SCOPE.fullmatch(value):
                raise ValueError(f"holds {value!r}, which is no scope; write one such as gateway or vault:instruments")
        return values


class ApiSection(Section):
    host: str = "127.0.0.1"
    port: Annotated[int, Whole, Field(ge=0, le=65_535)] = 8600
    public_url: Annotated[str, _PUBLIC, Trimmed] = "http://127.0.0.1:8600"
    return_urls: Annotated[list[str], _RETURN, Trimmed] = Field(
        default_factory=lambda: ["http://127.0.0.1", "http://localhost"]
    )
    app_schemes: list[str] = Field(default_factory=list)
    requests_per_second: Annotated[float, Number, Field(gt=0, le=100_000)] = 200
    request_burst: Annotated[int, Whole, Field(ge=1, le=1_000_000)] = 400

    @field_validator("app_schemes")
    @classmethod
    def _are_of_apps(cls, values: list[str]) -> list[str]:
        for value in values:
            if not _APP_SCHEME.fullmatch(value) or value in _NOT_OF_APPS:
                raise ValueError(f"holds {value!r}, which is no scheme of an app; write one such as com.example.shop")
        return values


class DaemonSection(Section):
    tick_seconds: Annotated[float, Number, Field(ge=0.01, le=300)] = 5
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Whole, Field(ge=0, le=65_526)] = 8601
    stalled_after_seconds: Annotated[float, Number, Field(ge=1, le=86_400)] = 180
    batch: Annotated[int, Whole, Field(ge=1, le=2000)] = 500
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_periods: Annotated[int, Whole, Field(ge=1, le=12)] = 3
    single_process: Flag = False


class EnrolmentSection(Section):
    lifetime_minutes: Annotated[int, Whole, Field(ge=5, le=43_200)] = 60
    late_capture: LateEnrolment = LateEnrolment.HONOUR
    country: str = "KR"
    agreement_amount: dict[str, Minor] = Field(default_factory=lambda: {"KRW": 100, "HKD": 100, "SGD": 100})

    @field_validator("country")
    @classmethod
    def _is_a_country(cls, value: str) -> str:
        if not is_country(value):
            raise ValueError(WANTED)
        return value


class WindowSection(Section):
    zone: str = "Asia/Seoul"
    opens: ClockTime = "10:00"
    jitter_minutes: Annotated[int, Whole, Field(ge=0, le=720)] = 30
    quiet_from: ClockTime = "23:20"
    quiet_until: ClockTime = "00:40"

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("is no time zone; write one such as Asia/Seoul")
        return value


class LadderStep(Section):
    day: Annotated[int, Whole, Field(ge=1, le=60)]
    at: ClockTime = "10:00"


class DunningSection(Section):
    ladder: Annotated[list[LadderStep], Field(min_length=1, max_length=14)] = Field(
        default_factory=lambda: [
            LadderStep(day=day, at=at)
            for day, at in ((1, "10:00"), (3, "17:00"), (5, "10:00"), (10, "17:00"), (14, "10:00"))
        ]
    )
    technical_minutes: Annotated[list[Annotated[int, Whole, Field(ge=1, le=1440)]], Field(min_length=1)] = Field(
        default_factory=lambda: [10, 30, 120, 360]
    )
    technical_tries: Annotated[int, Whole, Field(ge=1, le=1000)] = 40
    pending_parked_after_days: Annotated[int, Whole, Field(ge=1, le=30)] = 3
    end: EndOfLadder = EndOfLadder.CANCEL
    codes: dict[str, DeclineClass] = Field(default_factory=dict)

    @field_validator("ladder")
    @classmethod
    def _climbs(cls, value: list[LadderStep]) -> list[LadderStep]:
        days = [step.day for step in value]
        if days != sorted(set(days)):
            raise ValueError("must have its days in growing order, each once")
        return value


class SetUpSection(Section):
    window_hours: Annotated[int, Whole, Field(ge=1, le=240)] = 24
    subscribers: Annotated[int, Whole, Field(ge=2, le=10_000)] = 5
    share: Annotated[float, Number, Field(ge=0.01, le=1)] = 0.5
    without_captures: Annotated[int, Whole, Field(ge=1, le=10_000)] = 2
    tries: Annotated[int, Whole, Field(ge=1, le=20)] = 3


class LimitsSection(Section):
    currencies: list[str] = Field(default_factory=lambda: ["KRW", "HKD", "SGD"])
    minimum: dict[str, Minor] = Field(default_factory=lambda: {"KRW": 50, "HKD": 1, "SGD": 1})
    maximum: dict[str, Minor] = Field(
        default_factory=lambda: {"KRW": 2_000_000, "HKD": 999_999_999, "SGD": 999_999_999}
    )
    refund_minimum: dict[str, Minor] = Field(default_factory=lambda: {"KRW": 50, "HKD": 1, "SGD": 1})

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        try:
            self.as_limits()
        except LimitsError as error:
            raise ValueError(str(error)) from None
        return self

    def as_limits(self) -> Limits:
        """Return the bounds of one payment."""
        return Limits(frozenset(self.currencies), self.minimum, self.maximum)


class BrakeSection(Section):
    floor: Annotated[int, Whole, Field(ge=1, le=10_000_000)] = 1000
    factor: Annotated[float, Number, Field(ge=1, le=1000)] = 3.0


class ReconciliationSection(Section):
    read_share: Annotated[float, Number, Field(ge=0.01, le=0.5)] = 0.1
    recent_days: Annotated[int, Whole, Field(ge=1, le=30)] = 3
    shared_channel: Flag = False


class WebhooksSection(Section):
    allow: list[str] = Field(default_factory=list)
    disable_after_days: Annotated[int, Whole, Field(ge=1, le=30)] = 3
    keep_days: Annotated[int, Whole, Field(ge=7, le=3650)] = 30

    @field_validator("allow")
    @classmethod
    def _are_networks(cls, value: list[str]) -> list[str]:
        for each in value:
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"holds {each!r}, which is no network; write one such as 10.1.2.0/24") from None
        return value


class Secrets(Section):
    """From the environment only: ``BILLING_SECRETS__GATEWAY_SECRET_KEY``, or ``…_FILE``, which names a file."""

    gateway_secret_key: Secret = None
    gateway_client_id: Secret = None
    gateway_client_secret: Secret = None
    webhook_keys: SecretList = ()
    webhook_authorization: Secret = None
    endpoint_keys: SecretList = ()
    metrics_key: Secret = None


class Settings(Section):
    """The whole configuration, checked. ``mode`` says whether real money moves."""

    mode: Literal["sandbox", "live"] = "sandbox"
    database: DatabaseSection = DatabaseSection()
    gateway: GatewaySection = GatewaySection()
    api: ApiSection = ApiSection()
    daemon: DaemonSection = DaemonSection()
    enrolment: EnrolmentSection = EnrolmentSection()
    window: WindowSection = WindowSection()
    dunning: DunningSection = DunningSection()
    set_up: SetUpSection = SetUpSection()
    limits: LimitsSection = LimitsSection()
    brake: BrakeSection = BrakeSection()
    reconciliation: ReconciliationSection = ReconciliationSection()
    webhooks: WebhooksSection = WebhooksSection()
    secrets: Secrets = Field(default_factory=Secrets, repr=False)

    @property
    def uses_the_bundled_sandbox(self) -> bool:
        """Whether the gateway is the sandbox on this machine, whose keys are no secret."""
        return self.mode == "sandbox" and is_loopback(self.gateway.base_url)

    def secret_key(self) -> Secret:
        """Return the gateway's secret key; the bundled sandbox has one by default."""
        key = self.secrets.gateway_secret_key
        return SecretStr(SANDBOX_SECRET_KEY) if key is None and self.uses_the_bundled_sandbox else key

    def webhook_keys(self) -> tuple[SecretStr, ...]:
        """Return the keys webhooks may be signed with; the bundled sandbox has one by default."""
        keys = self.secrets.webhook_keys
        return (SecretStr(SANDBOX_WEBHOOK_KEY),) if not keys and self.uses_the_bundled_sandbox else keys

    def endpoint_keys(self) -> tuple[SecretStr, ...]:
        """Return the keys that the secrets of webhook endpoints are encrypted with; sandbox mode has one by default."""
        keys = self.secrets.endpoint_keys
        return (SecretStr(SANDBOX_ENDPOINT_KEY),) if not keys and self.mode == "sandbox" else keys

    def allowed_networks(self) -> list[str]:
        """Return the networks, other than the open internet, that events may be sent to."""
        return [*self.webhooks.allow, *(LOOPBACK if self.mode == "sandbox" else ())]

    def built_in_api_key(self) -> Secret:
        """Return the key of our own API that needs no making: there is one where only this machine reaches the API."""
        is_private = self.uses_the_bundled_sandbox and is_loopback_host(self.api.host)
        return SecretStr(SANDBOX_API_KEY) if is_private else None
