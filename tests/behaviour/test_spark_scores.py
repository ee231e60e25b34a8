"""On Spark the same model gives the same columns and the same scores as from files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.pipeline import Pipeline

from limbeck.errors import InvalidInput
from limbeck.propensity import spark
from tests.behaviour.test_score import FEATURES, KINDS, files, fitted, people, scored, scoring

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")

SCHEMA = pa.schema({"entity_id": pa.string(), "score": pa.float64(), "bucket": pa.string(), "reasons": pa.string()})


def test_a_partition_is_scored_batch_by_batch_as_a_file_is(tmp_path: Path) -> None:
    """What Spark calls, without Spark."""
    model, asked = fitted("lightgbm", people(1, 300)), people(2)
    rows = scored(tmp_path, [asked], model, most=2)
    parts = [*asked.to_batches(max_chunksize=50), pa.RecordBatch.from_pylist([], asked.schema)]
    found = pa.Table.from_batches(spark.batches(iter(parts), scoring(model, most=2), SCHEMA))
    assert found.schema == SCHEMA
    wanted = [{name: row[name] for name in SCHEMA.names} for row in rows]
    assert sorted(found.to_pylist(), key=lambda row: row["entity_id"]) == wanted


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Spark in this process's Python, on one core."""
    sql = pytest.importorskip("pyspark.sql", reason="needs the extra `spark`")
    folder = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(folder),
        "spark.pyspark.python": sys.executable,
        "spark.sql.execution.arrow.maxRecordsPerBatch": "50",
    }
    builder = sql.SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    found = builder.getOrCreate()
    found.sparkContext.setLogLevel("ERROR")
    yield found
    found.stop()


@pytest.fixture(scope="module")
def trained() -> dict[str, Pipeline]:
    return {kind: fitted(kind, people(1, 300)) for kind in KINDS}


def asked(folder: Path, session: Any, *tables: pa.Table) -> Any:
    """The feature set as Spark reads it."""
    return session.read.parquet(*map(str, files(folder, *tables)))


@pytest.mark.needs("java")
@pytest.mark.parametrize("kind", KINDS)
def test_spark_gives_the_rows_of_the_file(
    tmp_path: Path, session: Any, trained: dict[str, Pipeline], kind: str
) -> None:
    tables = [people(2)[:70], people(2)[70:]]
    rows = scored(tmp_path, tables, trained[kind], most=2)
    found = spark.score(asked(tmp_path, session, *tables), scoring(trained[kind], most=2)).orderBy("entity_id")
    assert found.columns == pq.read_schema(tmp_path / "out" / "scores.parquet").names
    assert [row.asDict() for row in found.collect()] == rows
    assert all(json.loads(row["reasons"]) for row in rows)


@pytest.mark.needs("java")
def test_spark_says_before_it_begins_what_the_model_does_not_fit(
    tmp_path: Path, session: Any, trained: dict[str, Pipeline]
) -> None:
    model = scoring(trained["logistic"])
    frame = asked(tmp_path, session, people(2))
    with pytest.raises(InvalidInput, match="has no feature city, which the model shop version 3"):
        spark.score(frame.drop("city"), model)
    with pytest.raises(InvalidInput, match="the feature city is a number in the set to be scored, and a text"):
        spark.score(frame.withColumn("city", frame["visits"]), model)
    with pytest.raises(InvalidInput, match="has the person p0031 more than once"):
        spark.score(frame.unionByName(frame.where("entity_id = 'p0031'")), model)
    with pytest.raises(InvalidInput, match="the set to be scored is empty"):
        spark.score(frame.where("false"), model)


@pytest.mark.needs("java")
def test_pairs_are_scored_too(tmp_path: Path, session: Any, trained: dict[str, Pipeline]) -> None:
    both = [people(2, 40).append_column("object_id", pa.array([name] * 40)) for name in "ba"]
    rows = scored(tmp_path, both, trained["lightgbm"])
    found = spark.score(asked(tmp_path, session, *both), scoring(trained["lightgbm"])).orderBy("entity_id", "object_id")
    assert [row.asDict() for row in found.collect()] == rows
    assert set(FEATURES).isdisjoint(found.columns)
