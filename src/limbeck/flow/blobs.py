"""The folder of a landing zone as containers of blobs, which appear whole (REST contract, section 9.2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from limbeck import crash, ids
from limbeck.errors import Conflict, InvalidInput, NotFound
from limbeck.files.folder import COPY_BYTES, sync
from limbeck.flow.storage import CONTAINERS, Area, FolderStorage
from limbeck.flow.storage.folder import zone_named

BLOCK_AGE_S = 7 * 86_400
"""Blocks that were never committed go after a week, as in Azure."""

MOST_BLOCKS = 50_000

_COMMITTED = "committed.txt"
"""What a blob was made of, beside its blocks; none of them has a dot in its name."""


class NoContainer(NotFound):
    """The landing zone has no such container."""


class BlobExists(Conflict):
    """A blob was to be made, and is there already."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob as it was when it was looked at."""

    name: str
    """Inside its container, with slashes."""
    path: Path
    bytes: int
    modified: datetime
    etag: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a container's blobs and, with a delimiter, of the beginnings that several have in common."""

    blobs: tuple[Blob, ...]
    prefixes: tuple[str, ...]
    following: str
    """Where the next page begins; empty after the last."""


class Blobs:
    """The blobs of a landing zone's two areas; hidden files (`.…`) are none."""

    def __init__(self, zone: FolderStorage) -> None:
        self._zone = zone

    def area(self, container: str) -> Area:
        """Return the area of a container; raise `NoContainer` if there is none such."""
        for area, name in CONTAINERS.items():
            if name == container:
                return area
        raise NoContainer(f"there is no container {container!r}; there are {', '.join(CONTAINERS.values())}")

    def get(self, container: str, name: str) -> Blob:
        """Return a blob; raise `NotFound` if there is none."""
        path = self._path(container, name)
        if not path.is_file() or path.is_symlink():
            raise NotFound(f"there is no blob {name!r} in {container}")
        return _blob(name, path)

    def find(self, container: str, name: str) -> Blob | None:
        """Return a blob, or None."""
        try:
            return self.get(container, name)
        except NotFound:
            return None

    def page(self, container: str, prefix: str, delimiter: str, marker: str, most: int) -> Listed:
        """Return the blobs whose names begin with *prefix*, from *marker* on, *most* at a time, in order of names."""
        blobs: list[Blob] = []
        prefixes: list[str] = []
        for name, path in self._names(container, prefix):
            head = _common(name, prefix, delimiter)
            if (head or name) < marker or (head is not None and prefixes[-1:] == [head]):
                continue
            if len(blobs) + len(prefixes) == most:
                return Listed(tuple(blobs), tuple(prefixes), head or name)
            if head is not None:
                prefixes.append(head)
            elif path.is_file():
                blobs.append(_blob(name, path))
        return Listed(tuple(blobs), tuple(prefixes), "")

    def put(self, container: str, name: str, body: BinaryIO) -> Blob:
        """Write a blob, which appears whole, in the place of one that is there."""
        return self._appear(container, name, lambda handle: shutil.copyfileobj(body, handle, COPY_BYTES))

    def make_folder(self, container: str, name: str) -> None:
        """Make an empty folder, which some clients mark by an empty blob."""
        path = self._path(container, name)
        with zone_named(path):
            path.mkdir(parents=True, exist_ok=True)

    def delete(self, container: str, name: str) -> None:
        """Delete a blob; raise `NotFound` if there is none."""
        path = self.get(container, name).path
        with zone_named(path):
            path.unlink(missing_ok=True)

    # -- in blocks ---------------------------------------------------------------------------------------------

    def put_block(self, container: str, name: str, block_id: str, body: BinaryIO) -> None:
        """Keep a block for a blob that is yet to be committed."""
        self._path(container, name)
        folder = self._blocks(container, name)
        path = folder / _block_name(block_id)
        beside = path.with_name(f"{path.name}.{ids.new_uuid()}")
        with zone_named(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                with beside.open("wb") as handle:
                    shutil.copyfileobj(body, handle, COPY_BYTES)
                beside.replace(path)
            finally:
                beside.unlink(missing_ok=True)

    def commit(self, container: str, name: str, block_ids: Sequence[str]) -> Blob:
        """Make a blob of blocks, in their order; raise `InvalidInput` if one was never sent.

        The same again, of a client that has heard no answer, gives the blob that was made, if it is still there.
        """
        folder = self._blocks(container, name)
        paths = [folder / _block_name(block_id) for block_id in block_ids]
        absent = next((i for i, path in zip(block_ids, paths, strict=True) if not path.is_file()), None)
        if absent is not None and (made := self.find(container, name)) and _is_committed(folder, made, block_ids):
            return made
        if absent is not None or len(paths) > MOST_BLOCKS:
            raise InvalidInput(f"block {absent!r} of {name!r} was never sent")

        def join(handle: BinaryIO) -> None:
            for path in paths:
                with path.open("rb") as block:
                    shutil.copyfileobj(block, handle, COPY_BYTES)

        made = self._appear(container, name, join)
        if folder.is_dir():
            _note_committed(folder, made, block_ids)
        return made

    def blocks(self, container: str, name: str) -> list[tuple[str, int]]:
        """Return the blocks of a blob that are not committed, each with its bytes."""
        folder = self._blocks(container, name)
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [
            (base64.b64encode(bytes.fromhex(p.name)).decode(), p.stat().st_size) for p in found if "." not in p.name
        ]

    def sweep(self) -> None:
        """Remove blocks that nobody has committed for a week."""
        root, before = self._zone.root / ".blocks", time.time() - BLOCK_AGE_S
        for folder in root.iterdir() if root.is_dir() else ():
            if folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)

    # ----------------------------------------------------------------------------------------------------------

    def _appear(self, container: str, name: str, write: Callable[[BinaryIO], object]) -> Blob:
        target = self._path(container, name)
        if target.is_dir() or not target.name:
            raise BlobExists(f"{name!r} is a folder of {container}; a folder and a blob cannot have one name here")
        with zone_named(target):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                raise BlobExists(f"a part of {name!r} is a blob of {container}; it cannot be a folder, too") from error
            beside = target.with_name(f".{ids.new_uuid()}.part")
            try:
                with beside.open("wb") as handle:
                    write(handle)
                sync(beside)
                crash.point("flow.blob-written")
                beside.replace(target)
                sync(target.parent)
            finally:
                beside.unlink(missing_ok=True)
        return _blob(name, target)

    def _path(self, container: str, name: str) -> Path:
        area, parts = self.area(container), name.split("/")
        if not name or any(part.startswith(".") or not part for part in parts):
            raise InvalidInput(f"{name!r} is no name of a blob here: no part of it is empty or begins with a dot")
        return self._zone.inside(area, name)

    def _blocks(self, container: str, name: str) -> Path:
        return self._zone.root / ".blocks" / hashlib.sha256(f"{container}/{name}".encode()).hexdigest()

    def _names(self, container: str, prefix: str) -> Iterator[tuple[str, Path]]:
        """Yield names and paths in the order of the names, of those that begin with *prefix*."""
        root = self._zone.area(self.area(container))
        above = prefix.rpartition("/")[0]
        if any(part.startswith(".") for part in above.split("/") if part):
            return
        found = []
        for parent, folders, files in os.walk(root / above if above else root):
            folders[:] = [f for f in folders if not f.startswith(".")]
            paths = (Path(parent) / f for f in files if not f.startswith("."))
            found += [(path.relative_to(root).as_posix(), path) for path in paths if not path.is_symlink()]
        yield from sorted((name, path) for name, path in found if name.startswith(prefix))


