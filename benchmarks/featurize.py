"""Features of a definition beside the best forms known elsewhere, on generated events.

    python benchmarks/featurize.py [--events 10000000] [--runs 3] [--memory 1536] [--spark] [--pandas]
        [--featuretools PYTHON]

Twenty events a user; thirty features at three stacked cutoffs. All read the same Parquet files in the same minutes, on
as many threads, and write Parquet; each run is a process of its own, and what it wrote is compared value by value (a
hash of each row, added up). Beside seconds of the clock stand those of the processor: they tell more on a busy machine.
The forms:

    Limbeck         the statement that `limbeck featurize --explain` prints, through CREATE TABLE AS
    by hand         DuckDB: the columns that are needed, one pass for each cutoff, CASE in the aggregates
    packed          the same, nine counts in the bits of one sum: right only while nobody has 16,384 events of a kind
    PySpark         `local[2]`, the statement itself, the second time in its process (--spark)
    pandas          a groupby for each cutoff and feature (--pandas)
    featuretools    `dfs` for each window, without label; PYTHON is an interpreter that has it (--featuretools)
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import c44a
import pyarrow.parquet as pq

KINDS = [*c44a.KINDS, *c44a.OTHER[:2]]
CUTOFFS = [datetime(2024, 6, 1), datetime(2024, 8, 1), datetime(2024, 10, 1)]
WITHIN, WINDOWS = 30, (28, 84)
BITS = 14
"""Of a kind's count in the packed form."""


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
    """The best form known in DuckDB that is right for any events."""
    parts = []
    for cutoff in CUTOFFS:
        end, at = _moment(cutoff + timedelta(days=WITHIN)), _moment(cutoff)
        columns = [f"max(CASE WHEN ts >= {at} AND e = '{c44a.GOAL}' THEN 1 ELSE 0 END) AS label"]
        for n, kind in enumerate(KINDS):
            columns.append(f"count(CASE WHEN ts < {at} AND e = '{kind}' THEN 1 END) AS c{n}")
            for days in WINDOWS:
                since = _moment(cutoff - timedelta(days=days))
                columns.append(
                    f"count(CASE WHEN ts >= {since} AND ts < {at} AND e = '{kind}' THEN 1 END) AS c{n}_{days}d"
                )
        for n, kind in enumerate(KINDS[:3]):
            last = f"max(CASE WHEN ts < {at} AND e = '{kind}' THEN ts END)"
            columns.append(f"date_diff('day', {last}::DATE, {at}::DATE) AS r{n}")
        parts.append(
            f"SELECT u AS entity_id, {at} AS cutoff, {', '.join(columns)} FROM slim WHERE ts < {end} GROUP BY u "
            f"HAVING count(CASE WHEN ts < {at} THEN 1 END) > 0"
        )
    slim = "SELECT _tenant.userid AS u, eventType AS e, timestamp AS ts FROM events"
    return f"WITH slim AS NOT MATERIALIZED ({slim}) {' UNION ALL '.join(parts)}"


def packed() -> str:
    """The counts of all kinds in one sum each: BITS of a HUGEINT for each kind."""
    number = " ".join(["CASE eventType", *(f"WHEN '{kind}' THEN {n}" for n, kind in enumerate(KINDS)), "END"])
    parts = []
    for cutoff in CUTOFFS:
        end, at = _moment(cutoff + timedelta(days=WITHIN)), _moment(cutoff)
        columns = [f"max(CASE WHEN goal AND ts >= {at} THEN 1 ELSE 0 END) AS label"]
        columns += [f"sum(one) FILTER (WHERE ts < {at}) AS p", f"count(*) FILTER (WHERE ts < {at}) AS n"]
        columns += [
            f"sum(one) FILTER (WHERE ts >= {_moment(cutoff - timedelta(days=days))} AND ts < {at}) AS p_{days}d"
            for days in WINDOWS
        ]
        columns += [f"max(CASE WHEN kind = {n} AND ts < {at} THEN ts END) AS r{n}" for n in range(3)]
        shown = [
            f"coalesce((p{ending} >> {BITS * n}) & {2**BITS - 1}, 0)::BIGINT AS c{n}{ending}"
            for n in range(len(KINDS))
            for ending in ("", *(f"_{days}d" for days in WINDOWS))
        ]
        shown += [f"date_diff('day', r{n}::DATE, {at}::DATE) AS r{n}" for n in range(3)]
        parts.append(
            f"SELECT u AS entity_id, {at} AS cutoff, label, {', '.join(shown)} FROM (SELECT u, {', '.join(columns)} "
            f"FROM slim WHERE ts < {end} GROUP BY u HAVING n > 0)"
        )
    slim = (
        f"SELECT _tenant.userid AS u, timestamp AS ts, {number} AS kind, eventType = '{c44a.GOAL}' AS goal, "
        f"1::HUGEINT << ({BITS} * ({number})) AS one FROM events"
    )
    return f"WITH slim AS NOT MATERIALIZED ({slim}) {' UNION ALL '.join(parts)}"


