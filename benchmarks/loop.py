"""The way from file to file: export, pick-up, evaluation and delivery of profiles, beside plain DuckDB.

    python benchmarks/loop.py [--profiles 100000 1000000]

For each number of profiles a home is filled; then a dataset leaves as Parquet, a file of scores is picked up onto
profiles, an audience of the best tenth without its control group is evaluated, and its members leave as CSV. Beside
each part DuckDB reads the same files, filters, and writes the same rows, with as many threads and as much memory, but
without schemas, checks, identities, snapshots and memberships. Each part is a process of its own, so that its peak
memory is its own; the time ends when the platform is closed, so what follows a part counts too.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbeck.client import Client

PARTS = ("export", "pick-up", "evaluate", "deliver")
TOP = 0.9
THREADS, MEMORY_MIB = os.cpu_count() or 2, 1024
"""What a home's settings are if nobody says otherwise."""
Numbers = dict[str, float]

PEOPLE = {"customer": "string", "email": "string", "city": "string", "visits": "long", "spend": "number"}
SCORES = {"customer": "string", "score": "number", "group": "string"}


def fill(home: Path, profiles: int) -> None:
    """Write the files of people and scores, and bring the people into a dataset."""
    import duckdb

    import limbeck

    (home / "given").mkdir(parents=True)
    with limbeck.connect(home / "platform") as aep:
        made = {name: _dataset(aep, name, fields) for name, fields in (("people", PEOPLE), ("scores", SCORES))}
        person = f"""SELECT {{'customer': 'c' || lpad(i::VARCHAR, 9, '0'), 'email': 'person.' || i || '@example.com',
            'city': 'city ' || hash(i) % 500, 'visits': (hash(i + 7) % 90)::BIGINT,
            'spend': (hash(i + 11) % 100000) / 100.0}} AS _{aep.tenant} FROM range({profiles}) t(i)"""
        score = f"""SELECT 'c' || lpad(i::VARCHAR, 9, '0') AS identity, (hash(i + 13) % 1000000007) / 1e9 AS score,
            CASE WHEN hash(i + 17) % 10 = 0 THEN 'control' ELSE 'treatment' END AS "group"
            FROM range({profiles}) t(i)"""
        for name, rows in (("people", person), ("scores", score)):
            duckdb.sql(f"COPY ({rows}) TO '{home}/given/{name}.parquet' (FORMAT parquet, COMPRESSION zstd)")
        aep.upload(made["people"][0], home / "given" / "people.parquet")
        dataset, schema = made["scores"]
        columns = {"identity": "customer", "score": "score", "group": "group"}
        mapping = aep.create_mapping(schema, {source: f"_{aep.tenant}.scores.{to}" for source, to in columns.items()})
        aep.create_pickup("scores", dataset, schema, mapping, "scores")


def _dataset(aep: Client, name: str, fields: dict[str, str]) -> tuple[Any, Any]:
    from limbeck.workflow.generate import CLASSES, IN_PROFILE
    from limbeck.workflow.sources import field_group

    place = f"_{aep.tenant}" if name == "people" else f"_{aep.tenant}.{name}"
    body = field_group(name, CLASSES["profile"], {f"{place}.{n}": kind for n, kind in fields.items()}, aep.tenant)
    schema = aep.create_schema(name, CLASSES["profile"], [aep.create_field_group(body or {}).id])
    aep.create_identity(schema, f"{place}.customer", "CRMID")
    aep.enable_profile(schema)
    return aep.create_dataset(name, schema, IN_PROFILE), schema


# -- Limbeck ------------------------------------------------------------------------------------------------------


def export(aep: Client, home: Path) -> None:
    """Let the people leave as Parquet."""
    dataset = aep.dataset("people")
    assert dataset is not None
    aep.wait_run(aep.run_flow(aep.create_export("people", dataset, "out")))


def pick_up(aep: Client, home: Path) -> None:
    """Bring the scores onto profiles."""
    from limbeck.workflow.export import settle

    aep.landing_zone("upload").write("scores", "scores.parquet", home / "given" / "scores.parquet")
    flow = aep.find_flow("scores")
    assert flow is not None
    settle(aep, flow)
    aep.wait_run(aep.run_flow(flow))


def evaluate(aep: Client, home: Path) -> None:
    """Make an audience of the best tenth, without the control group."""
    ours = f"_{aep.tenant}.scores"
    made = aep.audiences.create("best", f'{ours}.score >= {TOP} and {ours}.group = "treatment"')
    aep.audiences.evaluate(made)


def deliver(aep: Client, home: Path) -> None:
    """Let its members leave as CSV."""
    audience = aep.audiences.named("best")
    assert audience is not None
    ours = f"_{aep.tenant}"
    columns = {"customer": "identityMap.CRMID", "email": f"{ours}.email", "score": f"{ours}.scores.score"}
    flow = aep.destinations.create("best", "out/best", columns, "csv")
    aep.destinations.select(flow, audience, "best")
    aep.wait_run(aep.destinations.start(flow, audience))


LIMBECK: dict[str, Callable[[Client, Path], None]] = dict(zip(PARTS, (export, pick_up, evaluate, deliver), strict=True))


