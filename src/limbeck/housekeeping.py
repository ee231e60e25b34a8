"""Freeing the disk of a home: what nothing needs any more of the platform's files and of the workflow's."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from limbeck import disk
from limbeck.disk import Leftover
from limbeck.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from limbeck.platform import Platform
    from limbeck.settings import Settings

AGE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed, or would be by one that is not a dry run."""

    leftovers: tuple[Leftover, ...]
    versions: int
    """Old versions of tables that were forgotten."""
    dry_run: bool

    @property
    def bytes(self) -> int:
        """Return what that frees."""
        return sum(leftover.bytes for leftover in self.leftovers)


def clean(home: Path | str | None = None, older_than: timedelta = AGE, *, dry_run: bool = False) -> Cleaned:
    """Free the disk of *home* (`./.limbeck`) of what nothing needs, and return what went; with *dry_run*, what would.

    Old versions of tables, old exports, and results of the workflow under keys that are not in use go once they are
    older than *older_than*, versions not before the retention of the settings, exports not before a day. Files of the
    lake that no table has, and folders of scratch, go once they are a day old; what killed runs of the workflow left
    goes at once. What belongs to a definition of which a step is running is left alone.

    Other processes may work on the home meanwhile, and this one may be killed: the next call goes on. Raise `NotFound`
    if there is no home, `HomeError` if something cannot be removed.
    """
    from limbeck.settings import Settings

    settings = Settings.load(home)
    gone, versions = [], 0
    with _opened(settings) as platform:
        forgotten = frozenset[str]()
        if platform is not None:
            expired = platform.expirable(older_than)
            versions, forgotten = expired.snapshots, expired.files if dry_run else forgotten
            if not dry_run:
                platform.expire(older_than)
        for leftover in _leftovers(settings, platform, older_than, forgotten):
            if not dry_run:
                disk.remove(leftover.path)  # before the next one is asked for: so long its lock is held
            gone.append(leftover)
    return Cleaned(tuple(gone), versions, dry_run)


def sizes(home: Path | str | None = None) -> dict[str, int]:
    """Return the bytes that each kind of thing takes in *home* (`./.limbeck`), and a landing zone that is a folder."""
    from limbeck.flow.storage import CONTAINERS
    from limbeck.settings import Settings

    settings = Settings.load(home)
    root, zone = settings.home, settings.zone
    folders = {
        "lake": [settings.lake],
        "metadata store": [*root.glob("limbeck.db*")],
        "landing zone, uploads": [zone / CONTAINERS["upload"]] if zone else [],
        "landing zone, exports": [zone / CONTAINERS["export"]] if zone else [],
        "staging": [settings.staging],
        "diagnostics": [settings.diagnostics],
        "spill": [settings.scratch],
        "audiences": [root / "audiences"],
        "workflow": [root / "workflow"],
        "models": [root / "models", *root.glob("mlflow.db*")],
        "output": [root / "output"],
    }
    return {kind: sum(map(disk.size, paths)) for kind, paths in folders.items()}


def age(text: str) -> timedelta:
    """Return the time that a text such as `7 days` or `12 hours` stands for; raise `InvalidInput` for another."""
    found = re.fullmatch(r"(\d{1,5}) ?(day|days|hour|hours)", text.strip(), re.ASCII)
    if found is None:
        raise InvalidInput(f"{text!r} is no age; write it as '7 days' or '12 hours'")
    return timedelta(**{"days" if found[2].startswith("day") else "hours": int(found[1])})


def _leftovers(
    settings: Settings, platform: Platform | None, older_than: timedelta, forgotten: frozenset[str]
) -> Iterator[Leftover]:
    from limbeck.workflow.leftovers import leftovers

    if platform is not None:
        yield from platform.leftovers(older_than, forgotten)
    yield from leftovers(settings.home, time.time() - older_than.total_seconds())


@contextmanager
def _opened(settings: Settings) -> Iterator[Platform | None]:
    """Open the platform of a home without starting it; None for a home that holds a workflow's files only."""
    from limbeck.platform import Platform

    if not settings.lake.is_dir():
        if not (settings.home / "workflow").is_dir():
            raise NotFound(f"there is no home in {settings.home}; name the folder with --home")
        yield None
        return
    platform = Platform(settings)
    try:
        yield platform
    finally:
        platform.close()
