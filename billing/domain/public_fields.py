"""Records as the outside sees them: each id in them with its prefix, and in their sentences, too."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from billing.domain.public_ids import Kind, numbered_id, public_id, subject_id, with_public_ids

_CALLED: Final[Mapping[str, Kind]] = {**{kind.name.lower(): kind for kind in Kind}, "endpoint": Kind.WEBHOOK_ENDPOINT}
_SAYS_WHAT_ID_IS: Final = {"subject_id": ("subject_type",), "id": ("kind", "subject")}


def told_outside(record: Mapping[str, Any], kind: Kind | None = None) -> dict[str, Any]:
    """Return a record with its ids as the outside sees them; values of other types stay as they are.

    What an id names is told by the name of its field (``charge``, ``charge_id``, ``charges``). Of ``id`` it is told by
    ``kind``, or by the field ``kind`` or ``subject`` beside it; of ``subject_id`` by the field ``subject_type``.
    """
    told = {}
    for name, value in record.items():
        beside = next((record[each] for each in _SAYS_WHAT_ID_IS.get(name, ()) if each in record), None)
        if isinstance(beside, str) and isinstance(value, str):
            told[name] = subject_id(beside, value)
        else:
            told[name] = _value(value, kind if name == "id" else _kind_called(name))
    return told


def _kind_called(name: str) -> Kind | None:
    thing = name.removesuffix("s").removesuffix("_id")
    return _CALLED.get(thing) or _CALLED.get(thing.rpartition("_")[2])


def _value(value: Any, kind: Kind | None) -> Any:
    if isinstance(value, Mapping):
        return told_outside(value)
    if isinstance(value, (list, tuple)):
        return [_value(each, kind) for each in value]
    if isinstance(value, UUID):
        return public_id(kind, value) if kind is not None else str(value)
    if isinstance(value, str):
        return subject_id(kind.name, value) if kind is not None else with_public_ids(value)
    return numbered_id(kind, value) if kind is Kind.EVENT and isinstance(value, int) else value
