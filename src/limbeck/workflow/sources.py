"""Sources: the user's files as rows whose columns stand at their XDM paths, streamed into Parquet parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from glob import glob, has_magic
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidFile, InvalidInput, nearest
from limbeck.workflow.datasets import EVENT_TYPE, TIMESTAMP, Column, Source
from limbeck.workflow.interruptible import interruptible
from limbeck.workflow.local import BATCH_ROWS, engine, literal, lock, quoted
from limbeck.workflow.world import GENERATED

if TYPE_CHECKING:
    import duckdb

PACKAGE = "package:"
TENANT = "{tenant}"
PART_BATCHES = 8
CHUNK = 1024 * 1024

XDM_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "int",
    "SMALLINT": "int",
    "INTEGER": "int",
    "UTINYINT": "int",
    "USMALLINT": "int",
    "UINTEGER": "long",
    "BIGINT": "long",
    "UBIGINT": "long",
    "HUGEINT": "long",
    "FLOAT": "number",
    "DOUBLE": "number",
    "VARCHAR": "string",
    "UUID": "string",
    "ENUM": "string",
    "DATE": "date",
}
"""DuckDB's types as XDM's; decimals and timestamps have parameters and are told by their beginning."""

DUCKDB_TYPES = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
    "date-time": "TIMESTAMP_MS",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A source as Parquet files ready to be ingested."""

    files: tuple[Path, ...]
    rows: int
    types: Mapping[str, str]
    """XDM type of each dotted path."""


def digest(source: Source, base: Path, generated: str = "") -> str:
    """Return what identifies the rows of *source*: a hash of its files' content and of its mapping.

    Paths are relative to *base*. Synthetic data are known by their key, *generated*: they need not be there yet.
    Raise `InvalidInput` if a file is not there.
    """
    found = hashlib.blake2b(digest_size=16)
    shape = {name: value for name, value in asdict(source).items() if name not in ("dataset", "files", "where")}
    found.update(json.dumps(shape, sort_keys=True).encode())
    for alias, text in source.files.items():
        found.update(alias.encode())
        if text.startswith(GENERATED):
            found.update(f"{text}\0{generated}".encode())
            continue
        for path in _locate(text, base, f"{source.where}.files.{alias}"):
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    found.update(chunk)
    return found.hexdigest()


def located(source: Source, base: Path, generated: Path | None = None) -> dict[str, list[Path]]:
    """Return the files of *source* by alias; raise `InvalidInput` naming what is not there.

    Paths are relative to *base*; *generated* is the folder of the synthetic data.
    """
    return {
        alias: sorted(generated.glob(f"{text.removeprefix(GENERATED)}-*.parquet"))
        if generated and text.startswith(GENERATED)
        else _locate(text, base, f"{source.where}.files.{alias}")
        for alias, text in source.files.items()
    }


def _locate(text: str, base: Path, where: str) -> list[Path]:
    if text.startswith(PACKAGE):
        return [_in_package(text.removeprefix(PACKAGE), where)]
    path = base / Path(text).expanduser()
    found = [path] if path.is_file() or not has_magic(text) else _globbed(text, base)
    if not found or not all(path.is_file() for path in found):
        raise InvalidInput(f"{where}: there is no file {path}")
    return found


def _globbed(text: str, base: Path) -> list[Path]:
    """Return what matches *text*; *base* is no part of the pattern, whatever its name holds."""
    return sorted(base / name for name in glob(str(Path(text).expanduser()), root_dir=base, recursive=True))


def _in_package(text: str, where: str) -> Path:
    """Return a file inside an installed package, which is found without being imported."""
    name, _, inside = text.partition("/")
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None or spec.origin is None:
        installed = name.replace("_", "-")
        raise InvalidInput(f"{where}: the package {name} is not installed; run: pip install {installed}")
    path = Path(spec.origin).parent / inside
    if not path.is_file():
        raise InvalidInput(f"{where}: the package {name} holds no file {inside}")
    return path


