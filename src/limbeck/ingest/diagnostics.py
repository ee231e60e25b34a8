"""What is kept of a batch to be looked at: the rows that were set aside, and what its files were (section 13)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select

from limbeck import clock, crash, ids
from limbeck.errors import NotFound
from limbeck.files import Folder
from limbeck.ingest.formats import StagedFile
from limbeck.store import Store
from limbeck.store.tables import batch_meta

INPUT, SAMPLE = "input_files/fileMetaData1.json", "row_errors_sample.json"


@dataclass(frozen=True, slots=True)
class MetaFile:
    """A file that is kept of a batch."""

    name: str
    path: str
    bytes: int


class Diagnostics:
    """The files of batches that are kept to be looked at; each is named by a row of the store, or does not exist."""

    def __init__(self, store: Store, folder: Folder) -> None:
        self._store = store
        self._folder = folder

    def write(
        self, folder: Path, files: Sequence[StagedFile], aside: Mapping[str, Path], samples: Sequence[Mapping[str, Any]]
    ) -> list[MetaFile]:
        """Place what is to be kept, made in *folder*, durably; nothing names it yet."""
        made = dict(aside)
        for name, told in ((INPUT, _told(files)), (SAMPLE, [dict(s) for s in samples] if aside else [])):
            if told:
                made[name] = folder / Path(name).name
                made[name].write_text("".join(f"{json.dumps(t)}\n" for t in told), encoding="utf-8")
        placed = []
        for name, path in made.items():
            placed.append(MetaFile(name, ids.ulid(), path.stat().st_size))
            self._folder.adopt(path, placed[-1].path)
            crash.point("ingest.diagnostics-placed")
        return placed

    def keep(self, connection: Connection, batch_id: str, files: Sequence[MetaFile]) -> None:
        """Name placed files inside the caller's transaction."""
        moment = clock.millis(clock.now())
        rows = [{"batch_id": batch_id, "name": f.name, "path": f.path, "bytes": f.bytes} for f in files]
        if rows:
            connection.execute(insert(batch_meta), [{**row, "created": moment} for row in rows])

    def files(self, batch_id: str) -> list[MetaFile]:
        """Return what is kept of a batch, in the order of names."""
        query = select(batch_meta).where(batch_meta.c.batch_id == batch_id).order_by(batch_meta.c.name)
        with self._store.read() as connection:
            return [MetaFile(row.name, row.path, row.bytes) for row in connection.execute(query)]

    def path(self, batch_id: str, name: str) -> Path:
        """Return where a file lies that is kept of a batch; raise `NotFound` for one that is not."""
        found = next((f for f in self.files(batch_id) if f.name == name), None)
        if found is None:
            raise NotFound(f"nothing called {name!r} is kept of batch {batch_id}")
        return self._folder.path(found.path)


def _told(files: Sequence[StagedFile]) -> list[dict[str, Any]]:
    return [{"name": file.name, "length": file.path.stat().st_size} for file in files]
