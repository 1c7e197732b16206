"""Every trouble the sandbox can make, by name, with its range and meaning.

A probability is decided anew for each request or event, by the seed. Names not starting with
``read_`` concern POST, PATCH and DELETE; their ``read_`` twins concern GET.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from billing.sandbox.defaults import CURRENCIES


def _chance(doc: str) -> Any:
    return field(default=0.0, metadata={"doc": doc, "low": 0, "high": 1, "kind": "probability"})


def _number(default: float, low: float, high: float, doc: str) -> Any:
    kind = "integer" if isinstance(default, int) else "number"
    return field(default=default, metadata={"doc": doc, "low": low, "high": high, "kind": kind})


def _choice(default: object, choices: tuple[object, ...], doc: str) -> Any:
    return field(default=default, metadata={"doc": doc, "choices": choices, "kind": "choice"})


def _other(default: object, kind: str, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc, "kind": kind})


@dataclass(frozen=True)
class Faults:
    """The settings of ``/_sandbox/faults``; the defaults are a gateway on its best day."""

    outage: bool = _other(default=False, kind="boolean", doc="every request is answered 503")
    unauthorized_401_empty: float = _chance("401 without a body, not processed")
    rate_limit_429: float = _chance("429, not processed")
    rate_limit_burst: float = _chance("a whole window of rate_limit_burst_seconds answers 429 to every write")
    rate_limit_burst_seconds: int = _number(5, 1, 3600, "length of such a window in sandbox seconds")
    retry_after: str | None = _other(None, "text", "sent as Retry-After with every 429, whatever it says")
    unprocessed_502: float = _chance("502 with an HTML body, not processed")
    unprocessed_timeout: float = _chance("never answered, not processed")
    processed_500: float = _chance("processed, then 500; the idempotency key is not remembered")
    processed_timeout: float = _chance("processed, never answered; the key is remembered")
    drip_body: float = _chance("processed; the body comes byte by byte over timeout_seconds")
    endless_body: float = _chance("processed; the body never ends")
    garbage_json: float = _chance("processed; 2xx with a body that is no sense")
    truncated_body: float = _chance("processed; the connection ends in the middle of the body")

    read_unauthorized_401_empty: float = _chance("401 without a body")
    read_rate_limit_429: float = _chance("429")
    read_404: float = _chance("404, as right after a create")
    read_502: float = _chance("502 with an HTML body")
    read_500: float = _chance("500")
    read_timeout: float = _chance("never answered")
    read_drip_body: float = _chance("the body comes byte by byte over timeout_seconds")
    read_endless_body: float = _chance("the body never ends")
    read_garbage_json: float = _chance("200 with a body that is no sense")
    read_truncated_body: float = _chance("the connection ends in the middle of the body")
    read_stale: float = _chance("a decided payment is still shown as Pending")
    read_unknown_status: float = _chance("a status nobody knows is shown")
    unknown_fields: bool = _other(default=False, kind="boolean", doc="answers and events carry new fields")
    timeout_seconds: float = _number(30.0, 0, 600, "REAL seconds an unanswered request hangs before it is cut")
    latency_ms: int = _number(0, 0, 60_000, "REAL milliseconds before each request is processed")

    list_lag_seconds: int = _number(0, 0, 86_400, "a payment is listed by reference up to this much later")
    settle_seconds_min: int = _number(1, 0, 86_400, "soonest outcome of a later charge")
    settle_seconds_max: int = _number(60, 0, 86_400, "latest outcome of a later charge")
    first_payment_expiry_seconds: int = _number(900, 1, 2_592_000, "an unfinished first payment expires")
    auto_agree_seconds: int | None = _other(None, "seconds", "first payments are agreed to by themselves")
    merchant_declines: float = _chance("a later charge is declined with merchant_decline_code")
    merchant_decline_code: str = _other("20003", "text", "the code of merchant_declines")
    charge_declined: float = _chance("an unscripted later charge is declined, code by the seed")
    charge_hang: float = _chance("an unscripted later charge stays Pending for ever")
    charge_pending: float = _chance("an unscripted later charge is captured only after 1 to 48 hours")
    charge_late: float = _chance("an unscripted later charge fails, and is captured 1 to 48 hours later")
    charge_expired: float = _chance("an unscripted later charge expires")
    wrong_amount: float = _chance("the captured amount is not the requested one")
    dead_agreement_code: str = _choice("200R1", ("200R1", "20101"), "decline after the customer cut it")
    revoked_source: str = _choice("422", ("422", "20101"), "charge of a source the merchant revoked")

    refund_seconds_min: int = _number(1, 0, 2_592_000, "soonest outcome of a refund")
    refund_seconds_max: int = _number(60, 0, 2_592_000, "latest outcome of a refund")
    refund_declined: float = _chance("a refund is declined with 20006 after it was accepted")
    refund_hang: float = _chance("a refund stays pending for ever")
    refund_window_days: int = _number(365, 1, 36_500, "a later refund is declined with 20158")
    over_refund_status: int = _choice(422, (422, 403), "answer to a refund above the balance")
    capture_void_status: int = _choice(403, (403, 422), "answer to captures and voids, which KakaoPay lacks")

    webhook_lost: float = _chance("an event is never sent")
    webhook_late: float = _chance("an event is sent webhook_late_seconds after it happened")
    webhook_late_seconds: int = _number(3600, 0, 2_592_000, "how late")
    webhook_reorder: float = _chance("an event is held so that the following ones overtake it")
    webhook_reorder_seconds: int = _number(90, 0, 86_400, "how long it is held")
    webhook_duplicate: float = _chance("an event is sent webhook_duplicate_copies more times, at once")
    webhook_duplicate_copies: int = _number(1, 1, 100, "how many more times")
    webhook_unknown_type: float = _chance("an event of a type nobody knows follows the event")
    webhook_bad_signature: float = _chance("an event's first delivery is signed with another key")
    webhook_timeout_seconds: float = _number(10.0, 0.01, 60, "REAL seconds a receiver has to answer")
    webhook_concurrency: int = _number(32, 1, 512, "deliveries at one time; 1 = strictly one by one")
    time_scale: float = _number(1.0, 0.001, 1_000_000, "webhook retries come so many times sooner")

    idempotency_seconds: int = _number(86_400, 1, 2_592_000, "life of a key; older sandbox pages say 120")
    idempotency_other_body: str = _choice("replay", ("replay", "422"), "same key with another body")
    token_seconds: int = _number(3600, 1, 86_400, "life of an OAuth access token")
    return_parameter: str = _other(
        "cko-payment-id", "text", "added to the return URL with the payment's id; empty = nothing"
    )
    require_os_type: bool = _other(default=True, kind="boolean", doc="os_type is needed unless WEB")
    amount_max: int = _number(999_999_999, 1, 9_999_999_999, "largest amount in minor units")
    reference_length_max: int = _number(50, 1, 80, "longest reference")
    currencies: str = _other(" ".join(sorted(CURRENCIES)), "text", "those the account may use")


_FIELDS: Final = {each.name: each for each in fields(Faults)}


def describe(faults: Faults) -> dict[str, dict[str, object]]:
    """Each name with its value, default and meaning: ``GET /_sandbox/faults?describe=1``."""
    return {
        name: {"value": getattr(faults, name), "default": each.default, **each.metadata}
        for name, each in _FIELDS.items()
    }


def change(faults: Faults, wanted: dict[str, object]) -> Faults:
    """Set the names given and keep the rest; null brings a default back.

    :raises ValueError: a name is unknown or a value out of range; the message names it.
    """
    checked = {name: _checked(name, value) for name, value in wanted.items()}
    return replace(faults, **checked)


def _checked(name: str, value: object) -> Any:
    if name not in _FIELDS:
        raise ValueError(f"{name}: there is no such fault")
    each = _FIELDS[name]
    if value is None:
        return each.default
    problem = _problem(each.metadata["kind"], value, dict(each.metadata))
    if problem:
        raise ValueError(f"{name}: {problem}")
    return float(value) if isinstance(each.default, float) else value  # type: ignore[arg-type]


def _problem(kind: str, value: object, limits: dict[str, Any]) -> str:
    """What is wrong with a value, or nothing."""
    if kind == "boolean":
        return "" if isinstance(value, bool) else "must be true or false"
    if kind == "text":
        fits = isinstance(value, str) and value.isascii() and value.isprintable()
        return "" if fits else "must be one line of ASCII text, or null"
    if kind == "choice":
        same = [each for each in limits["choices"] if type(each) is type(value) and each == value]
        return "" if same else f"must be one of {', '.join(map(str, limits['choices']))}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "must be a number"
    if kind in {"integer", "seconds"} and not isinstance(value, int):
        return "must be a whole number"
    low, high = limits.get("low", 0), limits.get("high", 2_592_000)
    return "" if low <= value <= high else f"must be between {low} and {high}"