def prepare(source: Source, base: Path, tenant: str, folder: Path, generated: Path | None = None) -> Prepared:
    """Write the rows of *source*, found as by `located`, into *folder* as Parquet parts with nested columns.

    Raise `InvalidFile` for a file that cannot be read, `InvalidInput` for an unknown column, an identity that is
    a fraction, a time without meaning, a value that is missing or a key that stands twice: each names the source,
    the column, and the first row it met.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _opened(source, located(source, base, generated), folder) as connection:
        return interruptible(connection, lambda: _prepared(connection, source, tenant, folder))


def _prepared(connection: duckdb.DuckDBPyConnection, source: Source, tenant: str, folder: Path) -> Prepared:
    present = {name: kind for name, kind, *_ in connection.execute("DESCRIBE source_rows").fetchall()}
    types = {c.name: _type(source, c, present) for c in source.columns}
    _check(connection, source, types, present)
    files = _write(connection, _select(source, types, tenant), folder)
    rows = connection.execute("SELECT count(*) FROM source_rows").fetchall()[0][0]
    if rows == 0:
        raise InvalidInput(f"{source.where}: the source {source.dataset} has no rows")
    return Prepared(tuple(files), rows, {_at(c, tenant): types[c.name] for c in source.columns})


@contextmanager
def _opened(source: Source, files: Mapping[str, Sequence[Path]], folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine of our own, which opens these *files* only; `source_rows` stands for the rows of *source*."""
    import duckdb

    with engine(folder) as connection:
        try:
            for alias, paths in files.items():
                connection.execute(f"CREATE VIEW {quoted(alias)} AS {_reader(connection, source, paths)}")
            lock(connection, folder, [path for paths in files.values() for path in paths])
            rows = source.sql.rstrip("; \n") if source.sql else f"SELECT * FROM {quoted(next(iter(files)))}"
            if len(connection.extract_statements(view := f"CREATE VIEW source_rows AS {rows}")) > 1:
                raise InvalidInput(f"{source.where}.sql is more than one statement; wanted is one SELECT")
            connection.execute(view)
            yield connection
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.PermissionException as error:
            told = str(error).partition("\n")[0]
            wanted = f"wanted is a SELECT over {', '.join(files)}, the files that the source names"
            raise InvalidInput(f"{source.where}.sql reads what it may not ({told}); {wanted}") from error
        except duckdb.Error as error:
            told = str(error).partition("\n")[0]
            raise InvalidFile(f"{source.where}: the source {source.dataset} cannot be read: {told}") from error


def _reader(connection: duckdb.DuckDBPyConnection, source: Source, paths: Sequence[Path]) -> str:
    names = f"[{', '.join(literal(str(path)) for path in paths)}]"
    match paths[0].suffix.lower():
        case ".parquet":
            return f"SELECT * FROM read_parquet({names}, union_by_name = true)"
        case ".json" | ".jsonl" | ".ndjson":
            return f"SELECT * FROM read_json({names}, union_by_name = true)"
        case ".csv" | ".tsv" | ".txt":
            return _csv_reader(connection, source, names)
        case ending:
            raise InvalidFile(f"{source.where}: {paths[0].name} ends in {ending!r}; use .parquet, .csv or .json")


def _csv_reader(connection: duckdb.DuckDBPyConnection, source: Source, names: str) -> str:
    """Read CSV by guessing types, but for identities: those stay the text they are."""
    plain = f"SELECT * FROM read_csv({names}, union_by_name = true"
    header = {name for name, *_ in connection.execute(f"DESCRIBE {plain})").fetchall()}
    texts = [c.name for c in source.columns if c.identity and c.name in header]
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in texts)
    return f"{plain}, types = {{{types}}})" if texts else f"{plain})"


# -- columns ------------------------------------------------------------------------------------------------------


def _type(source: Source, column: Column, present: Mapping[str, str]) -> str:
    if column.name not in present:
        known = list(present)
        told = f"{source.where}: there is no column {column.name!r}; there are {', '.join(known)}."
        raise InvalidInput(f"{told} {nearest(column.name, known)}".strip())
    kind = present[column.name]
    if column.identity is not None:
        if kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL"):
            raise InvalidInput(
                f"{source.where}: column {column.name!r} identifies people, but arrives as {kind}, in which long "
                "numbers lose digits; store it as text, or as whole numbers"
            )
        return "string"
    if column.path == TIMESTAMP:
        return "date-time"
    if column.path == EVENT_TYPE:
        return "string"
    found = column.type or _xdm_type(kind)
    if found is None:
        told = f"{source.where}: column {column.name!r} has type {kind}, which no single XDM value holds"
        raise InvalidInput(f"{told}; select its parts in sql, or leave it out")
    return found


def _xdm_type(kind: str) -> str | None:
    if kind.startswith("TIMESTAMP"):
        return "date-time"
    if kind.startswith("DECIMAL"):
        return "number"
    return XDM_TYPES.get(kind.partition("(")[0])


def _at(column: Column, tenant: str) -> str:
    """Return the column's path with the tenant's name in it."""
    return column.path.replace(TENANT, f"_{tenant}", 1)


def _value(name: str, kind: str, *, lenient: bool = False) -> str:
    cast = "TRY_CAST" if lenient else "CAST"
    if kind == "date-time":
        return f"CAST({cast}({quoted(name)} AS TIMESTAMP) AS TIMESTAMP_MS)"
    return f"{cast}({quoted(name)} AS {DUCKDB_TYPES[kind]})"


