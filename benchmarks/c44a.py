"""Case C44a of the SQL contract on generated events: Query Service beside DuckDB written by hand.

    python benchmarks/c44a.py [--events 1000000] [--runs 3] [--memory 2048]

Both read the same Parquet files in the same minutes, on as many threads, with the same memory; each run is a process
of its own, so that its peak memory is its own. "literal" is the same statement in DuckDB's words; "two-phase" picks
the row of each user first and then counts what lies before it, the fastest form known (it is another statement).
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

KINDS = [
    "directMarketing.emailSent",
    "directMarketing.emailOpened",
    "directMarketing.emailClicked",
    "commerce.productViews",
    "decisioning.propositionInteract",
    "decisioning.propositionDismiss",
    "web.webinteraction.linkClicks",
]
GOAL = "web.formFilledOut"
OTHER = ["advertising.impressions", "web.webpagedetails.pageViews", "commerce.purchases"]
THREADS = 2


def aep() -> str:
    """The statement as the contract has it."""
    frame = "OVER (PARTITION BY _tenant.userid ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    columns = [
        f"""SUM(CASE WHEN eventType = '{kind}' THEN 1 ELSE 0 END) {frame} AS "count_E{n}\"""" for n, kind in _numbered()
    ]
    columns += [
        f"""TIME_BETWEEN_PREVIOUS_MATCH(timestamp, eventType = '{k}', 'minutes') {frame} AS "minutes_since_E{n}\""""
        for n, k in _numbered()
    ]
    return f"""SELECT * FROM (
        SELECT _tenant.userid AS userId, eventType, timestamp,
            SUM(CASE WHEN eventType = '{GOAL}' THEN 1 ELSE 0 END) OVER (PARTITION BY _tenant.userid) AS "converted",
            {", ".join(columns)},
            row_number() OVER (PARTITION BY _tenant.userid ORDER BY randn()) AS random_row
        FROM events)
        WHERE (converted = 1 AND eventType = '{GOAL}') OR (converted = 0 AND random_row = 1)
        ORDER BY timestamp"""


def literal() -> str:
    """The same windows in DuckDB's words."""
    counts = [f"count(*) FILTER (WHERE e = '{k}') OVER w AS count_E{n}" for n, k in _numbered()]
    minutes = [
        f"date_sub('minute', max(ts) FILTER (WHERE e = '{k}') OVER w, ts)::INTEGER AS minutes_since_E{n}"
        for n, k in _numbered()
    ]
    return f"""SELECT * FROM (
        SELECT u, e, ts, count(*) FILTER (WHERE e = '{GOAL}') OVER (PARTITION BY u) AS converted,
            {", ".join([*counts, *minutes])}, row_number() OVER (PARTITION BY u ORDER BY r) AS random_row
        FROM (SELECT _tenant.userid AS u, eventType AS e, timestamp AS ts, random() AS r FROM events)
        WINDOW w AS (PARTITION BY u ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))
        WHERE (converted = 1 AND e = '{GOAL}') OR (converted = 0 AND random_row = 1)
        ORDER BY ts"""


def two_phase() -> str:
    """Pick the row of each user, then aggregate what lies before it."""
    counts = [f"count(*) FILTER (WHERE e.eventType = '{kind}') AS count_E{n}" for n, kind in _numbered()]
    minutes = [
        f"date_sub('minute', max(e.timestamp) FILTER (WHERE e.eventType = '{kind}'), p.row.ts)::INTEGER AS minutes_E{n}"
        for n, kind in _numbered()
    ]
    return f"""WITH p AS (
            SELECT u, count(*) FILTER (WHERE e = '{GOAL}') AS converted,
                coalesce(any_value({{'ts': ts, 'e': e}}) FILTER (WHERE e = '{GOAL}'),
                    arg_min({{'ts': ts, 'e': e}}, random())) AS row
            FROM (SELECT _tenant.userid AS u, eventType AS e, timestamp AS ts FROM events)
            GROUP BY u HAVING converted <= 1)
        SELECT p.u, p.row.e, p.row.ts, p.converted, {", ".join([*counts, *minutes])}
        FROM p JOIN events e ON e._tenant.userid = p.u AND e.timestamp <= p.row.ts
        GROUP BY p.u, p.row, p.converted ORDER BY p.row.ts"""


def _numbered() -> list[tuple[int, str]]:
    return list(enumerate(KINDS, 1))


