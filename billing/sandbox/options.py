"""How a sandbox is started: one frozen value, made by the command line or a test."""

from dataclasses import dataclass

from billing.sandbox import defaults


@dataclass(frozen=True)
class Options:
    """``seed`` None = a new one each start, so that gateway ids do not repeat across restarts.

    ``profiles`` are names of :mod:`billing.sandbox.demands.profiles`; ``granted_scopes`` None = as the profiles say.
    """

    host: str = defaults.HOST
    port: int = defaults.PORT
    database: str = ":memory:"
    seed: int | None = None
    webhook_url: str | None = None
    webhook_key: str | None = None
    webhook_authorization: str | None = None
    secret_key: str = defaults.SECRET_KEY
    processing_channel_id: str = defaults.PROCESSING_CHANNEL_ID
    client_id: str = defaults.CLIENT_ID
    client_secret: str = defaults.CLIENT_SECRET
    merchant: str = defaults.MERCHANT
    time_scale: float = 1.0
    quiet: bool = False
    profiles: frozenset[str] = frozenset()
    granted_scopes: tuple[str, ...] | None = None
