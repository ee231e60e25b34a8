"""Anonymous blocks: statements with variables, conditions and a handler of errors (SQL contract, section 2.6)."""

from __future__ import annotations

import datetime as dt
from collections import ChainMap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from limbeck.errors import Cancelled, LimbeckError, ShuttingDown, SqlError, SqlSyntaxError, nearest
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
    """Read every statement with something in place of its variables."""
    names = {step.name for step in steps(block) if isinstance(step, Assign)}
    blanks = dict.fromkeys(names, "0")
    for step in steps(block):
        for text in _texts(step):
            sql = _query(text.sql) if isinstance(step, Assign | Branch) else text.sql
            with _placed(text):
                statement.kind_of(filled(sql, blanks, lambda name: _known(name, blanks)))


@contextmanager
def _placed(text: Text) -> Iterator[None]:
    """Have an error tell where in the block its statement begins."""
    try:
        yield
    except SqlError as error:
        error.position = text.start + 1
        raise


def _texts(step: Step) -> Sequence[Text]:
    if isinstance(step, Assign):
        return [step.value]
    if isinstance(step, Branch):
        return [condition for condition, _ in step.arms]
    return [step] if isinstance(step, Text) else []


def _known(name: str, values: dict[str, str]) -> str:
    if name.lower() not in values:
        hint = nearest(name, list(values)) or "SET @name = … sets one"
        raise SqlSyntaxError(f"variable @{name} is not set in this block", hint=hint)
    return values[name.lower()]


Variables = ChainMap[str, object]


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
        except (Cancelled, ShuttingDown):
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
                    variables[name] = self._value(value, variables)
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


def _query(sql: str) -> str:
    """The value of a variable, or a condition, as a query."""
    first = sql.lstrip(" \t\r\n(").split(None, 1)[:1]
    return sql if first and first[0].upper() in ("SELECT", "WITH", "VALUES") else f"SELECT {sql}"


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


PARSERS: dict[str, Parser] = {
    "$": _block,
    **dict.fromkeys(("IF", "ELSE", "ELSEIF", "EXCEPTION", "SET"), _outside),
}

KINDS: dict[type, Kind] = {AnonymousBlock: Kind(run, "DO", runs_others=True)}
