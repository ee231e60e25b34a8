"""A catalogue for the resolver without a lake."""

from __future__ import annotations

from limbeck.query.scope import TableInfo, ViewInfo
from limbeck.xdm.types import Object


class Tables:
    """A catalogue of one table."""

    functions = frozenset[str]()
    database = "prod:all"

    def __init__(self, name: str, type: Object) -> None:
        self._table = TableInfo(name, type)

    def table(self, name: str) -> TableInfo | None:
        return self._table if name.lower() == self._table.name else None

    def view(self, _name: str) -> ViewInfo | None:
        return None

    def qualified(self, _parts: object) -> str | None:
        return None

    def called(self, function: str, _table: str) -> TableInfo:
        raise NotImplementedError(function)

    def names(self) -> list[str]:
        return [self._table.name]
