"""Lives through the cases of one world with the engine, against the sandbox, and says what came of each."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from day_cases import (
    CUT,
    CUT_LONG,
    DOWN,
    FIRST_AT_MIDNIGHT,
    FIRST_EXPIRED,
    INTERVALS,
    OUTAGE,
    PAUSED_WITHIN,
    PLAN_PAUSED,
    SCRIPTS,
    Case,
    Setting,
    cases,
    facts,
)
from day_model import Captured, Facts, Lived, NotBilled
from harness import START, WEB, World, email, kst, open_inbox, utc

from billing.domain.access import access_on
from billing.domain.days.releasing import Bill
from billing.domain.days.renewing import CatchUp
from billing.domain.dunning import EndOfLadder
from billing.operations.manage import cancel_at_period_end, pause, resume
from billing.operations.parking import release_subscription
from billing.operations.plans import apply_plans, pause_plan, resume_plan
from billing.operations.re_enrol import re_enrol
from billing.operations.retry_charge import ConfirmationRequired, retry_invoice
from billing.store.access import standings_of_customer
from plans.calendar import billing_day
from plans.catalog import DEFAULT_LIMITS, read_catalog

SAMPLED_DAYS = tuple(
    date(2028, month, day) for month, day in [(1, 31), (2, 2), (2, 9), (2, 14), (3, 2), (3, 5), (3, 7), (3, 20)]
)
_AFTER_AN_ACT = timedelta(minutes=2)
_NEVER = datetime.max.replace(tzinfo=UTC)
_BETWEEN_SWEEPS = timedelta(minutes=25)
_Act = tuple[datetime, Callable[[], object]]


def live(world: World, setting: Setting) -> dict[Case, Lived]:
    """Live through the cases of one world; return what the sandbox's ledger and the engine say of each."""
    return _Table(world, setting).live()


