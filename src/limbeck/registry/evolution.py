"""What a change takes away from those who use a schema (profile contract, section 1.1). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from limbeck.xdm.types import Array, Map, Object, Type


def breaking_changes(old: Object, new: Object) -> list[str]:
    """Say for each field that is lost, retyped or newly required what happened to it; empty if none is."""
    return list(_in_object(old, new, ""))


def _in_object(old: Object, new: Object, prefix: str) -> Iterator[str]:
    for field in old.fields:
        path = f"{prefix}{field.name}"
        found = new.get(field.name)
        if found is None:
            yield f'field "{path}" would be removed'
            continue
        if found.required and not field.required:
            yield f'field "{path}" would become required'
        yield from _in_type(field.type, found.type, path)
    for field in new.fields:
        if field.required and old.get(field.name) is None:
            yield f'new field "{prefix}{field.name}" would be required'


def _in_type(old: Type, new: Type, path: str) -> Iterator[str]:
    match old, new:
        case (Object(), Object()):
            yield from _in_object(old, new, f"{path}.")
        case (Array(was), Array(becomes)) | (Map(was), Map(becomes)):
            yield from _in_type(was, becomes, f"{path}.*")
        case _ if _name(old) != _name(new):
            yield f'field "{path}" would turn from {_name(old)} into {_name(new)}'


def _name(t: Type) -> str:
    match t:
        case Object() | Array() | Map():
            return type(t).__name__.lower()
        case _:
            return t.name
