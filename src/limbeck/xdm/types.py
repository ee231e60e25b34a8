"""XDM's types as values (profile contract, section 1.3). Pure: no storage, no engine, no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Self

ScalarName = Literal["string", "boolean", "byte", "short", "int", "long", "number", "date", "date-time"]

INTEGER_BOUNDS: dict[ScalarName, tuple[int, int]] = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**53), 2**53),
}
"""The least and the greatest value of each integer type, narrowest first; `long` ends where JSON's numbers do."""


class _Value:
    """What never changes needs no copies."""

    __slots__ = ()

    def __deepcopy__(self, _memo: object) -> Self:
        return self


@dataclass(frozen=True, slots=True)
class Scalar(_Value):
    """A leaf: one of XDM's scalar types with the constraints its JSON Schema states."""

    name: ScalarName
    format: str | None = None
    """`uri`, `email` … of a string; never `date` or `date-time`, which are types of their own."""
    enum: tuple[str, ...] | None = None
    """The only values allowed; None when the enumeration is open (`meta:enum`)."""
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Object(_Value):
    """A structure with named fields, in schema order."""

    fields: tuple[Field, ...]

    def get(self, name: str) -> Field | None:
        """Return the field called *name* (case counts), or None."""
        return next((f for f in self.fields if f.name == name), None)

    def find(self, path: str) -> Field | None:
        """Return the field at a dotted *path* through objects (case counts), or None.

        >>> Object((Field("a", Object((Field("b", Scalar("long")),))),)).find("a.b").type.name
        'long'
        """
        head, _, rest = path.partition(".")
        found = self.get(head)
        if not rest or found is None:
            return found
        return found.type.find(rest) if isinstance(found.type, Object) else None

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Field]]:
        """Yield (dotted path, field) for every field under objects that is not itself an object."""
        for f in self.fields:
            path = f"{prefix}{f.name}"
            if isinstance(f.type, Object):
                yield from f.type.leaves(f"{path}.")
            else:
                yield path, f


@dataclass(frozen=True, slots=True)
class Array(_Value):
    """A list of items of one type."""

    items: Type


@dataclass(frozen=True, slots=True)
class Map(_Value):
    """String keys to values of one type."""

    values: Type


Type = Scalar | Object | Array | Map


@dataclass(frozen=True, slots=True)
class Field(_Value):
    """A named member of an object."""

    name: str
    type: Type
    required: bool = False
    title: str = field(default="", compare=False)
    description: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity descriptor resolved onto a schema: the field at *path* identifies in *namespace*."""

    path: str
    """Dotted, e.g. `_acme.userid`."""
    namespace: str
    primary: bool = False


Behaviour = Literal["record", "time-series", "adhoc"]


@dataclass(frozen=True, slots=True)
class Schema:
    """A resolved schema: every reference followed, all fields of class and field groups in one object."""

    id: str
    """The `$id`."""
    version: str
    title: str
    class_id: str
    behaviour: Behaviour
    type: Object
    identities: tuple[Identity, ...] = ()