def measure(home: Path, part: str) -> Numbers:
    """Do one part; return seconds and the peak memory of this process in MiB."""
    import limbeck

    with limbeck.connect(home / "platform") as aep:
        begun = time.perf_counter()
        LIMBECK[part](aep, home)
    return _measured(begun)


def _measured(begun: float) -> Numbers:
    seconds = time.perf_counter() - begun
    spent, status = os.times(), Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))  # getrusage's is the parent's too
    return {"s": seconds, "cpu": spent.user + spent.system, "mib": peak / 1024}


# -- DuckDB -------------------------------------------------------------------------------------------------------


def measure_duckdb(home: Path, part: str) -> Numbers:
    """Do one part in plain DuckDB; return the same."""
    import duckdb

    out = home / "duckdb"
    out.mkdir(exist_ok=True)
    config = {"threads": THREADS, "memory_limit": f"{MEMORY_MIB}MiB"}
    people, picked, members = home / "given" / "people.parquet", out / "picked.parquet", out / "members.parquet"
    ours = duckdb.sql(f"DESCRIBE SELECT * FROM '{people}'").fetchall()[0][0]
    statement = {
        "export": f"COPY (SELECT * FROM '{people}') TO '{out}/people.parquet' (FORMAT parquet, COMPRESSION zstd)",
        "pick-up": f"""COPY (SELECT {{'scores': {{'customer': identity, 'score': score, 'group': "group"}}}} AS {ours}
            FROM '{home}/given/scores.parquet') TO '{picked}' (FORMAT parquet, COMPRESSION zstd)""",
        "evaluate": f"""COPY (SELECT {ours}.scores.customer AS customer FROM '{picked}'
            WHERE {ours}.scores.score >= {TOP} AND {ours}.scores."group" = 'treatment' ORDER BY ALL)
            TO '{members}' (FORMAT parquet, COMPRESSION zstd)""",
        "deliver": f"""COPY (SELECT customer, p.{ours}.email AS email, s.{ours}.scores.score AS score
            FROM '{members}' JOIN '{people}' p ON p.{ours}.customer = customer
            JOIN '{picked}' s ON s.{ours}.scores.customer = customer ORDER BY customer)
            TO '{out}/best.csv' (FORMAT csv, HEADER true)""",
    }[part]
    begun = time.perf_counter()
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute(f"SET temp_directory = '{out / 'spill'}'")
        connection.execute(statement)
    return _measured(begun)


# -- all of it ----------------------------------------------------------------------------------------------------


def run(profiles: int) -> dict[str, tuple[Numbers, Numbers]]:
    """Fill a home with so many profiles, do all parts both ways, and return what they took."""
    with tempfile.TemporaryDirectory(prefix="limbeck-loop-") as folder:
        home = Path(folder)
        fill(home, profiles)
        found = {part: (_child(home, "limbeck", part), _child(home, "duckdb", part)) for part in PARTS}
        (ours,) = (home / "platform" / "landing-zone" / "dlz-destination" / "out" / "best").glob("*.csv")
        assert _rows(ours) == _rows(home / "duckdb" / "best.csv"), "the two delivered other people"
    return found


def _child(home: Path, how: str, part: str) -> Numbers:
    command = [sys.executable, __file__, "--one", str(home), how, part]
    answer: Numbers = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return answer


def _rows(path: Path) -> list[tuple[str, str, float]]:
    with path.open(newline="") as handle:
        return [(row["customer"], row["email"], float(row["score"])) for row in csv.DictReader(handle)]


def show(profiles: int, found: dict[str, tuple[Numbers, Numbers]]) -> None:
    """Print the table of one number of profiles."""
    print(f"{profiles:,} profiles")
    print(f"{'part':<12}{'seconds':>9}{'cpu s':>8}{'peak MiB':>10}{'DuckDB s':>10}{'MiB':>7}{'ratio':>8}")
    for part, (ours, plain) in found.items():
        print(
            f"{part:<12}{ours['s']:>9.2f}{ours['cpu']:>8.1f}{ours['mib']:>10.0f}{plain['s']:>10.2f}{plain['mib']:>7.0f}"
            f"{ours['s'] / plain['s']:>8.1f}"
        )
    ours_s, plain_s = (sum(numbers[side]["s"] for numbers in found.values()) for side in (0, 1))
    print(
        f"file to file {ours_s / 60:.2f} minutes, DuckDB {plain_s / 60:.2f}, ratio {ours_s / plain_s:.1f}", flush=True
    )


def main() -> None:
    """Run each number of profiles, print a table for each, and how memory grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--one", nargs=3, metavar=("HOME", "HOW", "PART"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        home, how, part = options.one
        print(json.dumps({"limbeck": measure, "duckdb": measure_duckdb}[how](Path(home), part)))
        return
    print(f"{THREADS} threads, {MEMORY_MIB} MiB for the engine")
    found = {}
    for profiles in options.profiles:
        found[profiles] = run(profiles)
        show(profiles, found[profiles])
    first, last = options.profiles[0], options.profiles[-1]
    if first != last:
        grown = (f"{part} {found[last][part][0]['mib'] / found[first][part][0]['mib']:.2f}" for part in PARTS)
        print(f"peak memory at {last:,} over that at {first:,}: {', '.join(grown)}")


if __name__ == "__main__":
    main()