def generate(home: Path, events: int) -> None:
    """Fill a home with one dataset of *events* events, about ten a user, in four files."""
    import duckdb

    _, lake, registry, sandbox, settings = _open(home, 1024)
    from limbeck.xdm.types import Field, Object, Scalar

    row = Object(
        (
            Field("_tenant", Object((Field("userid", Scalar("string")),))),
            Field("timestamp", Scalar("date-time")),
            Field("eventType", Scalar("string")),
        )
    )
    schema = registry.adhoc_schema(sandbox, "events", row)
    dataset = lake.create_dataset(sandbox, "events", schema.id, table="events")
    kinds = ", ".join(f"'{kind}'" for kind in [*KINDS, *OTHER])
    files = []
    for part in range(4):
        files.append(settings.scratch / f"{part}.parquet")
        duckdb.sql(
            f"""COPY (SELECT {{'userid': 'user' || (hash(i) % {max(1, events // 10)})}} AS _tenant,
                epoch_ms((1704067200000 + hash(i + 1000000007) % 31536000000)::BIGINT)::TIMESTAMP_MS AS timestamp,
                CASE WHEN hash(i + 2000000011) % 25 = 0 THEN '{GOAL}'
                    ELSE ([{kinds}])[(1 + hash(i + 3000000019) % 10)::BIGINT] END AS eventType
            FROM range({part * events // 4}, {(part + 1) * events // 4}) t(i))
            TO '{files[-1]}' (FORMAT parquet, COMPRESSION zstd)"""
        )
    lake.append(dataset, files)


def measure(home: Path, form: str, memory: int) -> dict[str, float]:
    """Run one form once and return seconds, peak memory in MiB and rows."""
    service, lake, _, sandbox, _ = _open(home, memory)
    if form == "Query Service":
        start = time.perf_counter()
        with service.run(sandbox, f"{aep()} LIMIT 0") as result:
            rows = sum(batch.num_rows for batch in result.batches())
        seconds = time.perf_counter() - start
    else:
        import duckdb

        dataset = lake.datasets.by_table(sandbox, "events")
        assert dataset is not None
        files = list(lake.table(dataset).files)
        config = {"threads": THREADS, "memory_limit": f"{memory}MiB", "preserve_insertion_order": False}
        start = time.perf_counter()
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute(f"SET temp_directory = '{home / 'spill'}'")
            connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet({files})")
            reader = connection.sql({"literal": literal, "two-phase": two_phase}[form]()).to_arrow_reader(8192)
            rows = sum(batch.num_rows for batch in reader)
        seconds = time.perf_counter() - start
    return {"s": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "rows": rows}


def _open(home: Path, memory: int):  # type: ignore[no-untyped-def]  # a benchmark's own wiring
    from limbeck.access import Access
    from limbeck.engine import Engine
    from limbeck.lake import Lake
    from limbeck.query.service import QueryService
    from limbeck.registry import Registry
    from limbeck.settings import Settings
    from limbeck.store import Store

    settings = Settings(home=home)
    for folder in (settings.lake, settings.scratch, settings.staging):
        folder.mkdir(parents=True, exist_ok=True)
    store = Store.open(settings.store_url)
    access, registry = Access(store, 3600), Registry(store)
    sandbox = access.sandbox(access.ensure_organisation("acme@LocalOrg"), "prod")
    lake = Lake(store, registry, settings.lake)
    engine = Engine(settings.scratch, memory, 1, THREADS)
    return QueryService(store, lake, registry, engine, settings.scratch, 3600), lake, registry, sandbox, settings


def main() -> None:
    """Generate, measure each form in turn, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=int, default=2048, help="MiB for the engine")
    parser.add_argument("--one", nargs=2, metavar=("HOME", "FORM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Path(options.one[0]), options.one[1], options.memory)))
        return
    with tempfile.TemporaryDirectory(prefix="limbeck-c44a-") as folder:
        home = Path(folder)
        generate(home, options.events)
        found: dict[str, list[dict[str, float]]] = {"Query Service": [], "literal": [], "two-phase": []}
        for _ in range(options.runs):
            for form, runs in found.items():
                command = [sys.executable, __file__, "--memory", str(options.memory), "--one", folder, form]
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    medians = {form: statistics.median(r["s"] for r in runs) for form, runs in found.items()}
    print(f"C44a on {options.events:,} events, {THREADS} threads, {options.memory} MiB, median of {options.runs}")
    print(f"{'form':<14} {'seconds':>8} {'ratio':>6} {'peak MiB':>9} {'rows':>9}")
    for form, runs in found.items():
        ratio = medians["Query Service"] / medians[form]
        peak, rows = max(r["mib"] for r in runs), runs[0]["rows"]
        print(f"{form:<14} {medians[form]:>8.2f} {ratio:>6.2f} {peak:>9.0f} {rows:>9.0f}")


if __name__ == "__main__":
    main()
