"""Everything one sandbox holds. Handlers and duties are handed it; nothing is global."""

import hashlib
import secrets
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from billing.sandbox import defaults
from billing.sandbox.agenda import Agenda
from billing.sandbox.clock import Clock
from billing.sandbox.demands.scopes import granted_scopes
from billing.sandbox.dice import Dice
from billing.sandbox.disputes.records import Disputes
from billing.sandbox.faults import Faults, change
from billing.sandbox.idempotency import Idempotency
from billing.sandbox.ledger import Ledger
from billing.sandbox.options import Options
from billing.sandbox.records import Event
from billing.sandbox.store import Store
from billing.sandbox.tokens import Tokens
from billing.sandbox.webhooks import Webhooks
from billing.sandbox.workflows.records import Workflows


class World:
    """The state of a sandbox, and its two ways to begin: from the store, or pristine."""

    def __init__(self, options: Options, store: Store, wake: Callable[[], None]) -> None:
        self.options = options
        self.store = store
        self.wake = wake
        self.base_url = ""
        self._start(_new_seed(options))

    def _start(self, seed: int) -> None:
        self.clock = Clock()
        self.dice = Dice(seed)
        self.faults = Faults(time_scale=self.options.time_scale)
        self.profiles = self.options.profiles
        self.granted_scopes = self.options.granted_scopes
        self.webhooks = Webhooks.from_options(self.options)
        self.agenda = Agenda(self.store, self.wake)
        self.ledger = Ledger(self.store)
        self.disputes = Disputes(self.store)
        self.workflows = Workflows(self.store)
        self.idempotency = Idempotency(self.store)
        self.tokens = Tokens(self.dice)
        self.events: dict[str, Event] = {}
        self.requests: deque[dict[str, Any]] = deque(maxlen=defaults.REQUESTS_KEPT)
        self.counts: Counter[str] = Counter()

    def nth(self, *subject: str | int) -> int:
        """Count one more of this subject, from 1: the ordinals that the dice are thrown for."""
        name = "\x1f".join(map(str, subject))
        self.counts[name] += 1
        return self.counts[name]

    def load(self) -> None:
        """Take up where an earlier process stopped; command-line webhook settings win over kept ones."""
        for kept in self.store.load("settings"):
            if self.options.seed is None:
                self.dice = Dice(kept["seed"])
                self.tokens = Tokens(self.dice)
            self.faults = change(self.faults, kept["faults"])
            self.clock.frozen = kept["frozen"]
            self.profiles = frozenset(kept.get("profiles", ())) | self.options.profiles
            if self.options.granted_scopes is None:
                granted = kept.get("granted_scopes")
                self.granted_scopes = None if granted is None else tuple(granted)
            if self.options.webhook_url is None:
                self.webhooks = Webhooks(**kept["webhooks"])
        self.ledger.load()
        self.disputes.load()
        self.workflows.load()
        self.idempotency.load()
        self.agenda.load()
        self.events = {each["id"]: Event(**each) for each in self.store.load("event")}
        self.keep_settings()
        self.store.flush()

    def reset(self, seed: int | None = None) -> None:
        """Back to the pristine state; the seed stays unless another is given."""
        self.store.clear()
        self._start(self.dice.seed if seed is None else seed)
        self.keep_settings()
        self.store.flush()

    @property
    def scopes(self) -> frozenset[str]:
        """What the keys of this account open."""
        return granted_scopes(self.profiles, self.granted_scopes)

    def keep_settings(self) -> None:
        """Note what was set over HTTP, for a restart."""
        kept = {
            "seed": self.dice.seed,
            "faults": vars(self.faults),
            "profiles": sorted(self.profiles),
            "granted_scopes": self.granted_scopes,
            "frozen": self.clock.frozen,
            "webhooks": vars(self.webhooks),
        }
        self.store.put("settings", "settings", kept)

    def keep_event(self, event: Event) -> None:
        self.events[event.id] = event
        self.store.put("event", event.id, event)


def _new_seed(options: Options) -> int:
    """The seed asked for, or one nobody had before: a restarted sandbox must not repeat its ids."""
    return secrets.randbits(48) if options.seed is None else options.seed


def fingerprint(text: bytes) -> str:
    """A short digest, to see whether two bodies are the same."""
    return hashlib.blake2b(text, digest_size=12).hexdigest()
