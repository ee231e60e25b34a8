"""Scores on Spark: the same model and the same columns as in a file, computed where the partitions lie.

`mapInArrow` hands each partition to Python as Arrow batches (Spark SQL guide, "PySpark Usage Guide for Pandas with
Apache Arrow"), so that neither driver nor executor holds more than a batch. Executors need Limbeck and the libraries of
the model. Needs the extra `spark`.

>>> from limbeck.propensity import spark                                   # doctest: +SKIP
>>> spark.score(session.read.parquet("score/*.parquet"), steps.scoring)    # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from limbeck.errors import InvalidInput, MissingExtra
from limbeck.propensity.scoring import EXAMPLES, Scoring, keys_of, twice

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

SCORED = (
    "score double, points bigint, bucket string, reasons string, cutoff {cutoff}, model string, version string, "
    "snapshot string, time timestamp_ntz"
)
"""What a batch gives beside its keys."""
PLACED = (
    *("score", "percentile", "points", "bucket", "rank", "reasons"),
    *("cutoff", "model", "version", "snapshot", "time"),
)


def score(people: DataFrame, scoring: Scoring) -> DataFrame:
    """Return the scores of *people*, a row for each, with the columns of `scores.parquet` in no order.

    *people* has the keys `entity_id` (and `object_id` for pairs), `cutoff`, and the features of the model. They are
    scored once, now, into the executors' storage (`localCheckpoint`); ranks and percentiles need one partition with a
    row for each different score. Raise `InvalidInput` for an empty set, for one that the model does not fit, and for a
    person who is in it twice; `MissingExtra` without PySpark, or what the reasons need.
    """
    try:
        from pyspark.sql.pandas.types import to_arrow_schema
        from pyspark.sql.types import StructType
    except ImportError as error:
        raise MissingExtra.of("PySpark", "spark") from error
    scoring.signature.check(to_arrow_schema(people.schema), scoring.told)
    scoring.explainer  # noqa: B018  # what it raises is raised here, not on an executor
    keys = keys_of(people.columns)
    kinds = SCORED.format(cutoff=people.schema["cutoff"].dataType.simpleString())
    schema = cast("StructType", StructType.fromDDL(", ".join([*(f"{key} string" for key in keys), kinds])))
    work = partial(batches, scoring=replace(scoring), schema=to_arrow_schema(schema))
    scored = people.mapInArrow(work, schema).localCheckpoint()
    _check(scored, keys)
    return _placed(scored, keys)


def batches(parts: Iterable[pa.RecordBatch], scoring: Scoring, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the scores of each batch of a partition, as *schema* has them."""
    import pyarrow as pa

    for part in parts:
        if part.num_rows:
            yield from scoring.score(pa.Table.from_batches([part])).select(schema.names).cast(schema).to_batches()


def _check(scored: DataFrame, keys: list[str]) -> None:
    if scored.isEmpty():
        raise InvalidInput("the set to be scored is empty")
    counted = scored.groupBy(*keys).count()
    found = counted.where(counted["count"] > 1).orderBy(*keys).limit(EXAMPLES).collect()
    if found:
        raise twice([[row[key] for key in keys] for row in found])


def _placed(scored: DataFrame, keys: list[str]) -> DataFrame:
    """Return *scored* with ranks and percentiles, counted over the different scores."""
    from pyspark.sql import Window, functions

    several = scored.groupBy("score").agg(functions.count("*").alias("equal"))
    before = Window.orderBy("score").rowsBetween(Window.unboundedPreceding, -1)
    lower = functions.coalesce(functions.sum("equal").over(before), functions.lit(0))
    everybody = functions.sum("equal").over(Window.partitionBy())
    several = several.select("score", "equal", lower.alias("lower"), everybody.alias("everybody"))
    joined = scored.join(several, "score")
    return joined.withColumns(
        {
            "percentile": functions.lit(100.0) * joined["lower"] / joined["everybody"],
            "rank": functions.lit(1) + joined["everybody"] - joined["lower"] - joined["equal"],
        }
    ).select(*keys, *PLACED)
