"""A session: its statements, portals, cursors and settings. It takes messages and gives bytes, and knows no socket.

All of it runs in one thread at a time; only `cancel` may be called from another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from limbeck.engine import Interrupt
from limbeck.errors import (
    DuplicateCursor,
    DuplicateStatement,
    FeatureNotSupported,
    ProtocolViolation,
    RowCapReached,
    SqlSyntaxError,
    UndefinedCursor,
    UndefinedStatement,
    WireError,
)
from limbeck.pgwire import catalogue, codec, commands, rows, types
from limbeck.pgwire.answer import Answer, Cursor
from limbeck.pgwire.catalogue import Facts
from limbeck.pgwire.desk import Desk
from limbeck.pgwire.failure import Teller
from limbeck.query.service import Parameter
from limbeck.query.split import pieces
from limbeck.query.statements.select import DEFAULT_CAP
from limbeck.query.words import tokens
from limbeck.xdm.types import Scalar, Type

Chunk = bytes | memoryview

MAX_HELD = 1000
"""Most prepared statements, portals and cursors of a session, of each."""


@dataclass(slots=True)
class Prepared:
    """A statement, parsed once."""

    sql: str
    start: int
    """Where it begins in what the client sent."""
    oids: tuple[int, ...] = ()
    """The parameters' types as far as the client declared them; 0 where not."""
    command: commands.Command | None = None
    known: pa.RecordBatch | None = None
    """The answer, if it is one of the catalogue."""
    types: list[int] | None = None
    """The parameters' types, once they were asked for."""

    @property
    def query(self) -> str:
        """The part that is Query Service's, parameters and all."""
        inner = self.command
        return inner.query if isinstance(inner, commands.Declare | commands.CopyOut) else self.sql

    @property
    def query_start(self) -> int:
        """Where that part begins in the statement."""
        return self.command.start if isinstance(self.command, commands.Declare | commands.CopyOut) else 0


@dataclass(slots=True)
class Portal:
    """A statement with its values, about to run or running."""

    prepared: Prepared
    values: list[Parameter] = field(default_factory=list)
    formats: Sequence[int] = ()
    answer: Answer | None = None
    touched: bool = False
    """Some of its rows were taken."""

    def close(self) -> None:
        """Give back what it holds."""
        if self.answer is not None:
            self.answer.close()
            self.answer = None


