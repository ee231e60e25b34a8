"""Query Service: one statement in, typed rows out (SQL contract, sections 1.3 and 2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from sqlglot import exp

from limbeck.access.service import require_write
from limbeck.engine import Engine, Interrupt
from limbeck.errors import FeatureNotSupported, SqlError, SqlSyntaxError
from limbeck.lake import Lake
from limbeck.query import parameters
from limbeck.query.approximate import stripped
from limbeck.query.dialect import parse, parsed, position
from limbeck.query.objects import Objects
from limbeck.query.parameters import Parameter
from limbeck.query.result import Result
from limbeck.query.session import SqlSession, View
from limbeck.query.split import statements
from limbeck.query.statements import kinds
from limbeck.query.statements.context import Kind, Services, Statement
from limbeck.query.templates import Templates
from limbeck.registry import Registry
from limbeck.scope import Principal, Sandbox
from limbeck.store import Store, audit
from limbeck.xdm.types import Type

__all__ = ["Parameter", "QueryService", "Result", "SqlSession", "View"]


class QueryService:
    """Runs statements of the AEP dialect on the tables of a sandbox."""

    def __init__(
        self,
        store: Store,
        lake: Lake,
        registry: Registry,
        engine: Engine,
        scratch: Path,
        statement_timeout_s: float,
        batch_timeout_s: float = 24 * 3600,
    ) -> None:
        self.objects = Objects(store)
        self.templates = Templates(self.objects)
        lake.datasets.also_taken = self.objects.is_view
        self.services = Services(lake, registry, engine, self.objects, scratch, statement_timeout_s, batch_timeout_s)

    def run(
        self,
        sandbox: Sandbox,
        sql: str,
        *,
        principal: Principal | None = None,
        params: Sequence[object] = (),
        session: SqlSession | None = None,
        interrupt: Interrupt | None = None,
    ) -> Result:
        """Run one statement; return typed columns and a stream of rows, to be closed.

        *params* are the values of `$1`, `$2` …: plain ones, or `Parameter`s; *session* is what the statement shares
        with others, without it it stands alone. A statement that writes needs a *principal* with the role admin or
        editor; without a principal the process itself acts. Raise `SqlError` with a SQLSTATE, the position and a hint
        how to mend it, `Forbidden`, `RowCapReached` for a LIMIT above 100,000, or `Cancelled` after *interrupt*.
        """
        statement, kind = self._statement(sandbox, sql, principal, params, session, interrupt)
        if kind.writes and principal is not None:
            require_write(principal)
        with audit.acting(_actor(principal)):
            result = kind.run(statement)
        result.command = result.command or kind.tag
        return result

    def writes(self, sql: str) -> bool:
        """Whether a statement changes more than its session; one that cannot be read changes nothing."""
        try:
            _, command, kind = _parsed(stripped(sql)[0])
        except SqlError:
            return False
        return kind.writes or any(map(self.writes, kind.inner(command)))

    def parameters(
        self, sandbox: Sandbox, sql: str, known: Sequence[Type | None] = (), *, session: SqlSession | None = None
    ) -> list[Type]:
        """Return the types of a statement's parameters: the *known* ones, else as their surroundings suggest."""

        def bind(values: Sequence[Parameter]) -> exp.Expr:
            statement, _ = self._statement(sandbox, sql, None, values, session)
            tree, text = _query(statement)
            return statement.resolve(tree, text).tree

        statement, kind = self._statement(sandbox, sql, None, (), session)
        if kind.parameters is not None:
            found = kind.parameters(statement)
            return [*(k or f for k, f in zip(known, found, strict=False)), *found[len(known) :]]
        return parameters.guessed(_query(statement)[0], known, bind)

    def describe(
        self, sandbox: Sandbox, sql: str, types: Sequence[Type | None] = (), *, session: SqlSession | None = None
    ) -> tuple[str, pa.Schema]:
        """Return a statement's kind and the columns it would give, without running it; *types* are its parameters'."""
        values = [Parameter(None, t) for t in types]
        statement, kind = self._statement(sandbox, sql, None, values, session)
        return kind.tag, pa.schema([]) if kind.columns is None else kind.columns(statement)

    def _statement(
        self,
        sandbox: Sandbox,
        sql: str,
        principal: Principal | None,
        params: Sequence[object],
        session: SqlSession | None,
        interrupt: Interrupt | None = None,
    ) -> tuple[Statement, Kind]:
        sql, approximate = stripped(self.templates.put_in(sandbox, sql))
        tree, command, kind = _parsed(sql)
        session = session or SqlSession()

        def execute(text: str) -> Result:
            return self.run(sandbox, text, principal=principal, session=session, interrupt=interrupt)

        def columns_of(text: str) -> pa.Schema:
            return self.describe(sandbox, text, session=session)[1]

        services = self.services
        is_long = kind.writes or kind.is_long or session.is_batch
        return Statement(
            sql=sql,
            parsed=tree,
            command=command,
            sandbox=sandbox,
            principal=principal,
            params=params,
            services=services,
            session=session,
            execute=execute,
            kind_of=_kind_of,
            columns_of=columns_of,
            timeout=services.batch_timeout if is_long else services.timeout,
            approximate=approximate,
            interrupt=interrupt,
        ), kind


@lru_cache(maxsize=512)
def _parsed(sql: str) -> tuple[exp.Expr, object | None, Kind]:
    found = statements(sql)
    if len(found) != 1:
        raise SqlSyntaxError(f"expected one statement, found {len(found)}; send them one by one")
    command = kinds.command(sql)
    tree = parsed(sql) if command is None else exp.Command(this=type(command).__name__)
    kind = kinds.KINDS.get(type(tree if command is None else command))
    if kind is None:
        raise FeatureNotSupported(f"{tree.key.upper()} is not served as a statement", position=position(tree))
    return tree, command, kind


def _actor(principal: Principal | None) -> audit.Actor:
    """Return who runs a statement: the one of the request, or who has logged in at the wire or queued it."""
    now = audit.actor()
    return now if principal is None or now.client_id == principal.client_id else audit.Actor(principal.client_id)


def _kind_of(sql: str) -> Kind:
    return _parsed(stripped(sql)[0])[2]


def _query(statement: Statement) -> tuple[exp.Expr, str]:
    """Return the query in a statement, or the statement, and its text."""
    text = getattr(statement.command, "query", None)
    if isinstance(text, str):
        return parse(text), text
    tree = statement.tree
    inner = tree.args.get("expression") if isinstance(tree, exp.Create) else None
    return inner.pop() if isinstance(inner, exp.Query) else tree, statement.sql
