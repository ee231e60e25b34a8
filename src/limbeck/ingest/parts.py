"""Large files that come in parts: the parts lie in staging, each under its span, until they are joined (section 6)."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from limbeck import crash
from limbeck.errors import InvalidInput, NotFound
from limbeck.files import Folder
from limbeck.files.folder import COPY_BYTES, disk_full_named

_RANGE = re.compile(r"bytes[ =](?P<first>\d+)-(?P<last>\d+)/(?P<total>\d+)")

_BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Span:
    """Which bytes of a file a part is: from *first* to *last*, both included, of *total*."""

    first: int
    last: int
    total: int

    @classmethod
    def parse(cls, text: str | None) -> Span:
        """Read the header `Content-Range`; raise `InvalidInput` if it says no span."""
        found = _RANGE.fullmatch((text or "").strip())
        span = cls(*(int(found[key]) for key in ("first", "last", "total"))) if found else None
        if span is None or not span.first <= span.last < span.total:
            raise InvalidInput(f"the header Content-Range is {text!r}; it tells the bytes of a part: bytes 0-99/1000")
        return span

    @property
    def bytes(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


class Parts:
    """The parts of one file of a batch."""

    def __init__(self, staging: Folder, batch_id: str, name: str) -> None:
        self._staging = staging
        self._folder = f"{batch_id}/parts/{hashlib.sha256(name.encode()).hexdigest()}"
        self._name = name

    def begin(self) -> None:
        """Make ready for parts; those that are there stay."""
        with disk_full_named():
            path = self._staging.path(f"{self._folder}/{_BEGUN}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def put(self, span: Span, body: BinaryIO) -> None:
        """Keep a part, in the place of the same one.

        Raise `NotFound` if the file was not begun, `InvalidInput` for a part of another length than it says.
        """
        self._require()
        name = f"{self._folder}/{span.first}-{span.last}-{span.total}"
        size = self._staging.write(name, body)
        if size != span.bytes:
            self._staging.delete(name)
            raise InvalidInput(f"the part has {size} bytes, the header Content-Range says {span.bytes}")

    def size(self) -> int:
        """Return how many bytes have come; raise `NotFound` if the file was not begun."""
        return sum(span.bytes for span, _ in self._found())

    def joined(self) -> Path:
        """Return the file made of all parts, in staging.

        Raise `InvalidInput` if parts are missing, overlap or disagree about the whole: they stay as they are.
        """
        parts = self._found()
        self._check([span for span, _ in parts])
        folder = self._staging.path(self._folder)
        with disk_full_named(), tempfile.NamedTemporaryFile(dir=folder, prefix="joined-", delete=False) as whole:
            for _, path in parts:
                with path.open("rb") as part:
                    shutil.copyfileobj(part, whole, COPY_BYTES)
        crash.point("ingest.parts-joined")
        return Path(whole.name)

    def forget(self) -> None:
        """Delete the parts."""
        self._staging.delete(self._folder)

    def _check(self, spans: list[Span]) -> None:
        totals = sorted({span.total for span in spans})
        if len(totals) > 1:
            raise InvalidInput(
                f'the parts of "{self._name}" disagree about its size: {", ".join(map(str, totals))} bytes'
            )
        at = 0
        for span in spans:
            if span.first != at:
                fault = "are missing" if span.first > at else "came twice, in parts that overlap"
                raise InvalidInput(f'the bytes from {min(at, span.first)} of "{self._name}" {fault}')
            at = span.last + 1
        if not totals or at != totals[0]:
            raise InvalidInput(f'the bytes from {at} of "{self._name}" are missing')

    def _found(self) -> list[tuple[Span, Path]]:
        folder = self._require()
        paths = [path for path in folder.iterdir() if re.fullmatch(r"\d+-\d+-\d+", path.name)]
        found = [(Span(*map(int, path.name.split("-"))), path) for path in paths]
        return sorted(found, key=lambda one: (one[0].first, one[0].last))

    def _require(self) -> Path:
        folder = self._staging.path(self._folder)
        if not (folder / _BEGUN).exists():
            raise NotFound(f'the upload of "{self._name}" in parts was not begun; POST it with action=INITIALIZE first')
        return folder
