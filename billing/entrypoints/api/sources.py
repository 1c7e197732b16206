"""KakaoPay agreements, on which subscriptions are charged."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.ids import SourceId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.models import Revocation, RevocationSettlement, SourceQuery
from billing.entrypoints.api.objects.customers import Source, SourceList
from billing.entrypoints.api.paging import list_of, page_asked
from billing.operations.engine import NotFound
from billing.operations.revocations import settle_revocation
from billing.operations.revoke_source import revoke_source
from billing.store.customer_views import find_source, list_sources

router = APIRouter(prefix="/v1/sources", tags=["sources"])


@router.get("", operation_id="list_sources")
def read_sources(query: Annotated[SourceQuery, Query()], desk: DeskOfRequest) -> SourceList:
    """List the sources of a customer, newest first."""
    page = page_asked("sources", query)
    with desk.reading() as tx:
        rows = list_sources(tx, page, customer_id=query.customer_id, state=query.state, created=query.created)
    return list_of(SourceList, "sources", page, rows, Source.of)


@router.get("/{source_id}", operation_id="get_source")
def read_source(source_id: SourceId, desk: DeskOfRequest) -> Source:
    """Show a source."""
    return shown(desk, source_id)


@router.post("/{source_id}/revoke", operation_id="revoke_source")
def revoke(source_id: SourceId, wanted: Revocation, desk: DeskOfRequest) -> Source:
    """End a KakaoPay agreement

    Nothing is charged on it again, and Checkout.com is told until it confirms: `revocation` says how far that is.
    Subscriptions that used it need a new one: replace their source. Sent again, only Checkout.com is told again.
    """
    desk = desk.because(wanted)
    return managed(
        desk,
        "revoke_source",
        lambda now: revoke_source(desk.engine, source_id, reason=wanted.reason, now=now),
        lambda: shown(desk, source_id),
        about=source_id,
    )


@router.post("/{source_id}/settle-revocation", operation_id="settle_revocation")
def settle(source_id: SourceId, wanted: RevocationSettlement, desk: DeskOfRequest) -> Source:
    """Write down that a revoked agreement has ended

    For one whose revocation Checkout.com does not confirm, when it is known otherwise that it has ended: cut by the
    subscriber in KakaoTalk, say. It counts as confirmed, and Checkout.com is not told any more. Sent again, nothing
    changes.
    """
    desk = desk.because(wanted)
    return managed(
        desk,
        "settle_revocation",
        lambda now: settle_revocation(desk.engine, source_id, reason=wanted.reason, now=now),
        lambda: shown(desk, source_id),
        about=source_id,
    )


def shown(desk: Desk, source_id: UUID) -> Source:
    """Return a source as it now is.

    :raises NotFound: there is none of this id.
    """
    with desk.reading() as tx:
        row = find_source(tx, source_id)
    if row is None:
        raise NotFound("there is no source of this id")
    return Source.of(row)
