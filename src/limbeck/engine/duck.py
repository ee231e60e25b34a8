"""One statement, one locked DuckDB instance.

This is the second of the two walls that queries stand behind. A session may open exactly the files it was given
and its own scratch folder, cannot load extensions or change settings, and accepts a single SELECT; files are
written only by `Session.write_parquet`, into the scratch folder.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from limbeck import ids
from limbeck.engine.admission import Admission
from limbeck.engine.idle import Idle, Instance
from limbeck.engine.interrupt import Interrupt
from limbeck.engine.native import Native
from limbeck.engine.sql import literal, quoted, quoted_list, type_of
from limbeck.errors import (
    CardinalityViolation,
    DatatypeMismatch,
    DiskFull,
    Forbidden,
    LimbeckError,
    MemoryLimit,
    NumberOutOfRange,
    SqlError,
    SqlSyntaxError,
    StatementTimeout,
)

ORIGIN = {"limbeck_file": pa.string(), "limbeck_row": pa.int64()}
"""The path of a row's file, and its number there from 0."""

PLACE = "limbeck_place"
"""The column of a row's place in the order of ingestion: the number of its file, then its number there."""

BATCH = "limbeck_batch"
"""The column of the batch that a row came with."""

Compression = Literal["zstd", "gzip", "uncompressed"]

KEPT = 8
"""Instances that wait for another statement on the same tables: a look-up of one person asks half a dozen of them,
which the next look-up asks again. One takes a fiftieth of a second to make, and 4 MiB to keep.
"""

PART_BYTES = 256 * 1024 * 1024
"""Size at which a written result begins its next file."""


@dataclass(frozen=True, slots=True)
class Table:
    """A relation a statement may read: Parquet files seen through one schema.

    Columns and struct fields that a file lacks read as NULL; no files is an empty table.
    """

    name: str
    schema: pa.Schema
    files: tuple[str, ...] = ()
    exact: bool = False
    """The files are known to hold exactly this schema, so nothing has to be laid over them."""
    origin: bool = False
    """Each row tells where it stands, in the columns `ORIGIN`."""
    place: bool = False
    """Each row tells its place among the rows of `files`, a bigint, in the column `PLACE`."""
    batches: tuple[tuple[tuple[str | None, int], ...], ...] | None = None
    """For each of `files` the batches its rows came with, and how many rows in turn; None: rows do not tell `BATCH`."""
    flat: bool = False
    """Fields of structs are columns, called by their path."""
    rows: pa.Table | None = None
    """A few rows in memory, instead of files."""


class Engine:
    """Opens sessions on DuckDB, sharing memory and threads among them by a queue."""

    def __init__(
        self, scratch: Path, memory_mib: int = 1024, slots: int = 2, threads: int = 2, spill_mib: int = 32 * 1024
    ) -> None:
        self._scratch = scratch
        self._threads = threads
        self._spill = spill_mib
        self._admission = Admission(memory_mib, slots)
        self._idle = Idle(max(slots, KEPT))

    @contextmanager
    def session(
        self,
        tables: Sequence[Table] = (),
        *,
        files: Sequence[str] = (),
        natives: Sequence[Native] = (),
        timeout: float | None = None,
        ordered: bool = False,
        serial: bool = False,
        interrupt: Interrupt | None = None,
    ) -> Iterator[Session]:
        """Open an instance that sees *tables* by name and may read *files* by path, and nothing else.

        It is a fresh one, or one that served a statement on the same tables. Wait until a share of the memory is free.
        *timeout* (seconds) ends a statement with `StatementTimeout`, *interrupt* with `Cancelled`. *ordered* keeps the
        order of the input files' rows, at the price of memory; *serial* keeps it without, for files that the engine
        can only read one row after the other: one thread does all. *natives* are functions it knows besides its own.
        """
        with self._admission.share(interrupt) as mib:
            stored = [t for t in tables if t.rows is None]
            key = None if files else (mib, ordered, serial, *natives, *stored)
            instance = self._idle.take(key) or self._opened(mib, ordered, serial, stored, files, natives)
            try:
                with instance.connection.cursor() as connection:
                    _show(connection, tables)
                    yield Session(connection, instance.folder, timeout, ordered or serial, interrupt)
            except BaseException:
                instance.close()
                raise
            self._idle.give(key, instance)

    @property
    def running(self) -> int:
        """How many sessions are open now."""
        return self._admission.held

    def close(self) -> None:
        """Give back what idle instances hold."""
        self._idle.close()

    def _opened(
        self,
        mib: int,
        ordered: bool,
        serial: bool,
        tables: Sequence[Table],
        files: Sequence[str],
        natives: Sequence[Native],
    ) -> Instance:
        folder, threads = self._scratch / ids.new_uuid(), 1 if serial else self._threads
        instance = Instance(_connect(mib, threads, folder, ordered, self._spill), folder)
        try:
            for native in natives:
                native.register(instance.connection)
            _lock(instance.connection, folder, tables, files)
        except BaseException:
            instance.close()
            raise
        return instance


