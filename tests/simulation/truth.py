"""What is true at the gateway: it outlives every crash and restore of ours, and is what we are judged by."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.agenda import Agenda
from tests.simulation.clock import START

KEY_LIFE = timedelta(hours=24)
TIME_TO_ANSWER = timedelta(days=10)
FOREIGN = "pay_of_another"
"""A payment that another system of the same account made."""


@dataclass
class Action:
    """What happened on a payment: a capture, a decline, a refund."""

    id: str
    kind: str
    amount: int
    at: datetime
    approved: bool | None = None
    code: str | None = None
    reference: str | None = None


@dataclass
class Payment:
    id: str
    reference: str
    amount: int
    currency: str
    source_id: str
    wallet: str
    present: bool
    made_at: datetime
    listed_at: datetime
    shown_at: datetime
    status: str = "Pending"
    code: str | None = None
    captured: int = 0
    refunded: int = 0
    captured_at: datetime | None = None
    actions: list[Action] = field(default_factory=list)
    told_at: datetime | None = None
    """When we were first told of its capture since the faults ended, by whatever we read."""
    charged_back: int = 0
    """What lost disputes took."""
    disputed: int = 0
    """What a dispute holds that is not decided."""
    channel: str | None = None
    closed_before: bool = False
    """It was declined, expired or canceled before it was captured after all."""
    needs_its_webhook: bool = False
    """It is captured when no look at a closed charge is left: its webhook arrives, and is read without a lie."""
    beside: bool = False
    """The gateway's own doing: it was made though its request was refused, or processed twice for a lost key."""

    @property
    def is_open(self) -> bool:
        return self.status == "Pending"

    @property
    def net(self) -> int:
        return self.captured - self.refunded - self.charged_back


@dataclass
class Dispute:
    """A payer asks for the money of a payment back."""

    id: str
    payment: Payment
    amount: int
    status: str
    made_at: datetime
    changed_at: datetime


@dataclass
class Wallet:
    """A subscriber's KakaoPay. A source is an agreement; it lives until it is cut or revoked."""

    name: str
    sources: dict[str, bool] = field(default_factory=dict)
    """Each agreement, and whether it may be charged."""


@dataclass
class SavedAnswer:
    until: datetime
    status: int
    body: bytes
    path: str


class Truth(Agenda):
    """The gateway's rows, and its agenda of what happens there by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.payments: dict[str, Payment] = {}
        self.disputes: dict[str, Dispute] = {}
        self.wallets: dict[str, Wallet] = {}
        self.keys: dict[str, SavedAnswer] = {}
        self.in_flight: set[str] = set()
        self._ids = itertools.count(1)
        times = {"made_at": START, "listed_at": START, "shown_at": START}
        other = Payment(
            FOREIGN, "order-1", 100, "KRW", "src_other", "other", present=False, channel="pc_other", **times
        )
        self.others = {FOREIGN: other}
        """Payments that are not ours: of another system, or taken past the engine."""

    def new_id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids):08d}"

    def wallet(self, name: str) -> Wallet:
        return self.wallets.setdefault(name, Wallet(name))

    def of_source(self, source_id: str) -> Wallet | None:
        return next((wallet for wallet in self.wallets.values() if source_id in wallet.sources), None)
