"""A large result over the PostgreSQL wire, beside a real PostgreSQL and beside Arrow over HTTP.

    python benchmarks/pgwire.py [--rows 1000000] [--runs 3]
    python benchmarks/pgwire.py --p99 [--rows 1000000] [--runs 20]

The same rows (six columns: bigint, double, text, timestamp, boolean, integer) lie in a table of a Limbeck home and, if
`initdb` and `postgres` are found, in one of a PostgreSQL server; both run on this machine with default settings. One
client (psycopg 3, and psycopg2 for text) reads each in turn into Python's values, on a connection that is open, and
what is printed are ratios of medians. The memory of Limbeck's server is its peak beyond what it had after a small
statement.

With `--p99`, 16 connections send small statements of several kinds, one after the other, *runs* rounds of them; first
alone, then while another process reads the large result again and again. Printed is by how much that lengthens what 99
of 100 small statements take at most.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq

import limbeck
from limbeck.client.config import Config

COLUMNS = "(a bigint, b double precision, c text, d timestamp, e boolean, f int)"


def rows(count: int) -> pa.Table:
    """The table that is read."""
    numbers = np.arange(count)
    return pa.table(
        {
            "a": numbers,
            "b": np.random.default_rng(1).random(count),
            "c": [f"name {n % 1000}" for n in range(count)],
            "d": pa.array(numbers * 1000).cast(pa.timestamp("ms")),
            "e": numbers % 3 == 0,
            "f": pa.array(numbers % 100, pa.int32()),
        }
    )


def fill(home: Path, table: pa.Table) -> None:
    """Make the table `big` in a home, without the web in between."""
    from limbeck import ids
    from limbeck.platform import Platform
    from limbeck.settings import Settings
    from limbeck.xdm.arrow import from_arrow

    platform = Platform(Settings(home=home))
    sandbox = platform.access.sandbox(platform.access.ensure_organisation(), "prod")
    schema = platform.registry.adhoc_schema(sandbox, "big", from_arrow(table.schema))
    dataset = platform.lake.create_dataset(sandbox, "big", schema.id, table="big")
    path = home / "scratch" / f"{ids.new_uuid()}.parquet"
    pq.write_table(table, path)
    platform.lake.append(dataset, [path])
    platform.close()


@contextmanager
def served(home: Path) -> Iterator[tuple[Config, str, int]]:
    """Run `limbeck serve`; give its configuration, the wire's address, and the process."""
    line = [sys.executable, "-m", "limbeck", "serve", "--home", str(home), "--http", "127.0.0.1:0", "--pg"]
    with subprocess.Popen(
        [*line, "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        address = child.stdout.readline().split()[-1]
        try:
            yield Config.read(home / "config.ini"), address, child.pid
        finally:
            child.send_signal(signal.SIGINT)


@contextmanager
def postgres(folder: Path) -> Iterator[str | None]:
    """Run a PostgreSQL server on a socket in *folder*; give how to connect, None where there is none."""
    found = shutil.which("postgres") or next(iter(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres"))), None)
    if found is None:
        yield None
        return
    programs, data = Path(found).resolve().parent, folder / "data"
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    made = [*as_user, str(programs / "initdb"), "-D", str(data), "-U", "me", "-A", "trust"]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    line = [*as_user, found, "-D", str(data), "-k", str(folder), "-c", "listen_addresses=127.0.0.1", "-p", "54329"]
    with subprocess.Popen(line, stderr=subprocess.DEVNULL) as child:
        try:
            ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", "54329"]
            while subprocess.run(ready, check=False).returncode and child.poll() is None:
                time.sleep(0.1)
            yield "host=127.0.0.1 port=54329 user=me dbname=postgres"
        finally:
            child.send_signal(signal.SIGINT)


def copy_in(dsn: str, table: pa.Table) -> None:
    """Fill PostgreSQL's table."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE big {COLUMNS}")
        with cursor.copy("COPY big FROM STDIN") as copy:
            for batch in table.to_batches(100_000):
                for row in batch.to_pylist():
                    copy.write_row(list(row.values()))


def reading(dsn: str, sql: str, binary: bool) -> Callable[[], None]:
    """Return a read of all rows as Python's values, on a connection of its own."""
    connection = psycopg.connect(dsn, autocommit=True)

    def read() -> None:
        assert connection.cursor(binary=binary).execute(sql).fetchall()

    return read


def reading2(dsn: str, sql: str) -> Callable[[], None]:
    """Return a read of all rows with psycopg2, which are text on the wire, on a connection of its own."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True

    def read() -> None:
        cursor = connection.cursor()
        cursor.execute(sql)
        assert cursor.fetchall()

    return read


SMALL = (
    "SELECT 1 AS a",
    "SELECT a, c FROM big WHERE a = 4711",
    "SELECT count(*) AS n FROM big WHERE f = 7",
    "SELECT c, sum(b) AS s FROM big WHERE f < 3 GROUP BY c ORDER BY s DESC LIMIT 5",
)
READER = """
import psycopg, sys
with psycopg.connect(sys.argv[1]) as connection:
    while True:
        print(sum(1 for _ in connection.cursor().stream("SELECT * FROM big LIMIT 0")), flush=True)
"""


def percentile(dsn: str, rounds: int) -> float:
    """Return what 99 of 100 small statements on 16 connections take at most, in seconds."""
    begin = threading.Barrier(16)

    def client(number: int) -> list[float]:
        found = []
        with psycopg.connect(dsn) as connection:
            begin.wait()
            for turn in range(rounds * len(SMALL)):
                began = time.perf_counter()
                connection.execute(SMALL[(number + turn) % len(SMALL)]).fetchall()
                found.append(time.perf_counter() - began)
        return found

    with ThreadPoolExecutor(16) as threads:
        times = [taken for found in threads.map(client, range(16)) for taken in found]
    return statistics.quantiles(times, n=100)[98]


def main_p99(dsn: str, rounds: int) -> None:
    """Measure small statements beside a large result, and print."""
    percentile(dsn, 1)
    idle = percentile(dsn, rounds)
    with subprocess.Popen([sys.executable, "-c", READER, dsn], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()  # one result was read, the next has begun
        busy = percentile(dsn, rounds)
        reader.kill()
    print(f"p99 of small statements beside a large result : alone = {busy / idle:.2f} ({idle * 1000:.0f} ms alone)")


def over_http(config: Path) -> Callable[[], None]:
    """Return a read of all rows as Arrow."""

    def read() -> None:
        with limbeck.connect(config=config) as client:
            assert client.sql("SELECT * FROM big LIMIT 0").table().num_rows > 0

    return read


def resident(process: int, what: str) -> int:
    """Return a process's memory in MiB: `VmRSS` now, `VmHWM` at most."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) // 1024


def dsn(config: Config, address: str) -> str:
    """Return how to connect to the wire."""
    host, _, port = address.rpartition(":")
    password = f"{config.client_id}:{config.client_secret}"
    return f"host={host} port={port} user={config.org_id} password={password} dbname=prod:all sslmode=disable"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--p99", action="store_true")
    options = parser.parse_args()
    table = rows(options.rows)
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as other:
        home = Path(place) / "home"
        fill(home, table)
        if options.p99:
            with served(home) as (config, address, _):
                main_p99(dsn(config, address), options.runs)
            return
        with served(home) as (config, address, process), postgres(Path(other)) as theirs:
            ours = dsn(config, address)
            reads = {
                "wire, text": reading(ours, "SELECT * FROM big LIMIT 0", False),
                "wire, psycopg2": reading2(ours, "SELECT * FROM big LIMIT 0"),
                "wire, binary": reading(ours, "SELECT * FROM big LIMIT 0", True),
                "http, arrow": over_http(home / "config.ini"),
            }
            if theirs is not None:
                copy_in(theirs, table)
                reads["postgres, text"] = reading(theirs, "SELECT * FROM big", False)
                reads["postgres, psycopg2"] = reading2(theirs, "SELECT * FROM big")
                reads["postgres, binary"] = reading(theirs, "SELECT * FROM big", True)
            reading(ours, "SELECT 1", False)()
            before = resident(process, "VmRSS")
            times: dict[str, list[float]] = {name: [] for name in reads}
            for _ in range(options.runs):
                for name, read in reads.items():
                    began = time.perf_counter()
                    read()
                    times[name].append(time.perf_counter() - began)
            grown = resident(process, "VmHWM") - before
    medians = {name: statistics.median(found) for name, found in times.items()}
    for form in ("text", "psycopg2", "binary"):
        for beside in (f"postgres, {form}", "http, arrow"):
            if beside in medians:
                print(f"wire, {form:8} : {beside:18} = {medians[f'wire, {form}'] / medians[beside]:.2f}")
    print(f"the server grew by at most {grown} MiB beyond {before} MiB")


if __name__ == "__main__":
    main()
