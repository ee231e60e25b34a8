"""What it costs to refresh sets of features after one event in a hundred came, beside computing them anew.

    python benchmarks/refresh.py [--events 10000000] [--runs 3] [--memory 1536]

Events, features and cutoffs are those of `featurize.py`. After the sets are computed, 1 % more events come in a batch:
once all of them of one user in a hundred, once of users drawn evenly, so that nearly every fifth has some. Each run is
a process of its own; what it wrote is compared value by value.
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
from pathlib import Path
from typing import Any

import c44a
import featurize

SHARE = 0.01
WHOM = {"1 in 100": 0.01, "all": 1.0}
"""Of whom the new events are, as a share of the users."""
FORMS = ("anew", "refreshed")
BEFORE = "sets_before"


def statement(home: Path, form: str) -> str:
    """The SELECT of the sets, from those before or from nothing."""
    from limbeck.workflow.features import Earlier, training_set

    note = json.loads((home / "snapshots.json").read_text("utf-8"))
    earlier = Earlier(BEFORE, note, ()) if form == "refreshed" else None
    return training_set(featurize.definition(home), {"events": "events"}, "tenant", featurize.CUTOFFS, earlier=earlier)


def prepare(home: Path, events: int, share: float, memory: int) -> None:
    """Make the events, compute the sets, let more events come."""
    import duckdb

    c44a.generate(home, events, 20)
    service, lake, _, sandbox, settings = c44a._open(home, memory)
    asked = "SELECT snapshot_id FROM (SELECT history_meta('events')) WHERE is_current"
    with service.run(sandbox, asked) as result:
        (row,) = (row for batch in result.batches() for row in batch.to_pylist())
    (home / "snapshots.json").write_text(json.dumps({"events": int(row["snapshot_id"])}))
    with service.run(sandbox, f"CREATE TABLE {BEFORE} AS {statement(home, 'anew')}"):
        pass
    dataset = lake.datasets.by_table(sandbox, "events")
    assert dataset is not None
    new, users = settings.scratch / "new.parquet", max(1, int(events / 20 * share))
    names = ", ".join(f"'{kind}'" for kind in [*c44a.KINDS, *c44a.OTHER, c44a.GOAL])
    duckdb.sql(
        f"""COPY (SELECT {{'userid': 'user' || (hash(i + 5) % {users})}} AS _tenant,
            epoch_ms((1704067200000 + hash(i + 1000000009) % 31536000000)::BIGINT)::TIMESTAMP_MS AS timestamp,
            ([{names}])[(1 + hash(i + 3) % 11)::BIGINT] AS eventType
        FROM range({int(events * SHARE)}) t(i)) TO '{new}' (FORMAT parquet, COMPRESSION zstd)"""
    )
    lake.append(dataset, [new])


def measure(home: Path, form: str, memory: int) -> dict[str, Any]:
    """Compute the sets once; return seconds by clock and processor, peak memory in MiB, rows and values."""
    service, lake, _, sandbox, _ = c44a._open(home, memory)
    name = f"sets_{time.time_ns()}"
    with service.run(sandbox, f"CREATE TABLE {name}_0 AS SELECT 1 AS one"):
        pass  # what a process imports with its first statement
    start, used = time.perf_counter(), time.process_time()
    with service.run(sandbox, f"CREATE TABLE {name} AS {statement(home, form)}"):
        pass
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    made = lake.datasets.by_table(sandbox, name)
    assert made is not None
    rows, hashed = featurize.values(list(lake.table(made).files))
    return {"s": seconds, "cpu": cpu, "mib": mib, "rows": rows, "values": hashed}


def main() -> None:
    """For each way in which events come: prepare, measure both forms in turn, print a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=int, default=1536, help="MiB for the engine")
    parser.add_argument("--one", nargs=2, metavar=("HOME", "FORM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Path(options.one[0]), options.one[1], options.memory)))
        return
    print(f"30 features, 3 cutoffs, {options.events:,} events and 1 % more, {c44a.THREADS} threads")
    print(f"{'of whom':<10}{'anew s':>9}{'refreshed s':>13}{'ratio':>7}{'by processor':>14}{'peak MiB':>10}  values")
    for whom, share in WHOM.items():
        with tempfile.TemporaryDirectory(prefix="limbeck-refresh-") as folder:
            prepare(Path(folder), options.events, share, options.memory)
            found: dict[str, list[dict[str, Any]]] = {form: [] for form in FORMS}
            for _ in range(options.runs):
                for form, runs in found.items():
                    command = [sys.executable, __file__, "--memory", str(options.memory), "--one", folder, form]
                    runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(row(whom, found))


def row(whom: str, found: dict[str, list[dict[str, Any]]]) -> str:
    """Medians of both forms, and how they compare."""
    anew, refreshed = found.values()
    (s, cpu), (more_s, more_cpu) = (
        [statistics.median(run[what] for run in runs) for what in ("s", "cpu")] for runs in (refreshed, anew)
    )
    told = "same" if len({(run["rows"], run["values"]) for run in [*anew, *refreshed]}) == 1 else "OTHERS"
    peak = max(run["mib"] for run in refreshed)
    return f"{whom:<10}{more_s:>9.2f}{s:>13.2f}{s / more_s:>7.2f}{cpu / more_cpu:>14.2f}{peak:>10.0f}  {told}"


if __name__ == "__main__":
    main()
