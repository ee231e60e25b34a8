"""Profile: what is known of one person, and the relations of everybody (profile contract, section 3)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from limbeck import clock, ids
from limbeck.engine import Engine
from limbeck.engine.sql import literal
from limbeck.errors import InvalidInput, NotFound
from limbeck.identity import Identities, Identity
from limbeck.identity.namespaces import spelled
from limbeck.lake import Lake
from limbeck.profile.merge import Fragment, Merged, Origin, merge
from limbeck.profile.people import MOST_IDENTITIES, People
from limbeck.profile.source import OWN, TIME, Source
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.xdm.standard.ids import EXPERIENCE_EVENT, PROFILE


class TooManyIdentities(InvalidInput):
    """A person has more identities than profiles may have; it is most often one that many people share."""

    code = "LIMB-1013-422"
    status = 422


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of one person."""

    identities: tuple[Identity, ...]
    merged: Merged
    sources: tuple[str, ...]
    """The datasets that say something."""
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a person did, and the dataset that says so."""

    id: str
    timestamp: datetime
    dataset_id: str
    entity: Mapping[str, Any]


class Profiles:
    """People of a sandbox, merged by the default policy when they are asked for: always as the lake is now."""

    def __init__(self, lake: Lake, registry: Registry, identities: Identities, engine: Engine, scratch: Path) -> None:
        self._lake = lake
        self._registry = registry
        self._identities = identities
        self._engine = engine
        self._scratch = scratch

    def find(self, sandbox: Sandbox, namespace: str, value: str) -> Profile:
        """Return the person with an identity; raise `NotFound`, or `TooManyIdentities` for more than 50."""
        identities = self._cluster(sandbox, namespace, value)
        sources = self._sources(sandbox)
        fragments = [f for s in sources if s.is_record for f in self._fragments(s, identities)]
        seen = {s.dataset.id for s in sources if not s.is_record and self._has_events(s, identities)}
        if not fragments and not seen:
            raise NotFound(f"nobody in sandbox {sandbox.name} has the identity {value!r} of namespace {namespace}")
        times = [f.origin.time for f in fragments] or [clock.from_millis(0)]
        said = tuple(sorted({f.origin.dataset_id for f in fragments} | seen))
        return Profile(tuple(identities), merge(fragments), said, max(times))

    def events(
        self,
        sandbox: Sandbox,
        namespace: str,
        value: str,
        limit: int = 1000,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[Event]:
        """Return a person's events from *start* until before *end*, oldest first; of more than *limit* the newest."""
        identities = self._cluster(sandbox, namespace, value)
        sources = [s for s in self._sources(sandbox) if not s.is_record]
        span = _span(start, end)
        found = [e for s in sources for e in self._events(s, identities, limit, span)]
        return sorted(found, key=lambda e: (e.timestamp, e.id))[-limit:]

    @contextmanager
    def people(self, sandbox: Sandbox) -> Iterator[People]:
        """Give the relations of everybody, as they are now."""
        self._identities.follow()
        folder = self._scratch / f"people-{ids.new_uuid()}"
        folder.mkdir(parents=True)
        try:
            members = folder / "members.parquet"
            self._identities.write_members(sandbox, members)
            profile, event = self.unions(sandbox)
            yield People(tuple(self._sources(sandbox)), profile, event, members)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def unions(self, sandbox: Sandbox) -> tuple[Any, Any]:
        """Return the union schemas of profiles and of events."""
        return self._registry.union(sandbox, PROFILE), self._registry.union(sandbox, EXPERIENCE_EVENT)

    def _sources(self, sandbox: Sandbox) -> list[Source]:
        found = [d for d in self._lake.datasets.all(sandbox) if d.in_profile]
        return [Source.of(self._lake, d) for d in found if d.schema.class_id in (PROFILE, EXPERIENCE_EVENT)]

    def _cluster(self, sandbox: Sandbox, namespace: str, value: str) -> list[Identity]:
        self._identities.follow()
        found = self._identities.cluster(sandbox, Identity(spelled(namespace), value))
        if len(found) > MOST_IDENTITIES:
            raise TooManyIdentities(
                f"Too many related identities: {len(found)}, at most {MOST_IDENTITIES} are merged into one profile"
            )
        return found

    def _fragments(self, source: Source, identities: Sequence[Identity]) -> list[Fragment]:
        type_, dataset = source.dataset.schema.type, source.dataset.id
        return [
            Fragment(row, type_, Origin(dataset, clock.from_millis(row[TIME])), Identity(**row[OWN]))
            for row in self._rows(source, source.records(identities))
        ]

    def _events(self, source: Source, identities: Sequence[Identity], limit: int, span: str) -> list[Event]:
        named = self._named(source, identities)
        if not named:
            return []
        found = f"SELECT * FROM ({source.events(identities, named)}) WHERE {span}"
        newest = f'{found} ORDER BY "timestamp" DESC, "_id" DESC LIMIT {int(limit)}'
        names = [field.name for field in source.dataset.schema.type.fields]
        return [
            Event(row["_id"], row["timestamp"], source.dataset.id, {name: row[name] for name in names})
            for row in self._rows(source, newest)
        ]

    def _has_events(self, source: Source, identities: Sequence[Identity]) -> bool:
        named = self._named(source, identities)
        found = f"SELECT 1 AS found FROM ({source.events(identities, named)}) LIMIT 1"
        return bool(named) and any(self._rows(source, found))

    def _named(self, source: Source, identities: Sequence[Identity]) -> list[str]:
        return [row["_id"] for row in self._rows(source, source.named(identities))]

    def _rows(self, source: Source, sql: str) -> Iterator[dict[str, Any]]:
        if source.files:
            with self._engine.session([source.table]) as session:
                for batch in session.reader(sql):
                    yield from batch.to_pylist(maps_as_pydicts="strict")


def _span(start: datetime | None, end: datetime | None) -> str:
    """Return the condition that an event's time is from *start* until before *end*."""
    bounds = ((">=", start), ("<", end))
    told = [
        f'"timestamp" {sign} {literal(f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}")}::TIMESTAMP'
        for sign, at in bounds
        if at
    ]
    return " AND ".join(told) or "true"
