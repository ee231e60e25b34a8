"""Features of a definition beside the best form known in DuckDB, PySpark and pandas, on generated events.

    python benchmarks/featurize.py [--events 1000000] [--runs 3] [--memory 2048] [--spark] [--pandas]

Twenty events a user; thirty features at three stacked cutoffs. All read the same Parquet files in the same minutes, on
as many threads, and write Parquet; each run is a process of its own. The forms:

    Limbeck         the statement that `limbeck featurize --explain` prints, through CREATE TABLE AS
    by hand         DuckDB: the columns that are needed, one pass for each cutoff, FILTER in the place of CASE
    PySpark         `local[2]`, the statement itself, the second time in its process (--spark)
    pandas          a groupby for each cutoff and feature (--pandas)
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import c44a
import pyarrow.parquet as pq

KINDS = [*c44a.KINDS, *c44a.OTHER[:2]]
CUTOFFS = [datetime(2024, 6, 1), datetime(2024, 8, 1), datetime(2024, 10, 1)]
WITHIN, WINDOWS = 30, (28, 84)


def definition(folder: Path):  # type: ignore[no-untyped-def]  # a benchmark's own wiring
    """The definition: counts of nine kinds, ever and in two windows, and three recencies."""
    from limbeck.workflow.definition import Definition

    windows = ", ".join(f'"{days} days"' for days in WINDOWS)
    counts = [
        f'c{n} = {{ count = true, where = "kind = \'{kind}\'", windows = ["ever", {windows}] }}'
        for n, kind in enumerate(KINDS)
    ]
    recency = [f"r{n} = {{ days_since_last = true, where = \"kind = '{kind}'\" }}" for n, kind in enumerate(KINDS[:3])]
    path = folder / "bench.toml"
    path.write_text(
        f"""name = "bench"
[[sources]]
dataset = "events"
[sources.columns]
user = {{ path = "{{tenant}}.userid", identity = "ECID" }}
at = "timestamp"
kind = "eventType"
[goal]
event = "kind = '{c44a.GOAL}'"
within = "{WITHIN} days"
[cutoffs]
train = [{", ".join(f"{c:%Y-%m-%d}" for c in CUTOFFS)}]
test = 2024-11-01
score = 2024-12-01
[features]
"""
        + "\n".join([*counts, *recency])
    )
    return Definition.load(path)


def ours(folder: Path) -> str:
    """The statement, as the workflow makes it."""
    from limbeck.workflow.features import training_set

    return training_set(definition(folder), {"events": "events"}, "tenant", CUTOFFS)


def by_hand() -> str:
    """The best form known in DuckDB."""
    parts = []
    for cutoff in CUTOFFS:
        end, at = f"TIMESTAMP '{cutoff + timedelta(days=WITHIN)}'", f"TIMESTAMP '{cutoff}'"
        columns = [f"max((ts >= {at} AND e = '{c44a.GOAL}')::INTEGER) AS label"]
        for n, kind in enumerate(KINDS):
            columns.append(f"count(*) FILTER (WHERE ts < {at} AND e = '{kind}') AS c{n}")
            for days in WINDOWS:
                since = f"TIMESTAMP '{cutoff - timedelta(days=days)}'"
                columns.append(f"count(*) FILTER (WHERE ts >= {since} AND ts < {at} AND e = '{kind}') AS c{n}_{days}d")
        for n, kind in enumerate(KINDS[:3]):
            last = f"max(ts) FILTER (WHERE ts < {at} AND e = '{kind}')"
            columns.append(f"date_diff('day', {last}::DATE, {at}::DATE) AS r{n}")
        parts.append(
            f"SELECT u AS entity_id, {at} AS cutoff, {', '.join(columns)} FROM slim WHERE ts < {end} GROUP BY u "
            f"HAVING count(*) FILTER (WHERE ts < {at}) > 0"
        )
    slim = "SELECT _tenant.userid AS u, eventType AS e, timestamp AS ts FROM events"
    return f"WITH slim AS NOT MATERIALIZED ({slim}) {' UNION ALL '.join(parts)}"


def in_pandas(files: list[str], target: Path) -> None:
    """The same with a groupby for each cutoff and feature."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.concat_tables([pq.read_table(f) for f in files])
    users = pc.struct_field(table["_tenant"], "userid")
    frame = pd.DataFrame({"u": users, "e": table["eventType"], "ts": table["timestamp"]}).astype({"e": "category"})
    found = []
    for cutoff in CUTOFFS:
        before = frame[frame["ts"] < cutoff]
        rows = pd.DataFrame(index=before["u"].unique())
        after = frame[(frame["ts"] >= cutoff) & (frame["ts"] < cutoff + timedelta(days=WITHIN))]
        rows["label"] = rows.index.isin(after.loc[after["e"] == c44a.GOAL, "u"]).astype(int)
        for n, kind in enumerate(KINDS):
            of_kind = before[before["e"] == kind]
            for days in (None, *WINDOWS):
                some = of_kind if days is None else of_kind[of_kind["ts"] >= cutoff - timedelta(days=days)]
                rows[f"c{n}_{days}"] = some.groupby("u").size()
            if n < 3:
                rows[f"r{n}"] = (cutoff - of_kind.groupby("u")["ts"].max().dt.normalize()).dt.days
        found.append(rows.reset_index())
    pd.concat(found).to_parquet(target)


