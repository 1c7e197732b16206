"""``id is one of these``, with a text that is the same for any number of ids: the ids are one parameter."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, TypeDecorator, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean


class _Ids(TypeDecorator[Sequence[UUID | int]]):
    """Ids in one text: an array of PostgreSQL's, or for SQLite a JSON array of what it keeps."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[UUID | int] | None, dialect: Dialect) -> str:
        ids = value or ()
        if dialect.name == "postgresql":
            return "{" + ",".join(map(str, ids)) + "}"
        return json.dumps([each.hex if isinstance(each, UUID) else each for each in ids])


class _Among(FunctionElement[bool]):
    name = "among"
    type = Boolean()
    inherit_cache = True


def among(column: Mapped[Any], ids: Sequence[UUID | int] | None = None) -> ColumnElement[bool]:
    """Return the condition that ``column``, of UUIDs or integers, is one of ``ids``, or of the parameter ``ids``.

    A list of 500 parameters would be read, split and planned by everybody it passes, again each time.
    """
    told = bindparam("ids", type_=_Ids()) if ids is None else bindparam(None, ids, type_=_Ids(), unique=True)
    return _Among(column, told)


@compiles(_Among, "postgresql")
def _in_an_array(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, ids = element.clauses
    array = f"{compiler.dialect.type_compiler_instance.process(column.type)}[]"
    # Not `= ANY`: with a parameter that is searched through for each row of the table.
    members = f"SELECT unnest(CAST({compiler.process(ids, **more)} AS {array}))"
    return f"{compiler.process(column, **more)} IN ({members})"


@compiles(_Among, "sqlite")
def _in_a_json_array(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, ids = element.clauses
    members = f"SELECT value FROM json_each({compiler.process(ids, **more)})"  # noqa: S608 - no value is in it
    return f"{compiler.process(column, **more)} IN ({members})"
