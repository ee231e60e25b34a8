"""A folder's files appear whole or not at all, and no name leads out of it."""

from __future__ import annotations

import errno
import io
import tempfile
from pathlib import Path

import pytest

from limbeck.errors import DiskFull, InvalidInput
from limbeck.files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "root")


class Broken(io.BytesIO):
    """A body that ends in an error after its first bytes."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(b"half of it")
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        if not found:
            raise self._error
        return found


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a/b/../../..", "a\0b", "../root-too/x"]
)
def test_no_name_leads_out(folder: Folder, name: str) -> None:
    with pytest.raises(InvalidInput, match="inside the folder"):
        folder.path(name)
    with pytest.raises(InvalidInput):
        folder.write(name, io.BytesIO(b"x"))
    with pytest.raises(InvalidInput):
        folder.delete(name)


@pytest.mark.parametrize("name", ["a", "a/b.parquet", "a/../b", "..a", "ä ö/%2e%2e"])
def test_names_inside_are_written_and_listed(folder: Folder, name: str) -> None:
    assert folder.write(name, io.BytesIO(b"12345")) == 5
    assert folder.path(name).read_bytes() == b"12345"
    assert [folder.path(n) for n in folder.names()] == [folder.path(name)]


def test_a_second_write_replaces_the_first(folder: Folder) -> None:
    folder.write("a", io.BytesIO(b"a long text"))
    folder.write("a", io.BytesIO(b"short"))
    assert folder.path("a").read_bytes() == b"short"


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull),
        (OSError(errno.EDQUOT, "Quota exceeded"), DiskFull),
        (ConnectionResetError("gone"), ConnectionResetError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_write_that_breaks_off_leaves_what_was_there(
    folder: Folder, error: BaseException, seen: type[BaseException]
) -> None:
    folder.write("a", io.BytesIO(b"before"))
    with pytest.raises(seen):
        folder.write("a", Broken(error))
    with pytest.raises(seen):
        folder.write("b", Broken(error))
    assert list(folder.names()) == ["a"]
    assert folder.path("a").read_bytes() == b"before"


def test_adopting_moves_the_file(folder: Folder, tmp_path: Path) -> None:
    source = tmp_path / "made"
    source.write_bytes(b"rows")
    folder.adopt(source, "deep/er/a")
    assert list(folder.names()) == ["deep/er/a"]
    assert folder.path("deep/er/a").read_bytes() == b"rows"
    assert not source.exists()


def test_adopting_from_another_disk_moves_it_too(folder: Folder) -> None:
    other = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=other) as elsewhere:
        source = Path(elsewhere) / "made"
        source.write_bytes(b"rows")
        folder.adopt(source, "a")
        assert not source.exists()
    assert list(folder.names()) == ["a"]
    assert folder.path("a").read_bytes() == b"rows"


def test_deleting_takes_files_folders_and_nothing_calmly(folder: Folder) -> None:
    for name in ("a", "b/c", "b/d/e", "f"):
        folder.write(name, io.BytesIO(b"x"))
    for name in ("a", "b", "never-there"):
        folder.delete(name)
    assert list(folder.names()) == ["f"]
