"""What the lake knows, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from limbeck.xdm.types import Schema

Tags = Mapping[str, Sequence[str]]


SAMPLE = "limbeck/sample"
"""The tag of a dataset that is a sample: the id of the dataset it was drawn from, then what its maker notes."""


def in_profile(tags: Tags) -> bool:
    """Whether the tags of a dataset put it into Profile."""
    return "enabled:true" in tags.get("unifiedProfile", ())


def sample_of(tags: Tags) -> str:
    """Return the id of the dataset that one with these tags is a sample of; empty if it is none."""
    return next(iter(tags.get(SAMPLE, ())), "")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A named table in the lake whose rows follow one XDM schema."""

    id: str
    sandbox_id: str
    name: str
    table: str
    """The name by which SQL knows it (SQL contract, section 5.2)."""
    schema: Schema
    snapshot: int
    """The current snapshot; 0 is the empty one that every dataset begins with."""
    tags: Tags
    created_by: str
    created: datetime
    updated: datetime
    profile_since: int = 0
    """The snapshot at which it came into Profile: only what came later is part of it."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """What its maker says of it besides: a description, and keys that are only kept."""
    etag: str = ""
    """A text that moves with every change of name, tags or body."""

    @property
    def sample_of(self) -> str:
        """The id of the dataset that this one is a sample of; empty if it is none."""
        return sample_of(self.tags)

    @property
    def in_profile(self) -> bool:
        """Whether its rows are part of people's profiles (profile contract, section 1.7)."""
        return in_profile(self.tags)


@dataclass(frozen=True, slots=True)
class Share:
    """Neighbouring rows of a file that came with one batch."""

    batch_id: str | None
    rows: int


@dataclass(frozen=True, slots=True)
class DataFile:
    """A Parquet file of a dataset."""

    path: str
    """Relative to the lake's folder."""
    rows: int
    bytes: int
    fingerprint: str
    """Stands for the file's column names and types."""
    batch_id: str | None = None
    snapshot: int = 0
    """The snapshot that published it."""
    published: int = 0
    """When that was, in milliseconds since 1970."""
    merged: tuple[Share, ...] = ()
    """Of a file that compaction made, what its rows came with, in their order."""

    @property
    def shares(self) -> tuple[Share, ...]:
        """What its rows came with, in their order."""
        return self.merged or (Share(self.batch_id, self.rows),)


@dataclass(frozen=True, slots=True)
class Measure:
    """How much a dataset holds."""

    rows: int
    bytes: int
    """Of its files."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of a dataset; later ones only add to it, unless their operation says otherwise."""

    dataset_id: str
    id: int
    batch_id: str | None
    operation: str
    rows_added: int
    created: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One published snapshot as the feed lists it."""

    position: int
    sandbox_id: str
    dataset_id: str
    snapshot: int
    batch_id: str | None
    operation: str
    published: int
    """When that was, in milliseconds since 1970."""
