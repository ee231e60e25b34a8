"""What the catalogue tells of: relations with their types, keys, settings and the session (SQL contract, section 1.7).

OIDs come from what an object is, not from when it was made: the same object has the same one in every session.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from limbeck.query.pg_catalog import types
from limbeck.query.session import Facts
from limbeck.query.variables import Variables
from limbeck.xdm.types import Array, Map, Object, Scalar, Type

OWNER, OWNER_OID = "postgres", 10
CATALOG_OID, INFORMATION_OID, PUBLIC_OID, TEMP_OID = 11, 13_207, 2200, 16_383

FIRST_OID = 16_384
"""Below it are PostgreSQL's own."""
_OIDS = 2**31 - FIRST_OID


@dataclass(frozen=True, slots=True)
class Described:
    """A table or view, as its place tells it."""

    id: str
    """Stays while it exists; OIDs come from it."""
    name: str
    kind: Literal["r", "v"]
    type: Object
    description: str = ""
    definition: str = ""
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A primary key (`p`) of a table's columns, or a foreign key (`f`) that refers to another table's."""

    kind: Literal["p", "f"]
    table: str
    columns: tuple[str, ...]
    other: str = ""
    other_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column, in its own spelling."""

    name: str
    type: int
    """OID."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table (`r`), view (`v`), index (`i`) or composite type (`c`)."""

    oid: int
    name: str
    kind: str
    columns: tuple[Attribute, ...]
    row_type: int = 0
    source: Described | None = None
    """What it shows; None for composite types and indexes."""

    @property
    def namespace(self) -> int:
        """The OID of its schema."""
        return TEMP_OID if self.source is not None and self.source.temporary else PUBLIC_OID

    def number(self, column: str) -> int | None:
        """Return the place of a column, from 1, whatever the case, or None."""
        places = (n for n, c in enumerate(self.columns, 1) if c.name.lower() == column.lower())
        return next(places, None)


@dataclass(frozen=True, slots=True)
class OwnType:
    """A type that is not built in."""

    oid: int
    name: str
    kind: str
    """`b` base, `c` composite."""
    array: int = 0
    """OID of the type of its arrays."""
    relation: int = 0
    """OID of the relation with a composite's fields."""
    item: int = 0
    """OID of an array's items."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A key whose tables and columns were found."""

    oid: int
    name: str
    key: Key
    relation: Relation
    numbers: tuple[int, ...]
    other: Relation | None = None
    other_numbers: tuple[int, ...] = ()
    index: int = 0
    """OID of a primary key's index."""

    @property
    def definition(self) -> str:
        """What ALTER TABLE … ADD CONSTRAINT would say."""
        columns = names([self.relation.columns[n - 1].name for n in self.numbers])
        if self.other is None:
            return f"PRIMARY KEY ({columns})"
        others = names([self.other.columns[n - 1].name for n in self.other_numbers])
        return f"FOREIGN KEY ({columns}) REFERENCES {identifier(self.other.name)}({others})"


@dataclass(slots=True)
class _Made:
    relations: list[Relation] = field(default_factory=list)
    types: list[OwnType] = field(default_factory=list)