def _moment(moment: datetime) -> str:
    return f"TIMESTAMP '{moment}'"


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
                name = f"c{n}" if days is None else f"c{n}_{days}d"
                rows[name] = some.groupby("u").size().reindex(rows.index, fill_value=0)
            if n < 3:
                rows[f"r{n}"] = (cutoff - of_kind.groupby("u")["ts"].max().dt.normalize()).dt.days
        found.append(rows.rename_axis("entity_id").reset_index().assign(cutoff=cutoff))
    pd.concat(found).to_parquet(target)


def _processor(process: int) -> float:
    """The seconds of the processor that another process has used."""
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


FEATURETOOLS = """
import json, resource, sys, time
import featuretools as ft, pandas as pd, pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
kinds, cutoffs, windows, files = json.loads(sys.argv[1])
table = pa.concat_tables([pq.read_table(f) for f in files])
start, used = time.perf_counter(), time.process_time()
events = pd.DataFrame({"u": pc.struct_field(table["_tenant"], "userid"), "e": table["eventType"],
    "ts": table["timestamp"]}).rename_axis("id").reset_index()
known = ft.EntitySet("shop")
known.add_dataframe(dataframe_name="events", dataframe=events, index="id", time_index="ts",
    logical_types={"e": "Categorical"})
known.normalize_dataframe("events", "users", "u")
known.add_interesting_values(dataframe_name="events", values={"e": kinds})
known.add_last_time_indexes()
rows = [events.loc[events["ts"] < cutoff].drop_duplicates("u").assign(time=pd.Timestamp(cutoff)) for cutoff in cutoffs]
times = pd.concat(rows)[["u", "time"]]
for window in [None, *windows]:
    found, _ = ft.dfs(entityset=known, target_dataframe_name="users", cutoff_time=times, cutoff_time_in_index=True,
        agg_primitives=["count"] if window else ["count", "time_since_last"], trans_primitives=[],
        where_primitives=["count"] if window else ["count", "time_since_last"],
        training_window=window, include_cutoff_time=False, approximate=None)
print(json.dumps({"s": time.perf_counter() - start, "cpu": time.process_time() - used,
    "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "rows": len(found), "values": ""}))
"""


