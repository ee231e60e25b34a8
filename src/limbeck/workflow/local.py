"""An engine of the workflow's own: DuckDB in bounded memory, for files that lie here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck.workflow.interruptible import interruptible

if TYPE_CHECKING:
    import duckdb

MEMORY = "512MiB"
BATCH_ROWS = 65_536


@contextmanager
def engine(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine whose times are UTC, and which spills what does not fit into memory below *folder*."""
    import duckdb

    with duckdb.connect(
        ":memory:",
        config={
            "memory_limit": MEMORY,
            "temp_directory": str(folder / "spill"),
            "python_enable_replacements": False,
        },
    ) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        with suppress(duckdb.InvalidInputException):  # a notebook without widgets draws none, and cannot be told so
            connection.execute("SET enable_progress_bar = false")
        yield connection


def lock(connection: duckdb.DuckDBPyConnection, folder: Path, files: Sequence[Path]) -> None:
    """Let the engine open *files* and what it spills below *folder*, and nothing else, whatever SQL asks of it."""
    paths = ", ".join(literal(str(path)) for path in files)
    connection.execute(f"SET allowed_paths = [{paths}]")
    connection.execute(f"SET allowed_directories = [{literal(f'{folder}/')}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def write_in_order(files: Sequence[Path], columns: Sequence[str], target: Path) -> None:
    """Write the rows of Parquet *files* into one, in the order of *columns*, whose values tell all rows apart.

    The same rows give the same bytes, however they were divided among the files, with the same versions of libraries.
    """
    import pyarrow.parquet as pq

    names, order = (", ".join(map(quote, some)) for quote, some in ((literal, map(str, files)), (quoted, columns)))
    with engine(files[0].parent) as connection:
        rows = connection.sql(f"SELECT * FROM read_parquet([{names}]) ORDER BY {order}")

        def write() -> None:
            reader = rows.to_arrow_reader(BATCH_ROWS)
            with pq.ParquetWriter(target, reader.schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(batch)

        interruptible(connection, write)


def quoted(name: str) -> str:
    """Return a name as an identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a literal of DuckDB, to which a backslash is nothing special."""
    return "'" + text.replace("'", "''") + "'"