class Session:
    """One locked instance. Use it for one statement and its helpers, from one thread."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        timeout: float | None,
        ordered: bool,
        interrupt: Interrupt | None = None,
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._timeout = timeout
        self._ordered = ordered
        self._interrupt = interrupt or Interrupt()

    @contextmanager
    def beside(self) -> Iterator[Session]:
        """Open a second session on the same instance, for another thread; let it end before this one."""
        with self._connection.cursor() as connection:
            yield Session(connection, self._folder, self._timeout, self._ordered, self._interrupt)

    def reader(self, sql: str, rows: int = 8192) -> pa.RecordBatchReader:
        """Run one SELECT and stream its rows in batches of about *rows*; read them before the session ends."""
        _check_select(self._connection, sql)
        with self._guard():
            stream: pa.RecordBatchReader = self._connection.sql(sql).to_arrow_reader(rows)
        return pa.RecordBatchReader.from_batches(stream.schema, self._batches(stream))

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Run one SELECT whose result is small, and return its rows."""
        _check_select(self._connection, sql)
        with self._guard():
            return self._connection.execute(sql).fetchall()

    def describe(self, sql: str) -> pa.Schema:
        """Return the names and types that one SELECT would give, without running it."""
        _check_select(self._connection, sql)
        with self._guard():
            return self._connection.sql(f"SELECT * FROM ({sql}\n) LIMIT 0").to_arrow_table().schema

    def plan(self, sql: str) -> list[dict[str, Any]]:
        """Return how one SELECT would be run: operators with `name`, `extra_info` and `children`."""
        _check_select(self._connection, sql)
        with self._guard():
            found = self._connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
        plan: list[dict[str, Any]] = json.loads(found[0][1])
        return plan

    def write_parquet(self, sql: str, compression: Compression = "zstd") -> list[Path]:
        """Run one SELECT into Parquet files, as `write` does."""
        return self.write(sql, "parquet", compression)

    def write(
        self, sql: str, form: str, compression: Compression, options: str = "", *, one_file: bool = False
    ) -> list[Path]:
        """Run one SELECT into files in the session's scratch folder; move them before it ends.

        *form* is `parquet`, `json` (a row a line) or `csv`, *options* what COPY shall be told besides. In an ordered
        session it is one file, with the rows in order; with *one_file*, too, but in any order.
        """
        _check_select(self._connection, sql)
        target = self._folder / f"out-{ids.new_uuid()}"
        target.mkdir(parents=True)
        is_one = self._ordered or one_file
        place, parts = (target / f"0.{form}", "") if is_one else (target, f", FILE_SIZE_BYTES {PART_BYTES}")
        packed = "none" if compression == "uncompressed" and form != "parquet" else compression
        with self._guard():  # several parts are never in order, whatever the setting says
            told = f"FORMAT {form}, COMPRESSION {packed}{parts}{options}"
            self._connection.execute(f"COPY ({sql}\n) TO {literal(str(place))} ({told})")
        return sorted(target.iterdir())

    def _batches(self, stream: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        with self._guard():
            for batch in stream:
                self._interrupt.check()
                yield batch

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Interrupt the statement when its time is over or somebody asks for it; turn DuckDB's errors into ours."""
        timer = threading.Timer(self._timeout, self._connection.interrupt) if self._timeout else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            with self._interrupt.repeating(self._connection.interrupt):
                yield
        except (duckdb.Error, pa.ArrowException, OSError, UnicodeDecodeError) as error:
            self._interrupt.check()  # UnicodeDecodeError: DuckDB cuts values in its messages, inside characters too
            raise translated(error, self._timeout) from error
        finally:
            if timer:
                timer.cancel()


def _connect(mib: int, threads: int, folder: Path, ordered: bool, spill: int) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{mib}MiB",
            "threads": threads,
            "temp_directory": str(folder),
            "max_temp_directory_size": f"{spill}MiB",
            "preserve_insertion_order": ordered,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "enable_external_file_cache": False,
        },
    )


