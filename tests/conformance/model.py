"""What a case is: statements with the contract's results, and a slow reference for a twin's."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.types as pt

from tests.conformance.fixtures import Map, World

Rows = Sequence[tuple[Any, ...]]


@dataclass(frozen=True)
class Some:
    """So many different rows of these, any of them."""

    count: int
    among: Rows | None = None


@dataclass(frozen=True)
class OneOfEach:
    """One row of each group, in the order of column *by*."""

    groups: Sequence[Rows]
    by: int


class Anything:
    """A value that nobody can know beforehand."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


ANY = Anything()
Expected = Rows | Some | OneOfEach


@dataclass(frozen=True)
class Query:
    """One text that is sent, and what comes back; in it, `{name}` stands for a name or a value of the world."""

    sql: str
    rows: Expected | None = None
    """The contract's result."""
    reference: Callable[[World], Expected] | None = None
    """The result by going through a world's rows one at a time; on the contract's it must give *rows*."""
    by: tuple[int, ...] | None = None
    """The columns by which the rows are in order; None: the order is the result's; (): there is none."""
    names: Sequence[str] | None = None
    types: Sequence[str] | None = None
    """The columns' types as PostgreSQL calls them."""
    wire: Sequence[Sequence[str | None]] | None = None
    """The contract's result as text of the wire."""
    error: str | None = None
    """SQLSTATE, or "any"."""
    text: str = ""
    """What the error says."""
    as_json: bool = False
    """On the wire, values with parts come as JSON."""


@dataclass(frozen=True)
class Case:
    """A case of the contract: what is sent in one session."""

    id: str
    steps: Sequence[Query]
    values: Mapping[str, Any] = field(default_factory=dict)
    """The contract's constants."""
    draw: Callable[[World, Random], Mapping[str, Any]] | None = None
    """A twin's constants; None: it has the contract's."""
    makes: Sequence[str] = ()
    """Tables that it makes: they are called otherwise in a twin, and are dropped behind it."""
    generations: Sequence[str] = ()
    """Values that are generations of `b3`: `{s_name}` is the snapshot's id."""
    database: str = "prod:all"
    connect: Mapping[str, Any] = field(default_factory=dict)
    refused: str | None = None
    """The SQLSTATE of a log-in that is refused."""
    commands: bool = False
    """It has commands of the wire's session, which the query service does not know."""

    def world(self, tables: World) -> World:
        """The tables with the case's own constants."""
        is_contract = tables.name == "contract"
        made = {name: name if is_contract else f"{name}_{tables.name}" for name in self.makes}
        drawn = self.draw(tables, Random(f"{tables.name} {self.id}")) if self.draw and not is_contract else {}
        values = {**self.values, **drawn, **made}
        ids = {f"s_{name}": tables.snapshots[values[name]] for name in self.generations}
        return replace(tables, values={**values, **ids})


def case(id: str, sql: str, rows: Expected | None = None, reference: Any = None, **more: Any) -> Case:
    """A case of one query; of *more*, what a query has goes to it."""
    own = {key: more.pop(key) for key in list(more) if key in Query.__dataclass_fields__}
    return Case(id, [Query(sql, rows, reference, **own)], **more)


def filled(template: str, world: World) -> str:
    """A text with a world's names and values."""
    return template.format_map({**world.names, **world.values})


# -- values -------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A value for comparison: structs by position."""
    match value:
        case Map():
            return Map((key, plain(inner)) for key, inner in value)
        case dict():
            return tuple(plain(inner) for inner in value.values())
        case tuple():
            return tuple(map(plain, value))
        case list():
            return [plain(inner) for inner in value]
        case _:
            return value


def from_arrow(value: Any, kind: pa.DataType) -> Any:
    """A value that Arrow gives, for comparison."""
    if value is None:
        return None
    if pt.is_struct(kind):
        return tuple(from_arrow(value[f.name], f.type) for f in kind)
    if pt.is_map(kind):
        return Map((key, from_arrow(inner, kind.item_type)) for key, inner in value)
    if pt.is_list(kind):
        return [from_arrow(inner, kind.value_type) for inner in value]
    return value


def wire_text(value: Any) -> str | None:
    """A value as text of the wire, by section 1.5, one value at a time."""
    match value:
        case None:
            return None
        case bool():
            return "t" if value else "f"
        case dt.datetime():
            text = value.isoformat(" ")
            return text.rstrip("0") if "." in text else text
        case Map():
            return "[" + ",".join(f"{key} -> {_map_value(inner)}" for key, inner in value) + "]"
        case dict() | tuple():
            parts = value.values() if isinstance(value, dict) else value
            return "(" + ",".join(map(_in_struct, parts)) + ")"
        case list():
            return "{" + ",".join("NULL" if item is None else str(wire_text(item)) for item in value) + "}"
        case _:
            return str(value)


def _in_struct(value: Any) -> str:
    text = wire_text(value)
    if text is None:
        return "NULL"
    return f'"{text}"' if any(c in text for c in ',(){}[]"') else text


def _map_value(value: Any) -> str:
    return f'"{wire_text(value)}"' if isinstance(value, list | dict | tuple) else _in_struct(value)


def json_text(value: Any, names: Mapping[str, str]) -> str:
    """A struct as the JSON of `auto_to_json`: without fields that are NULL."""
    return json.dumps(_without_nulls(value, names), separators=(",", ":"), ensure_ascii=False)


def _without_nulls(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {names[key]: _without_nulls(inner, names) for key, inner in value.items() if inner is not None}
    return value


def same(found: Any, wanted: Any) -> bool:
    """Whether two values are equal; floating-point numbers up to their last digits."""
    if wanted is ANY:
        return True
    if isinstance(wanted, float) and isinstance(found, int | float) and not isinstance(found, bool):
        return math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(wanted, tuple | list) and isinstance(found, tuple | list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, bool) or isinstance(found, bool):
        return type(wanted) is type(found) and wanted == found
    return bool(found == wanted)


def check(found: Rows, wanted: Expected, by: tuple[int, ...] | None) -> None:
    """Fail unless the rows found are those wanted."""
    if isinstance(wanted, Some):
        assert len(found) == len(set(found)) == wanted.count
        assert wanted.among is None or set(found) <= set(wanted.among)
    elif isinstance(wanted, OneOfEach):
        assert len(found) == len(wanted.groups)
        assert all(sum(row in group for row in found) == 1 for group in wanted.groups)
        assert [row[wanted.by] for row in found] == sorted(row[wanted.by] for row in found)
    elif by is None:
        assert len(found) == len(wanted)
        assert all(map(same, found, wanted)), (found, wanted)
    else:
        assert [[row[n] for n in by] for row in found] == [[row[n] for n in by] for row in wanted]
        check(sorted(found, key=repr), sorted(wanted, key=repr), None)