def _select(source: Source, types: Mapping[str, str], tenant: str) -> str:
    tree: dict[str, Any] = {"_id": _row_id(source)}
    for column in source.columns:
        *around, leaf = _at(column, tenant).split(".")
        place = tree
        for step in around:
            place = place.setdefault(step, {})
        place[leaf] = _value(column.name, types[column.name])
    return f"SELECT {', '.join(f'{_packed(v)} AS {quoted(k)}' for k, v in tree.items())} FROM source_rows"


def _row_id(source: Source) -> str:
    if source.key is not None:
        return f"CAST({quoted(source.key)} AS VARCHAR)"
    if source.kind == "profile":
        return f"CAST({quoted(source.identity.name)} AS VARCHAR)"
    return f"{literal(source.dataset)} || '-' || row_number() OVER ()"


def _packed(value: Any) -> str:
    if isinstance(value, str):
        return value
    inner = ", ".join(f"{quoted(k)} := {_packed(v)}" for k, v in value.items())
    return f"struct_pack({inner})"


# -- checks -------------------------------------------------------------------------------------------------------


def _check(
    connection: duckdb.DuckDBPyConnection, source: Source, types: Mapping[str, str], present: Mapping[str, str]
) -> None:
    for column in source.columns:
        name = quoted(column.name)
        if column.identity or column.name == source.key or column.path in (TIMESTAMP, EVENT_TYPE):
            _refuse_first(connection, source, column, f"{name} IS NULL", "is missing")
        if column.path == TIMESTAMP and present[column.name] not in ("DATE", "VARCHAR"):
            if not present[column.name].startswith("TIMESTAMP"):
                raise InvalidInput(
                    f"{source.where}: column {column.name!r} maps to the time of an event, but is "
                    f"{present[column.name]}; turn it into a timestamp in sql, e.g. to_timestamp({column.name})"
                )
        else:
            broken = f"{name} IS NOT NULL AND {_value(column.name, types[column.name], lenient=True)} IS NULL"
            told = "is no time" if types[column.name] == "date-time" else f"is no {types[column.name]}"
            _refuse_first(connection, source, column, broken, told)
    if (unique := source.key or (source.identity.name if source.kind == "profile" else None)) is not None:
        _refuse_duplicates(connection, source, unique)


def _refuse_first(
    connection: duckdb.DuckDBPyConnection, source: Source, column: Column, condition: str, told: str
) -> None:
    rows = "SELECT *, row_number() OVER () AS row_of_source FROM source_rows"
    wanted = f"SELECT row_of_source, {quoted(column.name)}::VARCHAR FROM ({rows}) WHERE {condition} LIMIT 1"
    if found := connection.execute(wanted).fetchone():
        shown = "" if found[1] is None else f" {found[1]!r}"
        raise InvalidInput(f"{source.where}: row {found[0]}, column {column.name!r}:{shown} {told}")


def _refuse_duplicates(connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> None:
    column = quoted(name)
    twice = f"SELECT {column}::VARCHAR, count(*) FROM source_rows GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    if found := connection.execute(twice).fetchone():
        told = f"{found[0]!r} stands {found[1]} times, but a key stands once; make it unique in sql"
        raise InvalidInput(f"{source.where}: column {name!r}: {told}")


# -- writing ------------------------------------------------------------------------------------------------------


def _write(connection: duckdb.DuckDBPyConnection, select: str, folder: Path) -> list[Path]:
    import pyarrow.parquet as pq

    files: list[Path] = []
    reader = connection.sql(select).to_arrow_reader(BATCH_ROWS)
    while (first := next(reader, None)) is not None:
        files.append(folder / f"part-{len(files):05d}.parquet")
        with pq.ParquetWriter(files[-1], reader.schema, compression="zstd") as writer:
            for batch in chain([first], islice(reader, PART_BATCHES - 1)):
                writer.write_batch(batch)
    return files


# -- schema -------------------------------------------------------------------------------------------------------

_JSON_TYPES: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer", "meta:xdmType": "int"},
    "long": {"type": "integer", "meta:xdmType": "long", "minimum": -(2**53), "maximum": 2**53},
    "number": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
}


def field_group(title: str, class_id: str, types: Mapping[str, str], tenant: str) -> dict[str, Any] | None:
    """Return the body of a field group for the paths of *types* under `_{tenant}` (REST contract, section 4.2).

    None if there are no such paths.
    """
    top: dict[str, Any] = {"type": "object", "properties": {}}
    for path, kind in types.items():
        *around, leaf = path.split(".")
        if around[:1] == [f"_{tenant}"]:
            place = top
            for step in around:
                place = place["properties"].setdefault(step, {"type": "object", "properties": {}})
            place["properties"][leaf] = {"title": leaf, **_JSON_TYPES[kind]}
    if not top["properties"]:
        return None
    return {
        "title": title,
        "type": "object",
        "meta:intendedToExtend": [class_id],
        "definitions": {"customFields": top},
        "allOf": [{"$ref": "#/definitions/customFields"}],
    }
