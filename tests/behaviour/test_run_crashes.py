"""A run that is killed anywhere, then run again, ends as if nothing had happened."""

from __future__ import annotations

import json
import random
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import limbeck
from limbeck.cli import main
from tests import shop
from tests.behaviour import children
from tests.shop_definition import scores

DEFINITION = """\
name = "shop"

[[sources]]
dataset = "actions"
files.events = "events.parquet"
key = "number"

[sources.columns]
number = { path = "{tenant}.number", type = "string" }
customer = { path = "{tenant}.customer", identity = "CRMID" }
at = "timestamp"
kind = "eventType"
amount = "{tenant}.amount"

[[sources]]
dataset = "people"
class = "profile"
files.people = "people.csv"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
age = "{tenant}.age"

[goal]
event = "kind = 'purchase'"
within = "20 days"

[cutoffs]
train = [2026-02-10, 2026-03-10]
test = 2026-04-10
score = 2026-05-20

[features]
views = { count = true, where = "kind = 'view'", windows = ["ever", "7 days"] }
spend = { sum = "amount" }
age = { attribute = "age" }

[audience]
top = 0.2
control = 0.25

[activation.columns]
customer = "identity"
score = "score"
age = "{tenant}.age"

[model]
candidates = ["logistic"]
folds = 2
resamples = 100
baselines.rule = "views"
baselines.rfm = ["views", "spend"]
"""
SOURCE = Path(limbeck.__file__).parent
ELSEWHERE = {
    "certificates.keep.between",
    "disk.removed",
    "disk.removing",
    "flow.blob-written",
    "ingest.diagnostics-placed",
    "ingest.parts-joined",
    "lake.compact.placed",
    "lake.revert.prepared",
    "workflow.data-generated",
}
"""Points that this run does not pass: test_clean, tests/rest/test_upload_crashes.py and others kill there."""

STATEMENTS = "query."
"""Points of statements that no run sends; the tests of those statements kill there."""

TIMES = range(20)


def points() -> list[str]:
    """Every named point of the code, and later passages through those that are passed often."""
    texts = (path.read_text() for path in SOURCE.rglob("*.py"))
    names = {name for text in texts for name in re.findall(r'crash\.point\("([^"]+)"\)', text)} - ELSEWHERE
    names = {name for name in names if not name.startswith(STATEMENTS)}
    return [*sorted(names), "store.write.before-commit:9", "store.write.before-commit:25", "lake.file-placed:4"]


def work(folder: Path, home: Path, spent: Path | None = None, most: float | None = None) -> None:
    """Do the main job as the command line does; with *most* the kernel ends it after so much processor time."""
    sys.argv = ["limbeck", "run", str(folder / "shop.toml"), "--home", str(home), "--output", str(home / "out")]
    sys.argv.append("--json")
    if most is not None:
        signal.setitimer(signal.ITIMER_PROF, most)  # nobody handles SIGPROF, so it kills as SIGKILL does
    began = time.process_time()
    try:
        main()
    finally:
        if spent is not None:
            spent.write_text(str(time.process_time() - began))


def outcome(home: Path) -> tuple[Any, ...]:
    """What the run left: the summary without times and random names, the scores, and what was delivered."""
    summary = json.loads((home / "out" / "summary.json").read_text())
    parts = {
        "model": ("run_id", "trained"),
        "audience": ("id", "evaluated"),
        "activation": ("files", "manifest"),
        "": ("seconds", "generated"),
    }
    for part, names in parts.items():
        for name in names:
            del (summary[part] if part else summary)[name]
    for found in summary["snapshots"].values():
        del found["id"]
    assert (home / "out" / "report.html").stat().st_size > 10_000
    delivered = home / "landing-zone" / "dlz-destination" / "limbeck" / "shop" / "activation"
    kinds = sorted(path.suffix for path in delivered.iterdir())
    (file,) = delivered.glob("*.csv")
    return summary, scores(home / "out" / "scores.parquet"), kinds, file.read_text()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, float]:
    """The folder of the sources, what an undisturbed run gives, and the processor time it takes."""
    folder = tmp_path_factory.mktemp("shop")
    shop.write(folder)
    (folder / "shop.toml").write_text(DEFINITION)
    children.finish(children.start(work, folder, folder / "home", folder / "spent"))
    return folder, outcome(folder / "home"), float((folder / "spent").read_text())


def assert_the_same(folder: Path, home: Path, expected: Any) -> None:
    children.finish(children.start(work, folder, home))
    assert outcome(home) == expected
    left = [p.name for p in (home / "workflow" / "shop").iterdir()]
    assert not [name for name in left if name.startswith(".")], left


@pytest.mark.parametrize("point", points())
def test_killed_at_a_named_point(undisturbed: tuple[Path, Any, float], tmp_path: Path, point: str) -> None:
    folder, expected, _ = undisturbed
    children.killed(work, folder, tmp_path / "home", crash_at=point)
    assert_the_same(folder, tmp_path / "home", expected)


@pytest.mark.parametrize("seed", TIMES)
def test_killed_at_a_random_time(undisturbed: tuple[Path, Any, float], tmp_path: Path, seed: int) -> None:
    folder, expected, spent = undisturbed
    most = spent * (seed + random.Random(seed).random()) / len(TIMES)
    child = children.start(work, folder, tmp_path / "home", None, most)
    child.join()
    assert child.exitcode in (-signal.SIGPROF, 0)
    assert_the_same(folder, tmp_path / "home", expected)
