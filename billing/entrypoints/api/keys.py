"""Keys of this API, for those who may give them out."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from billing.domain.api_keys import KeyMode
from billing.domain.roles import Role
from billing.entrypoints.api.desk import Desk, DeskOfRequest
from billing.entrypoints.api.errors import telling_current
from billing.entrypoints.api.ids import KeyId
from billing.entrypoints.api.managing import managed
from billing.entrypoints.api.paging import ListOf, list_of, page_asked
from billing.entrypoints.api.shapes import Answered, PageQuery, Reasoned
from billing.entrypoints.clock import machine_now
from billing.operations.api_keys import FreshKey, NameTaken, create_key, redraw_key, revoke_key, rotate_key
from billing.operations.engine import NotFound
from billing.operations.request_keys import secret_lost
from billing.store.api_keys import KeyRow, load_key, page_of_keys
from billing.store.columns import AnyRow

router = APIRouter(prefix="/v1/keys", tags=["keys"])
KeyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,49}$")]


class NewKey(Reasoned):
    """``name`` says who holds the key; every act of it is written down under this name."""

    name: KeyName
    role: Literal["read", "backend", "admin"] = "backend"


class Rotation(Reasoned):
    """``overlap_hours``: how long the present secret still works; 0 ends it now.

    ``end_previous``: one that was rotated away before, and still works, may be ended.
    """

    overlap_hours: Annotated[int, Field(ge=0, le=720)] = 24
    end_previous: bool = False


class ApiKey(Answered):
    """A key. ``hint`` is how its secret begins; ``last_used_at`` is right to the minute."""

    object: Literal["api_key"] = "api_key"
    id: KeyId
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
    return {name: getattr(row, name) for name in ApiKey.model_fields.keys() - {"object"}}


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
    desk = desk.because(wanted)
    try:
        made = desk.once(
            "create_key",
            lambda _now: create_key(desk.engine, wanted.name, Role(wanted.role), mode_of(desk), now=machine_now()),
            again=lambda made, _now: _redrawn(desk, made),
        )
    except NameTaken as refusal:
        key_id = refusal.key_id
        with telling_current(lambda: _current(desk, key_id)):
            raise
    return _fresh(made)


@router.post("/{key_id}/rotate", operation_id="rotate_key")
def rotate(key_id: KeyId, desk: DeskOfRequest, wanted: Rotation | None = None) -> FreshApiKey:
    """Give a key another secret and show it, once

    The present one works on until the overlap ends. While it does, a second rotation would end it and lock out whoever
    still holds it (everybody, if the answer to the first was lost): it is refused, unless `end_previous` is true.
    """
    desk = desk.because(wanted)
    how = wanted or Rotation()
    with telling_current(lambda: _current(desk, key_id)):
        made = desk.once(
            "rotate_key",
            lambda _now: rotate_key(
                desk.engine,
                key_id,
                mode_of(desk),
                overlap=timedelta(hours=how.overlap_hours),
                now=machine_now(),
                end_previous=how.end_previous,
            ),
            again=lambda made, _now: _redrawn(desk, made),
            about=key_id,
        )
    return _fresh(made)


@router.post("/{key_id}/revoke", operation_id="revoke_key")
def revoke(key_id: KeyId, desk: DeskOfRequest, wanted: Reasoned | None = None) -> ApiKey:
    """Let a key open nothing any more, at most 5 seconds from now; it cannot be undone."""
    desk = desk.because(wanted)
    return managed(
        desk,
        "revoke_key",
        lambda _now: revoke_key(desk.engine, key_id, now=machine_now()),
        lambda: _current(desk, key_id),
        about=key_id,
    )


def mode_of(desk: Desk) -> KeyMode:
    """Return the mode of the keys that this installation takes."""
    return KeyMode.LIVE if desk.is_live else KeyMode.TEST


def _fresh(made: FreshKey) -> FreshApiKey:
    return FreshApiKey.model_validate({**shown(made.row), "secret": made.secret})


def _redrawn(desk: Desk, made: str) -> FreshKey:
    key_id, _ = secret_lost(made)
    with telling_current(lambda: _current(desk, key_id)):
        return redraw_key(desk.engine, made, mode_of(desk), now=machine_now())


def _current(desk: Desk, key_id: UUID) -> ApiKey:
    with desk.reading() as tx:
        row = load_key(tx, key_id)
    if row is None:
        raise NotFound("there is no key of this id")
    return ApiKey.of(row)