class _Table:
    def __init__(self, world: World, setting: Setting) -> None:
        self.world, self.setting, self.cases = world, setting, list(cases(setting))
        self.facts = {case: facts(case) for case in self.cases}
        self.of: dict[Case, UUID] = {}
        self.lived = {case: Lived() for case in self.cases}
        self.links: dict[Case, str] = {}
        self.acted = False
        rules = world.engine.rules
        window = replace(rules.window, jitter=timedelta())
        dunning = replace(rules.settlement.dunning, end=EndOfLadder(setting.end), window=window)
        world.with_rules(settlement=replace(rules.settlement, dunning=dunning), catch_up=CatchUp(setting.policy))
        apply_plans(world.engine, read_catalog(_catalog(), DEFAULT_LIMITS), now=world.now)

    def live(self) -> dict[Case, Lived]:
        down = next((self.facts[case].down for case in self.cases if case.happening == OUTAGE), None)
        from_, until = (_at(down[0], "18:00"), _at(down[1], "11:00")) if down else (_NEVER, _NEVER)
        with open_inbox(self.world):
            for at, act in sorted(self._acts(), key=lambda each: each[0]):
                if from_ < at <= until:
                    self.world.go_to(at)
                else:
                    self._live_until(at)
                act()
                self.acted = True
            self._live_until(_at(self.setting.last_day, "20:30"))
        self._read()
        return self.lived

    # --- time ----------------------------------------------------------------------------------

    def _live_until(self, end: datetime) -> None:
        world = self.world
        if self.acted and world.now < end:
            world.sweep_at(min(end, world.now + _AFTER_AN_ACT))
        self.acted = False
        while world.now < end:
            due = world.next_due()
            if due is None or due >= end:
                world.sweep_at(end)
            else:
                world.sweep_at(min(end, max(due, world.now + _BETWEEN_SWEEPS)))

    # --- what is done --------------------------------------------------------------------------

    def _acts(self) -> Iterable[_Act]:
        for case, told in self.facts.items():
            yield from self._beginning(case, told)
            yield from self._managing(case, told)
        if any(case.happening == PLAN_PAUSED for case in self.cases):
            down = next(self.facts[case].down for case in self.cases if case.happening == PLAN_PAUSED)
            assert down is not None
            engine = self.world.engine
            for interval in INTERVALS:
                code = f"{interval}-paused"
                yield _at(down[0], "18:00"), lambda code=code: pause_plan(engine, code, now=self.world.now)
                yield _at(down[1], "11:00"), lambda code=code: resume_plan(engine, code, now=self.world.now)
        for day in SAMPLED_DAYS:
            if day > self.setting.last_day:
                continue
            yield _at(day, "20:00"), lambda day=day: self._look(day)
        for day, time in ((DOWN[0], "18:00"), (DOWN[1], "11:00")):
            yield _at(day, time), lambda: None

    def _beginning(self, case: Case, told: Facts) -> Iterable[_Act]:
        first = told.captured_first
        if case.happening == FIRST_EXPIRED:
            begins = max(START, _at(first - timedelta(days=2), "12:00"))
            hours = (_at(first, "17:00") - begins) / timedelta(hours=1)
            script = [f"late:{hours:g}:expire"]
            yield begins, lambda: self._enrol(case, first_payment=script)
            yield begins, lambda: self._agree(case)
            return
        if case.happening == FIRST_AT_MIDNIGHT:
            yield _at(first - timedelta(days=1), "23:55"), lambda: self._enrol(case)
            yield _at(first, "00:05"), lambda: self._agree(case)
            return
        yield max(START, _at(first, "12:00")), lambda: self._enrol(case)
        yield max(START, _at(first, "12:00")), lambda: self._agree(case)

    def _enrol(self, case: Case, **wallet: Any) -> None:
        script = SCRIPTS.get(case.happening)
        self.world.wallet(email(case.who), **wallet, **({"script": script} if script else {}))
        made = self.world.enrol(case.who, case.plan)
        self.of[case] = made.subscription_id
        self.links[case] = str(made.redirect_url)

    def _agree(self, case: Case) -> None:
        self.world.agree(self.links[case])

    def _managing(self, case: Case, told: Facts) -> Iterable[_Act]:
        world = self.world
        if told.paused is not None:
            yield (
                _at(told.paused[0], "18:00"),
                lambda: pause(world.engine, self.of[case], resume_at=None, now=world.now),
            )
            yield _at(told.paused[1], "11:00"), lambda: resume(world.engine, self.of[case], now=world.now)
        if case.happening == PAUSED_WITHIN:
            day = date(2028, 1, 30)
            yield _at(day, "14:00"), lambda: pause(world.engine, self.of[case], resume_at=None, now=world.now)
            yield _at(day, "16:00"), lambda: resume(world.engine, self.of[case], now=world.now)
        if told.returns is not None:
            for at, act in (("11:00", self._make_agreement), ("11:30", self._resume), ("12:00", self._pay)):
                yield _at(told.returns, at), lambda act=act: act(case)
        if told.released is not None:
            yield _at(told.released, "11:00"), lambda: self._release(case)
        if told.leaves is not None:
            yield _at(told.leaves, "21:00"), lambda: self._leave(case)

    def _make_agreement(self, case: Case) -> None:
        if case.happening in (CUT, CUT_LONG) and self._state(case) != "canceled":
            made = re_enrol(self.world.engine, self.of[case], WEB, now=self.world.now)
            self.world.agree(str(made.redirect_url))

    def _resume(self, case: Case) -> None:
        if self._state(case) == "paused":
            resume(self.world.engine, self.of[case], now=self.world.now)

    def _pay(self, case: Case) -> None:
        """Ask to pay what is owed; only where the case says so the subscriber confirms it."""
        owed = self.world.rows(
            "SELECT id FROM invoice WHERE state = 'open' AND first_failed_on IS NOT NULL AND subscription_id = :id",
            id=self._id(case),
        )
        if self._state(case) in ("past_due", "unpaid") and owed:
            confirmed = False
            invoice = UUID(str(owed[0]["id"]))
            try:
                retry_invoice(self.world.engine, invoice, now=self.world.now)
            except ConfirmationRequired:
                confirmed = self.facts[case].confirms
                if confirmed:
                    retry_invoice(self.world.engine, invoice, now=self.world.now, subscriber_confirmed=True)

    def _release(self, case: Case) -> None:
        row = self.world.subscription(self.of[case])
        if row["parked_reason"] is not None:
            release_subscription(self.world.engine, self.of[case], "seen", self.world.now, bill=Bill.LATEST)

    def _leave(self, case: Case) -> None:
        if self._state(case) != "canceled":
            cancel_at_period_end(self.world.engine, self.of[case], reason="left", now=self.world.now)

    # --- what came of it -----------------------------------------------------------------------

    def _state(self, case: Case) -> str:
        return self.world.state(self.of[case])

    def _id(self, case: Case) -> Any:
        return self.world.subscription(self.of[case])["id"]

    def _look(self, day: date) -> None:
        policy = self.world.engine.rules.catching_up
        with self.world.engine.database.snapshot() as tx:
            for case in self.of:
                found = standings_of_customer(tx, f"cust-{case.who}")
                assert found is not None
                (standing,) = found.standings
                self.lived[case].access[day] = str(access_on(day, standing.standing, policy=policy).why)

    def _read(self) -> None:
        world = self.world
        owner = {subscription: case for case, subscription in self.of.items()}
        kept = {each["reference"]: each["captured"] - each["refunded"] for each in world.payments()}
        paid = world.rows(
            "SELECT c.reference, i.subscription_id, i.period_start, i.period_end, i.paid_at"
            " FROM charge c JOIN invoice i ON i.id = c.invoice_id WHERE c.state = 'captured'"
        )
        seen = set()
        for row in paid:
            seen.add(row["reference"])
            won = kept.get(row["reference"], 0)
            if won:
                day = billing_day(utc(row["paid_at"]), "Asia/Seoul")
                period = (_date(row["period_start"]), _date(row["period_end"]))
                self.lived[owner[UUID(str(row["subscription_id"]))]].captured.append(Captured(day, *period, won))
        strange = {reference for reference, won in kept.items() if won} - seen
        assert not strange, f"captured, and no charge of the engine says so: {strange}"
        self._read_days(owner)

    def _read_days(self, owner: dict[UUID, Case]) -> None:
        told: dict[UUID, list[NotBilled]] = defaultdict(list)
        for event in self.world.events("subscription.not_billed"):
            data = json.loads(event["data"]) if isinstance(event["data"], str) else event["data"]
            days = NotBilled(_date(data["from"]), _date(data["to"]), data["kind"], data["reason"])
            told[UUID(str(event["subject_id"]))].append(days)
        written: dict[UUID, list[NotBilled]] = defaultdict(list)
        for row in self.world.rows("SELECT * FROM day_record WHERE kind != 'owed'"):
            days = NotBilled(_date(row["starts_on"]), _date(row["ends_on"]), str(row["kind"]), str(row["reason"]))
            written[UUID(str(row["subscription_id"]))].append(days)
        for subscription, case in owner.items():
            assert sorted(told[subscription]) == sorted(written[subscription]), f"{case}: an event for each record"
            self.lived[case].not_billed = sorted(written[subscription])


def _at(day: date, time: str) -> datetime:
    return kst(f"{day} {time}")


def _date(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _catalog() -> str:
    plan = '[[plans]]\ncode = "{code}"\nname = "{code}"\namount = {won}\ncurrency = "KRW"\ninterval = "{interval}"\n'
    return "\n".join(
        plan.format(code=code, won=won, interval=interval)
        for interval, won in INTERVALS.items()
        for code in (interval, f"{interval}-paused")
    )
