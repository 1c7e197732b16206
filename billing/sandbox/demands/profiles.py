"""The closed list of profiles, and the set of those that are switched on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Profile:
    """One demand or withholding. ``doc`` is Markdown; ``instead_of`` names the strict profile that it excludes."""

    name: str
    doc: str
    instead_of: str = ""


_ALL: Final = (
    Profile("content-type", "POST, PUT and PATCH without `Content-Type: application/json` get 415"),
    Profile("accept", "a request whose `Accept` excludes `application/json` gets 406"),
    Profile("user-agent", "a request whose `User-Agent` names no program, or only an HTTP library, gets 403"),
    Profile("idempotency-key", "payments and refunds without `Cko-Idempotency-Key` get 422"),
    Profile("scopes", "keys have the scopes `gateway` and `vault:instruments` only, unless others are granted"),
    Profile("customer", "every payment must name its customer: an id, or e-mail and name"),
    Profile("country", "every payment must have `shipping.address.country`"),
    Profile("item-reference", "every payment must have items, each with a reference"),
    Profile("no-merchant-initiated", "`merchant_initiated` and `previous_payment_id` are refused"),
    Profile(
        "merchant-initiated",
        "later payments must have `merchant_initiated: true` and a `previous_payment_id` of the same source",
        instead_of="no-merchant-initiated",
    ),
    Profile("no-source", "payment details and lists have no source; only the answer to the request has it"),
    Profile("late-source", "the answer to a first payment has no source; its details do", instead_of="no-source"),
    Profile(
        "no-agreement",
        "neither the answer to a first payment nor its details nor its events have a source",
        instead_of="no-source",
    ),
    Profile("no-decline-actions", "the actions of a payment that took no money get 404"),
    Profile("no-actions", "the actions of every payment get 404", instead_of="no-decline-actions"),
    Profile(
        "reason-in-processing",
        "a decline's reason is in `processing.failure_code` and `.partner_response_code`, not in actions or events",
    ),
    Profile(
        "reason-by-partner",
        "a decline's reason is in `processing.partner_response_code` only, in the wallet network's own words",
        instead_of="reason-in-processing",
    ),
    Profile("late-refusals", "an error of the set-up or the source comes as a decline after a 202"),
    Profile("answers-201", "payments are answered 201 with amount, currency and their current status"),
    Profile("foreign-events", "signed events of another product follow, with `event_data` instead of `data`"),
    Profile("shared-event-id", "a pending event and the event of its success have the same id"),
)

PROFILES: Final[Mapping[str, Profile]] = {each.name: each for each in _ALL}

#: Everything that excludes nothing else of this set.
STRICT: Final = frozenset(each.name for each in _ALL if not each.instead_of)


def switch(on: frozenset[str], wanted: Mapping[str, object]) -> frozenset[str]:
    """Return the set after ``{"NAME": true or false}``; ``strict`` is taken first and stands for all of STRICT.

    A profile that is switched on switches off those that it excludes.

    :raises ValueError: a name is unknown, or a value is not true or false; the message names it.
    """
    for name, value in wanted.items():
        if name not in PROFILES and name != "strict":
            raise ValueError(f"{name}: there is no such profile; there are strict, {', '.join(PROFILES)}")
        if not isinstance(value, bool):
            raise ValueError(f"{name}: must be true or false")  # noqa: TRY004 - a user's value
    if "strict" in wanted:
        on = STRICT if wanted["strict"] else frozenset()
    for name in (each for each in wanted if each != "strict"):
        on = on - _excluded_by(name) | {name} if wanted[name] else on - {name}
    return on


def chosen(names: Iterable[str], *, strict: bool = False) -> frozenset[str]:
    """Return the set that a command line asks for.

    :raises ValueError: a name is unknown; the message lists those that exist.
    """
    return switch(frozenset(), {"strict": strict} | dict.fromkeys(names, True))


def _excluded_by(name: str) -> frozenset[str]:
    group = PROFILES[name].instead_of or name
    return frozenset(each.name for each in _ALL if each.name != name and group in (each.name, each.instead_of))