class Session:
    """One client's session on a desk."""

    def __init__(self, desk: Desk, teller: Teller, facts: Facts) -> None:
        self.status: Literal["I", "T"] = "I"
        self._desk = desk
        self._variables = desk.session.variables
        self._teller = teller
        self._facts = facts
        self._prepared: dict[str, Prepared] = {}
        self._portals: dict[str, Portal] = {}
        self._cursors: dict[str, Cursor] = {}
        self._skipping = False
        self._start = 0
        self._interrupt = Interrupt()

    # -- messages ------------------------------------------------------------------------------------------

    def handle(self, message: codec.Message) -> Iterator[Chunk]:
        """Return what is to be sent in answer to a message; raise `WireError` where the connection has to end.

        From here on `cancel` means this message.
        """
        self._interrupt = Interrupt()
        return self._handle(message)

    def _handle(self, message: codec.Message) -> Iterator[Chunk]:
        if isinstance(message, codec.Sync):
            yield from self._sync()
        elif self._skipping or isinstance(message, codec.Flush | codec.CopyInput):
            return
        elif isinstance(message, codec.Query):
            yield from self._simple(message.sql)
        else:
            yield from self._extended(message)

    def cancel(self, reason: WireError | None = None) -> None:
        """End the statement that is running, if one is; with *reason* the session too."""
        self._interrupt.now(reason)

    @property
    def holds_unread(self) -> bool:
        """Whether a query was begun only to be described."""
        return any(portal.answer is not None and not portal.touched for portal in self._portals.values())

    def rest(self) -> None:
        """Nothing was asked for the moment: a query that was only described begins anew when it is executed."""
        for portal in self._portals.values():
            if not portal.touched:
                portal.close()

    def close(self) -> None:
        """Give back everything."""
        self._close_portals()
        self._close_cursors()
        self._desk.close()

    def _sync(self) -> Iterator[Chunk]:
        self._skipping = False
        if self.status == "I":
            self._close_portals()
        yield codec.ready_for_query(self.status)

    def _extended(self, message: codec.Message) -> Iterator[Chunk]:
        self._start = 0
        try:
            match message:
                case codec.Parse():
                    yield self._parse(message)
                case codec.Bind():
                    yield self._bind(message)
                case codec.Describe():
                    yield from self._describe(message)
                case codec.Execute():
                    yield from self._execute(message)
                case codec.Close():
                    yield self._close(message)
                case _:
                    raise ProtocolViolation(f"{type(message).__name__} has no place in a session")
        except WireError:
            raise
        except Exception as failure:
            self._skipping = True
            yield codec.error_response(self._teller.fields(failure, self._start))

    def _simple(self, sql: str) -> Iterator[Chunk]:
        """Run the statements of a text in order, up to the first that fails (SQL contract, section 1.4)."""
        self._forget_portal("")
        try:
            found = pieces(sql)
            if not found:
                yield codec.EMPTY_QUERY_RESPONSE
            for start, text in found:
                self._start = start
                portal = Portal(self._prepare(text, start))
                try:
                    yield from self._run_all(portal, described=True)
                finally:
                    portal.close()
        except WireError:
            raise
        except Exception as failure:
            yield codec.error_response(self._teller.fields(failure, self._start))
        yield codec.ready_for_query(self.status)

    # -- extended protocol ---------------------------------------------------------------------------------

    def _parse(self, message: codec.Parse) -> bytes:
        if message.name and message.name in self._prepared:
            raise DuplicateStatement(f'prepared statement "{message.name}" exists already')
        found = pieces(message.sql)
        if len(found) > 1:
            raise SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        start, text = found[0] if found else (0, "")
        self._start = start
        self._keep(message.name, self._prepare(text, start, message.types))
        return codec.PARSE_COMPLETE

    def _keep(self, name: str, prepared: Prepared) -> None:
        if len(self._prepared) >= MAX_HELD and name not in self._prepared:
            raise RowCapReached(f"a session holds at most {MAX_HELD} prepared statements; DEALLOCATE some")
        self._prepared[name] = prepared

    def _bind(self, message: codec.Bind) -> bytes:
        prepared = self._statement(message.statement)
        if message.portal and (message.portal in self._portals or message.portal in self._cursors):
            raise DuplicateCursor(f'cursor "{message.portal}" exists already')
        if len(self._portals) >= MAX_HELD:
            raise RowCapReached(f"a session holds at most {MAX_HELD} portals; close some")
        formats = types.spread(message.formats, len(message.values))
        values = self._values(prepared, message.values, formats)
        self._forget_portal(message.portal)
        self._portals[message.portal] = Portal(prepared, values, message.result_formats)
        return codec.BIND_COMPLETE

    def _values(self, prepared: Prepared, raw: Sequence[bytes | None], formats: Sequence[int]) -> list[Parameter]:
        oids = self._parameter_oids(prepared)
        if len(raw) != len(oids):
            raise SqlSyntaxError(f"{len(raw)} values for {len(oids)} parameters")
        pairs = zip(oids, formats, raw, strict=True)
        return [types.parameter(number, oid, form, value) for number, (oid, form, value) in enumerate(pairs, 1)]

    def _describe(self, message: codec.Describe) -> Iterator[Chunk]:
        if message.kind == "S":
            prepared = self._statement(message.name)
            oids = self._parameter_oids(prepared)
            yield codec.parameter_description(oids)
            yield self._columns(self._schema(prepared, oids), ())
        elif message.name in self._cursors:
            yield self._columns(self._cursors[message.name].schema, ())
        else:
            portal = self._portal(message.name)
            yield self._columns(self._portal_schema(portal), portal.formats)

    def _execute(self, message: codec.Execute) -> Iterator[Chunk]:
        limit = message.limit if message.limit > 0 else None
        if message.portal in self._cursors:
            answer = self._cursors[message.portal].forward(limit, moves=False)
            yield from self._rows(answer, (), None)
            yield codec.command_complete(answer.tag)
            return
        portal = self._portal(message.portal)
        if limit is None:
            yield from self._run_all(portal, described=False)
            return
        with _given_back_on_error(portal):
            answer = self._started(portal)
            before = answer.sent
            yield from self._rows(answer, portal.formats, limit)
            if answer.sent - before == limit:
                answer.park(self._desk.scratch)
                yield codec.PORTAL_SUSPENDED
            else:
                yield from self._ended(answer)

    def _close(self, message: codec.Close) -> bytes:
        if message.kind == "S":
            self._prepared.pop(message.name, None)
        elif message.name in self._cursors:
            self._cursors.pop(message.name).close()
        else:
            self._forget_portal(message.name)
        return codec.CLOSE_COMPLETE

    # -- statements ----------------------------------------------------------------------------------------

    def _prepare(self, sql: str, start: int, oids: tuple[int, ...] = ()) -> Prepared:
        command = commands.command(sql)
        known = catalogue.answer(sql, self._facts) if command is None and sql else None
        return Prepared(sql, start, oids, command, known)

    def _statement(self, name: str) -> Prepared:
        found = self._prepared.get(name)
        if found is None:
            raise UndefinedStatement(f'prepared statement "{name}" does not exist')
        self._start = found.start
        return found

    def _portal(self, name: str) -> Portal:
        found = self._portals.get(name)
        if found is None:
            raise UndefinedCursor(f'portal "{name}" does not exist')
        self._start = found.prepared.start
        return found

    def _cursor(self, name: str) -> Cursor:
        found = self._cursors.get(name)
        if found is None:
            raise UndefinedCursor(f'cursor "{name}" does not exist')
        return found

    def _parameter_oids(self, prepared: Prepared) -> list[int]:
        """The types of a statement's parameters: as declared, else as Query Service guesses them."""
        if prepared.types is None:
            declared = [types.parameter_type(oid) for oid in prepared.oids]
            if prepared.known is not None or not prepared.sql or not _takes_parameters(prepared.command):
                found: list[Type] = [t or Scalar("string") for t in declared]
            else:
                self._start = prepared.start + prepared.query_start
                found = self._desk.parameters(prepared.query, declared)
            oids = [*prepared.oids, *(0 for _ in found[len(prepared.oids) :])]
            pairs = zip(oids, found, declared + [None] * len(found), strict=False)
            prepared.types = [oid if t is not None else types.parameter_oid(f) for oid, f, t in pairs]
        return prepared.types

    def _schema(self, prepared: Prepared, oids: Sequence[int]) -> pa.Schema | None:
        """The columns that a statement gives, without running it."""
        if prepared.known is not None:
            return prepared.known.schema
        match prepared.command:
            case None if prepared.sql:
                return self._desk.describe(prepared.sql, [t for oid in oids if (t := types.parameter_type(oid))])
            case commands.Fetch(moves=False) as fetch:
                return self._cursor(fetch.cursor).schema
            case commands.ExecutePrepared() as execute:
                inner = self._statement(execute.name)
                return self._schema(inner, self._parameter_oids(inner))
            case _:
                return None

    def _portal_schema(self, portal: Portal) -> pa.Schema | None:
        """A query is begun when it is described; anything else waits until it is executed."""
        prepared = portal.prepared
        if portal.answer is None and prepared.command is None and _is_query(prepared.sql):
            self._started(portal)
            portal.touched = False
        if portal.answer is not None:
            return portal.answer.schema
        return self._schema(prepared, self._parameter_oids(prepared))

    # -- running -------------------------------------------------------------------------------------------

    def _run_all(self, portal: Portal, *, described: bool) -> Iterator[Chunk]:
        """Run a portal to its end; *described* sends its columns first, as the simple protocol does."""
        if isinstance(portal.prepared.command, commands.CopyOut):
            yield from self._copy(portal.prepared.command, portal.values)
            return
        if not portal.prepared.sql:
            yield codec.EMPTY_QUERY_RESPONSE
            return
        with _given_back_on_error(portal):
            answer = self._started(portal)
            if described and answer.schema is not None:
                yield self._columns(answer.schema, ())
            yield from self._rows(answer, portal.formats, None)
            yield from self._ended(answer)
        portal.close()
        portal.answer = Answer(answer.tag.split(" ")[0], answer.schema)  # a second Execute gives no more rows

    def _started(self, portal: Portal) -> Answer:
        if portal.answer is None:
            portal.answer = self._answer(portal.prepared, portal.values)
        portal.touched = True
        return portal.answer

    def _rows(self, answer: Answer, formats: Sequence[int], limit: int | None) -> Iterator[Chunk]:
        if answer.schema is None:
            return
        spread = types.spread(formats, len(answer.schema))
        encode = rows.data_rows(answer.schema, spread, self._variables.is_on("auto_to_json"))
        for batch in answer.take(limit):
            yield from rows.encoded(batch, encode)

    def _ended(self, answer: Answer) -> Iterator[Chunk]:
        if answer.was_capped:
            told = f"the result was cut off at {DEFAULT_CAP:,} rows: write LIMIT, or LIMIT 0 for all rows"
            yield codec.notice_response(self._teller.notice("01000", told))
        yield from self._reports()
        yield codec.command_complete(answer.tag)

    def _reports(self) -> Iterator[Chunk]:
        for name, value in self._variables.changes().items():
            yield codec.parameter_status(name, value)

    def _columns(self, schema: pa.Schema | None, formats: Sequence[int]) -> bytes:
        if schema is None:
            return codec.NO_DATA
        return codec.row_description(types.fields(schema, types.spread(formats, len(schema))))

    def _copy(self, copy: commands.CopyOut, values: Sequence[Parameter]) -> Iterator[Chunk]:
        """COPY … TO STDOUT; a copy that the row cap cuts short is an error, as a file would not tell."""
        self._start += copy.start
        answer = self._desk.run(copy.query, values, self._interrupt)
        if answer.schema is None:
            raise SqlSyntaxError("COPY takes a query")
        try:
            yield codec.copy_out_response(len(answer.schema), int(copy.format == "binary"))
            chunks = _copied(copy, answer.schema, answer)
            yield from rows.binary_copy(chunks) if copy.format == "binary" else chunks
            if answer.was_capped:
                raise RowCapReached(f"COPY was cut off at {answer.sent:,} rows: write LIMIT 0 for all rows")
            yield codec.COPY_DONE
            yield codec.command_complete(f"COPY {answer.sent}")
        finally:
            answer.close()

    # -- the session's commands ----------------------------------------------------------------------------

    def _answer(self, prepared: Prepared, values: Sequence[Parameter]) -> Answer:
        if prepared.known is not None:
            return Answer("SELECT", prepared.known.schema, [prepared.known])
        match prepared.command:
            case None:
                return self._desk.run(prepared.sql, values, self._interrupt)
            case commands.Transaction(tag, status):
                return self._transaction(tag, status)
            case commands.Ignored(tag):
                return Answer(tag)
            case commands.Discard(what):
                return self._discard(what)
            case commands.Declare() as declare:
                return self._declare(declare, values)
            case commands.Fetch() as fetch:
                return self._fetch(fetch)
            case commands.CloseCursor(name):
                return self._close_cursor(name)
            case commands.Prepare() as prepare:
                return self._prepare_statement(prepare, prepared.start)
            case commands.ExecutePrepared() as execute:
                return self._execute_statement(execute)
            case commands.Deallocate(name):
                return self._deallocate(name)
            case commands.CopyOut():
                raise FeatureNotSupported("COPY is not run by EXECUTE or with a row limit")

    def _transaction(self, tag: str, status: Literal["I", "T"] | None) -> Answer:
        """Statements are written when they end; ROLLBACK undoes none (SQL contract, section 2.8)."""
        if status == "I":
            for cursor in [c for c in self._cursors.values() if not c.hold]:
                self._cursors.pop(cursor.name).close()
        self.status = status or self.status
        return Answer(tag)

    def _discard(self, what: str) -> Answer:
        if what == "ALL":
            self._variables.reset()
            self._close_cursors()
            self._prepared.clear()
            return Answer("DISCARD ALL")
        return Answer(f"DISCARD {what}")

    def _declare(self, declare: commands.Declare, values: Sequence[Parameter]) -> Answer:
        if declare.name in self._cursors or declare.name in self._portals:
            raise DuplicateCursor(f'cursor "{declare.name}" exists already')
        if len(self._cursors) >= MAX_HELD:
            raise RowCapReached(f"a session holds at most {MAX_HELD} cursors; CLOSE some")
        self._start += declare.start
        answer = self._answer(self._prepare(declare.query, 0), values)
        if answer.schema is None:
            raise SqlSyntaxError("DECLARE takes a query")
        cursor = Cursor(declare.name, answer, self._desk.scratch, declare.hold)
        self._cursors[declare.name] = cursor
        return Answer("DECLARE CURSOR", capped=lambda: cursor.was_capped)

    def _fetch(self, fetch: commands.Fetch) -> Answer:
        cursor = self._cursor(fetch.cursor)
        if fetch.how == "forward":
            return cursor.forward(fetch.count, moves=fetch.moves)
        go = cursor.absolute if fetch.how == "absolute" else cursor.relative
        return go(fetch.count or 0, moves=fetch.moves)

    def _close_cursor(self, name: str | None) -> Answer:
        if name is None:
            self._close_cursors()
            return Answer("CLOSE CURSOR ALL")
        self._cursor(name).close()
        del self._cursors[name]
        return Answer("CLOSE CURSOR")

    def _prepare_statement(self, prepare: commands.Prepare, start: int) -> Answer:
        if prepare.name in self._prepared:
            raise DuplicateStatement(f'prepared statement "{prepare.name}" exists already')
        self._keep(prepare.name, self._prepare(prepare.query, start + prepare.start, prepare.types))
        return Answer("PREPARE")

    def _execute_statement(self, execute: commands.ExecutePrepared) -> Answer:
        prepared = self._statement(execute.name)
        raw = [None if v is None else v.encode() for v in execute.values]
        return self._answer(prepared, self._values(prepared, raw, [0] * len(raw)))

    def _deallocate(self, name: str | None) -> Answer:
        if name is None:
            self._prepared.clear()
            return Answer("DEALLOCATE ALL")
        self._statement(name)
        del self._prepared[name]
        return Answer("DEALLOCATE")

    # -- the rest ------------------------------------------------------------------------------------------

    def _forget_portal(self, name: str) -> None:
        portal = self._portals.pop(name, None)
        if portal is not None:
            portal.close()

    def _close_portals(self) -> None:
        for name in list(self._portals):
            self._forget_portal(name)

    def _close_cursors(self) -> None:
        for cursor in self._cursors.values():
            cursor.close()
        self._cursors.clear()


@contextmanager
def _given_back_on_error(portal: Portal) -> Iterator[None]:
    """Give back what a portal holds if its client fails or goes away."""
    try:
        yield
    except BaseException:
        portal.close()
        raise


def _takes_parameters(command: commands.Command | None) -> bool:
    return command is None or isinstance(command, commands.Declare | commands.CopyOut)


def _is_query(sql: str) -> bool:
    first = next(tokens(sql), None)
    return first is not None and (first.word in ("SELECT", "WITH", "VALUES") or first.text == "(")


def _copied(copy: commands.CopyOut, schema: pa.Schema, answer: Answer) -> Iterator[memoryview]:
    encode = _copy_encoder(copy, schema)
    if copy.header and copy.format != "binary":
        yield from rows.encoded(_header(schema), encode)
    for batch in answer.take():
        yield from rows.encoded(batch, encode)


def _copy_encoder(copy: commands.CopyOut, schema: pa.Schema) -> rows.Encoder:
    if copy.format == "binary":
        return rows.copy_binary(schema)
    if copy.format == "csv":
        return rows.copy_csv(copy.delimiter, copy.null, copy.quote)
    return rows.copy_text(copy.delimiter, copy.null)


def _header(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([name]) for name in schema.names], names=schema.names)
