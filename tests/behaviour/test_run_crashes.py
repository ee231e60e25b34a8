"""A run that is killed anywhere, and more than once, ends as if nothing had happened when it is run again."""

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
from limbeck import crash
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

CHAINS = 3
"""Every third point kills one home, one after the other."""

LATER = ("store.write.before-commit:25", "lake.file-placed:4")
"""Later passages through points that are passed often."""

KILLS = 3
"""How often a home is killed at random times."""


def points() -> set[str]:
    """Every named point of the code that this run passes."""
    texts = (path.read_text() for path in SOURCE.rglob("*.py"))
    names = {name for text in texts for name in re.findall(r'crash\.point\("([^"]+)"\)', text)} - ELSEWHERE
    return {name for name in names if not name.startswith(STATEMENTS)}


def work(folder: Path, home: Path, most: float | None = None) -> None:
    """Do the main job as the command line does; with *most* the kernel ends it after so much processor time."""
    sys.argv = ["limbeck", "run", str(folder / "shop.toml"), "--home", str(home), "--output", str(home / "out")]
    sys.argv.append("--json")
    if most is not None:
        signal.setitimer(signal.ITIMER_PROF, most)  # nobody handles SIGPROF, so it kills as SIGKILL does
    main()


def watched(folder: Path, home: Path, told: Path) -> None:
    """Do it, and tell the points in the order of their first passages, and the processor time spent."""
    passed: dict[str, None] = {}
    crash.point = lambda name: passed.setdefault(name)
    began = time.process_time()
    try:
        work(folder, home)
    finally:
        told.write_text(json.dumps({"points": list(passed), "spent": time.process_time() - began}))


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


class Undisturbed:
    """The folder of the sources, and what a run gives and does that nobody kills."""

    def __init__(self, folder: Path) -> None:
        shop.write(folder)
        (folder / "shop.toml").write_text(DEFINITION)
        children.finish(children.start(watched, folder, folder / "home", folder / "told"))
        told = json.loads((folder / "told").read_text())
        self.folder, self.outcome = folder, outcome(folder / "home")
        self.points: list[str] = told["points"]
        self.spent: float = told["spent"]

    def assert_the_same(self, home: Path) -> None:
        """Run once more, to the end."""
        children.finish(children.start(work, self.folder, home))
        assert outcome(home) == self.outcome
        left = [p.name for p in (home / "workflow" / "shop").iterdir()]
        assert not [name for name in left if name.startswith(".")], left


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return Undisturbed(tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize("chain", range(CHAINS))
def test_killed_at_one_named_point_after_the_other(undisturbed: Undisturbed, tmp_path: Path, chain: int) -> None:
    """What comes first kills first, so that each run still has the next point before it."""
    assert set(undisturbed.points) >= points()
    for point in undisturbed.points[chain::CHAINS]:
        children.killed(work, undisturbed.folder, tmp_path / "home", crash_at=point)
    undisturbed.assert_the_same(tmp_path / "home")


@pytest.mark.parametrize("point", LATER)
def test_killed_at_a_later_passage(undisturbed: Undisturbed, tmp_path: Path, point: str) -> None:
    children.killed(work, undisturbed.folder, tmp_path / "home", crash_at=point)
    undisturbed.assert_the_same(tmp_path / "home")


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again(undisturbed: Undisturbed, tmp_path: Path, seed: int) -> None:
    drawn = random.Random(seed)
    for _ in range(KILLS):
        most = undisturbed.spent * drawn.uniform(0.05, 0.6)
        child = children.start(work, undisturbed.folder, tmp_path / "home", most)
        child.join()
        assert child.exitcode in (-signal.SIGPROF, 0)
    undisturbed.assert_the_same(tmp_path / "home")
