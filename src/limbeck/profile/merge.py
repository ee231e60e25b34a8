"""Records of one person become one profile: leaf by leaf, the newest value wins (profile contract, section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from limbeck.identity import Identity
from limbeck.xdm.types import Map, Object, Type


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from."""

    dataset_id: str
    time: datetime
    """When the record was published."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """The latest record of one dataset about one identity."""

    record: Mapping[str, Any]
    type: Object
    origin: Origin
    identity: Identity
    """Decides between records of one dataset and one time."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A person's attributes, and the origin of each by dotted path."""

    entity: Mapping[str, Any]
    origins: Mapping[str, Origin]


def merge(fragments: Sequence[Fragment]) -> Merged:
    """Merge fragments: objects leaf by leaf, maps key by key, lists whole, each from the newest that has a value."""
    ranked = sorted(fragments, key=lambda f: (f.origin.time, f.origin.dataset_id, f.identity))
    entity: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for fragment in ranked:
        for path, value in leaves(fragment.record, fragment.type):
            _put(entity, path, value)
            origins[".".join(path)] = fragment.origin
    return Merged(entity, dict(sorted(origins.items())))


def leaves(
    record: Mapping[str, Any], type: Object, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and value of what a record says; NULL says nothing."""
    for field in type.fields:
        value = record.get(field.name)
        if value is not None:
            yield from _leaf(value, field.type, (*above, field.name))


def _leaf(value: Any, type: Type, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(type, Object):
        yield from leaves(value, type, path)
    elif isinstance(type, Map):
        for key, inner in dict(value).items():
            if inner is not None:
                yield from _leaf(inner, type.values, (*path, key))
    else:
        yield path, value


def _put(entity: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        entity = entity.setdefault(step, {})
    entity[path[-1]] = value
