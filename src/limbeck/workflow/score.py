"""Step 5: the score of every eligible person, in batches, so that memory does not grow with the people.

What is kept of everybody is the probability, a number each, for ranks and percentiles. The rows are put in order by
DuckDB, which lays down on disk what it has no room for.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from limbeck.errors import InvalidInput, MissingExtra
from limbeck.propensity import frames
from limbeck.propensity.evaluate import Numbers
from limbeck.propensity.scoring import EXAMPLES, Scoring, keys_of, twice
from limbeck.workflow.whole import PART, whole

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

FILE = "scores.parquet"
ROWS = 32_768
"""Of a batch."""
WORKERS = min(4, os.cpu_count() or 1)
"""Batches that are scored at the same time: what they spend in libraries runs side by side."""
MEMORY, MORE = 64 << 20, 8
"""Bytes of the engine that puts rows in order, as many again for each reason that a row may have, and bytes for each
row: it lays down sorted parts on disk, and the more there are, the more it takes to merge them."""
REPEATED = ["points", "bucket", "cutoff", "model", "version", "snapshot", "time"]
"""Columns of few values, which the file has as a dictionary."""

Made = TypeVar("Made")


def score(files: Sequence[Path], scoring: Scoring, path: Path, tell: Callable[[str], None]) -> int:
    """Write the scores of a scoring set to *path*, ordered by person, and return how many.

    Columns: `entity_id` (text), for pairs `object_id` (text), `score` (probability, 0 to 1), `percentile` (share of
    the scored with a lower score, 0 to 100), `points` (0 to 100), `bucket` (text), `rank` (1 is the highest score;
    equal scores share one), `reasons` (JSON text), `cutoff` (timestamp), `model`, `version`, `snapshot` (texts) and
    `time` (timestamp); docs/scores.md says what they mean. The file appears whole.

    *tell* hears of texts that training did not see, and why there are no reasons if there are none. Raise
    `InvalidInput` for an empty set, for one that the model does not fit, and for a person who is in it twice.
    """
    rows = frames.rows_of(files)
    if not rows:
        raise InvalidInput("the scoring set is empty: nobody is eligible at cutoffs.score")
    path.parent.mkdir(parents=True, exist_ok=True)
    asked, scores = _explained(scoring, tell), np.empty(rows)
    with _engine(path.parent, MEMORY * (1 + asked.most) + MORE * rows) as engine, whole(path) as beside:
        ordered = _ordered(engine, _forecasts(frames.batches(files, ROWS), asked, scores, tell))
        first = next(ordered)  # which the engine gives when it has all
        scores.sort()
        placed = _side_by_side(partial(_placed, scoring=asked, ascending=scores), chain([first], ordered))
        _write(beside, placed)
    return rows


def _explained(scoring: Scoring, tell: Callable[[str], None]) -> Scoring:
    """Return *scoring*, without reasons if its model has none that can be told."""
    try:
        scoring.explainer  # noqa: B018
    except (InvalidInput, MissingExtra) as error:
        tell(f"scores come without reasons: {error.message}")
        return replace(scoring, most=0)
    return scoring


@contextmanager
def _engine(folder: Path, memory: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine of our own, which puts aside in *folder* what has no room in so many bytes of *memory*."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix=f".{FILE}.", suffix=PART, dir=folder) as spill:
        config: dict[str, Any] = {"memory_limit": f"{memory}B", "temp_directory": spill, "threads": 1}
        with duckdb.connect(config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            with suppress(duckdb.InvalidInputException):  # a notebook without widgets draws none
                connection.execute("SET enable_progress_bar = false")
            yield connection


def _forecasts(
    batches: Iterator[pa.Table], scoring: Scoring, scores: Numbers, tell: Callable[[str], None]
) -> Iterator[pa.Table]:
    """Yield the forecasts of the *batches*, and put all probabilities into *scores*."""
    unseen, place = Unseen(), 0

    def work(batch: pa.Table) -> tuple[pa.Table, list[tuple[str, pa.Array]]]:
        return scoring.forecast(batch), list(scoring.signature.unseen(batch))

    for found, odd in _side_by_side(work, batches):
        unseen.add(odd)
        scores[place : place + len(found)] = found["score"].to_numpy()
        place += len(found)
        yield found
    unseen.tell(tell)


def _side_by_side(work: Callable[[pa.Table], Made], batches: Iterator[pa.Table], workers: int = 0) -> Iterator[Made]:
    """Yield what *work* makes of each batch, in their order; some *workers*, or `WORKERS`, are at it meanwhile."""
    waiting, workers = deque[Future[Made]](), workers or WORKERS
    with ThreadPoolExecutor(workers) as pool:
        for batch in batches:
            waiting.append(pool.submit(work, batch))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _ordered(engine: Any, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of *tables*, of which there are some, by person; raise `InvalidInput` if a person is there twice.

    The engine asks for the next table when it has room, and keeps none as it came.
    """
    import duckdb
    import pyarrow as pa

    first, failed = next(tables), list[Exception]()
    keys = keys_of(first.column_names)
    last = first.select(keys)[:0]
    rows = pa.RecordBatchReader.from_batches(first.schema, _rows(first, tables, failed))
    try:
        for batch in engine.from_arrow(rows).order(", ".join(keys)).to_arrow_reader(ROWS):
            table = pa.Table.from_batches([batch])
            _refuse_twice(pa.concat_tables([last, table.select(keys)]))
            last = table.select(keys)[-1:]
            yield table
    except duckdb.Error:
        if failed:
            raise failed[0] from None
        raise


