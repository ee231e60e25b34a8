"""How fast synthetic events are made, and in how much memory, beside DuckDB copying the same files.

    python benchmarks/generator.py [--people 25000 100000] [--untidy]

For each number of people the preset `tutorial` is made (10.8 events a person: 100,000 people have 1.08 million events,
2,800,000 have 30 million), with --untidy also with duplicates, late events, bots, second identities, quiet weekends and
a treatment. Beside it DuckDB reads the events and writes them again, compressed alike. Each is a process of its own, so
that its peak memory is its own; the last line compares that of the largest number with that of the smallest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

START, DAYS, WITHIN = date(2026, 1, 1), 60, timedelta(days=21)
CUTOFFS = [datetime(2026, 1, 29), datetime(2026, 2, 8)]
UNTIDY = {"duplicates": 0.02, "late": 0.05, "bots": 0.001, "identities": 0.2, "weekend": 0.3, "treated": 0.5}
PARTS = ("generate", "copy")


def generate(folder: Path, people: int, untidy: bool) -> None:
    """Make the people and their events."""
    from limbeck.workflow import synthetic
    from limbeck.workflow.question import Span
    from limbeck.workflow.world import Generator

    spans = [Span(cutoff, cutoff + WITHIN) for cutoff in CUTOFFS]
    more: dict[str, Any] = {**UNTIDY, "treatment": date(2026, 2, 8)} if untidy else {}
    synthetic.generate(Generator(people, DAYS, START, 1, preset="tutorial", **more), folder, spans)


def copy(folder: Path) -> None:
    """Let DuckDB write the events again."""
    import duckdb

    duckdb.sql("SET threads = 1")
    target = f"'{folder}/copy.parquet' (FORMAT parquet, COMPRESSION zstd)"
    duckdb.sql(f"COPY (FROM read_parquet('{folder}/events-*.parquet')) TO {target}")


def measured(part: str, folder: Path, people: int, untidy: bool) -> dict[str, float]:
    """Do one part; return seconds and the peak memory of this process in MiB."""
    began = time.monotonic()
    if part == "generate":
        generate(folder, people, untidy)
    else:
        copy(folder)
    seconds = time.monotonic() - began
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return {"s": seconds, "mib": peak / 1024}


def main() -> None:
    """Measure, or do the part that a process of its own was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[25_000, 100_000])
    parser.add_argument("--untidy", action="store_true")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        print(json.dumps(measured(asked.part, asked.folder, asked.people[0], asked.untidy)))
    else:
        compare(asked.people, asked.untidy)


def compare(numbers: list[int], untidy: bool) -> None:
    """Print a row for each number of people."""
    import pyarrow.parquet as pq

    left = f"{'people':>11}{'events':>13}{'seconds':>9}{'events/s':>11}{'peak MiB':>10}"
    print(f"{left}{'DuckDB s':>10}{'MiB':>7}{'ratio':>8}")
    peaks = []
    for people in numbers:
        with tempfile.TemporaryDirectory() as name:
            line = [sys.executable, __file__, "--folder", name, "--people", str(people)] + ["--untidy"] * untidy
            made, copied = (
                json.loads(subprocess.run([*line, "--part", p], check=True, capture_output=True, text=True).stdout)
                for p in PARTS
            )
            events = sum(pq.read_metadata(f).num_rows for f in Path(name).glob("events-*"))
        peaks.append(made["mib"])
        print(
            f"{people:>11,}{events:>13,}{made['s']:>9.1f}{events / made['s']:>11,.0f}{made['mib']:>10.0f}"
            f"{copied['s']:>10.1f}{copied['mib']:>7.0f}{made['s'] / copied['s']:>8.1f}"
        )
    print(f"peak memory at {numbers[-1]:,} people over that at {numbers[0]:,}: {peaks[-1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
