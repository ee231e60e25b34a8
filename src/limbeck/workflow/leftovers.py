"""What the workflow could do without: results under keys that are no longer in use, and what killed runs left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from limbeck.disk import Leftover, is_part, leftover
from limbeck.lock import lock_if_free
from limbeck.workflow import latest
from limbeck.workflow.tracking import DATABASE

KEY = "[0-9a-f]{12}"
RESULT = re.compile(
    rf"(train|test|score|monitor|synthetic)-{KEY}|(explore|overview|audience|sets|evaluation|scores)-{KEY}\.json"
    rf"|scores-{KEY}\.parquet",
    re.ASCII,
)
"""The names of results, each with its key."""

ON_THE_WAY = re.compile(rf"scores-{KEY}-\d+\.parquet", re.ASCII)
"""The name of a file of scores on its way to the landing zone."""


def leftovers(home: Path, before: float) -> Iterator[Leftover]:
    """Yield what could go from the folders of the workflow in *home*.

    Results go if they were made before *before* (seconds since 1970) and the latest run does not use them; where no
    run told what it uses, all are kept. What runs and steps in other processes hold is left out: until the next item
    is asked for, the lock on the folder of the last one is held.
    """
    for folder in latest.folders(home):
        if not (folder / latest.LOCK).is_file():
            continue  # nothing of ours
        with lock_if_free(folder / latest.LOCK) as is_free:
            if is_free:
                known = latest.read(folder)
                outputs = {home / "output" / folder.name, *([Path(known.output)] if known else [])}
                yield from _unfinished(folder, *sorted(outputs))
                yield from _unused(folder, known, before)
    if (home / DATABASE).exists():
        with lock_if_free(home / f"{DATABASE}.lock") as is_free:
            yield from _unfinished(home) if is_free else ()


def _unfinished(*folders: Path) -> Iterator[Leftover]:
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if is_part(path.name) or ON_THE_WAY.fullmatch(path.name):
                found = leftover(path, "unfinished; its process is gone")
                if found is not None:
                    yield found


def _unused(folder: Path, known: latest.Latest | None, before: float) -> Iterator[Leftover]:
    if known is None:
        return
    for path in sorted(folder.iterdir()):
        if RESULT.fullmatch(path.name) and path.name not in known.uses:
            found = leftover(path, f"a result of {folder.name} that its latest run does not use", before)
            if found is not None:
                yield found
