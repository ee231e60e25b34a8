"""What a landing zone asks of the place where it lies: two areas of files, each of which appears whole.

Names are relative to an area, with slashes; `LandingZone` has checked them. Every method raises `LandingZoneError` if
the place cannot be reached or used, in words without secrets, and `DiskFull` if it has no space left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal

Area = Literal["upload", "export"]

CONTAINERS: dict[Area, str] = {"upload": "dlz-user-container", "export": "dlz-destination"}
"""AEP's names of the areas, which are the names of their folders."""

LIFETIME = timedelta(days=7)
"""How long users get into an area before they ask anew."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was when it was listed."""

    path: str
    """Inside the area, with slashes."""
    bytes: int
    modified: int
    """Nanoseconds since 1970."""
    version: str = ""
    """What the place calls this content of the file, if it has a word for it."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def modified_ms(self) -> int:
        """Milliseconds since 1970, as the store keeps it."""
        return self.modified // 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies directly in a folder."""

    path: str
    """Inside the area, with slashes."""
    is_folder: bool

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Access:
    """How users get into an area."""

    place: Mapping[str, str]
    """Where it lies, as `Storage.place` tells it; a URL may hold a secret."""
    secrets: Mapping[str, str]
    """What opens it; empty if users have what is needed."""
    ends: datetime | None = None
    """When the secrets end, if they do."""
    are_for_others: bool = True
    """Whether the secrets may leave the process of the platform."""


class Storage(ABC):
    """Where the files of a landing zone lie."""

    provider: ClassVar[str]
    """What AEP calls places of this kind."""
    appear_together: ClassVar[bool]
    """Whether several files can appear at once, as a folder that is renamed."""

    @property
    @abstractmethod
    def shown(self) -> str:
        """Where it lies, for people: without secrets."""

    @abstractmethod
    def before(self, area: Area) -> str:
        """Return what AEP's clients may put before a path of an area: its container, or its folder in a bucket."""

    @abstractmethod
    def place(self, area: Area) -> Mapping[str, str]:
        """Return where an area lies, in the words of its kind: `account`, `container` and `url`; `bucket` and `folder`;
        `host`, `port` and `folder`.
        """

    @abstractmethod
    def prepare(self) -> None:
        """Make the areas if they are not there, at the start of a platform.

        Raise `LandingZoneError` or `MissingExtra`, which say how to mend it, if they can never be used.
        """

    @abstractmethod
    def check(self, area: Area) -> None:
        """Raise `LandingZoneError` if an area cannot be reached."""

    @abstractmethod
    def access(self, area: Area, writes: bool) -> Access:
        """Return how users get into an area, to read or also to write."""

    def environment(self) -> Mapping[str, str]:
        """Return the variables by which programs' own libraries find the zone; none where they need no such."""
        return {}

    @abstractmethod
    def find(self, area: Area, name: str, recursive: bool = True) -> Iterator[Found]:
        """Yield the files of a folder, or the one file *name*; none if it is not there."""

    @abstractmethod
    def entries(self, area: Area, folder: str) -> Iterator[Entry]:
        """Yield what lies directly in a folder; nothing if it is not there."""

    @abstractmethod
    def look(self, area: Area, name: str) -> Found | None:
        """Return a file as it is now, or None."""

    @abstractmethod
    def fetch(self, area: Area, name: str, target: Path) -> None:
        """Copy a file to the local file *target*; raise `FileNotFoundError` if there is none."""

    @abstractmethod
    def ready(self, area: Area, folder: str) -> None:
        """Make a folder, if there are such here; raise `LandingZoneError` if nothing can be written into it."""

    @abstractmethod
    def write(self, area: Area, name: str, source: Path, run_id: str) -> None:
        """Move the local file *source* to *name*, where it appears whole, in the place of one that is there.

        What a killed process leaves of it is not seen, and goes when the run does it again.
        """

    @abstractmethod
    def write_together(self, area: Area, hidden: str, names: Iterable[str], sources: Mapping[str, Path]) -> str:
        """Move local files into a folder that appears whole, under the first of *names* that is free; return that.

        *sources* are files by their names in the folder: one, unless they can `appear_together`. *hidden* is the name
        of the folder as long as it is not whole, where there are folders.
        """

    @abstractmethod
    def delete(self, area: Area, name: str) -> None:
        """Delete a file, or a folder with all in it; do nothing if it is not there."""
