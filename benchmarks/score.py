"""Scores of a million people beside LightGBM's own predict on the same file: by clock, by processor, and peak memory.

    python benchmarks/score.py [--people 1000000] [--features 30] [--runs 3] [--threads 2] [--reasons]

Each run is a process of its own, and they take turns. All read the same Parquet file with the same model on as many
threads; libraries and model are loaded before. Peak memory is `VmHWM`. On a machine that has more to do, the seconds of
the processor say more than those of the clock. The runs:

    LightGBM     the file's features as one matrix, `Booster.predict`; nothing is written
    Limbeck      `workflow.score.score`: batches, ranks, percentiles, points, ordered by person, written to Parquet
    a tenth      Limbeck on a tenth of the people, to see what memory depends on

With --reasons the first is `Booster.predict(pred_contrib=True)` by batches, and the others find three reasons for each.
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TRAINING = 200_000
BATCH = 100_000


def people(count: int, features: int, seed: int) -> pa.Table:
    """A feature set in no order: counts and amounts, and ECIDs: 38 random digits."""
    draw = np.random.default_rng(seed)
    columns = {
        "entity_id": pa.array([f"{high:019d}{low:019d}" for high, low in draw.integers(10**18, size=(count, 2))]),
        "cutoff": pa.array([datetime(2026, 1, 1)] * count, pa.timestamp("ms")),
    }
    for n in range(features):
        values = draw.exponential(20, count).round(2) if n % 2 else draw.poisson(3, count)
        columns[f"f{n}"] = pa.array(values, mask=draw.random(count) < 0.05)
    return pa.table(columns)


def prepare(folder: Path, count: int, features: int, threads: int) -> None:
    """Write the files, and a model of LightGBM's default size."""
    from lightgbm import LGBMClassifier
    from sklearn.pipeline import make_pipeline

    from limbeck.propensity import candidates, frames

    for name, rows in (("all", count), ("tenth", count // 10)):
        pq.write_table(people(rows, features, 1), folder / f"{name}.parquet")
    known = frames.of(people(TRAINING, features, 2))
    pull = known["f0"].fillna(0) / 2 + known["f1"].fillna(0) / 20 - 5
    labels = np.random.default_rng(3).random(TRAINING) < 1 / (1 + np.exp(-pull))
    model = make_pipeline(
        candidates.columns(known, "passthrough"), LGBMClassifier(n_jobs=threads, random_state=1, verbose=-1)
    )
    model.fit(known[frames.features_of(known)], labels)
    (folder / "model.pickle").write_bytes(pickle.dumps((model, float(labels.mean()))))


def lightgbm(folder: Path, model: Any, rate: float, reasons: bool) -> int:
    """LightGBM's own predict."""
    booster, rows = model[-1].booster_, 0
    if not reasons:
        table = pq.read_table(folder / "all.parquet").drop_columns(["entity_id", "cutoff"])
        return len(booster.predict(table.to_pandas().to_numpy(), num_threads=model[-1].n_jobs))
    for batch in pq.ParquetFile(folder / "all.parquet").iter_batches(BATCH):
        values = pa.Table.from_batches([batch]).drop_columns(["entity_id", "cutoff"]).to_pandas().to_numpy()
        rows += len(booster.predict(values, pred_contrib=True, num_threads=model[-1].n_jobs))
    return rows


def limbeck(folder: Path, model: Any, rate: float, reasons: bool, name: str = "all") -> int:
    """Ours."""
    from limbeck.propensity.scoring import Scoring
    from limbeck.workflow.score import score

    scoring = Scoring(model, "bench", "1", rate, 3 if reasons else 0, time=datetime(2026, 1, 1))
    return score([folder / f"{name}.parquet"], scoring, folder / "scores.parquet", print)


RUNS = {
    "LightGBM": lightgbm,
    "Limbeck": limbeck,
    "a tenth": partial(limbeck, name="tenth"),
}


def child(name: str, folder: Path, reasons: bool) -> None:
    """Run one of `RUNS`; print its seconds, by clock and processor, and its peak memory in MiB."""
    import duckdb  # noqa: F401
    import lightgbm  # noqa: F401
    import pandas as pd
    import pyarrow.dataset  # noqa: F401  # by which PyArrow reads a table
    import sklearn.pipeline  # noqa: F401

    import limbeck.workflow.score  # noqa: F401

    pa.table({"a": ["x"]}).to_pandas(types_mapper=pd.ArrowDtype)
    model, rate = pickle.loads((folder / "model.pickle").read_bytes())
    began, spent = time.monotonic(), time.process_time()
    rows = RUNS[name](folder, model, rate, reasons)
    seconds, spent = time.monotonic() - began, time.process_time() - spent
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "spent": spent, "peak": peak}))


def main() -> None:
    """Print a line for each of `RUNS`, and the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--reasons", action="store_true")
    parser.add_argument("--child", nargs=2)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child[0], Path(asked.child[1]), asked.reasons)
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in RUNS}
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), asked.people, asked.features, asked.threads)
        for _ in range(asked.runs):
            for name in RUNS:
                command = [sys.executable, __file__, "--child", name, folder, *(["--reasons"] * asked.reasons)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
    for name, runs in found.items():
        rows, peak = runs[0]["rows"], max(run["peak"] for run in runs)
        print(
            f"{name:10} {rows:>10,} people  {rows / median(runs, 'seconds'):>10,.0f} a second  "
            f"{median(runs, 'spent'):6.2f} s of processor  peak {peak:6,.0f} MiB"
        )
    for words, what in (("", "seconds"), (" by processor", "spent")):
        ratio = median(found["LightGBM"], what) / median(found["Limbeck"], what)
        print(f"Limbeck to LightGBM{words}: {ratio:.2f}")


def median(runs: list[dict[str, float]], what: str) -> float:
    """Return the median of *what* was measured."""
    return statistics.median(run[what] for run in runs)


if __name__ == "__main__":
    main()
