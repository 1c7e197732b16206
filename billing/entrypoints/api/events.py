"""The feed of events: what webhooks tell, for whoever would rather ask."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from billing.domain.public_events import PUBLIC_TYPES, subject_of, wants
from billing.entrypoints.api.desk import DeskOfRequest
from billing.entrypoints.api.event_models import EventQuery
from billing.entrypoints.api.ids import EventId
from billing.entrypoints.api.objects.events import Event, EventList
from billing.entrypoints.api.paging import read_cursor, write_cursor
from billing.operations.engine import NotFound
from billing.store.public_facts import list_recorded, load_recorded, told_outside
from billing.store.settled_events import SettledEvents

router = APIRouter(prefix="/v1/events", tags=["events"])
_LIST: Final = "events"
_NUMBER: Final = r"0|[1-9][0-9]{0,17}"


@router.get("", operation_id="list_events")
def read_events(query: Annotated[EventQuery, Query()], request: Request, desk: DeskOfRequest) -> EventList:
    """List what happened, oldest first

    None is ever left out: an event is shown once no earlier one can appear any more. At the end of the list, ask
    again later with its `next_cursor`.
    """
    settled: SettledEvents = request.app.state.settled_events
    reached = int(read_cursor(_LIST, query.cursor, _NUMBER)[0]) if query.cursor else 0
    after = max(reached, query.after or 0)
    wanted = [each for each in PUBLIC_TYPES if wants([query.type], each)] if query.type else ()
    with desk.reading() as tx:
        up_to = settled.up_to(tx)
        found = list_recorded(
            tx, after=after, up_to=up_to, limit=query.limit + 1, types=wanted, subscription_id=query.subscription_id,
            subject=subject_of(query.subject_id) if query.subject_id else None,
        )  # fmt: skip
        page = found[: query.limit]
        told = told_outside(tx, page)
    more = len(found) > query.limit
    last = page[-1].id if more else max(after, up_to)
    shown = [Event.of(told[each.id]) for each in page if not wanted or told[each.id]["type"] in wanted]
    return EventList(data=shown, has_more=more, next_cursor=write_cursor(_LIST, str(last)))


@router.get("/{event_id}", operation_id="get_event")
def read_event(event_id: EventId, desk: DeskOfRequest) -> Event:
    """Show an event."""
    with desk.reading() as tx:
        told = told_outside(tx, load_recorded(tx, [event_id]))
    if event_id not in told:
        raise NotFound("there is no event of this id, or it is an internal one")
    return Event.of(told[event_id])
