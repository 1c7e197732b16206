"""How the engine is, as gauges read from the database when Prometheus asks, at most every few seconds."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from billing.domain.door import Door, DoorState, state_of
from billing.domain.set_up_evidence import EVIDENCE
from billing.entrypoints.clock import engine_now, machine_now
from billing.operations.brake import BRAKE
from billing.store.database import Database, told_plainly
from billing.store.disputes import open_disputes
from billing.store.door import load_door
from billing.store.installation import InstallationRow, NoInstallation, load_installation
from billing.store.reconciliation import RoundRow, load_rounds
from billing.store.vital_signs import VitalSigns, load_vital_signs

log = structlog.get_logger()
KEPT_SECONDS: Final = 5.0
"""A reading serves every scrape for so long: many scrapers cost the database no more than one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, and when: engine time and machine time (UTC)."""

    signs: VitalSigns
    door: Door
    open_disputes: int
    installation: InstallationRow
    now: datetime
    machine_now: datetime
    rounds: Sequence[RoundRow]


class Vitals(Collector):
    """The gauges. A database that cannot be read takes none of the other metrics with it."""

    def __init__(self, database: Callable[[], Database], *, is_live: bool, kept_seconds: float = KEPT_SECONDS) -> None:
        self._database = database
        self._is_live = is_live
        self._kept_seconds = kept_seconds
        self._one_reads = threading.Lock()
        self._last: tuple[float, Reading | None] | None = None

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing: a registry that takes this on does not read the database for its names."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily | CounterMetricFamily]:
        """Return the gauges as they are now, or were a few seconds ago."""
        with self._one_reads:
            if self._last is None or time.monotonic() - self._last[0] > self._kept_seconds:
                reading = self._read()
                self._last = (time.monotonic(), reading)
            reading = self._last[1]
        yield _gauge("billing_database_up", "Whether the database could be read.", reading is not None)
        if reading is not None:
            yield from _of_work(reading)
            yield from _of_charging(reading)
            yield from _of_the_door(reading)
            yield from _of_reconciliation(reading)

    def _read(self) -> Reading | None:
        try:
            database = self._database()
            now = engine_now(database, is_live=self._is_live)
            with database.snapshot() as tx:
                return Reading(
                    load_vital_signs(tx, now),
                    load_door(tx, now),
                    len(open_disputes(tx)),
                    load_installation(tx),
                    now,
                    machine_now(),
                    load_rounds(tx),
                )
        except (SQLAlchemyError, NoInstallation) as error:
            log.error("vital_signs_not_read", error=told_plainly(error))
            return None


def _of_work(reading: Reading) -> Iterator[GaugeMetricFamily]:
    signs, now = reading.signs, reading.now
    yield _gauge(
        "billing_renewals_overdue", "Renewals due for 15 minutes or more without an invoice; counted to 10000.",
        signs.overdue_renewals,
    )  # fmt: skip
    yield _gauge(
        "billing_charges_overdue", "Open invoices whose charge is late by 15 minutes or more; counted to 10000.",
        signs.overdue_charges,
    )  # fmt: skip
    yield _gauge(
        "billing_refunds_owed", "Payments that must go back and have not yet; counted to 10000.", signs.owed_refunds
    )
    yield _gauge(
        "billing_set_up_failures", "Charges of the last 24 hours that met an error of our set-up; counted to 10000.",
        signs.set_up_failures,
    )  # fmt: skip
    yield _gauge("billing_charges_unknown", "Charges with an unknown outcome; to 10000.", signs.unknown_charges)
    for what, since in (
        ("due_renewal", signs.oldest_due_renewal),
        ("unsettled_charge", signs.oldest_unsettled_charge),
        ("unsettled_refund", signs.oldest_unsettled_refund),
        ("owed_refund", signs.oldest_owed_refund),
        ("waiting_webhook", signs.oldest_webhook),
    ):
        told = f"Age of the oldest {what.replace('_', ' ')} in engine time; 0 when there is none."
        yield _gauge(f"billing_oldest_{what}_seconds", told, _age(since, now))
    parked = GaugeMetricFamily(
        "billing_parked", "What was set aside and waits for a person, by kind; counted to 10000.", labels=["kind"]
    )
    for kind, number in signs.parked.items():
        parked.add_metric([kind], number)
    yield parked
    yield _gauge("billing_disputes_open", "Disputes that are not decided; counted to 1000.", reading.open_disputes)
    if signs.last_sweep is not None:
        yield _gauge(
            "billing_last_sweep_age_seconds", "Since any daemon ended a sweep, in machine time.",
            _age(signs.last_sweep, reading.machine_now),
        )  # fmt: skip


def _of_charging(reading: Reading) -> Iterator[GaugeMetricFamily]:
    row, now = reading.installation, reading.now
    because = row.stopped_because
    is_held = row.held_until is not None and now < row.held_until
    yield _gauge(
        "billing_charging_stopped",
        "The stop switch is thrown.",
        because is not None,
    )
    yield _gauge(
        "billing_brake_pulled", "It was the brake that threw it: far more was due than expected.",
        because is not None and because.startswith(BRAKE),
    )  # fmt: skip
    yield _gauge(
        "billing_stopped_by_evidence", "It was thrown because subscribers met an error of our set-up.",
        because is not None and because.startswith(EVIDENCE),
    )  # fmt: skip
    yield _gauge("billing_charging_held", "Charging waits for minutes after trouble with the gateway.", is_held)


def _of_the_door(reading: Reading) -> Iterator[GaugeMetricFamily]:
    door, now = reading.door, reading.now
    yield _gauge(
        "billing_webhooks_shut_out", "Checkout.com's webhooks do not come in: the front door is shut.",
        state_of(door, now) is DoorState.SHUT,
    )  # fmt: skip
    yield _gauge(
        "billing_payments_ended", "Payments of the last 7 days whose webhook should have come, the newest 100.",
        len(door.announced),
    )  # fmt: skip
    yield _gauge(
        "billing_payments_ended_without_webhook", "Of these, those settled by a look-up or a return.", door.unannounced
    )
    if door.last_arrival is not None:
        yield _gauge(
            "billing_last_webhook_age_seconds", "Since a webhook of Checkout.com was stored, in engine time.",
            _age(door.last_arrival, now),
        )  # fmt: skip
    refused = GaugeMetricFamily(
        "billing_webhooks_refused", "Webhooks that were turned away since the installation was made, by reason.",
        labels=["reason"],
    )  # fmt: skip
    for each in door.refused:
        refused.add_metric([each.why], each.number)
    yield refused


def _of_reconciliation(reading: Reading) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
    asked, found = (
        CounterMetricFamily(f"billing_reconciliation_{name}", told, labels=["round"])
        for name, told in (
            ("reads", "Questions asked of the gateway since the installation was made, by round."),
            ("findings", "What they found that was then settled, kept or parked, by round."),
        )
    )
    unread, age, late = (
        GaugeMetricFamily(f"billing_reconciliation_{name}", told, labels=["round"])
        for name, told in (
            ("unread", "Questions of the round under way, or the last one, that stayed without an answer."),
            ("last_round_age_seconds", "Since a round was completed, in engine time."),
            ("late_seconds", "For how long the next page of a round is due."),
        )
    )
    for row in reading.rounds:
        name = [row.name.value]
        asked.add_metric(name, row.all_asked)
        found.add_metric(name, row.all_found)
        unread.add_metric(name, row.unread)
        late.add_metric(name, _age(row.due_at, reading.now))
        if row.ended_at is not None:
            age.add_metric(name, _age(row.ended_at, reading.now))
    yield from (asked, found, unread, age, late)


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=value)


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