def _rows(first: pa.Table, tables: Iterator[pa.Table], failed: list[Exception]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of *first* and other *tables*; an error goes into *failed*, as the engine keeps only its text."""
    try:
        for table in chain([first], tables):
            yield from table.cast(first.schema).to_batches()
    except Exception as error:
        failed.append(error)
        raise


def _placed(found: pa.Table, scoring: Scoring, ascending: Numbers) -> pa.Table:
    """Return the scores of forecasts with ranks and percentiles; *ascending* are all probabilities."""
    import pyarrow as pa

    table = scoring.completed(found)
    lower, higher = _places(table["score"].to_numpy(), ascending)
    after_score, after_bucket = (table.column_names.index(name) + 1 for name in ("score", "bucket"))
    table = table.add_column(after_bucket, "rank", pa.array(1 + higher, pa.int64()))
    return table.add_column(after_score, "percentile", pa.array(100 * lower / len(ascending)))


def _write(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write *tables* to a file, while the next ones are made."""
    import pyarrow.parquet as pq

    first = next(tables)
    with pq.ParquetWriter(path, first.schema, compression="zstd", use_dictionary=REPEATED) as writer:
        for _ in _side_by_side(writer.write_table, chain([first], tables), workers=1):
            pass


def _places(scores: Numbers, ascending: Numbers) -> tuple[Any, Any]:
    """Return how many of all scores, which are *ascending*, are lower and higher than each of some *scores*."""
    order = np.argsort(scores)  # asked in order, the search stays near where it was
    asked = scores[order]
    first = np.searchsorted(ascending, asked, side="left")
    beyond = first + 1
    tied = ascending[np.minimum(beyond, len(ascending) - 1)] == asked
    beyond[tied] = np.searchsorted(ascending, asked[tied], side="right")
    lower, upto = np.empty((2, len(scores)), np.int64)
    lower[order], upto[order] = first, beyond
    return lower, len(ascending) - upto


def _refuse_twice(keys: pa.Table) -> None:
    """Raise `InvalidInput` if two rows in succession are of the same person, or pair."""
    import pyarrow.compute as pc

    same = None
    for column in keys.combine_chunks().columns:
        equal = pc.equal(column.slice(1), column.slice(0, len(keys) - 1))
        same = equal if same is None else pc.and_(same, equal)
    if pc.any(same).as_py():
        raise twice([list(row.values()) for row in keys.slice(1).filter(same).slice(0, EXAMPLES).to_pylist()])


class Unseen:
    """The texts that training did not see: how many rows have such, and some of them."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._examples: dict[str, set[str]] = {}

    def add(self, odd: Iterable[tuple[str, pa.Array]]) -> None:
        """Count those of a batch: features, and the values of each."""
        for name, values in odd:
            self._rows[name] += len(values)
            found = self._examples.setdefault(name, set())
            if len(found) < EXAMPLES:
                found.update(values.unique().to_pylist())

    def tell(self, tell: Callable[[str], None]) -> None:
        """Tell of each feature."""
        for name, rows in sorted(self._rows.items()):
            examples = ", ".join(sorted(self._examples[name])[:EXAMPLES])
            tell(f"{rows:,} rows have a {name} that training did not see ({examples}, …); it counts as a rare one")
