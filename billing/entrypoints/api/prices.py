"""The prices that plans have and had."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query

from billing.entrypoints.api import plans
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.errors import telling_current
from billing.entrypoints.api.fields import PLAN_CODE
from billing.entrypoints.api.ids import PriceId
from billing.entrypoints.api.models import NewPrice, PriceQuery
from billing.entrypoints.api.objects.plans import PriceList
from billing.entrypoints.api.objects.prices import Price
from billing.entrypoints.api.paging import read_cursor, write_cursor
from billing.entrypoints.api.pricing import price_asked
from billing.operations.engine import NotFound
from billing.operations.plans import create_price
from billing.store.plan_views import find_price, list_prices

router = APIRouter(prefix="/v1/prices", tags=["prices"])
_LIST: Final = "prices"
_VERSION: Final = r"[0-9]{1,9}"


@router.get("", operation_id="list_prices")
def read_prices(query: Annotated[PriceQuery, Query()], desk: DeskOfRequest) -> PriceList:
    """List the prices, of one plan if asked so, in the order of plans and versions."""
    behind = None
    if query.cursor:
        code, version = read_cursor(_LIST, query.cursor, PLAN_CODE, _VERSION)
        behind = (code, int(version))
    with desk.reading() as tx:
        rows = list_prices(tx, plan=query.plan, behind=behind, limit=query.limit)
    page, more = rows[: query.limit], len(rows) > query.limit
    cursor = write_cursor(_LIST, page[-1].plan_code, str(page[-1].version)) if more else None
    return PriceList(data=[Price.of(row) for row in page], has_more=more, next_cursor=cursor)


@router.post("", status_code=201, operation_id="create_price")
def create(wanted: NewPrice, desk: DeskOfRequest) -> Price:
    """Give a plan another price

    It is for enrolments to come: present subscribers keep the price they have.
    """
    desk = desk.because(wanted)
    price = price_asked(desk, wanted)
    with telling_current(lambda: plans.shown(desk, wanted.plan)):
        price_id = desk.once(
            "create_price",
            lambda now: create_price(desk.engine, wanted.plan, price, now=now),
            again=lambda made, _now: UUID(made),
            about=wanted.plan,
        )
    return _shown(desk, price_id)


@router.get("/{price_id}", operation_id="get_price")
def read_price(price_id: PriceId, desk: DeskOfRequest) -> Price:
    """Show a price."""
    return _shown(desk, price_id)


def _shown(desk: Desk, price_id: UUID) -> Price:
    with desk.reading() as tx:
        row = find_price(tx, price_id)
    if row is None:
        raise NotFound("there is no price of this id")
    return Price.of(row)
