"""Accepting ``POST /payments``: the wallet is found or made, the payment entered, its fate arranged."""

from typing import Any

from billing.sandbox.call import Call, Refused
from billing.sandbox.checks import child
from billing.sandbox.codes import COMMON_DECLINES
from billing.sandbox.demands.deferring import split
from billing.sandbox.events import emit
from billing.sandbox.instants import seconds
from billing.sandbox.outcomes import read_outcome
from billing.sandbox.records import Payment, Source, Wallet
from billing.sandbox.settling import begin
from billing.sandbox.validation import validate_payment
from billing.sandbox.world import World

_ECHOED = ("items", "shipping", "metadata", "processing_channel_id", "description")


def wallet_key(world: World, body: dict[str, Any]) -> str:
    """Who this request is about: the owner of its source, else e-mail, customer, name, reference."""
    source_id = child(body.get("source"), "id")
    source = world.ledger.sources.get(source_id) if isinstance(source_id, str) else None
    if source:
        return source.wallet
    customer = body.get("customer")
    email, known = child(customer, "email"), child(customer, "id")
    if isinstance(email, str) and email:
        return world.ledger.aliases.get(email.lower(), email.lower())
    if isinstance(known, str) and known in world.ledger.customers:
        return world.ledger.customers[known]
    return str(child(customer, "name") or body.get("reference") or source_id or "nobody")


def open_wallet(world: World, key: str, customer: object = None) -> Wallet:
    """The wallet of this key, made if there is none."""
    wallet = world.ledger.wallets.get(key)
    if wallet is None:
        email = key if "@" in key else None
        wallet = Wallet(key, world.dice.name("cus", key), email)
    if not wallet.customer_id:
        wallet.customers += 1
        wallet.customer_id = world.dice.name("cus", key, wallet.customers)
    email, name = child(customer, "email"), child(customer, "name")
    wallet.email = email if isinstance(email, str) else wallet.email
    wallet.name = name if isinstance(name, str) else wallet.name
    world.ledger.keep_wallet(wallet)
    return wallet


def place_payment(world: World, call: Call) -> Payment:
    """Validate and enter a payment, as Pending.

    :raises Refused: the request is invalid, its source unusable, or a script item says so.
    """
    body = call.document()
    told_later = validate_payment(world, body)
    wallet = open_wallet(world, wallet_key(world, body), body.get("customer"))
    if body["source"]["type"] == "id":
        return _place_later(world, wallet, body, call.idempotency_key, told_later)
    return _place_first(world, wallet, body, call.idempotency_key, told_later)


def _place_first(world: World, wallet: Wallet, body: dict[str, Any], key: str | None, told_later: str) -> Payment:
    """The customer is present: Pending until the wallet page is used, or it expires."""
    item = told_later or _take_item(world, wallet, wallet.first_payment, None)
    payment = _enter(world, wallet, body, key, "ok" if item is None else item)
    expiry = seconds(world.faults.first_payment_expiry_seconds)
    payment.expires_at = payment.requested_at + expiry
    world.agenda.add(payment.expires_at, "expire", payment.id)
    own = read_outcome(payment.outcome).settle_seconds
    consent = world.faults.auto_agree_seconds if own is None else own
    if consent is not None:
        world.agenda.add(payment.requested_at + seconds(consent), "agree", payment.id)
    return payment


def _place_later(world: World, wallet: Wallet, body: dict[str, Any], key: str | None, told_later: str) -> Payment:
    """The customer is absent: the agreement is charged, with the outcome within about a minute."""
    source = world.ledger.sources[body["source"]["id"]]
    if (source.revoked and world.faults.revoked_source == "422") or source.agreement == "none":
        told_later = told_later or _refuse_or_tell_later(world, "source_id_invalid")
    item = told_later or _take_item(world, wallet, wallet.script, wallet.default)
    ordinal = wallet.payments + 1
    payment = _enter(world, wallet, body, key, _by_the_seed(world, wallet, ordinal) if item is None else item)
    own = read_outcome(payment.outcome).settle_seconds
    low, high = world.faults.settle_seconds_min, world.faults.settle_seconds_max
    drawn = world.dice.between(low, high, "settle-seconds", wallet.key, ordinal)
    begin(world, payment, drawn if own is None else own)
    return payment


