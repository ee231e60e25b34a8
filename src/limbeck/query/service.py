"""Query Service: one statement in, typed rows out (SQL contract, sections 1.3 and 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from limbeck.access.service import may_write
from limbeck.engine import Engine
from limbeck.errors import FeatureNotSupported, SqlSyntaxError
from limbeck.lake import Lake
from limbeck.query.dialect import ShowTables, parse, position
from limbeck.query.result import Result
from limbeck.query.split import statements
from limbeck.query.statements import create, drop, insert, select, show
from limbeck.query.statements.context import Statement
from limbeck.registry import Registry
from limbeck.scope import Principal, Sandbox

__all__ = ["QueryService", "Result"]

_READING: dict[type[exp.Expr], Callable[[Statement], Result]] = {
    exp.Select: select.run,
    exp.Union: select.run,
    exp.Except: select.run,
    exp.Intersect: select.run,
    exp.Subquery: select.run,
    exp.Values: select.run,
    ShowTables: show.tables,
}
_WRITING: dict[type[exp.Expr], Callable[[Statement], Result]] = {
    exp.Create: create.run,
    exp.Insert: insert.run,
    exp.Drop: drop.run,
}


class QueryService:
    """Runs statements of the AEP dialect on the tables of a sandbox."""

    def __init__(self, lake: Lake, registry: Registry, engine: Engine, statement_timeout_s: float) -> None:
        self._lake = lake
        self._registry = registry
        self._engine = engine
        self._timeout = statement_timeout_s

    def run(
        self, sandbox: Sandbox, sql: str, *, principal: Principal | None = None, params: Sequence[object] = ()
    ) -> Result:
        """Run one statement; return typed columns and a stream of rows, to be closed.

        *params* are the values of `$1`, `$2` …. A statement that writes needs a *principal* with the role
        admin or editor; without a principal the process itself acts. Raise `SqlError` with a SQLSTATE, the
        position and a hint how to mend it, `Forbidden`, or `RowCapReached` for a LIMIT above 100,000.
        """
        found = statements(sql)
        if len(found) != 1:
            raise SqlSyntaxError(f"expected one statement, found {len(found)}; send them one by one")
        tree = parse(sql)
        statement = Statement(
            sql, tree, sandbox, principal, params, self._lake, self._registry, self._engine, self._timeout
        )
        if (reading := _READING.get(type(tree))) is not None:
            return reading(statement)
        writing = _WRITING.get(type(tree))
        if writing is None:
            raise FeatureNotSupported(
                f"{tree.key.upper()} is not served as a statement",
                position=position(tree),
                hint="SELECT, CREATE TABLE … AS, INSERT INTO, DROP TABLE and SHOW TABLES are",
            )
        if principal is not None:
            may_write(principal)
        return writing(statement)
