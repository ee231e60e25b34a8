"""Database names: `{sandbox}:{scope}[?FLATTEN]`, and the session that one opens (SQL contract, section 1.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from limbeck.errors import NoTablesInScope
from limbeck.lake import Lake
from limbeck.query import logical
from limbeck.query.objects import VIEW, Objects
from limbeck.query.session import SqlSession, View
from limbeck.query.variables import Variables
from limbeck.scope import Sandbox

ALL = "all"


@dataclass(frozen=True, slots=True)
class Database:
    """A database name taken apart."""

    sandbox: str
    scope: str
    flatten: bool

    @classmethod
    def of(cls, name: str) -> Database:
        """Return the parts of *name*.

        >>> Database.of("prod:all?")
        Database(sandbox='prod', scope='all', flatten=False)
        >>> Database.of("all")
        Database(sandbox='prod', scope='all', flatten=False)
        """
        place, _, options = name.partition("?")
        sandbox, colon, scope = place.partition(":")
        if not colon:
            sandbox, scope = ("prod", ALL) if place in ("", ALL) else (place, ALL)
        return cls(sandbox, scope or ALL, options.strip().upper() == "FLATTEN")


def session(
    lake: Lake, objects: Objects, sandbox: Sandbox, database: Database, variables: Variables | None = None
) -> SqlSession:
    """Open the session that *database* asks for; raise `NoTablesInScope` for a scope that does not exist."""
    return SqlSession(_view(lake, objects, sandbox, database), variables)


def _view(lake: Lake, objects: Objects, sandbox: Sandbox, database: Database) -> View:
    scope = database.scope
    if scope == ALL:
        return View(flat=database.flatten)
    only = _only(lake, objects, sandbox, scope)
    if only is not None:
        return View(only=only, flat=database.flatten)
    known = (*logical.databases(objects, sandbox), *(s.full_name for s in logical.schemas(objects, sandbox)))
    if scope.lower() in map(str.lower, known):
        return View(within=scope.lower(), flat=database.flatten)
    raise NoTablesInScope(
        f'no table, view or schema "{scope}" in sandbox {sandbox.name}', hint=f"{sandbox.name}:all has all tables"
    )


def _only(lake: Lake, objects: Objects, sandbox: Sandbox, scope: str) -> str | None:
    """Return the lower-case name of the table or view whose name or id *scope* is, or None."""
    table = lake.datasets.by_table(sandbox, scope)
    if table is None and re.fullmatch(r"[0-9a-f]{24}", scope):
        table = next((d for d in lake.datasets.all(sandbox) if d.id == scope), None)
    if table is not None:
        return table.table.lower()
    view = next((v for v in objects.all(sandbox, VIEW) if scope.lower() in (v.name.lower(), v.id)), None)
    return None if view is None else view.name.lower()