class World:
    """All there is, as one session sees it; each part is found out when a query needs it."""

    def __init__(
        self,
        facts: Facts,
        variables: Variables,
        described: Callable[[], Sequence[Described]],
        keys: Callable[[], Sequence[Key]],
        bytes_of: Callable[[str], int],
    ) -> None:
        self.facts = facts
        self.variables = variables
        self.bytes_of = bytes_of
        """From a table's `Described.id` to the bytes of its files."""
        self._described = described
        self._keys = keys
        self._taken: dict[int, str] = {}

    @property
    def user(self) -> str:
        """Who asks."""
        return self.facts.user

    @cached_property
    def user_oid(self) -> int:
        """The OID of who asks."""
        return self.oid(f"role {self.user}")

    @cached_property
    def path(self) -> list[str]:
        """The schemas that names without one are looked up in, those there are, pg_catalog not among them."""
        parts = [p.strip().strip("'\"") for p in self.variables.get("search_path").split(",")]
        return [p for p in parts if p in ("public", "information_schema", "pg_catalog")]

    @property
    def relations(self) -> list[Relation]:
        """Tables and views, and the composite types of their structs."""
        return self._made.relations

    @property
    def types(self) -> list[OwnType]:
        """Types of rows and structs, and what stands for lists and maps."""
        return self._made.types

    @cached_property
    def constraints(self) -> list[Constraint]:
        """The keys of tables that are seen, with all their columns."""
        by_name = {r.name.lower(): r for r in self.relations if r.source is not None}
        found = (self._constraint(key, by_name) for key in self._keys())
        return [constraint for constraint in found if constraint is not None]

    def oid(self, key: str) -> int:
        """Return the OID of what *key* names: by its hash, or the next one that is free."""
        found = zlib.crc32(key.encode()) % _OIDS
        while self._taken.setdefault(found, key) != key:
            found = (found + 1) % _OIDS
        return FIRST_OID + found

    def relation_type(self, name: str) -> str:
        """Return a type's name as it has to be written: with its schema where the path does not lead there."""
        return name if "public" in self.path else f"public.{name}"

    # -- relations and types -------------------------------------------------------------------------------

    @cached_property
    def _made(self) -> _Made:
        made = _Made()
        for name in ("anyarray", "anymap"):
            made.types.append(OwnType(self.oid(f"type {name}"), name, "b"))
        for described in self._described():
            self._relation(made, described.id, described.name, described.kind, described.type, described)
        return made

    def _relation(
        self, made: _Made, key: str, name: str, kind: str, type_: Object, source: Described | None = None
    ) -> OwnType:
        """Add a relation and its row type, with those of its structs; return the row type."""
        shown = name.lower()
        row = OwnType(
            self.oid(f"type {key}"), shown, "c", array=self.oid(f"array {key}"), relation=self.oid(f"relation {key}")
        )
        at = len(made.relations)
        columns = tuple(
            Attribute(
                f.name, self._type(made, f"{key}.{f.name}", f"{shown}_{f.name}", f.type), f.description or f.title
            )
            for f in type_.fields
        )
        made.relations.insert(at, Relation(row.relation, name, kind, columns, row.oid, source))
        made.types += [row, OwnType(row.array, f"_{shown}", "b", item=row.oid)]
        return row

    def _type(self, made: _Made, key: str, name: str, type_: Type) -> int:
        match type_:
            case Scalar():
                return types.of_scalar(type_).oid
            case Object():
                return self._relation(made, key, name, "c", type_).oid
            case Array(items=Object() as item):
                return self._relation(made, key, f"{name}_e", "c", item).array
            case Array():
                return self.oid("type anyarray")
            case Map():
                return self.oid("type anymap")

    def _constraint(self, key: Key, by_name: dict[str, Relation]) -> Constraint | None:
        relation, other = by_name.get(key.table.lower()), by_name.get(key.other.lower())
        if relation is None or (key.kind == "f" and other is None):
            return None
        numbers = _numbers(relation, key.columns)
        other_numbers = _numbers(other, key.other_columns) if other else ()
        if numbers is None or other_numbers is None:
            return None
        name = "_".join([relation.name.lower(), *(c.lower() for c in key.columns), "fkey"])
        index = 0
        if key.kind == "p":
            name, index = f"{relation.name.lower()}_pkey", self.oid(f"index {relation.oid}")
        mark = self.oid(f"constraint {relation.oid} {name}")
        return Constraint(mark, name, key, relation, numbers, other, other_numbers, index)


def _numbers(relation: Relation, columns: Sequence[str]) -> tuple[int, ...] | None:
    """The places of columns; None if one is a field of a struct, which has none."""
    found = [relation.number(column) for column in columns]
    known = tuple(n for n in found if n is not None)
    return known if len(known) == len(found) else None


def identifier(name: str) -> str:
    """Return *name* as PostgreSQL writes it, in lower case, quoted where it has to be.

    >>> identifier("a.b")
    '"a.b"'
    """
    name = name.lower()
    return name if re.fullmatch(r"[a-z_][a-z0-9_$]*", name) else '"' + name.replace('"', '""') + '"'


def names(found: Sequence[str]) -> str:
    """Return names as a list in SQL."""
    return ", ".join(map(identifier, found))


def indexes(world: World) -> Iterator[tuple[Relation, Constraint]]:
    """Yield the index of each primary key, as a relation with the key's columns."""
    for constraint in world.constraints:
        if constraint.index:
            columns = tuple(constraint.relation.columns[n - 1] for n in constraint.numbers)
            yield Relation(constraint.index, constraint.name, "i", columns), constraint