def _take_item(world: World, wallet: Wallet, script: list[Any], default: object) -> object:
    """Use up the next script item; one that refuses ends the request here."""
    item = script.pop(0) if script else default
    world.ledger.keep_wallet(wallet)
    if item is not None:
        outcome = read_outcome(item)
        if outcome.kind == "refuse":
            return _refuse_or_tell_later(world, outcome.code)
    return item


def _refuse_or_tell_later(world: World, code: str) -> str:
    """Return the response code of the decline that tells it.

    :raises Refused: 422, it is told now.
    """
    now, later = split(world.profiles, [code])
    if now:
        raise Refused(422, *now)
    return later


def _by_the_seed(world: World, wallet: Wallet, ordinal: int) -> str:
    """The outcome of an unscripted later charge."""
    faults, dice, subject = world.faults, world.dice, (wallet.key, ordinal)
    hours = dice.between(1, 48, "outcome-hours", *subject)
    if dice.hits(faults.merchant_declines, "merchant_declines", *subject):
        return faults.merchant_decline_code
    if dice.hits(faults.charge_declined, "charge_declined", *subject):
        return dice.pick(COMMON_DECLINES, "charge_declined-which", *subject)
    table = {
        "hang": faults.charge_hang,
        f"pending:{hours}": faults.charge_pending,
        f"late:{hours}": faults.charge_late,
        "expire": faults.charge_expired,
    }
    drawn = (item for item, chance in table.items() if dice.hits(chance, item.partition(":")[0], *subject))
    return next(drawn, "ok")


def _enter(world: World, wallet: Wallet, body: dict[str, Any], key: str | None, outcome: object) -> Payment:
    """Write the payment into the ledger and announce it (``payment_pending``)."""
    wallet.payments += 1
    subject = (wallet.key, wallet.payments)
    present = body["source"]["type"] == "kakaopay"
    payment_id = world.dice.name("pay", *subject)
    payment = Payment(
        id=payment_id,
        wallet=wallet.key,
        ordinal=wallet.payments,
        payment_type=body.get("payment_type", "Regular"),
        amount=body["amount"],
        currency=body["currency"],
        reference=body["reference"],
        requested_at=world.clock.now(),
        source_id=_make_source(world, wallet, payment_id, body) if present else body["source"]["id"],
        token=world.dice.name("w", *subject) if present else None,
        outcome=outcome,
        idempotency_key=key,
        success_url=body.get("success_url", ""),
        failure_url=body.get("failure_url", ""),
        echo=_echo(wallet, body),
    )
    lag = world.dice.between(0, world.faults.list_lag_seconds, "list-lag", *subject)
    world.ledger.add_payment(payment, listed=lag == 0)
    if lag:
        world.agenda.add(payment.requested_at + seconds(lag), "list", payment.id)
    world.ledger.keep_wallet(wallet)
    emit(world, payment, "payment_pending")
    return payment


def _make_source(world: World, wallet: Wallet, payment_id: str, body: dict[str, Any]) -> str | None:
    """A first Recurring payment names its ``src_`` at once; it is chargeable only after the capture."""
    if body.get("payment_type") != "Recurring":
        return None
    source_id = world.dice.name("src", wallet.key, len(wallet.sources) + 1)
    world.ledger.keep_source(Source(source_id, wallet.key, payment_id))
    wallet.sources.append(source_id)
    return source_id


def _echo(wallet: Wallet, body: dict[str, Any]) -> dict[str, Any]:
    customer = {"id": wallet.customer_id, "email": wallet.email, "name": wallet.name}
    echo = {name: body[name] for name in _ECHOED if body.get(name) is not None}
    echo["customer"] = {name: value for name, value in customer.items() if value is not None}
    return echo
