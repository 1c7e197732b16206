"""What every act is handed: the database, the gateway, the rules, and who is acting."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Protocol
from uuid import UUID

from billing.domain.cases import Policy
from billing.domain.days.renewing import CatchUp, CatchUpPolicy
from billing.domain.quiet_hours import ChargeWindow
from billing.gateway.port import PaymentGateway
from billing.store.database import Database

SEND_DEADLINE: Final = timedelta(minutes=2)
"""A charge still *sending* after this belongs to a sender that died: it is looked up."""
ABSENT_SPACING: Final = timedelta(minutes=10)
"""Absent twice, this far apart, is proof of absence (the gateway's list lags by 20 s and more)."""


@dataclass(frozen=True, slots=True)
class Reconciling:
    """How the gateway is asked on our own account: how fast, how far back, and whose payments are ours."""

    reads_per_second: float = 8.0
    recent: timedelta = timedelta(days=3)
    """What was captured, or ordered to be given back, within this is asked about daily."""
    channel_id: str | None = None
    """Of the processing channel; payments that say that they are of another one are not ours."""
    shared_channel: bool = False
    """Whether other systems take KakaoPay payments on it: what carries none of our references is theirs."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Configuration of the acts. Amounts in minor units of the currency they are listed under."""

    settlement: Policy = field(default_factory=Policy)
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_periods: int = 3
    """Missed periods, at most, that are billed after an outage if ``catch_up`` is ALL."""
    zone: str = "Asia/Seoul"
    public_url: str = "http://127.0.0.1:8600"
    country: str = "KR"
    """Of customers whose own is not told; ISO 3166-1 alpha-2."""
    enrolment_lifetime: timedelta = timedelta(hours=1)
    agreement_amounts: Mapping[str, int] = field(default_factory=lambda: {"KRW": 100, "HKD": 100, "SGD": 100})
    refund_minimum: Mapping[str, int] = field(default_factory=lambda: {"KRW": 50})
    batch: int = 500
    batches_at_once: int = 1
    """Of charges: while the answers of one are waited for, another is written down."""
    turn: timedelta = timedelta(seconds=15)
    """A backlog is left to the next sweep after this, so that no other act has to wait for its end."""
    brake_floor: int = 1000
    brake_factor: float = 3.0
    reconciling: Reconciling = field(default_factory=Reconciling)

    @property
    def window(self) -> ChargeWindow:
        return self.settlement.dunning.window

    @property
    def catching_up(self) -> CatchUpPolicy:
        """What becomes of periods that passed in an outage."""
        return CatchUpPolicy(self.catch_up, self.catch_up_periods)


@dataclass(slots=True)
class Tally:
    """What an act did, by name, and what went wrong, in sentences."""

    acts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    stop_the_run: str | None = None
    """Why nothing more should be sent in this run, or None."""

    def add(self, other: "Tally") -> None:
        """Take up the counts and problems of another tally."""
        self.acts.update(other.acts)
        self.problems.extend(other.problems)
        self.stop_the_run = self.stop_the_run or other.stop_the_run

    @property
    def total(self) -> int:
        return self.acts.total()


class SweepObserver(Protocol):
    """Told what a sweep does while it does it. It is called between transactions, must be quick and never raise."""

    def took_up(self, ids: Sequence[Any]) -> None:
        """The act under way takes up these rows."""
        ...

    def acted(self, act: str, tally: Tally, seconds: float, error: str | None) -> None:
        """An act ended after so many seconds; ``error`` says what it raised, if it did."""
        ...


class Unwatched:
    """Nobody watches."""

    def took_up(self, _ids: Sequence[Any]) -> None:
        """Do nothing."""

    def acted(self, _act: str, _tally: Tally, _seconds: float, _error: str | None) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do what a request with an ``Idempotency-Key`` asks for, until ``busy_until`` (machine time)."""

    id: UUID
    busy_until: datetime


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine, wired. ``actor`` is written with every event; an act that has a ``claim`` is done once under it."""

    database: Database
    gateway: PaymentGateway
    rules: Rules
    actor: str = "daemon"
    claim: Claim | None = None
    watch: SweepObserver = field(default_factory=Unwatched)
    stopping: Callable[[], bool] = lambda: False
    """Asked between batches: whether to leave the rest to another day."""


class Refusal(Exception):
    """What was asked for cannot be done, for a reason the caller can understand; nothing was changed."""

    code = "refused"
    says_what_to_do: ClassVar[bool] = False
    """Whether the sentence ends with a remedy, so that the general one of its code would only say it again."""
    retry_after: int | None = None
    """After how many seconds the same may be asked for again: it is refused for the moment only."""


class NotFound(Refusal):
    """There is no such thing."""

    code = "not_found"


class BadInput(Refusal):
    """A value that cannot be used: ``field`` names it, ``detail`` says what would be right."""

    code = "invalid_request"

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field} {detail}")
        self.field, self.detail = field, detail


class Conflict(Refusal):
    """The thing is in a state that does not allow it; the text says which, and what would help."""

    code = "conflict"
