"""Case C44a of the SQL contract on generated events: Query Service beside others, each into a table of its own.

    python benchmarks/c44a.py [--events 1000000] [--runs 3] [--memory 2048] [--spark] [--chdb PYTHON]

All read the same Parquet files in the same minutes, on as many threads, and write Parquet. Each run is a process of
its own, so that its peak memory is its own; DuckDB and Query Service get the same memory. The forms:

    Query Service   the statement as the contract has it, through CREATE TABLE AS
    as it stands    the same, with a filter that keeps Query Service from picking rows first
    literal         the same statement in DuckDB's words
    two-phase       DuckDB's fastest form known: picks the row of each user first, then counts what lies before it
    PySpark         `local[2]`, the statement in Spark's words, the second time in its process (--spark)
    chDB            in ClickHouse's words; PYTHON is an interpreter that has the package chdb

The last line is what Query Service needs to read the statement: parsed, bound and rewritten, of texts that are new to
the process and of one that is not (medians).
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

import pyarrow.parquet as pq

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


def aep(otherwise: str = "") -> str:
    """The statement as the contract has it, with more of a filter."""
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
        WHERE (converted = 1 AND eventType = '{GOAL}') OR (converted = 0 AND random_row = 1) {otherwise}
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


def generate(home: Path, events: int, each: int = 10) -> None:
    """Fill a home with one dataset of *events* events, about *each* a user, in four files."""
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
            f"""COPY (SELECT {{'userid': 'user' || (hash(i) % {max(1, events // each)})}} AS _tenant,
                epoch_ms((1704067200000 + hash(i + 1000000007) % 31536000000)::BIGINT)::TIMESTAMP_MS AS timestamp,
                CASE WHEN hash(i + 2000000011) % 25 = 0 THEN '{GOAL}'
                    ELSE ([{kinds}])[(1 + hash(i + 3000000019) % 10)::BIGINT] END AS eventType
            FROM range({part * events // 4}, {(part + 1) * events // 4}) t(i))
            TO '{files[-1]}' (FORMAT parquet, COMPRESSION zstd)"""
        )
    lake.append(dataset, files)


def spark() -> str:
    """The same windows in Spark's words."""
    counts = [f"sum(CASE WHEN e = '{k}' THEN 1 ELSE 0 END) OVER w AS count_E{n}" for n, k in _numbered()]
    minutes = [
        f"timestampdiff(MINUTE, max(CASE WHEN e = '{k}' THEN ts END) OVER w, ts) AS minutes_since_E{n}"
        for n, k in _numbered()
    ]
    return f"""SELECT * FROM (
        SELECT u, e, ts, sum(CASE WHEN e = '{GOAL}' THEN 1 ELSE 0 END) OVER (PARTITION BY u) AS converted,
            {", ".join([*counts, *minutes])}, row_number() OVER (PARTITION BY u ORDER BY r) AS random_row
        FROM (SELECT _tenant.userid AS u, eventType AS e, timestamp AS ts, rand() AS r FROM events)
        WINDOW w AS (PARTITION BY u ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))
        WHERE (converted = 1 AND e = '{GOAL}') OR (converted = 0 AND random_row = 1)
        ORDER BY ts"""


CHDB = """
import json, resource, sys, time
from chdb import session
text, = sys.argv[1:]
start = time.perf_counter()
chosen = session.Session()
chosen.query(text)
seconds = time.perf_counter() - start
print(json.dumps({"s": seconds, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def chdb(files: str, target: Path) -> str:
    """The same windows in ClickHouse's words."""
    counts = [f"countIf(e = '{k}') OVER w AS count_E{n}" for n, k in _numbered()]
    minutes = [
        f"toInt32(intDiv(ms - maxOrNullIf(ms, e = '{k}') OVER w, 60000)) AS minutes_since_E{n}" for n, k in _numbered()
    ]
    return f"""INSERT INTO FUNCTION file('{target}', Parquet) SELECT * FROM (
        SELECT u, e, ts, countIf(e = '{GOAL}') OVER (PARTITION BY u) AS converted,
            {", ".join([*counts, *minutes])}, row_number() OVER (PARTITION BY u ORDER BY r) AS random_row
        FROM (SELECT _tenant.userid AS u, eventType AS e, timestamp AS ts,
            toUnixTimestamp64Milli(timestamp) AS ms, rand64() AS r FROM file('{files}', Parquet))
        WINDOW w AS (PARTITION BY u ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))
        WHERE (converted = 1 AND e = '{GOAL}') OR (converted = 0 AND random_row = 1)
        ORDER BY ts SETTINGS max_threads = {THREADS}"""


def measure(home: Path, form: str, options: argparse.Namespace) -> dict[str, float]:
    """Run one form once and return seconds, peak memory in MiB and rows."""
    service, lake, _, sandbox, _ = _open(home, options.memory)
    dataset = lake.datasets.by_table(sandbox, "events")
    assert dataset is not None
    files = list(lake.table(dataset).files)
    target = home / f"{form.replace(' ', '-')}-{time.time_ns()}"
    if form in ("Query Service", "as it stands"):
        name = f"features_{time.time_ns()}"
        with service.run(sandbox, f"CREATE TABLE {name}_0 AS SELECT 1 AS one"):
            pass  # what a process imports with its first statement
        start = time.perf_counter()
        text = aep("" if form == "Query Service" else "OR 1 = 0")
        with service.run(sandbox, f"CREATE TABLE {name} AS {text}"):
            seconds = time.perf_counter() - start
        made = lake.datasets.by_table(sandbox, name)
        assert made is not None
        written = list(lake.table(made).files)
    elif form == "PySpark":
        seconds, written, java = _in_spark(files, target, options.memory)
        return {"s": seconds, "mib": java, "rows": sum(pq.read_metadata(file).num_rows for file in written)}
    elif form == "chDB":
        command = [options.chdb, "-c", CHDB, chdb(str(Path(files[0]).parent / "*.parquet"), target)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, written = json.loads(ran.stdout)["s"], [str(target)]
    else:
        seconds, written = _in_duckdb(
            {"literal": literal, "two-phase": two_phase}[form](), files, target, options.memory
        )
    rows = sum(pq.read_metadata(file).num_rows for file in written)
    used = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"s": seconds, "mib": used / 1024, "rows": rows}


def _in_duckdb(text: str, files: list[str], target: Path, memory: int) -> tuple[float, list[str]]:
    import duckdb

    config = {"threads": THREADS, "memory_limit": f"{memory}MiB", "preserve_insertion_order": False}
    start = time.perf_counter()
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute(f"SET temp_directory = '{target}-spill'")
        connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet({files})")
        connection.execute(f"COPY ({text}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    return time.perf_counter() - start, [str(target)]


def _in_spark(files: list[str], target: Path, memory: int) -> tuple[float, list[str], float]:
    """Run the form twice and take the second, what it costs in a session that is there; with the JVM's peak in MiB."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{THREADS}]").config("spark.driver.memory", f"{max(2048, memory)}m")
    session = builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "8").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.read.parquet(*files).createOrReplaceTempView("events")
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        session.sql(spark()).write.mode("overwrite").parquet(str(target))
        seconds = time.perf_counter() - start
    status = Path(f"/proc/{session.sparkContext._gateway.proc.pid}/status").read_text("utf-8")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    session.stop()
    return seconds, [str(file) for file in target.glob("*.parquet")], peak / 1024


def reading(home: Path) -> tuple[float, float]:
    """Return the milliseconds that reading the statement takes: a text that is new, and one that came before."""
    from limbeck.query.catalogue import SessionCatalogue
    from limbeck.query.dialect import parse
    from limbeck.query.plans import PLANS
    from limbeck.query.session import SqlSession

    service, lake, registry, sandbox, _ = _open(home, 1024)
    found: dict[bool, list[float]] = {True: [], False: []}
    for number in range(9):
        text = f"{aep()} LIMIT {number}"
        for new in (True, False):
            start = time.perf_counter()
            catalogue = SessionCatalogue(lake, registry, service.objects, sandbox, SqlSession())
            PLANS.plan(text, lambda text=text: parse(text), catalogue)
            found[new].append((time.perf_counter() - start) * 1000)
    return statistics.median(found[True]), statistics.median(found[False])


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
    parser.add_argument("--spark", action="store_true", help="PySpark, too; it is slow")
    parser.add_argument("--chdb", metavar="PYTHON", help="chDB, too, in this interpreter")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(Path(options.one[0]), options.one[1], options)))
        return
    forms = ["Query Service", "as it stands", "literal", "two-phase"]
    forms += [*(["PySpark"] if options.spark else []), *(["chDB"] if options.chdb else [])]
    with tempfile.TemporaryDirectory(prefix="limbeck-c44a-") as folder:
        home = Path(folder)
        generate(home, options.events)
        found: dict[str, list[dict[str, float]]] = {form: [] for form in forms}
        for _ in range(options.runs):
            for form, runs in found.items():
                command = [sys.executable, __file__, "--memory", str(options.memory), "--one", folder, form]
                command += ["--chdb", options.chdb] if options.chdb else []
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        new, known = reading(home)
    medians = {form: statistics.median(r["s"] for r in runs) for form, runs in found.items()}
    print(f"C44a on {options.events:,} events, {THREADS} threads, {options.memory} MiB, median of {options.runs}")
    print(f"{'form':<14} {'seconds':>8} {'Query Service is':>17} {'peak MiB':>9} {'rows':>9}")
    for form, runs in found.items():
        ratio = medians["Query Service"] / medians[form]
        peak, rows = max(r["mib"] for r in runs), runs[0]["rows"]
        print(f"{form:<14} {medians[form]:>8.2f} {ratio:>14.2f} × {peak:>9.0f} {rows:>9.0f}")
    print(f"reading the statement: {new:.1f} ms when it is new, {known:.1f} ms when it came before")


if __name__ == "__main__":
    main()
