"""Step 5: the probability of every eligible person, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput
from limbeck.propensity import frames
from limbeck.propensity.fit import probability
from limbeck.workflow.whole import whole

if TYPE_CHECKING:
    import pyarrow as pa
    from sklearn.pipeline import Pipeline

FILE = "scores.parquet"


def score(files: Sequence[Path], model: Pipeline, name: str, version: str, path: Path) -> int:
    """Write the scores of a scoring set to *path*, ordered by person, and return how many.

    Columns: `entity_id` (text), for pairs `object_id` (text), `score` (probability, 0 to 1), `rank` (1 is the highest
    score; equal scores share one), `cutoff` (timestamp), `model` and `version` (texts). The file appears whole. Raise
    `InvalidInput` for an empty set.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    parts = list(_scored(files, model))
    if not parts:
        raise InvalidInput("the scoring set is empty: nobody is eligible at cutoffs.score")
    table = pa.Table.from_batches(parts)
    keys = [name for name in ("entity_id", "object_id") if name in table.column_names]
    table = table.sort_by([(name, "ascending") for name in keys])
    columns: dict[str, Any] = {n: table[n] for n in (*keys, "score")}
    columns["rank"] = pc.rank(table["score"], sort_keys="descending", tiebreaker="min").cast(pa.int64())
    columns["cutoff"] = table["cutoff"]
    columns |= {"model": pa.repeat(name, len(table)), "version": pa.repeat(version, len(table))}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as beside:
        pq.write_table(pa.table(columns), beside, compression="zstd")
    return int(table.num_rows)


def _scored(files: Sequence[Path], model: Pipeline) -> Iterator[pa.RecordBatch]:
    """Score file by file: only persons, cutoffs and scores are kept of what was scored."""
    import pyarrow as pa

    for file in files:
        frame = frames.read([file])
        if len(frame):
            yield pa.RecordBatch.from_pydict(
                {
                    "entity_id": pa.array(frame["entity_id"], pa.string()),
                    **({"object_id": pa.array(frame["object_id"], pa.string())} if "object_id" in frame else {}),
                    "cutoff": pa.array(frame["cutoff"], pa.timestamp("ms")),
                    "score": pa.array(probability(model, frame), pa.float64()),
                }
            )
