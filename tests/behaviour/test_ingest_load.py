"""Many batches at once by a server that is killed, as `benchmarks/batches.py` sends them: fewer of them."""

from __future__ import annotations

from pathlib import Path

from tests import crash

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "batches.py"


def test_each_acknowledged_batch_is_there_once() -> None:
    done = crash.run(str(BENCHMARK), "--batches", "64", "--threads", "8", "--rows", "3")
    assert "64 batches acknowledged" in done.stdout, done.stdout + done.stderr
    assert "0 acknowledged batches are not there once and whole; 0 are there in part or twice" in done.stdout
    assert done.returncode == 0
