"""Anonymous blocks: statements with variables, conditions and a handler of errors (SQL contract, section 2.6)."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, cast

import pyarrow as pa
import pyarrow.types as pt

from limbeck.errors import (
    Cancelled,
    FeatureNotSupported,
    LimbeckError,
    SqlError,
    SqlSyntaxError,
    WireError,
    nearest,
)
from limbeck.query.block import Assign, Block, Branch, Step, Text, filled, parse, steps
from limbeck.query.result import Result
from limbeck.query.spool import Spool
from limbeck.query.statements.context import Kind, Parser, Statement
from limbeck.query.words import Words


@dataclass(frozen=True, slots=True)
class AnonymousBlock:
    """A block that was cut into its parts."""

    block: Block


def _block(words: Words) -> AnonymousBlock:
    return AnonymousBlock(parse(words.sql))


def _outside(words: Words) -> Any:
    """IF, ELSE, a variable: what has a meaning in blocks only."""
    if words.peek() == "SET" and words.peek(1) != "@":
        return None
    raise SqlSyntaxError("Invalid command outside Anonymous Block", position=words.next().start + 1)


def _bare(words: Words) -> Any:
    """BEGIN with a statement behind it; alone it begins a transaction, which is not ours."""
    words.expect("BEGIN")
    if words.ended() or words.peek() in ("WORK", "TRANSACTION", "ISOLATION", "READ", "NOT", "DEFERRABLE"):
        return None
    raise SqlSyntaxError(
        "an anonymous block stands between $$ BEGIN and END $$", position=words.next().start + 1, hint="write $$ BEGIN"
    )


def run(statement: Statement) -> Result:
    """Run a block; the result has the rows of the last query that ran in it.

    What it could not read ends it before anything has run. A statement that fails ends it, unless there is a handler:
    then that runs, and the block succeeds. What was written before stays.
    """
    block: Block = statement.command.block
    _check(statement, block)
    run = _Run(statement)
    try:
        run.block(block, ChainMap())
    except BaseException:
        run.forget()
        raise
    return run.result()


def _check(statement: Statement, block: Block) -> None:
    """Read every statement; one that is not served is left to fail in its turn."""
    for text, sql in _blank(block):
        with _placed(text), suppress(FeatureNotSupported):
            statement.kind_of(sql())


def _blank(block: Block) -> Iterator[tuple[Text, Callable[[], str]]]:
    """Yield every statement, and how it is with something in place of its variables."""
    blanks = dict.fromkeys((step.name for step in steps(block) if isinstance(step, Assign)), "0")
    for step in steps(block):
        for text in _texts(step):
            sql = _query(text.sql) if isinstance(step, Assign | Branch) else text.sql
            yield text, partial(filled, sql, blanks, partial(_known, values=blanks))


def _inner(command: AnonymousBlock) -> Iterator[str]:
    return (sql() for _, sql in _blank(command.block))


@contextmanager
def _placed(text: Text) -> Iterator[None]:
    """Have an error tell its place in the block; that of its statement, where values stand for variables."""
    try:
        yield
    except SqlError as error:
        if error.position is not None and "@" in text.sql:
            error.position = None
        error.move(text.start, default=1)
        raise


def _texts(step: Step) -> Sequence[Text]:
    if isinstance(step, Assign):
        return [step.value]
    if isinstance(step, Branch):
        return [condition for condition, _ in step.arms]
    return [step] if isinstance(step, Text) else []


def _known(name: str, values: Mapping[str, str]) -> str:
    if name.lower() not in values:
        hint = nearest(name, list(values)) or "SET @name = … sets one"
        raise SqlSyntaxError(f"variable @{name} is not set in this block", hint=hint)
    return values[name.lower()]


Variables = ChainMap[str, object]

_QUERY = re.compile(r"[\s(]*(SELECT|WITH|VALUES)\b", re.IGNORECASE)


class _Run:
    """A block that runs: its variables, and the rows of the last query."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._rows: Spool | None = None
        self._capped = False

    def block(self, block: Block, around: Variables) -> None:
        """Run a block, which sees the variables *around* it."""
        variables = around.new_child()
        try:
            self._steps(block.steps, variables)
        except (Cancelled, WireError):
            raise
        except LimbeckError:
            if block.handler is None:
                raise
            self._steps(block.handler, variables)

    def _steps(self, found: Sequence[Step], variables: Variables) -> None:
        for step in found:
            if self._statement.interrupt is not None:
                self._statement.interrupt.check()
            match step:
                case Text():
                    with _placed(step):
                        self._execute(_filled(step.sql, variables))
                case Assign(name, value):
                    _owner(name, variables)[name] = self._value(value, variables)
                case Branch():
                    self._branch(step, variables)
                case Block():
                    self.block(step, variables)

    def _branch(self, branch: Branch, variables: Variables) -> None:
        for condition, body in branch.arms:
            if self._value(condition, variables) is True:
                self._steps(body, variables)
                return
        self._steps(branch.otherwise, variables)

    def _value(self, text: Text, variables: Variables) -> object:
        """The first column of the first row; None without rows."""
        with _placed(text), self._statement.execute(_query(_filled(text.sql, variables))) as result:
            for batch in result.batches():
                if batch.num_rows and batch.num_columns:
                    value: object = batch.column(0)[0].as_py()
                    return value
        return None

    def _execute(self, sql: str) -> None:
        with self._statement.execute(sql) as result:
            if result.command != "SELECT":
                for _ in result.batches():
                    pass
                return
            rows = Spool(self._statement.services.scratch, result.schema, result.batches())
            self.forget()
            self._rows, self._capped = rows, result.capped

    def forget(self) -> None:
        """Give back the rows that are kept."""
        if self._rows is not None:
            self._rows.close()
            self._rows = None

    def result(self) -> Result:
        """Return the rows that are kept."""
        if self._rows is None:
            return Result.nothing()
        rows = self._rows
        stack = ExitStack()
        stack.callback(rows.close)
        result = Result(rows.schema, rows.read(0, rows.rows), stack)
        result.capped = self._capped
        result.command = "SELECT"
        return result


