"""The sweep: everything that is due, in an order in which each act sees what the one before it wrote."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

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

# What is known comes before what is new: an answer that waits may end what would be charged.
ACTS: Final[tuple[tuple[Kind, Act], ...]] = (
    (Kind.WEBHOOK, process_webhooks),
    (Kind.CHARGE, look_up_unsettled),
    (Kind.ENROLMENT, expire_enrolments),
    (Kind.PAUSE, resume_pauses),
    (Kind.LAST_PERIOD, end_canceled_periods),
    (Kind.PAUSE_TO_COME, begin_pauses),
    (Kind.GIVING_UP, give_up_unpaid),
    (Kind.SUBSCRIPTION, renew_due),
    (Kind.INVOICE, charge_due),
    (Kind.STRAY, settle_strays),
    (Kind.REFUND_OBLIGATION, give_back_owed),
    (Kind.REFUND, settle_refunds),
    (Kind.REVOCATION, settle_revocations),
    (Kind.KEYED_REQUEST, forget_requests),
)


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
