"""Reading text files in parts, and making sure that they are UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from limbeck.errors import InvalidFile
from limbeck.ingest.formats import StagedFile

BOM = codecs.BOM_UTF8
_CHUNK = 4 * 1024 * 1024


def chunks(file: StagedFile) -> Iterator[bytes]:
    """Yield the bytes of *file* in parts; raise `InvalidFile` where they stop being UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            _decode(decoder, chunk, file, source.tell() - len(chunk))
            yield chunk
        _decode(decoder, b"", file, source.tell(), final=True)


def check(file: StagedFile) -> None:
    """Raise `InvalidFile` if *file* is not UTF-8."""
    for _ in chunks(file):
        pass


def _decode(
    decoder: codecs.IncrementalDecoder, chunk: bytes, file: StagedFile, start: int, final: bool = False
) -> None:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        raise InvalidFile(
            f'file "{file.name}" is not UTF-8 text (byte {start + error.start + 1}); save it as UTF-8'
        ) from error
