"""The subscriber comes back from the wallet: a hint to look, never proof of anything."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from billing.domain.public_ids import Kind, public_id
from billing.domain.states import IN_FLIGHT_CHARGE_STATES, LIVE_CHARGE_STATES, ChargeState
from billing.operations.engine import Engine, NotFound
from billing.operations.look_up_unsettled import look_up
from billing.store.columns import AnyRow
from billing.store.queries import charge_by_token


@dataclass(frozen=True, slots=True)
class Return:
    """Where to send the subscriber: the SaaS's own URL, with the subscription and how the payment stands."""

    url: str


def settle_return(engine: Engine, token: str, *, now: datetime, left_by_failure: bool = False) -> Return:
    """Look the payment up and return the SaaS's URL (``now``: UTC).

    ``left_by_failure``: the gateway sent the subscriber to the failure URL, which decides while the payment does not.

    :raises NotFound: the token is none of ours.
    """
    look_up(engine, [_found(engine, token).id], now=now)
    return known_return(engine, token, left_by_failure=left_by_failure)


def known_return(engine: Engine, token: str, *, left_by_failure: bool = False) -> Return:
    """Return the SaaS's URL with how the payment stands as far as it is known, without looking it up.

    :raises NotFound: the token is none of ours.
    """
    found = _found(engine, token)
    is_decided = found.state not in LIVE_CHARGE_STATES
    failed = found.state is not ChargeState.CAPTURED if is_decided else left_by_failure
    url = found.failure_url if failed else found.success_url
    told = {"subscription_id": public_id(Kind.SUBSCRIPTION, found.subscription_id), "payment": _word(found.state)}
    return Return(_with_query(str(url), told))


def _found(engine: Engine, token: str) -> AnyRow:
    with engine.database.snapshot() as tx:
        found = charge_by_token(tx, token)
    if found is None:
        raise NotFound("this link is not known")
    return found


def _word(state: ChargeState) -> str:
    if state is ChargeState.CAPTURED:
        return "captured"
    return "pending" if state in IN_FLIGHT_CHARGE_STATES else state.value


def _with_query(url: str, told: dict[str, str]) -> str:
    # What the SaaS wrote stays letter by letter: the URL of an app need not be one of the web.
    place, mark, fragment = url.partition("#")
    between = "&" if "?" in place else "?"
    return f"{place}{between}{urlencode(told)}{mark}{fragment}"
