"""The sweep: everything that is due, in an order in which each act sees what the one before it wrote."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, assert_never

import structlog

from billing.operations.charge_due import charge_due
from billing.operations.ending import (
    begin_pauses,
    end_canceled_periods,
    expire_enrolments,
    give_up_unpaid,
    resume_pauses,
)
from billing.operations.engine import Engine, Tally
from billing.operations.forget_requests import forget_requests
from billing.operations.give_back_owed import give_back_owed
from billing.operations.look_up_unsettled import look_up_unsettled
from billing.operations.refunds import settle_refunds
from billing.operations.renew_due import renew_due
from billing.operations.revocations import settle_revocations
from billing.operations.settle_strays import settle_strays
from billing.operations.webhooks import process_webhooks
from billing.store.database import told_plainly
from billing.store.due import Kind, kinds_due

log = structlog.get_logger()
Act = Callable[..., Tally]


def act_of(kind: Kind) -> Act:  # noqa: C901, PLR0912 - a table that the types close
    """Return the act that deals with what is due of a kind."""
    match kind:
        case Kind.WEBHOOK:
            return process_webhooks
        case Kind.CHARGE:
            return look_up_unsettled
        case Kind.ENROLMENT:
            return expire_enrolments
        case Kind.PAUSE:
            return resume_pauses
        case Kind.LAST_PERIOD:
            return end_canceled_periods
        case Kind.PAUSE_TO_COME:
            return begin_pauses
        case Kind.GIVING_UP:
            return give_up_unpaid
        case Kind.SUBSCRIPTION:
            return renew_due
        case Kind.INVOICE:
            return charge_due
        case Kind.STRAY:
            return settle_strays
        case Kind.REFUND_OBLIGATION:
            return give_back_owed
        case Kind.REFUND:
            return settle_refunds
        case Kind.REVOCATION:
            return settle_revocations
        case Kind.KEYED_REQUEST:
            return forget_requests
        case _:
            assert_never(kind)


ACTS: Final = tuple((kind, act_of(kind)) for kind in Kind)
"""What a sweep does, in order."""


def run_due(engine: Engine, *, now: datetime) -> Tally:
    """Do everything that is due at ``now`` (UTC), once, and return what was done.

    An act that raises stops no other act.
    """
    tally = Tally()
    due = _due(engine, now)
    for kind, act in ACTS:
        if kind not in due:
            continue
        if engine.stopping():
            break
        done = _run(act, engine, now)
        tally.add(done)
        if done.total:  # what one act did may have made something due for the acts after it
            due = _due(engine, now)
    return tally


def _run(act: Act, engine: Engine, now: datetime) -> Tally:
    name, began, error = act.__name__, time.monotonic(), None
    with structlog.contextvars.bound_contextvars(act=name):
        try:
            tally = act(engine, now=now)
        except Exception as raised:  # noqa: BLE001 - the sweep must reach the other acts
            error = told_plainly(raised)
            log.error("act_failed", act=name, error=error)
            tally = Tally(problems=[f"{name}: {error}"])
        engine.watch.acted(name, tally, time.monotonic() - began, error)
    return tally


def _due(engine: Engine, now: datetime) -> frozenset[Kind]:
    with engine.database.snapshot() as tx:
        return kinds_due(tx, now)
