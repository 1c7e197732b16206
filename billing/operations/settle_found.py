"""Settles payments that were read at the gateway by what they are: a charge's own, one beside it, or nobody's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from billing.domain.charging import Accepted, GatewayPayment, Outcome
from billing.domain.finding import choose
from billing.operations.engine import Engine, Tally
from billing.operations.record_outcomes import record_outcomes
from billing.operations.strays import keep_strays
from billing.store.queries import KnownCharge


def settle_found(
    engine: Engine, payments: Iterable[GatewayPayment], known: Mapping[str, KnownCharge], prefix: str, now: datetime
) -> Tally:
    """Settle each payment with the charge of its reference (``known``), or keep it as a stray; ``now`` is UTC.

    A payment whose reference does not begin with ``prefix`` is left alone.
    """
    outcomes: list[tuple[UUID, Outcome]] = []
    strays: list[tuple[UUID | None, GatewayPayment]] = []
    unclaimed: dict[UUID, list[GatewayPayment]] = defaultdict(list)
    for payment in payments:
        charge = known.get(payment.reference or "")
        if charge is None:
            if (payment.reference or "").startswith(prefix):
                strays.append((None, payment))
        elif charge.gateway_payment_id is None:
            unclaimed[charge.id].append(payment)
        elif charge.gateway_payment_id == payment.id:
            outcomes.append((charge.id, Accepted(payment)))
        else:
            strays.append((charge.id, payment))
    for charge_id, found in unclaimed.items():
        chosen = choose(tuple(found))
        outcomes.append((charge_id, Accepted(chosen.payment)))
        strays.extend((charge_id, other) for other in chosen.others)
    tally = Tally()
    tally.acts["strays_kept"] += keep_strays(engine, strays, now)
    tally.add(record_outcomes(engine, outcomes, now=now))
    return tally
