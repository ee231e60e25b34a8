"""A session: it takes messages and gives bytes, and knows no socket.

All of it runs in one thread at a time; only `cancel` may be called from another.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import pyarrow as pa

from limbeck.engine import Interrupt
from limbeck.errors import (
    Cancelled,
    DuplicateStatement,
    FeatureNotSupported,
    ProtocolViolation,
    RowCapReached,
    SqlSyntaxError,
    UndefinedStatement,
    WireError,
    WrongNumberOfValues,
)
from limbeck.pgwire import codec, commands, copies, parameters, rows, types
from limbeck.pgwire.answer import Answer
from limbeck.pgwire.copies import CopyOut
from limbeck.pgwire.cursors import CloseCursor, Cursor, Cursors, Declare, Fetch
from limbeck.pgwire.desk import Desk
from limbeck.pgwire.failure import Teller
from limbeck.pgwire.held import Held
from limbeck.pgwire.portals import Portal, Portals, Prepared
from limbeck.pgwire.prepared import Deallocate, ExecutePrepared, Prepare
from limbeck.pgwire.text import text
from limbeck.query.service import Parameter
from limbeck.query.split import pieces
from limbeck.query.statements.select import DEFAULT_CAP
from limbeck.xdm.types import Scalar

Chunk = bytes | memoryview


class Session:
    """One client's session on a desk."""

    def __init__(self, desk: Desk, teller: Teller) -> None:
        self.status: Literal["I", "T"] = "I"
        self._desk = desk
        self._variables = desk.session.variables
        self._teller = teller
        self._prepared = Held[Prepared]("prepared statement", UndefinedStatement, DuplicateStatement)
        self._portals = Portals()
        self._cursors = Cursors()
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
        return self._portals.hold_unread

    def rest(self) -> None:
        """Nothing was asked for the moment: a query that was only described begins anew when it is executed."""
        self._portals.rest()

    def close(self) -> None:
        """Give back everything."""
        self._portals.close_all()
        self._cursors.close_all()
        self._desk.close()

    def _sync(self) -> Iterator[Chunk]:
        self._skipping = False
        if self.status == "I":
            self._portals.close_all()
        yield from self._ready()

    def _extended(self, message: codec.Message) -> Iterator[Chunk]:
        self._start = 0
        try:
            with self._timed():
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
        self._start = 0
        self._portals.forget("")
        try:
            found = pieces(sql)
            if not found:
                yield codec.EMPTY_QUERY_RESPONSE
            for start, text in found:
                self._start = start
                portal = Portal(self._prepare(text, start))
                try:
                    with self._timed():
                        yield from self._run_all(portal, simple=True)
                finally:
                    portal.close()
        except WireError:
            raise
        except Exception as failure:
            yield codec.error_response(self._teller.fields(failure, self._start))
        yield from self._ready()

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """End what runs in the block after the time that the client has set, if it has."""
        seconds = self._variables.seconds("statement_timeout")
        if not seconds:
            yield
            return
        reason = Cancelled(f"the statement ran longer than statement_timeout, {seconds:g} s, and was ended")
        timer = threading.Timer(seconds, self._interrupt.now, [reason])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    # -- extended protocol ---------------------------------------------------------------------------------

    def _parse(self, message: codec.Parse) -> bytes:
        self._prepared.check_free(message.name)
        found = pieces(message.sql)
        if len(found) > 1:
            raise SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        start, text = found[0] if found else (0, "")
        self._start = start
        self._prepared.put(message.name, self._prepare(text, start, message.types))
        return codec.PARSE_COMPLETE

    def _bind(self, message: codec.Bind) -> bytes:
        prepared = self._statement(message.statement)
        self._cursors.check_free(message.portal)
        self._portals.check_free(message.portal)
        formats = types.spread(message.formats, len(message.values))
        values = self._values(prepared, message.values, formats)
        if not message.portal:
            self._portals.forget("")
        self._portals.put(message.portal, Portal(prepared, values, message.result_formats))
        return codec.BIND_COMPLETE

    def _values(self, prepared: Prepared, raw: Sequence[bytes | None], formats: Sequence[int]) -> list[Parameter]:
        oids = self._parameter_oids(prepared)
        if len(raw) != len(oids):
            raise WrongNumberOfValues(f"{len(raw)} values for {len(oids)} parameters")
        pairs = zip(oids, formats, raw, strict=True)
        return [parameters.value(number, oid, form, value) for number, (oid, form, value) in enumerate(pairs, 1)]

    def _describe(self, message: codec.Describe) -> Iterator[Chunk]:
        if message.kind == "S":
            prepared = self._statement(message.name)
            oids = self._parameter_oids(prepared)
            yield codec.parameter_description(oids)
            prepared.described, prepared.was_described = self._schema(prepared, oids), True
            yield self._columns(prepared.described, ())
        elif message.name in self._cursors:
            yield self._columns(self._cursors.get(message.name).schema, ())
        else:
            portal = self._portal(message.name)
            yield self._columns(self._portal_schema(portal), portal.formats)

    def _execute(self, message: codec.Execute) -> Iterator[Chunk]:
        limit = message.limit if message.limit > 0 else None
        if message.portal in self._cursors:
            answer = self._cursors.get(message.portal).fetch("forward", limit)
            yield from self._rows(answer, (), None)
            yield codec.PORTAL_SUSPENDED if answer.sent == limit else codec.command_complete(f"SELECT {answer.sent}")
            return
        portal = self._portal(message.portal)
        if limit is None:
            yield from self._run_all(portal, simple=False)
            return
        with portal.given_back_on_error():
            answer = self._started(portal)
            yield from self._rows(answer, portal.formats, limit)
            if answer.schema is not None and answer.sent == limit:
                answer.park(self._desk.set_aside)
                yield codec.PORTAL_SUSPENDED
            else:
                yield from self._ended(answer)

    def _close(self, message: codec.Close) -> bytes:
        if message.kind == "S":
            self._prepared.pop(message.name)
        elif message.name in self._cursors:
            self._cursors.close(message.name)
        else:
            self._portals.forget(message.name)
        return codec.CLOSE_COMPLETE

    # -- statements ----------------------------------------------------------------------------------------

    def _prepare(self, sql: str, start: int, oids: tuple[int, ...] = ()) -> Prepared:
        return Prepared(sql, start, oids, commands.command(sql))

    def _statement(self, name: str) -> Prepared:
        found = self._prepared.get(name)
        self._start = found.start
        return found

    def _portal(self, name: str) -> Portal:
        found = self._portals.get(name)
        self._start = found.prepared.start
        return found

    def _parameter_oids(self, prepared: Prepared) -> list[int]:
        """The types of a statement's parameters: as declared, else as Query Service guesses them."""
        if prepared.types is None:
            declared = [parameters.type_of(oid) for oid in prepared.oids]
            if prepared.takes_parameters:
                self._start = prepared.start + prepared.query_start
                found = self._desk.parameters(prepared.query, declared)
            else:
                found = [t or Scalar("string") for t in declared]
            oids = [*prepared.oids, *(0 for _ in found[len(prepared.oids) :])]
            pairs = zip(oids, found, strict=False)
            prepared.types = [oid if parameters.is_said(oid) else parameters.oid_of(t) for oid, t in pairs]
        return prepared.types

    def _schema(self, prepared: Prepared, oids: Sequence[int]) -> pa.Schema | None:
        """The columns that a statement gives, without running it."""
        match prepared.command:
            case None if prepared.sql:
                return self._desk.describe(prepared.sql, [parameters.type_of(oid) for oid in oids])
            case Fetch(moves=False) as fetch:
                return self._cursors.get(fetch.cursor).schema
            case ExecutePrepared() as execute:
                inner = self._statement(self._prepared.spelled(execute.name))
                return self._schema(inner, self._parameter_oids(inner))
            case _:
                return None

    def _portal_schema(self, portal: Portal) -> pa.Schema | None:
        """A query is begun when it is described; anything else waits until it is executed."""
        prepared = portal.prepared
        if portal.answer is None and prepared.is_query:
            self._started(portal)
            portal.touched = False
        if portal.answer is not None:
            return portal.answer.schema
        return self._schema(prepared, self._parameter_oids(prepared))

    # -- running -------------------------------------------------------------------------------------------

    def _run_all(self, portal: Portal, *, simple: bool) -> Iterator[Chunk]:
        """Run a portal to its end; the *simple* protocol sends its columns first, and has formats of its own."""
        if isinstance(portal.prepared.command, CopyOut):
            yield from self._copy(portal.prepared.command, portal.values)
            return
        if not portal.prepared.sql:
            yield codec.EMPTY_QUERY_RESPONSE
            return
        with portal.given_back_on_error():
            answer = self._started(portal)
            formats = (int(answer.binary),) if simple else portal.formats
            if simple and answer.schema is not None:
                yield self._columns(answer.schema, formats)
            yield from self._rows(answer, formats, None)
            yield from self._ended(answer)
        portal.close()
        portal.answer = Answer(answer.tag.split(" ")[0], answer.schema)  # a second Execute gives no more rows

    def _started(self, portal: Portal) -> Answer:
        if portal.answer is None:
            self._portals.rest()  # else what was only described keeps the places that this one waits for
            answer = self._answer(portal.prepared, portal.values)
            portal.answer = _as_described(portal.prepared, answer) if portal.prepared.is_block else answer
        portal.touched = True
        return portal.answer

    def _rows(self, answer: Answer, formats: Sequence[int], limit: int | None) -> Iterator[Chunk]:
        if answer.schema is None:
            return
        spread = types.spread(formats, len(answer.schema))
        encode = rows.data_rows(answer.schema, spread, self._variables.is_on("auto_to_json"))
        yield from rows.streamed(answer.take(limit), encode)

    def _ended(self, answer: Answer) -> Iterator[Chunk]:
        if answer.was_capped:
            told = f"the result was cut off at {DEFAULT_CAP:,} rows: write LIMIT, or LIMIT 0 for all rows"
            yield codec.notice_response(self._teller.notice("01000", told))
        yield codec.command_complete(answer.tag)

    def _ready(self) -> Iterator[Chunk]:
        """What settings have changed, and that the next message may come."""
        for name, value in self._variables.changes().items():
            yield codec.parameter_status(name, value)
        yield codec.ready_for_query(self.status)

    def _columns(self, schema: pa.Schema | None, formats: Sequence[int]) -> bytes:
        if schema is None:
            return codec.NO_DATA
        return codec.row_description(types.fields(schema, types.spread(formats, len(schema))))

    def _copy(self, copy: CopyOut, values: Sequence[Parameter]) -> Iterator[Chunk]:
        """COPY … TO STDOUT; a copy that the row cap cuts short is an error, as a file would not tell."""
        self._start += copy.start
        answer = self._desk.run(copy.query, values, self._interrupt)
        if answer.schema is None:
            raise SqlSyntaxError("COPY takes a query")
        try:
            yield codec.copy_out_response(len(answer.schema), int(copy.format == "binary"))
            chunks = copies.copied(copy, answer.schema, answer)
            yield from rows.binary_copy(chunks) if copy.format == "binary" else chunks
            if answer.was_capped:
                raise RowCapReached(f"COPY was cut off at {answer.sent:,} rows: write LIMIT 0 for all rows")
            yield codec.COPY_DONE
            yield codec.command_complete(f"COPY {answer.sent}")
        finally:
            answer.close()

    # -- the session's commands ----------------------------------------------------------------------------

    def _answer(self, prepared: Prepared, values: Sequence[Parameter]) -> Answer:
        match prepared.command:
            case None:
                return self._desk.run(prepared.sql, values, self._interrupt)
            case commands.Transaction(tag, status):
                return self._transaction(tag, status)
            case commands.Ignored(tag):
                return Answer(tag)
            case commands.Discard(what):
                return self._discard(what)
            case Declare() as declare:
                return self._declare(declare, values)
            case Fetch() as fetch:
                return self._cursors.fetch(fetch)
            case CloseCursor(name):
                return self._cursors.close(name)
            case Prepare() as prepare:
                return self._prepare_statement(prepare, prepared.start)
            case ExecutePrepared() as execute:
                return self._execute_statement(execute)
            case Deallocate(name):
                return self._deallocate(name)
            case CopyOut():
                raise FeatureNotSupported("COPY is not run by EXECUTE or with a row limit")

    def _transaction(self, tag: str, status: Literal["I", "T"] | None) -> Answer:
        """Statements are written when they end; ROLLBACK undoes none (SQL contract, section 2.8)."""
        if status == "I":
            self._cursors.end_transaction()
        self.status = status or self.status
        return Answer(tag)

    def _discard(self, what: str) -> Answer:
        if what == "ALL":
            self._variables.reset()
            self._cursors.close_all()
            self._prepared.clear()
            return Answer("DISCARD ALL")
        return Answer(f"DISCARD {what}")

    def _declare(self, declare: Declare, values: Sequence[Parameter]) -> Answer:
        self._cursors.check_free(declare.name)
        self._portals.check_free(declare.name)
        self._start += declare.start
        cursor = Cursor(declare, self._answer(self._prepare(declare.query, 0), values), self._desk.set_aside)
        self._cursors.put(declare.name, cursor)
        return Answer("DECLARE CURSOR", capped=lambda: cursor.was_capped)

    def _prepare_statement(self, prepare: Prepare, start: int) -> Answer:
        self._prepared.check_free(self._prepared.spelled(prepare.name))
        self._prepared.put(prepare.name, self._prepare(prepare.query, start + prepare.start, prepare.types))
        return Answer("PREPARE")

    def _execute_statement(self, execute: ExecutePrepared) -> Answer:
        values = self._row(execute.row) if execute.row else execute.values
        prepared = self._statement(self._prepared.spelled(execute.name))
        raw = [None if v is None else v.encode() for v in values]
        try:
            return self._answer(prepared, self._values(prepared, raw, [0] * len(raw)))
        except WrongNumberOfValues as error:
            raise SqlSyntaxError(error.message) from error

    def _row(self, query: str) -> list[str | None]:
        """The values of a query for one row, as text."""
        answer = self._desk.run(query, (), self._interrupt)
        try:
            return [value for batch in answer.take() for column in batch.columns for value in text(column).to_pylist()]
        finally:
            answer.close()

    def _deallocate(self, name: str | None) -> Answer:
        if name is None:
            self._prepared.clear()
            return Answer("DEALLOCATE ALL")
        spelled = self._prepared.spelled(name)
        self._statement(spelled)
        self._prepared.pop(spelled)
        return Answer("DEALLOCATE")


def _as_described(block: Prepared, answer: Answer) -> Answer:
    """The answer of a block whose columns were guessed for a client: without rows if none were told of."""
    if not block.was_described or answer.schema is None or answer.schema == block.described:
        return answer
    answer.close()
    if block.described is None:
        return Answer("DO")
    raise FeatureNotSupported("the block gives other columns than it was described with: send it as a simple query")
