"""The first rows of a file of the upload area, to be looked at before a mapping is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.engine import Engine
from limbeck.engine.sql import literal
from limbeck.errors import InvalidFile, SqlError
from limbeck.ingest import InputFormat

ROWS = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """Names and types of the columns, as the engine calls them, and the first rows as texts."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[dict[str, Any], ...]


def preview(engine: Engine, path: Path) -> Preview:
    """Return the columns of a file and its first rows; raise `InvalidFile` if it cannot be read."""
    form = InputFormat.of(path.name)
    if form is None:
        raise InvalidFile(f"the name of {path.name} has no ending that tells its format")
    source = {
        "csv": f"read_csv({literal(str(path))}, header = true, all_varchar = true, hive_partitioning = false)",
        "json": f"read_json({literal(str(path))}, hive_partitioning = false)",
        "parquet": f"read_parquet({literal(str(path))}, hive_partitioning = false)",
    }[form.format]
    statement = f"SELECT * FROM {source} LIMIT {ROWS}"
    with engine.session(files=[str(path)], ordered=True) as session:
        try:
            schema = session.describe(statement)
            rows = session.fetch(statement)
        except SqlError as error:
            raise InvalidFile(f"{path.name} cannot be read: {error.message}") from error
    names = schema.names
    shown = tuple({n: None if v is None else str(v) for n, v in zip(names, row, strict=True)} for row in rows)
    return Preview(tuple((f.name, str(f.type)) for f in schema), shown)
