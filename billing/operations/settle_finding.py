"""Settles what `billing verify` found about the past, with a reason: it is then not named any more."""

from datetime import datetime
from uuid import UUID

from billing.domain.cases import Note
from billing.domain.public_ids import Kind, public_id
from billing.operations.audit import decided
from billing.operations.engine import Engine, NotFound, Refusal
from billing.store.invariants import INVARIANTS, Bounds
from billing.store.invariants.model import SETTLED
from billing.store.queries import subscription_of_invoice
from billing.store.writes import Author, note


def settle_finding(
    engine: Engine, number: int, invoice_id: UUID, *, reason: str, bounds: Bounds, now: datetime
) -> None:
    """Write down, for ever, why what rule ``number`` of verify finds about an invoice needs nothing more.

    It changes no money and no day: refund first what should go back. ``now`` is a UTC instant.

    :raises NotFound: there is no such invoice. :raises Refusal: the rule finds nothing about it, or is one of those
        that are mended, not settled.
    """
    rules = [each for each in INVARIANTS if each.number == number]
    if not any(each.may_be_settled for each in rules):
        may = ", ".join(str(each.number) for each in INVARIANTS if each.may_be_settled)
        raise Refusal(f"what rule {number} finds is mended, not settled; rules {may} may be settled")
    with engine.database.transaction() as tx:
        owner = subscription_of_invoice(tx, invoice_id)
        if owner is None:
            raise NotFound(f"there is no invoice {invoice_id}")
        found = {each.id for rule in rules for each in rule.check(tx, now, bounds)}
        if str(invoice_id) not in found:
            raise Refusal(f"rule {number} finds nothing about {public_id(Kind.INVOICE, invoice_id)}")
        subject = ("invoice", str(invoice_id))
        told = Note(SETTLED, {"rule": number, "reason": reason[:200]})
        note(tx, owner, told, Author(engine.actor, now), subject=subject)
        decided(tx, engine, SETTLED, subject, now, reason=reason, details={"rule": number})
