"""Ends an agreement from our side: no charge is made on it again, and the gateway is told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from billing.domain.states import SourceEvent, SourceState
from billing.gateway.port import Done
from billing.operations.engine import Engine, NotFound, Refusal
from billing.store.tables import LIVE_CHARGE, Charge, Source
from billing.store.writes import Author, Move, move


def revoke_source(engine: Engine, source_id: UUID, *, now: datetime) -> str:
    """Revoke a source and tell the gateway; return a sentence on what the gateway said.

    :raises NotFound: there is no such source. :raises Refusal: it is revoked already, or is being charged.
    """
    with engine.database.transaction() as tx:
        row = tx.execute(
            select(col(Source.state), col(Source.gateway_source_id))
            .where(col(Source.id) == source_id)
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise NotFound(f"there is no source {source_id}")
        live = select(col(Charge.id)).where(col(Charge.source_id) == source_id, text(f"charge.{LIVE_CHARGE}"))
        if tx.execute(live).first() is not None:
            raise Refusal("a charge of this source is under way; try again when it is settled")
        if row.state in (SourceState.ACTIVE, SourceState.SUSPECT):
            move(tx, Source, [Move(source_id, row.state, SourceEvent.REVOKE)], Author(engine.actor, now))
        elif row.state is SourceState.PENDING:
            move(tx, Source, [Move(source_id, row.state, SourceEvent.DISCARD)], Author(engine.actor, now))
    # Revoked here first: if the gateway cannot be told, nothing is charged all the same. Asking again is safe.
    answer = engine.gateway.revoke_source(row.gateway_source_id)
    if isinstance(answer, Done):
        return "Checkout.com revoked it"
    return f"it will not be charged again, but Checkout.com did not confirm the revocation ({answer}); run it again"
