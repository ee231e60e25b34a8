"""A folder of files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from limbeck import ids
from limbeck.errors import DiskFull, InvalidInput

COPY_BYTES = 1024 * 1024


class Folder:
    """Files under one root, named by relative POSIX paths that cannot leave it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Return where *name* lies; raise `InvalidInput` if that is outside the root."""
        target = Path(os.path.normpath(self.root / name))
        if not target.is_relative_to(self.root) or target == self.root or "\0" in name:
            raise InvalidInput(f"{name!r} is not a file name inside the folder")
        return target

    def adopt(self, source: Path, name: str) -> None:
        """Move a finished file here under *name*, durably; it appears whole."""
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with disk_full_named():
            sync(source)
            try:
                source.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                beside = target.with_name(f".{target.name}.{ids.new_uuid()}")
                bring(source, beside)
                beside.replace(target)
            sync(target.parent)

    def write(self, name: str, body: BinaryIO) -> int:
        """Store the rest of *body* under *name*, replacing what was there; return its size in bytes."""
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name[:100]}.{ids.new_uuid()}")
        try:
            with disk_full_named(), beside.open("wb") as handle:
                shutil.copyfileobj(body, handle, COPY_BYTES)
                size = handle.tell()
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        return size

    def delete(self, name: str) -> None:
        """Remove a file, or a folder with all in it; do nothing if it is not there."""
        target = self.path(name)
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)

    def touched(self, name: str, since: datetime) -> bool:
        """Tell whether anything inside the folder *name* was written *since* then."""
        return any(path.stat().st_mtime >= since.timestamp() for path in self.path(name).rglob("*"))

    def names(self) -> Iterator[str]:
        """Yield the name of every file under the root."""
        for parent, _, files in os.walk(self.root):
            for name in files:
                yield (Path(parent) / name).relative_to(self.root).as_posix()


def bring(source: Path, target: Path) -> None:
    """Move a finished file to *target*, durably. From another disk it is copied: *target* is hidden until then."""
    sync(source)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        try:
            shutil.copyfile(source, target)
            sync(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        source.unlink()


class disk_full_named:  # noqa: N801 - reads as the statement it is: `with disk_full_named():`
    """Turn the operating system's "no space left" into `DiskFull`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "no space left on the disk of the home; nothing was published. Free space and run again"
            ) from error


def sync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, survive a power cut."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
