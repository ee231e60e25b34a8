"""Step 5: the score of every eligible person, in batches, so that memory does not grow with the people.

What is kept of everybody is the probability, a number each, for ranks and percentiles. The rows are put in order by
DuckDB, which lays down on disk what it has no room for.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
MEMORY = "256MiB"
"""Of the engine that puts rows in order."""


def score(files: Sequence[Path], scoring: Scoring, path: Path, tell: Callable[[str], None]) -> int:
    """Write the scores of a scoring set to *path*, ordered by person, and return how many.

    Columns: `entity_id` (text), for pairs `object_id` (text), `score` (probability, 0 to 1), `percentile` (share of
    the scored with a lower score, 0 to 100), `points` (0 to 100), `bucket` (text), `rank` (1 is the highest score;
    equal scores share one), `reasons` (JSON text), `cutoff` (timestamp), `model`, `version`, `snapshot` (texts) and
    `time` (timestamp); docs/scores.md says what they mean. The file appears whole.

    *tell* hears of texts that training did not see, and why there are no reasons if there are none. Raise
    `InvalidInput` for an empty set, for one that the model does not fit, and for a person who is in it twice.
    """
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    asked = _explained(scoring, tell)
    with _engine(path.parent) as engine, whole(path) as beside:
        scores = _fill(engine, frames.batches(files, ROWS), asked, tell)
        if not len(scores):
            raise InvalidInput("the scoring set is empty: nobody is eligible at cutoffs.score")
        writer = None
        for table in _ordered(engine, np.sort(scores)):
            writer = writer or pq.ParquetWriter(beside, table.schema, compression="zstd")
            writer.write_table(table)
        if writer is not None:
            writer.close()
    return len(scores)


def _explained(scoring: Scoring, tell: Callable[[str], None]) -> Scoring:
    """Return *scoring*, without reasons if its model has none that can be told."""
    try:
        scoring.explainer  # noqa: B018
    except (InvalidInput, MissingExtra) as error:
        tell(f"scores come without reasons: {error.message}")
        return replace(scoring, most=0)
    return scoring


@contextmanager
def _engine(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine of our own, which puts aside in *folder* what it has no room for."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix=f".{FILE}.", suffix=PART, dir=folder) as spill:
        config: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": spill, "preserve_insertion_order": "false"}
        with duckdb.connect(config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            with suppress(duckdb.InvalidInputException):  # a notebook without widgets draws none
                connection.execute("SET enable_progress_bar = false")
            yield connection


def _fill(engine: Any, batches: Iterator[pa.Table], scoring: Scoring, tell: Callable[[str], None]) -> Numbers:
    """Score the *batches* into the table `scored`, and return all probabilities, in no order."""
    scores, unseen = [np.empty(0)], Unseen()
    for number, (batch, found) in enumerate(_side_by_side(scoring.score, batches)):
        unseen.add(scoring, batch)
        scores.append(found["score"].to_numpy())
        engine.register("batch", found)
        engine.execute("INSERT INTO scored FROM batch" if number else "CREATE TABLE scored AS FROM batch")
        engine.unregister("batch")
    unseen.tell(tell)
    return np.concatenate(scores)


def _side_by_side(
    work: Callable[[pa.Table], pa.Table], batches: Iterator[pa.Table]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield each batch with what *work* makes of it, in their order; up to `WORKERS` are worked on meanwhile."""
    waiting: deque[tuple[pa.Table, Future[pa.Table]]] = deque()
    with ThreadPoolExecutor(WORKERS) as pool:
        for batch in batches:
            waiting.append((batch, pool.submit(work, batch)))
            if len(waiting) > WORKERS:
                first, found = waiting.popleft()
                yield first, found.result()
        for first, found in waiting:
            yield first, found.result()


def _ordered(engine: Any, ascending: Numbers) -> Iterator[pa.Table]:
    """Yield `scored` by person, with ranks and percentiles; *ascending* are all probabilities."""
    import pyarrow as pa

    keys = keys_of([row[0] for row in engine.execute("DESCRIBE scored").fetchall()])
    reader = engine.sql(f"FROM scored ORDER BY {', '.join(keys)}").to_arrow_reader(ROWS)
    last: pa.Table | None = None
    for batch in reader:
        table = pa.Table.from_batches([batch])
        _refuse_twice(table.select(keys) if last is None else pa.concat_tables([last, table.select(keys)]))
        last = table.select(keys).slice(len(table) - 1)
        lower, higher = _places(table["score"].to_numpy(), ascending)
        after_score, after_bucket = (table.column_names.index(name) + 1 for name in ("score", "bucket"))
        table = table.add_column(after_bucket, "rank", pa.array(1 + higher, pa.int64()))
        yield table.add_column(after_score, "percentile", pa.array(100 * lower / len(ascending)))


def _places(scores: Numbers, ascending: Numbers) -> tuple[Any, Any]:
    """Return how many of all scores, which are *ascending*, are lower and higher than each of some *scores*."""
    order = np.argsort(scores)  # asked in order, the search stays near where it was
    lower, upto = np.empty((2, len(scores)), np.int64)
    lower[order] = np.searchsorted(ascending, scores[order], side="left")
    upto[order] = np.searchsorted(ascending, scores[order], side="right")
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

    def add(self, scoring: Scoring, batch: pa.Table) -> None:
        """Count those of a *batch*."""
        for name, values in scoring.signature.unseen(batch):
            self._rows[name] += len(values)
            found = self._examples.setdefault(name, set())
            if len(found) < EXAMPLES:
                found.update(values.unique().to_pylist())

    def tell(self, tell: Callable[[str], None]) -> None:
        """Tell of each feature."""
        for name, rows in sorted(self._rows.items()):
            examples = ", ".join(sorted(self._examples[name])[:EXAMPLES])
            tell(f"{rows:,} rows have a {name} that training did not see ({examples}, …); it counts as a rare one")