def _owner(name: str, variables: Variables) -> dict[str, object]:
    """The variables of the block that has set *name*, else of the innermost one."""
    found = next((known for known in variables.maps if name in known), variables.maps[0])
    return cast("dict[str, object]", found)


def _query(sql: str) -> str:
    """The value of a variable, or a condition, as a query."""
    return sql if _QUERY.match(sql) else f"SELECT {sql}"


def _filled(sql: str, variables: Variables) -> str:
    bare = {name: _literal(name, value) for name, value in variables.items()}
    quoted = {name: "" if value is None else _plain(value) for name, value in variables.items()}
    return filled(sql, quoted, lambda name: _known(name, bare))


def _literal(name: str, value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if not math.isfinite(value):
            return f"CAST('{value}' AS DOUBLE)"
        case int() | float() | Decimal():
            return repr(value) if isinstance(value, float) else str(value)
        case dt.datetime():
            return f"TIMESTAMP '{_plain(value)}'"
        case dt.date():
            return f"DATE '{value}'"
        case str():
            escaped = value.replace("\\", "\\\\").replace("'", "''")
            return f"'{escaped}'"
        case _:
            raise SqlError(f"variable @{name} holds a list, a map or a struct, which cannot be put into a statement")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)


def columns(statement: Statement) -> pa.Schema:
    """Guess the columns of a block: those of the query that stands last, with values of its variables' types."""
    found = list(steps(Block(statement.command.block.steps)))
    try:
        queries = [step for step in found if isinstance(step, Text) and _is_query(statement, step)]
        values: dict[str, str] = {}
        for step in found:
            if isinstance(step, Assign):
                values[step.name] = _typical(statement.columns_of(_query(_blanked(step.value, values))).types[0])
        return statement.columns_of(_blanked(queries[-1], values)) if queries else pa.schema([])
    except LimbeckError:  # it reads what the block is about to make
        return pa.schema([])


def _is_query(statement: Statement, text: Text) -> bool:
    return statement.kind_of(filled(text.sql, {}, lambda _: "0")).tag == "SELECT"


def _blanked(text: Text, values: Mapping[str, str]) -> str:
    return filled(text.sql, values, partial(_known, values=values))


def _typical(kind: pa.DataType) -> str:
    """A literal of a type."""
    if pt.is_boolean(kind) or pt.is_integer(kind):
        return "TRUE" if pt.is_boolean(kind) else "0"
    return f"CAST('0' AS {_TYPICAL[kind]})" if kind in _TYPICAL else "'0'"


_TYPICAL = {pa.float64(): "DOUBLE", pa.timestamp("ms"): "TIMESTAMP", pa.date32(): "DATE"}

PARSERS: dict[str, Parser] = {
    "$": _block,
    "BEGIN": _bare,
    **dict.fromkeys(("IF", "ELSE", "ELSEIF", "EXCEPTION", "SET"), _outside),
}

KINDS: dict[type, Kind] = {AnonymousBlock: Kind(run, "DO", inner=_inner, columns=columns)}
