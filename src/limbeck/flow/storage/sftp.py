"""A landing zone in a folder of another machine, reached by SFTP.

Keys, agents, known hosts and aliases are those of OpenSSH: `~/.ssh/config` is read. A file is written under a hidden
name and renamed, a folder of files likewise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limbeck import crash
from limbeck.flow.storage.base import CONTAINERS, Access, Area
from limbeck.flow.storage.remote import RemoteStorage

TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class Host:
    """Another machine, and as whom it is entered; what is not told is what OpenSSH's configuration says."""

    name: str
    port: int | None
    user: str | None
    password: str | None = field(default=None, repr=False)

    @property
    def options(self) -> dict[str, Any]:
        """What a connection is told."""
        told = {"port": self.port, "username": self.user, "password": self.password}
        return {name: value for name, value in told.items() if value is not None}


class SftpStorage(RemoteStorage):
    """Two folders in one of another machine."""

    provider = "SFTP"
    library = "sshfs"
    extra = "sftp"
    changed = "mtime"
    mend = (
        "check host, user and folder, your key or agent, and that the host's key is known: `ssh` or `sftp` from this "
        "machine must get there without a question"
    )
    appear_together = True

    def __init__(self, host: Host, folder: str, lock: Path) -> None:
        super().__init__({area: f"{folder}/{name}" for area, name in CONTAINERS.items()}, lock)
        self.host = host
        self._folder = folder

    @property
    def shown(self) -> str:
        """Host and folder."""
        user = f"{self.host.user}@" if self.host.user else ""
        port = f":{self.host.port}" if self.host.port else ""
        folder = self._folder if self._folder.startswith("/") else f"/~/{self._folder}"
        return f"sftp://{user}{self.host.name}{port}{folder}"

    def before(self, area: Area) -> str:
        """Return the name of the area's folder."""
        return CONTAINERS[area]

    def place(self, area: Area) -> Mapping[str, str]:
        """Return the host, and the area's folder on it."""
        port = {"port": str(self.host.port)} if self.host.port else {}
        return {"host": self.host.name, **port, "folder": self.roots[area]}

    def access(self, area: Area, writes: bool) -> Access:
        """Return where the area lies: users come with their own key, the platform's process with its."""
        own = {"user": self.host.user, "password": self.host.password}
        return Access(self.place(area), {k: v for k, v in own.items() if v is not None}, are_for_others=False)

    def prepare(self) -> None:
        """Make the two folders, and those above them; raise as all do if that is not possible."""
        for area in self.roots:
            self.ready(area, "")

    def ready(self, area: Area, folder: str) -> None:
        """Make a folder."""
        with self._named():
            self._files.makedirs(self._path(area, folder), exist_ok=True)

    def write(self, area: Area, name: str, source: Path, run_id: str) -> None:
        """Send a file under a name that is hidden and the run's own, and rename it."""
        folder, _, last = self._path(area, name).rpartition("/")
        beside = f"{folder}/.{last}.{run_id}.part"
        with self._named():
            try:
                self._files.put_file(str(source), beside)
                crash.point("flow.file-hidden")
                self._rename(beside, f"{folder}/{last}", replaces=True)
            except BaseException:
                self._remove(beside)
                raise
        source.unlink()

    def write_together(self, area: Area, hidden: str, names: Iterable[str], sources: Mapping[str, Path]) -> str:
        """Send files into a hidden folder, and rename that."""
        beside = self._path(area, hidden)
        with self._named():
            try:
                self._remove(beside)
                for name, source in sources.items():
                    self._files.put_file(str(source), f"{beside}/{name}")
                crash.point("flow.export-written")
                found = next(name for name in names if self._appeared(beside, self._path(area, name)))
            except BaseException:
                self._remove(beside)
                raise
        for source in sources.values():
            source.unlink()
        return found

    # ----------------------------------------------------------------------------------------------------------

    def _appeared(self, beside: str, path: str) -> bool:
        """Rename a finished folder; return False if the name is taken."""
        self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
        if self._files.exists(path):
            return False
        try:
            self._rename(beside, path, replaces=False)
        except Exception:
            if not self._files.exists(path):
                raise
            return False  # another export took the name meanwhile
        return True

    def _rename(self, source: str, target: str, *, replaces: bool) -> None:
        """Rename in one step; where a server cannot replace a file so, that one is deleted before."""
        from asyncssh.sftp import SFTPNoSuchFile, SFTPOpUnsupported
        from fsspec.asyn import sync

        async def rename() -> None:
            async with self._files.client.start_sftp_client() as sftp:
                if not replaces:
                    await sftp.rename(source, target)
                    return
                try:
                    await sftp.posix_rename(source, target)
                except SFTPOpUnsupported:
                    with suppress(SFTPNoSuchFile):
                        await sftp.remove(target)
                    await sftp.rename(source, target)

        sync(self._files.loop, rename)

    def _remove(self, path: str) -> None:
        with suppress(Exception):
            self._files.rm(path, recursive=True)

    def _open(self) -> Any:
        from sshfs import SSHFileSystem

        return SSHFileSystem(
            self.host.name,
            known_hosts=(),  # those of OpenSSH
            connect_timeout=TIMEOUT_S,
            keepalive_interval=TIMEOUT_S,
            skip_instance_cache=True,
            **self.host.options,
        )

    def _require(self, area: Area) -> None:
        self._files.info(self.roots[area])

    def _secrets(self) -> Sequence[str]:
        return [self.host.password or ""]
