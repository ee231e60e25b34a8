"""Query Service: one statement in, typed rows out (SQL contract, sections 1.3 and 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
from sqlglot import exp

from limbeck.access.service import may_write
from limbeck.engine import Engine, Interrupt
from limbeck.errors import FeatureNotSupported, SqlSyntaxError
from limbeck.lake import Lake
from limbeck.query import parameters
from limbeck.query.dialect import ShowTables, parse, position
from limbeck.query.parameters import Parameter
from limbeck.query.result import Result, presented
from limbeck.query.split import statements
from limbeck.query.statements import create, drop, insert, select, show
from limbeck.query.statements.context import WHOLE, Statement, View
from limbeck.registry import Registry
from limbeck.scope import Principal, Sandbox
from limbeck.xdm.types import Type

__all__ = ["Parameter", "QueryService", "Result", "View"]

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
_COMMANDS: dict[type[exp.Expr], str] = {
    ShowTables: "SHOW",
    exp.Create: "CREATE TABLE",
    exp.Insert: "INSERT",
    exp.Drop: "DROP TABLE",
}


class QueryService:
    """Runs statements of the AEP dialect on the tables of a sandbox."""

    def __init__(self, lake: Lake, registry: Registry, engine: Engine, statement_timeout_s: float) -> None:
        self._lake = lake
        self._registry = registry
        self._engine = engine
        self._timeout = statement_timeout_s

    def run(
        self,
        sandbox: Sandbox,
        sql: str,
        *,
        principal: Principal | None = None,
        params: Sequence[object] = (),
        view: View = WHOLE,
        interrupt: Interrupt | None = None,
    ) -> Result:
        """Run one statement; return typed columns and a stream of rows, to be closed.

        *params* are the values of `$1`, `$2` …: plain ones, or `Parameter`s; *view* says what is visible. A statement
        that writes needs a *principal* with the role admin or editor; without a principal the process itself acts.
        Raise `SqlError` with a SQLSTATE, the position and a hint how to mend it, `Forbidden`, `RowCapReached` for a
        LIMIT above 100,000, or `Cancelled` after *interrupt*.
        """
        statement = self._statement(sandbox, sql, principal, params, view, interrupt)
        kind = type(statement.tree)
        if (writing := _WRITING.get(kind)) is not None:
            if principal is not None:
                may_write(principal)
            result = writing(statement)
        else:
            result = _READING[kind](statement)
        result.command = _COMMANDS.get(kind, "SELECT")
        return result

    def parameters(
        self, sandbox: Sandbox, sql: str, known: Sequence[Type | None] = (), *, view: View = WHOLE
    ) -> list[Type]:
        """Return the types of a statement's parameters: the *known* ones, else as their surroundings suggest."""

        def bind(values: Sequence[Parameter]) -> exp.Expr:
            statement = self._statement(sandbox, sql, None, values, view, None)
            return statement.resolve(_query(statement.tree)).tree

        tree = self._statement(sandbox, sql, None, (), view, None).tree
        return parameters.guessed(tree, known, bind)

    def describe(
        self, sandbox: Sandbox, sql: str, types: Sequence[Type] = (), *, view: View = WHOLE
    ) -> tuple[str, pa.Schema]:
        """Return a statement's kind and the columns it would give, without running it; *types* are its parameters'."""
        values = [Parameter(None, t) for t in types]
        statement = self._statement(sandbox, sql, None, values, view, None)
        kind = type(statement.tree)
        command = _COMMANDS.get(kind, "SELECT")
        if kind is ShowTables:
            return command, show.tables(statement).schema
        if kind in _WRITING:
            return command, create.SCHEMA if kind is exp.Create else pa.schema([])
        reading = statement.resolve(statement.tree)
        with statement.session(reading) as session:
            return command, presented(session.describe(reading.sql))

    def _statement(
        self,
        sandbox: Sandbox,
        sql: str,
        principal: Principal | None,
        params: Sequence[object],
        view: View,
        interrupt: Interrupt | None,
    ) -> Statement:
        found = statements(sql)
        if len(found) != 1:
            raise SqlSyntaxError(f"expected one statement, found {len(found)}; send them one by one")
        tree = parse(sql)
        if type(tree) not in _READING and type(tree) not in _WRITING:
            raise FeatureNotSupported(
                f"{tree.key.upper()} is not served as a statement",
                position=position(tree),
                hint="SELECT, CREATE TABLE … AS, INSERT INTO, DROP TABLE and SHOW TABLES are",
            )
        services = (self._lake, self._registry, self._engine, self._timeout)
        return Statement(sql, tree, sandbox, principal, params, *services, view, interrupt)


def _query(tree: exp.Expr) -> exp.Expr:
    """Return the query in a statement that writes, or the statement."""
    inner = tree.args.get("expression") if isinstance(tree, exp.Create | exp.Insert) else None
    return inner.pop() if isinstance(inner, exp.Query | exp.Values) else tree
