"""Feature sets as data frames: a row for each person and cutoff, with its keys, its features and its label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KEYS = ("entity_id", "object_id", "cutoff", "label")
"""Columns that are no features; `object_id` is that of pairs."""

DAY_MS = 86_400_000.0
BUFFER = 1 << 17
"""Bytes of a column that are read at a time from files that are read in batches."""
MANY_ROWS = 100_000
"""From here on a second thread is worth its while. Their number depends on nothing else, so results do not either."""


def read(files: Sequence[Path]) -> pd.DataFrame:
    """Return a feature set in files as a data frame, as `framed` does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return framed(pa.concat_tables([pq.read_table(file) for file in files]))


def framed(table: pa.Table) -> pd.DataFrame:
    """Return a feature set as a data frame, in an order of its own: by cutoff and person. See `of`."""
    order = [name for name in ("cutoff", "entity_id", "object_id") if name in table.column_names]
    return of(table.sort_by([(name, "ascending") for name in order]))


def rows_of(files: Sequence[Path]) -> int:
    """Return how many rows a feature set in files has."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in files)


def batches(files: Sequence[Path], rows: int) -> Iterator[pa.Table]:
    """Yield a feature set in tables of up to *rows* rows, as they lie in the files; no more is in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in files:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER) as file:
            for batch in file.iter_batches(rows):
                if batch.num_rows:
                    yield pa.Table.from_batches([batch])


def of(table: pa.Table) -> pd.DataFrame:
    """Return *table* as a data frame.

    Flags are 0, 1 or missing; dates and times are days since 1970. Numbers are rounded to single precision, so that the
    order in which an engine adds up does not show; what is infinite then is missing.
    """
    frame: pd.DataFrame = _numeric(table).to_pandas()
    return frame


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a feature set of somebody's own with columns as `of` makes them; one of `of` stays as it is.

    Flags and nullable numbers become doubles, categories texts, times days since 1970; what is infinite is missing.
    """
    changed = {name: column for name in features_of(frame) if (column := _plain(frame[name])) is not None}
    return frame.assign(**changed) if changed else frame


def _plain(column: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return a column as `of` makes it; None if it is so."""
    import numpy as np
    from pandas import CategoricalDtype
    from pandas.api.types import is_datetime64_any_dtype

    if is_datetime64_any_dtype(column):
        days = column.dt.tz_convert("UTC").dt.tz_localize(None) if column.dt.tz is not None else column
        return days.astype("datetime64[ms]").astype("int64").where(column.notna()) / DAY_MS
    if is_numeric(column):
        numbers = column.astype("float64")
        infinite = np.isinf(numbers.to_numpy())
        changed = infinite.any() or column.dtype != numbers.dtype
        return numbers.mask(infinite) if changed else None
    return column.astype("object") if isinstance(column.dtype, CategoricalDtype) else None


def _numeric(table: pa.Table) -> pa.Table:
    """Return *table* with what is a number in the data frame as one already, whether or not some are missing."""
    import pyarrow as pa
    import pyarrow.types as pt

    for place, field in enumerate(table.schema):
        if field.name not in KEYS and is_number(field.type):
            table = table.set_column(place, field.name, _rounded(table.column(place)))
        elif pt.is_boolean(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.float64()))
    return table


def _rounded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers, flags or times in double precision, rounded to single; what is infinite then is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as pt

    if pt.is_temporal(column.type):
        millis = column.cast(pa.timestamp("ms")).cast(pa.int64()).cast(pa.float64())
        column = pc.divide(millis, DAY_MS)
    single = column.cast(pa.float64(), safe=False).cast(pa.float32(), safe=False)
    infinite = pc.is_inf(single)
    if pc.any(infinite).as_py():
        single = pc.if_else(infinite, pa.scalar(None, pa.float32()), single)
    return single.cast(pa.float64())


def is_number(kind: pa.DataType) -> bool:
    """Whether a feature of this type is a number in the data frame: flags and times are."""
    import pyarrow.types as pt

    return bool(pt.is_boolean(kind) or pt.is_integer(kind) or pt.is_floating(kind) or pt.is_temporal(kind))


def threads(frame: pd.DataFrame) -> int:
    """Return how many threads a model of *frame* is fitted with."""
    return 1 if len(frame) < MANY_ROWS else 2


def features_of(frame: pd.DataFrame) -> list[str]:
    """Return the names of the features."""
    return [name for name in frame.columns if name not in KEYS]


def numbers_of(frame: pd.DataFrame) -> list[str]:
    """Return the names of the features that are numbers; the others are texts."""
    return [name for name in features_of(frame) if is_numeric(frame[name])]


def is_numeric(column: pd.Series[Any]) -> bool:
    """Whether a feature of a data frame is a number; else it is a text."""
    from pandas.api.types import is_numeric_dtype

    return bool(is_numeric_dtype(column))
