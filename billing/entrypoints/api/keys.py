"""Keys of this API, for those who may give them out."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from billing.domain.api_keys import KeyMode
from billing.domain.public_ids import Kind, NotAnId, public_id, uuid_of
from billing.domain.roles import Role
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.paging import ListOf, list_of, page_asked
from billing.entrypoints.api.shapes import Answered, Body, PageQuery
from billing.entrypoints.clock import machine_now
from billing.operations.api_keys import FreshKey, create_key, revoke_key, rotate_key
from billing.operations.engine import NotFound
from billing.store.api_keys import KeyRow, page_of_keys
from billing.store.columns import AnyRow

router = APIRouter(prefix="/v1/keys", tags=["keys"])
KeyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,49}$")]


class NewKey(Body):
    """``name`` says who holds the key; every act of it is written down under this name."""

    name: KeyName
    role: Literal["read", "backend", "admin"] = "backend"


class Rotation(Body):
    """``overlap_hours``: how long the present secret still works; 0 ends it now."""

    overlap_hours: Annotated[int, Field(ge=0, le=720)] = 24


class ApiKey(Answered):
    """A key. ``hint`` is how its secret begins; ``last_used_at`` is right to the minute."""

    object: Literal["api_key"] = "api_key"
    id: str
    name: str
    role: Role
    hint: str
    previous_hint: str | None
    previous_ends_at: datetime | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: KeyRow | AnyRow) -> "ApiKey":
        """Return what is shown of a key."""
        return cls.model_validate({**shown(row), "object": "api_key"})


class FreshApiKey(ApiKey):
    """A key with its ``secret``, which is shown this once: not again, nor to the same request sent again."""

    secret: str | None


class ApiKeyList(ListOf[ApiKey]):
    pass


def shown(row: KeyRow | AnyRow) -> dict[str, object]:
    """Return the fields of a key by their names."""
    names = ApiKey.model_fields.keys() - {"object", "id"}
    return {name: getattr(row, name) for name in names} | {"id": public_id(Kind.API_KEY, row.id)}


@router.get("", operation_id="list_keys")
def read_keys(query: Annotated[PageQuery, Query()], desk: DeskOfRequest) -> ApiKeyList:
    """List the keys, revoked ones too, newest first; no secret is among them."""
    page = page_asked("keys", query)
    with desk.reading() as tx:
        rows = page_of_keys(tx, page)
    return list_of(ApiKeyList, "keys", page, rows, ApiKey.of)


@router.post("", status_code=201, operation_id="create_key")
def create(wanted: NewKey, desk: DeskOfRequest) -> FreshApiKey:
    """Make a key and show its secret, once."""
    made = desk.act(
        "create_key",
        lambda _now: create_key(
            desk.engine, wanted.name, Role(wanted.role), mode_of(desk), now=machine_now(), claim=desk.claim
        ),
    )
    return _fresh(made)


@router.post("/{key_id}/rotate", operation_id="rotate_key")
def rotate(key_id: str, desk: DeskOfRequest, wanted: Rotation | None = None) -> FreshApiKey:
    """Give a key another secret and show it, once; the present one works on until the overlap ends."""
    overlap = timedelta(hours=(wanted or Rotation()).overlap_hours)
    made = desk.act(
        "rotate_key",
        lambda _now: rotate_key(desk.engine, _id(key_id), mode_of(desk), overlap=overlap, now=machine_now()),
        about=key_id,
    )
    return _fresh(made)


@router.post("/{key_id}/revoke", operation_id="revoke_key")
def revoke(key_id: str, desk: DeskOfRequest) -> ApiKey:
    """Let a key open nothing any more, at most 5 seconds from now; it cannot be undone."""
    row = desk.act("revoke_key", lambda _now: revoke_key(desk.engine, _id(key_id), now=machine_now()), about=key_id)
    return ApiKey.of(row)


def mode_of(desk: Desk) -> KeyMode:
    """Return the mode of the keys that this installation takes."""
    return KeyMode.LIVE if desk.is_live else KeyMode.TEST


def _fresh(made: FreshKey) -> FreshApiKey:
    return FreshApiKey.model_validate({**shown(made.row), "secret": made.secret})


def _id(told: str) -> UUID:
    try:
        return uuid_of(Kind.API_KEY, told)
    except NotAnId as error:
        raise NotFound(str(error)) from None