def _blob(name: str, path: Path) -> Blob:
    stat = path.stat()
    moment = datetime.fromtimestamp(stat.st_mtime, UTC)
    return Blob(name, path, stat.st_size, moment, f'"0x{stat.st_mtime_ns:X}{stat.st_size:X}"')


def _common(name: str, prefix: str, delimiter: str) -> str | None:
    """Return the beginning of a name that ends with the first delimiter after *prefix*, if there is one."""
    head, found, _ = name.removeprefix(prefix).partition(delimiter) if delimiter else (name, "", "")
    return f"{prefix}{head}{delimiter}" if found else None


def _note_committed(folder: Path, made: Blob, block_ids: Sequence[str]) -> None:
    """Keep of the blocks of a blob nothing but what it was made of."""
    (folder / _COMMITTED).write_text(_commitment(made, block_ids))
    for path in folder.iterdir():
        if path.name != _COMMITTED:
            path.unlink(missing_ok=True)


def _is_committed(folder: Path, made: Blob, block_ids: Sequence[str]) -> bool:
    noted = folder / _COMMITTED
    return noted.is_file() and noted.read_text() == _commitment(made, block_ids)


def _commitment(made: Blob, block_ids: Sequence[str]) -> str:
    return f"{made.etag} {hashlib.sha256(' '.join(block_ids).encode()).hexdigest()}"


def _block_name(block_id: str) -> str:
    """Return a file name for a block; raise `InvalidInput` for what is no block id."""
    try:
        raw = base64.b64decode(block_id, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"the block id {block_id[:100]!r} is not Base64") from error
    if not 0 < len(raw) <= 64:
        raise InvalidInput(f"the block id {block_id[:100]!r} is not of 1 to 64 bytes")
    return raw.hex()
