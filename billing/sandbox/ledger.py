"""Payments, sources and wallets, and the ways to find them."""

from collections.abc import Iterable
from typing import Any

from billing.sandbox.records import Action, Payment, Source, Wallet
from billing.sandbox.store import Store


class Ledger:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.payments: dict[str, Payment] = {}
        self.wallets: dict[str, Wallet] = {}
        self.sources: dict[str, Source] = {}
        self.customers: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self._by_reference: dict[str, list[str]] = {}
        self._unlisted: set[str] = set()

    def load(self) -> None:
        """Take up what an earlier process kept."""
        for document in self._store.load("wallet"):
            self.keep_wallet(Wallet(**document))
        for document in self._store.load("source"):
            self.keep_source(Source(**document))
        payments = [_payment(document) for document in self._store.load("payment")]
        for payment in sorted(payments, key=lambda each: (each.requested_at, each.wallet, each.ordinal)):
            self.add_payment(payment, listed=True)

    def add_payment(self, payment: Payment, *, listed: bool) -> None:
        """Enter a new payment; unlisted ones are found by id but not yet by reference."""
        self.payments[payment.id] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment.id)
        if payment.token:
            self.tokens[payment.token] = payment.id
        if not listed:
            self._unlisted.add(payment.id)
        self.keep(payment)

    def keep(self, payment: Payment) -> None:
        self._store.put("payment", payment.id, payment)

    def keep_wallet(self, wallet: Wallet) -> None:
        self.wallets[wallet.key] = wallet
        if wallet.customer_id:
            self.customers[wallet.customer_id] = wallet.key
        for alias in wallet.aliases:
            self.aliases[alias] = wallet.key
        self._store.put("wallet", wallet.key, wallet)

    def drop_customer(self, wallet: Wallet) -> None:
        """Forget the customer of a wallet; what it is called besides its key goes too."""
        self.customers.pop(wallet.customer_id, None)
        for alias in wallet.aliases:
            self.aliases.pop(alias, None)
        wallet.customer_id, wallet.aliases = "", []
        wallet.email = wallet.key if "@" in wallet.key else None
        self.keep_wallet(wallet)

    def keep_source(self, source: Source) -> None:
        self.sources[source.id] = source
        self._store.put("source", source.id, source)

    def list_now(self, payment_id: str) -> None:
        """From now on the list by reference shows it."""
        self._unlisted.discard(payment_id)

    def with_reference(self, reference: str) -> list[Payment]:
        """All payments of that exact reference, oldest first, listed or not."""
        return [self.payments[each] for each in self._by_reference.get(reference, ())]

    def listed(self, payments: Iterable[Payment]) -> list[Payment]:
        return [each for each in payments if each.id not in self._unlisted]

    def of_wallet(self, key: str) -> list[Payment]:
        return [each for each in self.payments.values() if each.wallet == key]

    def by_token(self, token: str) -> Payment | None:
        return self.payments.get(self.tokens.get(token, ""))


def _payment(document: dict[str, Any]) -> Payment:
    actions = [Action(**each) for each in document.pop("actions")]
    return Payment(actions=actions, **document)
