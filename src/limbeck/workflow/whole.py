"""Files that appear whole or not at all, beside each other in the folders of the workflow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limbeck import ids
from limbeck.disk import PART as PART


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name to write to; what is written there appears at *path* when the block ends well, else it is removed."""
    beside = path.with_name(f".{path.name}.{ids.new_uuid()}{PART}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a new folder to write to; it appears at *path*, where nothing is yet, when the block ends well."""
    beside = path.with_name(f".{path.name}.{ids.new_uuid()}{PART}")
    beside.mkdir(parents=True)
    try:
        yield beside
        beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def sweep(folder: Path, name: str = "*") -> None:
    """Remove what killed processes left in *folder* on the way to being whole, under a *name* or a pattern of names."""
    for left in folder.glob(f".{name}{PART}"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
