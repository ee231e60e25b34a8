"""Things that a session holds by name: prepared statements, portals, cursors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from limbeck.errors import RowCapReached, SqlError

MAX_HELD = 1000
"""Most prepared statements, portals and cursors of a session, of each."""

_T = TypeVar("_T")


class Held(Generic[_T]):
    """At most `MAX_HELD` things of one kind. SQL finds them whatever the case (SQL contract, section 2.8)."""

    def __init__(self, kind: str, unknown: type[SqlError], duplicate: type[SqlError]) -> None:
        self._kind = kind
        self._unknown = unknown
        self._duplicate = duplicate
        self._things: dict[str, _T] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._things

    def __iter__(self) -> Iterator[_T]:
        return iter(tuple(self._things.values()))

    def get(self, name: str) -> _T:
        """Return the thing called *name*; raise the error of its kind if there is none."""
        if name not in self._things:
            raise self._unknown(f'{self._kind} "{name}" does not exist')
        return self._things[name]

    def spelled(self, name: str) -> str:
        """Return the name of the thing that SQL calls *name*, which may differ in case."""
        alike = (key for key in self._things if key.lower() == name.lower())
        return name if name in self._things else next(alike, name)

    def put(self, name: str, thing: _T) -> None:
        """Hold *thing*; one without a name takes the place of the last such. Raise for a name that is taken."""
        self.check_free(name)
        if name not in self._things and len(self._things) >= MAX_HELD:
            raise RowCapReached(f"a session holds at most {MAX_HELD} of them; close a {self._kind}")
        self._things[name] = thing

    def check_free(self, name: str) -> None:
        """Raise the error of this kind if *name* is taken."""
        if name and name in self._things:
            raise self._duplicate(f'{self._kind} "{name}" exists already')

    def pop(self, name: str) -> _T | None:
        """Forget the thing called *name*, and return it if there was one."""
        return self._things.pop(name, None)

    def clear(self) -> list[_T]:
        """Forget all things, and return them."""
        found = list(self._things.values())
        self._things.clear()
        return found
