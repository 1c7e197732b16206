"""The sweep: everything that is due, in an order in which each act sees what the one before it wrote."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from billing.operations.charge_due import charge_due
from billing.operations.ending import end_canceled_periods, expire_enrolments, give_up_unpaid, resume_pauses
from billing.operations.engine import Engine, Tally
from billing.operations.look_up_unsettled import look_up_unsettled
from billing.operations.refunds import settle_refunds
from billing.operations.renew_due import renew_due
from billing.operations.strays import settle_strays
from billing.operations.webhooks import process_webhooks

log = structlog.get_logger()
Act = Callable[..., Tally]

# What is known comes before what is new: an answer that waits may end what would be charged.
ACTS: Final[tuple[Act, ...]] = (
    process_webhooks,
    look_up_unsettled,
    expire_enrolments,
    resume_pauses,
    end_canceled_periods,
    give_up_unpaid,
    renew_due,
    charge_due,
    settle_refunds,
    settle_strays,
)


def run_due(engine: Engine, *, now: datetime, should_stop: Callable[[], bool] = lambda: False) -> Tally:
    """Do everything that is due at ``now`` (UTC), once, and return what was done.

    An act that raises stops no other act. ``should_stop`` is asked between acts.
    """
    tally = Tally()
    for act in ACTS:
        if should_stop():
            break
        try:
            tally.add(act(engine, now=now))
        except Exception as error:  # noqa: BLE001 - the sweep must reach the other acts
            name = act.__name__
            log.error("act_failed", act=name, error=f"{type(error).__name__}: {str(error)[:300]}")
            tally.problems.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
    return tally
