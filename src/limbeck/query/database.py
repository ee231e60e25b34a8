"""Database names: `{sandbox}:{scope}[?FLATTEN]`, and the session that one opens (SQL contract, section 1.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from limbeck.errors import NoTablesInScope
from limbeck.lake import Lake
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


def session(lake: Lake, sandbox: Sandbox, database: Database, variables: Variables | None = None) -> SqlSession:
    """Open the session that *database* asks for; raise `NoTablesInScope` for a table that does not exist."""
    return SqlSession(View(_only(lake, sandbox, database.scope), database.flatten), variables)


def _only(lake: Lake, sandbox: Sandbox, scope: str) -> str | None:
    if scope == ALL:
        return None
    found = lake.datasets.by_table(sandbox, scope)
    if found is None and re.fullmatch(r"[0-9a-f]{24}", scope):
        found = next((d for d in lake.datasets.all(sandbox) if d.id == scope), None)
    if found is None:
        raise NoTablesInScope(
            f'no table "{scope}" in sandbox {sandbox.name}', hint=f"{sandbox.name}:all has all tables"
        )
    return found.table.lower()