def in_featuretools(python: str, files: list[str]) -> dict[str, Any]:
    """The features in an interpreter of their own."""
    asked = [KINDS, [str(cutoff) for cutoff in CUTOFFS], [f"{days} days" for days in WINDOWS], files]
    ran = subprocess.run(
        [python, "-W", "ignore", "-c", FEATURETOOLS, json.dumps(asked)], check=True, capture_output=True
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def in_spark(text: str, files: list[str], target: Path, memory: int) -> tuple[float, float, float]:
    """Run the statement twice; the seconds of the second, by clock and processor, and the JVM's peak in MiB."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{c44a.THREADS}]").config("spark.driver.memory", f"{memory}m")
    session = builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "8").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.read.parquet(*files).createOrReplaceTempView("events")
    java = session.sparkContext._gateway.proc.pid
    seconds = cpu = 0.0
    for _ in range(2):
        start, used = time.perf_counter(), _processor(java)
        session.sql(text.replace('"', "`")).write.mode("overwrite").parquet(str(target))
        seconds, cpu = time.perf_counter() - start, _processor(java) - used
    status = Path(f"/proc/{java}/status").read_text("utf-8")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    session.stop()
    return seconds, cpu, peak / 1024


def values(files: list[str]) -> tuple[int, str]:
    """The rows of a result, and a hash of all of its values, which does not depend on their order."""
    import duckdb

    names = [f"c{n}{ending}" for n in range(len(KINDS)) for ending in ("", *(f"_{days}d" for days in WINDOWS))]
    whole = ", ".join(f'"{name}"::BIGINT' for name in ("label", *names, "r0", "r1", "r2"))
    row = f"hash(entity_id, epoch_ms(cutoff::TIMESTAMP), {whole})"
    found = duckdb.sql(
        f"SET TimeZone = 'UTC'; SELECT count(*), sum({row})::VARCHAR FROM read_parquet({files})"
    ).fetchall()
    return found[0]


def measure(home: Path, form: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run one form once; return seconds by clock (`s`) and processor (`cpu`), peak memory in MiB, rows and values."""
    service, lake, _, sandbox, _ = c44a._open(home, options.memory)
    dataset = lake.datasets.by_table(sandbox, "events")
    assert dataset is not None
    files, target = list(lake.table(dataset).files), home / f"{form.replace(' ', '-')}-{time.time_ns()}"
    if form == "featuretools":
        return in_featuretools(options.featuretools, files)
    peak = 0.0
    if form == "Limbeck":
        name = f"features_{time.time_ns()}"
        with service.run(sandbox, f"CREATE TABLE {name}_0 AS SELECT 1 AS one"):
            pass  # what a process imports with its first statement
    start, used = time.perf_counter(), time.process_time()
    if form == "Limbeck":
        with service.run(sandbox, f"CREATE TABLE {name} AS {ours(home)}"):
            pass
        seconds = time.perf_counter() - start
        made = lake.datasets.by_table(sandbox, name)
        assert made is not None
        written = list(lake.table(made).files)
    elif form in BY_HAND:
        seconds, written = c44a._in_duckdb(BY_HAND[form](), files, target, options.memory)
    elif form == "PySpark":
        seconds, cpu, peak = in_spark(ours(home), files, target, max(2048, options.memory))
        written = [str(file) for file in target.glob("*.parquet")]
    else:
        in_pandas(files, target)
        seconds, written = time.perf_counter() - start, [str(target)]
    cpu = cpu if form == "PySpark" else time.process_time() - used
    mib = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows, hashed = values(written)
    return {"s": seconds, "cpu": cpu, "mib": mib, "rows": rows, "values": hashed}


BY_HAND = {"by hand": by_hand, "packed": packed}


def main() -> None:
    """Generate, measure each form in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=int, default=1536, help="MiB for the engine")
    parser.add_argument("--one", nargs=2, metavar=("HOME", "FORM"), help=argparse.SUPPRESS)
    parser.add_argument("--spark", action="store_true", help="PySpark, too; it is slow")
    parser.add_argument("--pandas", action="store_true", help="pandas, too; it takes memory")
    parser.add_argument("--featuretools", metavar="PYTHON", help="featuretools, too, in this interpreter; it is slow")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Path(options.one[0]), options.one[1], options)))
        return
    asked = {"PySpark": options.spark, "pandas": options.pandas, "featuretools": options.featuretools}
    forms = ["Limbeck", *BY_HAND, *(form for form, is_asked in asked.items() if is_asked)]
    with tempfile.TemporaryDirectory(prefix="limbeck-featurize-") as folder:
        c44a.generate(Path(folder), options.events, 20)
        found: dict[str, list[dict[str, Any]]] = {form: [] for form in forms}
        for _ in range(options.runs):
            for form, runs in found.items():
                command = [sys.executable, __file__, "--memory", str(options.memory), "--one", folder, form]
                command += ["--featuretools", options.featuretools] if options.featuretools else []
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    show(found, options)


def show(found: dict[str, list[dict[str, Any]]], options: argparse.Namespace) -> None:
    """Print a row for each form: medians, and how Limbeck's compare with them."""
    print(f"30 features, 3 cutoffs, {options.events:,} events, {c44a.THREADS} threads, {options.memory} MiB")
    heads = f"{'form':<13}{'seconds':>8}{'Limbeck is':>12}{'processor':>11}{'Limbeck is':>12}"
    print(f"{heads}{'peak MiB':>10}{'rows':>11}  values")
    ours = found["Limbeck"]
    for form, runs in found.items():
        times = ""
        for what, width in (("s", 8), ("cpu", 11)):
            median, mine = (statistics.median(run[what] for run in some) for some in (runs, ours))
            times += f"{median:>{width}.2f}{mine / median:>10.2f} ×"
        same = {run["values"] for run in runs} == {ours[0]["values"]}
        told = "same" if same else "none to compare" if not runs[0]["values"] else "OTHERS"
        print(f"{form:<13}{times}{max(run['mib'] for run in runs):>10.0f}{runs[0]['rows']:>11,}  {told}")


if __name__ == "__main__":
    main()
