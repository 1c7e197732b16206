"""Looking at wallets and telling them what to do: ``/_sandbox/wallets``."""

from typing import Any

from billing.sandbox.call import Refused
from billing.sandbox.checks import is_one_of, is_whole
from billing.sandbox.outcomes import read_outcome
from billing.sandbox.placing import open_wallet
from billing.sandbox.records import Source, Wallet
from billing.sandbox.world import World

_SCRIPTS = ("script", "first_payment", "refunds")
_NAMES = frozenset({*_SCRIPTS, "default", "balance", "agreement"})


class BadSetting(ValueError):
    """A control request holds something impossible; the message names the field."""


def wallet_row(world: World, wallet: Wallet) -> dict[str, Any]:
    sources = [world.ledger.sources[each] for each in wallet.sources]
    return {
        "wallet": wallet.key,
        "customer_id": wallet.customer_id,
        "name": wallet.name,
        "source_ids": wallet.sources,
        "sources": [{"id": each.id, "agreement": each.agreement, "revoked": each.revoked} for each in sources],
        "agreement": _agreement(sources),
        "balance": wallet.balance,
        "script": wallet.script,
        "first_payment": wallet.first_payment,
        "refunds": wallet.refunds,
        "default": wallet.default,
        "payments": wallet.payments,
    }


def _agreement(sources: list[Source]) -> str:
    """Active if any is; else cut if any was; else none."""
    states = {each.agreement for each in sources}
    return next((state for state in ("active", "cut") if state in states), "none")


def change_wallet(world: World, key: str, wanted: dict[str, Any]) -> Wallet:
    """Set what is given, of the wallet of this key or source; an unknown e-mail gets a new wallet.

    :raises BadSetting: a name or value is impossible; nothing has changed.
    :raises Refused: 404, no such source.
    """
    _check(wanted)
    source = world.ledger.sources.get(key)
    if source is None and key.startswith("src_"):
        raise Refused(404)
    wallet = open_wallet(world, source.wallet if source else key.lower() if "@" in key else key)
    for name in {*_SCRIPTS, "default", "balance"} & set(wanted):
        setattr(wallet, name, wanted[name])
    if "agreement" in wanted:
        _set_agreement(world, wallet, source, wanted["agreement"])
    world.ledger.keep_wallet(wallet)
    return wallet


def _check(wanted: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if name not in _NAMES:
            raise BadSetting(f"{name}: a wallet has no such field; it has {', '.join(sorted(_NAMES))}")
        if name == "balance" and value is not None and not is_whole(value, 0, 10**15):
            raise BadSetting("balance: must be a whole number of minor units, or null for no limit")
        if name == "agreement" and not is_one_of(value, ("none", "active", "cut")):
            raise BadSetting("agreement: must be none, active or cut")
        if name in _SCRIPTS and not isinstance(value, list):
            raise BadSetting(f"{name}: must be a list of script items")
        _check_items(name, value if name in _SCRIPTS else [value] if name == "default" and value else [])


def _check_items(name: str, items: list[Any]) -> None:
    for item in items:
        try:
            outcome = read_outcome(item)
        except ValueError as error:
            raise BadSetting(f"{name}: {error}") from None
        if name == "refunds" and not (isinstance(item, str) and outcome.kind in {"ok", "hang", "decline"}):
            raise BadSetting(f"refunds: an item is ok, hang or a response code, not {item!r}")


def _set_agreement(world: World, wallet: Wallet, source: Source | None, agreement: str) -> None:
    """Of one source, or of all; a wallet without any gets one, so that bulk tests need no first payment."""
    if not wallet.sources and agreement == "active":
        source = Source(world.dice.name("src", wallet.key, 1), wallet.key, "")
        wallet.sources.append(source.id)
        world.ledger.keep_source(source)
    for each in [source] if source else [world.ledger.sources[one] for one in wallet.sources]:
        set_agreement(world, each, agreement)


def set_agreement(world: World, source: Source, agreement: str) -> None:
    """Make the customer's side of an agreement so, and note when."""
    now = world.clock.now()
    if agreement == "active" and source.agreement != "active":
        source.agreed_at, source.cut_at = now, None
    if agreement == "cut" and source.agreement != "cut":
        source.cut_at = now
    source.agreement = agreement
    world.ledger.keep_source(source)
