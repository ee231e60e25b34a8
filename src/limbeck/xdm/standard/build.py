"""Writing down a field group as dotted paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from limbeck.xdm.types import Array, Field, Map, Object, Scalar, ScalarName, Type


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """A standard field group: fields that extend the classes of *extends* (`$id`s)."""

    id: str
    title: str
    description: str
    extends: tuple[str, ...]
    type: Object


@dataclass(frozen=True, slots=True)
class DataType:
    """A standard data type: a structure that field groups refer to."""

    id: str
    title: str
    description: str
    type: Object


def leaf(t: Type, title: str, *, required: bool = False) -> Field:
    """Return a field whose name is still to come from its path."""
    return Field("", t, required, title)


def text(title: str, *enum: str, format: str | None = None, pattern: str | None = None) -> Field:
    """Return a string; *enum*, where given, lists the only values allowed."""
    return leaf(Scalar("string", format=format, enum=enum or None, pattern=pattern), title)


def scalar(name: ScalarName, title: str) -> Field:
    """Return a scalar without constraints."""
    return leaf(Scalar(name), title)


def array(items: Type, title: str) -> Field:
    """Return a list."""
    return leaf(Array(items), title)


def mapping(values: Type, title: str) -> Field:
    """Return a map from strings."""
    return leaf(Map(values), title)


def tree(leaves: Mapping[str, Field]) -> Object:
    """Return the object that holds *leaves*, given by dotted path, in the order their parts first appear."""
    branches: dict[str, dict[str, Field]] = {}
    for path, at_end in leaves.items():
        head, _, rest = path.partition(".")
        branches.setdefault(head, {})[rest] = at_end
    return Object(tuple(_branch(name, below) for name, below in branches.items()))


def _branch(name: str, below: dict[str, Field]) -> Field:
    return replace(below[""], name=name) if "" in below else Field(name, tree(below))