def in_spark(text: str, files: list[str], target: Path, memory: int) -> tuple[float, float]:
    """Run the statement twice; the seconds of the second, and the JVM's peak in MiB."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{c44a.THREADS}]").config("spark.driver.memory", f"{memory}m")
    session = builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "8").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.read.parquet(*files).createOrReplaceTempView("events")
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        session.sql(text.replace('"', "`")).write.mode("overwrite").parquet(str(target))
        seconds = time.perf_counter() - start
    status = Path(f"/proc/{session.sparkContext._gateway.proc.pid}/status").read_text("utf-8")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    session.stop()
    return seconds, peak / 1024


def measure(home: Path, form: str, memory: int) -> dict[str, float]:
    """Run one form once; return seconds, peak memory in MiB, rows and positives."""
    service, lake, _, sandbox, _ = c44a._open(home, memory)
    dataset = lake.datasets.by_table(sandbox, "events")
    assert dataset is not None
    files, target = list(lake.table(dataset).files), home / f"{form.replace(' ', '-')}-{time.time_ns()}"
    peak = 0.0
    start = time.perf_counter()
    if form == "Limbeck":
        name = f"features_{time.time_ns()}"
        with service.run(sandbox, f"CREATE TABLE {name}_0 AS SELECT 1 AS one"):
            pass  # what a process imports with its first statement
        start = time.perf_counter()
        with service.run(sandbox, f"CREATE TABLE {name} AS {ours(home)}"):
            seconds = time.perf_counter() - start
        made = lake.datasets.by_table(sandbox, name)
        assert made is not None
        written = list(lake.table(made).files)
    elif form == "by hand":
        seconds, written = c44a._in_duckdb(by_hand(), files, target, memory)
    elif form == "PySpark":
        seconds, peak = in_spark(ours(home), files, target, max(2048, memory))
        written = [str(file) for file in target.glob("*.parquet")]
    else:
        in_pandas(files, target)
        seconds, written = time.perf_counter() - start, [str(target)]
    labels = [pq.read_table(file, columns=["label"])["label"].to_pylist() for file in written]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"s": seconds, "mib": peak or used, "rows": sum(map(len, labels)), "positives": sum(map(sum, labels))}


def main() -> None:
    """Generate, measure each form in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=int, default=2048, help="MiB for the engine")
    parser.add_argument("--one", nargs=2, metavar=("HOME", "FORM"), help=argparse.SUPPRESS)
    parser.add_argument("--spark", action="store_true", help="PySpark, too; it is slow")
    parser.add_argument("--pandas", action="store_true", help="pandas, too; it takes memory")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Path(options.one[0]), options.one[1], options.memory)))
        return
    forms = ["Limbeck", "by hand", *(["PySpark"] if options.spark else []), *(["pandas"] if options.pandas else [])]
    with tempfile.TemporaryDirectory(prefix="limbeck-featurize-") as folder:
        c44a.generate(Path(folder), options.events, 20)
        found: dict[str, list[dict[str, float]]] = {form: [] for form in forms}
        for _ in range(options.runs):
            for form, runs in found.items():
                command = [sys.executable, __file__, "--memory", str(options.memory), "--one", folder, form]
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    medians = {form: statistics.median(r["s"] for r in runs) for form, runs in found.items()}
    print(f"30 features, 3 cutoffs, {options.events:,} events, {c44a.THREADS} threads, {options.memory} MiB")
    print(f"{'form':<10} {'seconds':>8} {'Limbeck is':>11} {'peak MiB':>9} {'rows':>10} {'positives':>10}")
    for form, runs in found.items():
        one, ratio, peak = runs[0], medians["Limbeck"] / medians[form], max(r["mib"] for r in runs)
        shown = f"{medians[form]:>8.2f} {ratio:>9.2f} × {peak:>9.0f} {one['rows']:>10.0f} {one['positives']:>10.0f}"
        print(f"{form:<10} {shown}")


if __name__ == "__main__":
    main()