def _lock(connection: duckdb.DuckDBPyConnection, folder: Path, tables: Sequence[Table], files: Sequence[str]) -> None:
    paths = sorted({*files, *(f for t in tables for f in t.files)})
    connection.execute("SET TimeZone = 'UTC'")
    with suppress(duckdb.InvalidInputException):  # a notebook without widgets draws none, and cannot be told so
        connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET allowed_paths = [{', '.join(map(literal, paths))}]")
    connection.execute(f"SET allowed_directories = [{literal(f'{folder}/')}]")
    connection.execute("SET enable_external_access = false")
    for table in tables:
        text = _flattened(table) if table.flat else _select(table)
        connection.execute(f"CREATE VIEW {quoted(table.name)} AS {text}")
    connection.execute("SET lock_configuration = true")


def _show(connection: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Show the relations that are in memory to one connection, until it is closed."""
    for table in tables:
        rows = table.rows
        if rows is not None:
            if table.place:
                rows = rows.append_column(PLACE, pa.array(range(rows.num_rows), pa.int64()))
            connection.register(table.name, rows)


def _select(table: Table) -> str:
    schema = _shown(table)
    columns = quoted_list(schema.names)
    files = ", ".join(map(literal, table.files))
    where, numbered = ", filename = 'limbeck_file', file_row_number = true", "file_row_number AS limbeck_row"
    origin, all_ = (where, f"* RENAME ({numbered})") if table.origin else ("", "*")
    if table.place:
        all_ += f", {_place(table.schema)} AS {PLACE}"
    if table.batches:
        all_ += f", {_batch(table)} AS {BATCH}"
    if table.files and table.exact:
        return f"SELECT {columns} FROM (SELECT {all_} FROM read_parquet([{files}]{origin}))"
    nulls = ", ".join(f"NULL::{type_of(f.type)} AS {quoted(f.name)}" for f in schema)
    nothing = f"SELECT {nulls} WHERE false"
    if not table.files:
        return nothing
    rows = f"SELECT {all_} FROM read_parquet([{files}], union_by_name = true{origin})"
    return f"SELECT {columns} FROM ({nothing} UNION ALL BY NAME {rows})"


def _shown(table: Table) -> pa.Schema:
    place = [(PLACE, pa.int64())] if table.place else []
    batch = [(BATCH, pa.string())] if table.batches is not None else []
    return pa.schema([*table.schema, *(ORIGIN.items() if table.origin else ()), *place, *batch])


def _place(schema: pa.Schema) -> str:
    """A table with columns of these names hides the file's own numbers: its rows have no order then."""
    hidden = {"file_index", "file_row_number"} & {name.lower() for name in schema.names}
    return "CAST(0 AS BIGINT)" if hidden else "CAST(file_index * 1099511627776 + file_row_number AS BIGINT)"


def _batch(table: Table) -> str:
    """The batch of a row; a table with a column called like the number of the file, or of the row there, hides that."""
    found, names = table.batches or (), {name.lower() for name in table.schema.names}
    mixed = {number: runs for number, runs in enumerate(found) if len(runs) > 1}
    if "file_index" in names or (mixed and "file_row_number" in names):
        return "CAST(NULL AS VARCHAR)"
    firsts = ", ".join(_text(runs[0][0]) for runs in found)
    of_file = f"CAST([{firsts}] AS VARCHAR[])[CAST(file_index AS BIGINT) + 1]"
    whens = "".join(f" WHEN {number} THEN {_run(runs)}" for number, runs in mixed.items())
    return f"CASE file_index{whens} ELSE {of_file} END" if mixed else of_file


def _run(runs: Sequence[tuple[str | None, int]]) -> str:
    ends = accumulate(rows for _, rows in runs)
    whens = (f"WHEN file_row_number < {end} THEN {_text(batch)}" for end, (batch, _) in zip(ends, runs, strict=True))
    return f"CASE {' '.join(whens)} END"


def _text(batch: str | None) -> str:
    return "NULL" if batch is None else literal(batch)


def _flattened(table: Table) -> str:
    leaves = [f"{path} AS {quoted(name)}" for name, path in _leaves(table.schema, "", "_r.")]
    added = [*([PLACE] if table.place else []), *([BATCH] if table.batches is not None else [])]
    columns = ", ".join([*leaves, *(f"_r.{name}" for name in added)])
    return f"SELECT {columns} FROM ({_select(table)}) AS _r"


def _leaves(fields: pa.Schema | pa.StructType, name: str, path: str) -> Iterator[tuple[str, str]]:
    for field in fields:
        mine, at = f"{name}{field.name}", f"{path}{quoted(field.name)}"
        if pa.types.is_struct(field.type):
            yield from _leaves(field.type, f"{mine}.", f"{at}.")
        else:
            yield mine, at


def _check_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        kinds = [s.type for s in connection.extract_statements(sql)]
    except duckdb.Error as error:
        raise translated(error, None) from error
    if kinds != [duckdb.StatementType.SELECT]:
        raise Forbidden("the engine takes exactly one SELECT; nothing was run")


def translated(error: Exception, timeout: float | None) -> LimbeckError:
    """Return the error of ours that stands for a DuckDB, Arrow or operating-system *error*."""
    text = str(error).strip()
    if "INTERRUPT" in text or isinstance(error, duckdb.InterruptException):
        return StatementTimeout(f"the statement ran longer than {timeout:g} s and was ended" if timeout else text)
    if isinstance(error, duckdb.OutOfMemoryException) and "max_temp_directory_size" in text:
        return DiskFull("the statement needs more of the disk than its share; raise engine_spill_mib or split it")
    if isinstance(error, duckdb.OutOfMemoryException):
        return MemoryLimit("the statement needs more memory than its share; raise engine_memory_mib or split it")
    if "No space left" in text or "disk space" in text:
        return DiskFull("no space left on the disk of the home; nothing was published")
    _, native, said = text.partition("while executing the UDF: ")
    if native:  # what a native of ours has said, behind the name of its class
        return DatatypeMismatch(_first_line(said.partition(": ")[2]))
    if isinstance(error, duckdb.PermissionException):
        return Forbidden("the statement reaches outside the files it may read")
    if isinstance(error, duckdb.ParserException):
        return SqlSyntaxError(_first_line(text))
    if isinstance(error, duckdb.ConversionException | duckdb.TypeMismatchException):
        return DatatypeMismatch(_first_line(text))
    if isinstance(error, duckdb.OutOfRangeException):
        return NumberOutOfRange(_first_line(text), hint="cast an operand to a larger type")
    if "More than one row returned by a subquery" in text:
        return CardinalityViolation("more than one row returned by a subquery used as an expression")
    if isinstance(error, duckdb.BinderException):  # names were bound before: it is their types that do not fit
        return DatatypeMismatch(_first_line(text))
    return SqlError(_first_line(text))


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
