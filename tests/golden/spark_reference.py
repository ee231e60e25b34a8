"""Write what Spark gives for the expressions in `tests/golden/spark/*.sql`, one in a line.

Run by hand when expressions are added (it needs Java and the extra `spark`):

    uv run python tests/golden/spark_reference.py [FAMILY …]

Each family becomes `FAMILY.json` beside it: expression → [type, value], or → ["error", its class]. Lines that begin
with `--` are headings. Spark runs in one process, without ANSI mode, in UTC. Aggregates are taken over `ROWS`, and
`rows.sql` is computed for each of its rows, so their values are lists.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "spark"

ROWS = """(SELECT i, s, CAST(d AS DOUBLE) AS d, CAST(n AS INT) AS n, b, CAST(ts AS TIMESTAMP) AS ts, z FROM (VALUES
  (1, 'a', 1.5, NULL, true, '2024-01-31 10:00:00', CAST(NULL AS STRING)),
  (2, 'b', -2.25, NULL, false, '2024-02-29 23:59:59.5', 'x'),
  (3, 'abc', 0.0, NULL, true, '2023-12-31 00:00:00', 'y'),
  (4, 'éx', 10.75, NULL, NULL, '2024-07-04 12:30:00', NULL),
  (5, 'a', NULL, NULL, true, NULL, 'z')
) AS v(i, s, d, n, b, ts, z)) AS t"""
"""The relation of the families `aggregates` and `rows`."""

PACK = 30
"""How many expressions go into one statement; where it fails they go one by one."""


def expressions(family: str) -> list[str]:
    """Return the expressions of a family, in their order."""
    lines = (FOLDER / f"{family}.sql").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("--")]


def families() -> list[str]:
    """Return the names of the families."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


def statement(family: str, pack: list[str]) -> str:
    """Return one statement that computes the expressions of *pack* as columns c0, c1 …"""
    columns = ", ".join(f"{text} AS c{n}" for n, text in enumerate(pack))
    if family == "aggregates":
        return f"SELECT {columns} FROM {ROWS}"
    return f"SELECT {columns} FROM {ROWS} ORDER BY i" if family == "rows" else f"SELECT {columns}"


def plain(value: Any) -> Any:
    """Return a value as JSON has it: bytes in hexadecimal, moments in ISO form, maps as sorted pairs."""
    if isinstance(value, bytes | bytearray):
        return "0x" + value.hex()
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return str(value)
    if isinstance(value, dict):
        return {"map": sorted(([plain(k), plain(v)] for k, v in value.items()), key=repr)}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def answers(spark: Any, family: str, pack: list[str]) -> dict[str, list[Any]]:
    """Return expression → [type, value] for a pack; one that fails alone gives the class of its error."""
    try:
        frame = spark.sql(statement(family, pack))
        rows = frame.collect()
    except Exception as error:  # of many classes, all of which are an answer
        if len(pack) == 1:
            return {pack[0]: ["error", type(error).__name__]}
        return {k: v for text in pack for k, v in answers(spark, family, [text]).items()}
    types = [f.dataType.simpleString() for f in frame.schema.fields]
    columns = [[plain(row[n]) for row in rows] for n in range(len(pack))]
    values = columns if family == "rows" else [column[0] for column in columns]
    return {text: [kind, value] for text, kind, value in zip(pack, types, values, strict=True)}


def main(names: list[str]) -> None:
    """Ask Spark for the families *names*, or for all of them."""
    from pyspark.sql import SparkSession

    os.environ["TZ"] = "UTC"
    time.tzset()
    builder = SparkSession.builder.master("local[1]").config("spark.sql.ansi.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false")
    spark = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    for family in names or families():
        texts, found = expressions(family), {}
        for start in range(0, len(texts), PACK):
            found.update(answers(spark, family, texts[start : start + PACK]))
        lines = [
            f"{json.dumps(text, ensure_ascii=False)}: {json.dumps(found[text], ensure_ascii=False)}"
            for text in sorted(found)
        ]
        (FOLDER / f"{family}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
