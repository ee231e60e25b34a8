"""Dotted paths looked up in the union schemas."""

from __future__ import annotations

from limbeck.audience.pql import tree as t
from limbeck.audience.pql.names import not_served
from limbeck.errors import PqlError, nearest
from limbeck.xdm.types import Array, Field, Map, Object, Scalar

_KINDS = {"string": t.Kind.STRING, "boolean": t.Kind.BOOLEAN, "number": t.Kind.DOUBLE}
_TIMES = {"date": t.Kind.DATE, "date-time": t.Kind.INSTANT}


def column(path: t.Path, schema: Object, owner: t.Owner) -> t.Column:
    """Return the leaf that *path* names in *schema*, the union schema of the *owner*: profile or event.

    Raise `PqlError` if there is none, or if it is no leaf of a single value or of a list of values.
    """
    dotted, place = ".".join(path.parts), path.places[-1]
    found = _walked(path, schema, owner)
    match found.type:
        case Scalar():
            return t.Column(path.position, owner, dotted, kind=_kind(found.type))
        case Array(items=Scalar() as items):
            return t.Column(path.position, owner, dotted, _kind(items), kind=t.Kind.LIST)
        case Object():
            raise PqlError(f"{path.written} is an object: name one of its fields", position=path.position)
    raise not_served(f"{path.written}, {'a map' if isinstance(found.type, Map) else 'a list of objects'},", place)


def _walked(path: t.Path, schema: Object, owner: t.Owner) -> Field:
    """Return the field that *path* leads to, through objects only."""
    within: Object = schema
    for n, (part, place) in enumerate(zip(path.parts, path.places, strict=True)):
        found = within.get(part)
        if found is None:
            raise unknown(path, schema, owner, place)
        if n == len(path.parts) - 1:
            return found
        if not isinstance(found.type, Object):
            if isinstance(found.type, Scalar):
                raise unknown(path, schema, owner, path.places[n + 1])
            what = "a map" if isinstance(found.type, Map) else "a list"
            raise not_served(f"a path through {what} ({'.'.join(path.parts[: n + 1])})", path.places[n + 1])
        within = found.type
    raise AssertionError("a path has parts")


def unknown(path: t.Path, schema: Object, owner: t.Owner, place: int) -> PqlError:
    """Return the refusal of a path that is not in *schema*, with the nearest one that is."""
    through = f"{path.through}." if path.through else ""
    hint = nearest(path.written, [f"{through}{known}" for known, _ in schema.leaves()])
    said = f"the union schema of {owner}s has no field {path.written}"
    return PqlError(f"{said}{'; ' + hint if hint else ''}", position=place)


def _kind(scalar: Scalar) -> t.Kind:
    return _KINDS.get(scalar.name) or _TIMES.get(scalar.name) or t.Kind.INTEGER
