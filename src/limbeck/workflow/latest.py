"""What the latest run of a definition read and made, so that others find it without running anything.

`workflow/NAME/latest.json` in the home names the definition's file, the folder of the output, and the results in
`workflow/NAME` that are in use. Its time is that of the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from limbeck.errors import NotFound
from limbeck.workflow.whole import whole

WORKFLOW, FILE = "workflow", "latest.json"
LOCK = "lock"
"""The file in a definition's folder that its running steps lock."""


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest run of a definition."""

    definition: str
    """Path of its file."""
    output: str
    """Folder of summary, report and scores."""
    uses: tuple[str, ...]
    """Names of the results in the folder of the workflow that are in use, sorted."""


def read(folder: Path) -> Latest | None:
    """Return what is known of the latest run in a folder of the workflow; None if there was none that told."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Latest(str(found["definition"]), str(found["output"]), tuple(map(str, found["uses"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(folder: Path, definition: Path, output: Path, uses: Iterable[str], *, whole_run: bool) -> None:
    """Note a run of *definition*. A *whole_run* replaces what was in use; single steps add to it.

    Where nothing was noted before, all that lies in *folder* counts as in use until the next whole run.
    """
    before = read(folder)
    there = before.uses if before else (path.name for path in folder.iterdir())
    names = set(uses) if whole_run else {*uses, *there}
    latest = Latest(str(definition.absolute()), str(output.absolute()), tuple(sorted(names)))
    with whole(folder / FILE) as beside:
        beside.write_text(json.dumps(asdict(latest), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def folders(home: Path) -> Iterator[Path]:
    """Yield the folder of each definition that was run in *home*, by name."""
    found = home / WORKFLOW
    yield from sorted(path for path in (found.iterdir() if found.is_dir() else ()) if path.is_dir())


def definition(home: Path) -> Path:
    """Return the file of the definition that was run last in *home*; raise `NotFound` if it is gone, or none was."""
    found = [(folder / FILE, latest) for folder in folders(home) if (latest := read(folder)) is not None]
    if not found:
        raise NotFound(f"no definition has been run in the home {home} yet; name one, or run: limbeck run DEFINITION")
    path = Path(max(found, key=lambda pair: pair[0].stat().st_mtime_ns)[1].definition)
    if not path.is_file():
        raise NotFound(f"the definition of the latest run, {path}, is no longer there; name another")
    return path
