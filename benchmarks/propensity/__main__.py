"""Every real data set by its protocol: ours beside the anchor and what is published.

    uv run python benchmarks/propensity [TASK ...] [--data FOLDER] [--home FOLDER]

The tasks over events run the definitions in `examples/` on an embedded platform, those over a table of people call
`limbeck.propensity.fit`; all with the one default configuration, nothing tuned to a data set. An anchor is the better
of an untuned LightGBM and a logistic regression on features made by hand; ours passes if it does not lie below by more
than half of the 95 % interval. Of the e-mail test there is also what the e-mail changes, by arm (`arms.py`). FOLDER of
`--data` holds `bank_marketing`, `online_shoppers` and `hillstrom_email`, which do not come with the repository
(`tables.py` says where they are from); without it these tasks are left out. `--home` keeps the platform for the next
time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import arms
import events
import tables
from measures import MEASURES, Task


def main() -> None:
    """Print a line for each task and measure."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("tasks", nargs="*", help="names of tasks; all if none is named")
    asked.add_argument("--data", type=Path, help="the folder of the tables that do not come with the repository")
    asked.add_argument("--home", type=Path, help="where the platform is kept for the next time")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        found = [task for task in all_tasks(home, given.data) if not given.tasks or task.name in given.tasks]
        print(f"{'task':<32}{'measure':<22}{'ours':>7}{'95 % of resamples':>20}{'anchor':>8}{'':>9}  published")
        passed = [show(task) for task in found]
    print(f"{sum(passed)} of {len(passed)} tasks are not below the anchor by more than its half-interval")
    raise SystemExit(0 if all(passed) else 1)


def all_tasks(home: Path, data: Path | None) -> Iterator[Task]:
    """Yield the tasks, in the order of the data sets' names."""
    yield from events.tasks(home)
    if data is not None:
        yield from tables.tasks(data)
        yield from arms.tasks(data)


def show(task: Task) -> bool:
    """Run *task*, print its lines and return whether it passed."""
    began = time.monotonic()
    measured = task.run()
    for place, name in enumerate(MEASURES if task.judged_by in MEASURES else measured.values):
        ours, anchor = measured.values[name], task.anchor.get(name)
        beside = "" if anchor is None else f"{anchor:.3f}"
        verdict = "" if name != task.judged_by else ("passed" if task.passed(measured) else "BELOW")
        interval = f"{ours['low']:.3f} to {ours['high']:.3f}"
        line = f"{'' if place else task.name:<32}{name:<22}{ours['value']:>7.3f}{interval:>20}"
        print(f"{line}{beside:>8}{verdict:>9}  {task.published.get(name, '')}")
    print(f"{'':<32}{measured.chosen}; {time.monotonic() - began:.0f} s", flush=True)
    return task.passed(measured)


if __name__ == "__main__":
    main()
