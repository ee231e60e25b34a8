"""What profiles must be, written from the contract: slow and obvious, in plain Python over plain rows.

Sections named are those of the profile contract. Beside the reference stands a home whose services are built by hand,
with what the tests of identity and profile put into it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import update

from limbeck import ids
from limbeck.access import Access
from limbeck.engine import Engine
from limbeck.files import Folder
from limbeck.identity import Identities, Identity
from limbeck.ingest import Ingest
from limbeck.ingest.diagnostics import Diagnostics
from limbeck.lake import Dataset, Lake
from limbeck.profile import Profiles
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.tables import data_files
from limbeck.xdm.arrow import arrow_schema
from limbeck.xdm.json_schema import emit
from limbeck.xdm.standard import EXPERIENCE_EVENT, PROFILE
from limbeck.xdm.types import Array, Map, Object, Type

Row = Mapping[str, Any]

IN_PROFILE = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}

# -- the reference ------------------------------------------------------------------------------------------------

STANDARD = ("ECID", "Email", "Phone")
"""The standard namespaces that the tests use (2.1); other codes are the user's own."""


class Described(NamedTuple):
    """An identity descriptor (1.4)."""

    path: str
    namespace: str
    primary: bool


@dataclass(frozen=True)
class Source:
    """A dataset of Profile."""

    id: str
    is_record: bool
    described: Sequence[Described]


@dataclass(frozen=True)
class Published:
    """A batch: rows of one dataset and the time at which they came in."""

    source: Source
    time: int
    rows: Sequence[Row]


class Person(NamedTuple):
    """What 3.2 makes of one person."""

    entity: dict[str, Any]
    origins: dict[str, tuple[str, int]]
    """Of each leaf the dataset and its time."""
    sources: tuple[str, ...]
    last: int
    """The time of the newest record; 0 without any."""


class Happened(NamedTuple):
    """An event that counts."""

    dataset: str
    own: Identity
    row: Row


class World:
    """Everything that was published, in order; each answer is computed from the beginning."""

    def __init__(self, batches: Iterable[Published]) -> None:
        self.batches = list(batches)
        self._rows = [(b, row) for b in self.batches for row in b.rows]
        self._links = {link for b, row in self._rows for link in links(b.source, row)}

    def identities(self) -> set[Identity]:
        """All identities that stand in rows."""
        return {i for b, row in self._rows for i in valid_ones(b.source, row)}

    def cluster(self, identity: Identity) -> list[Identity]:
        """Everybody who can be reached over links (2.3)."""
        found = {identity}
        while True:
            more = {i for link in self._links if found & set(link) for i in link} - found
            if not more:
                return sorted(found)
            found |= more

    def find(self, identity: Identity) -> Person | None:
        """The merged profile (3.2); None if nobody is known by that identity."""
        identities = self.cluster(identity)
        told = [(time, d, own, row) for (d, own), (time, row) in self._records().items() if own in identities]
        done = {happened.dataset for happened in self._events() if happened.own in identities}
        if not told and not done:
            return None
        entity: dict[str, Any] = {}
        origins: dict[str, tuple[str, int]] = {}
        for time, dataset, _, row in sorted(told, key=lambda t: t[:3]):
            lay_over(entity, origins, row, (dataset, time))
        sources = tuple(sorted({d for _, d, _, _ in told} | done))
        return Person(entity, origins, sources, max((time for time, *_ in told), default=0))

    def events(self, identity: Identity) -> list[Happened]:
        """All events of a person, oldest first (3.2)."""
        identities = self.cluster(identity)
        found = [happened for happened in self._events() if happened.own in identities]
        return sorted(found, key=lambda h: (h.row["timestamp"], h.row["_id"]))

    def persons(self) -> set[tuple[Identity, ...]]:
        """The clusters of those who have a record or an event (3.2)."""
        own = {o for _, o in self._records()} | {happened.own for happened in self._events()}
        return {tuple(self.cluster(o)) for o in own}

    def _records(self) -> dict[tuple[str, Identity], tuple[int, Row]]:
        """Of each record dataset and primary identity the latest record, which replaces all before (3.1)."""
        found: dict[tuple[str, Identity], tuple[int, Row]] = {}
        for batch in self._by_time():
            for row in batch.rows if batch.source.is_record else ():
                own = primary(batch.source, row)
                if own is not None:
                    found[batch.source.id, own] = (batch.time, row)
        return found

    def _events(self) -> list[Happened]:
        """The events; of two rows of one dataset with the same `_id` the last one counts (1.1)."""
        last: dict[tuple[str, str], tuple[Source, Row]] = {}
        for batch in self._by_time():
            for row in () if batch.source.is_record else batch.rows:
                last[batch.source.id, row["_id"]] = (batch.source, row)
        known = [(source.id, primary(source, row), row) for source, row in last.values()]
        return [Happened(dataset, own, row) for dataset, own, row in known if own is not None]

    def _by_time(self) -> list[Published]:
        return sorted(self.batches, key=lambda b: b.time)  # what came at the same time stays in order


def links(source: Source, row: Row) -> list[tuple[Identity, Identity]]:
    """The primary identity with each other one (2.2).

    None for a row without a primary, with more than 20, or with one that breaks its namespace's rule.
    """
    own, all_ = primary(source, row), valid_ones(source, row)
    if own is None or any(says_somebody(value) and not is_valid(code, value) for code, value in said_ones(source, row)):
        return []
    if len(all_) > 20:
        return []
    return [(own, other) for other in all_ if other != own]


def primary(source: Source, row: Row) -> Identity | None:
    """The primary identity: the descriptor's if there is one, otherwise that of the `identityMap` (1.5)."""
    described = [d for d in source.described if d.primary]
    if described:
        found = [(described[0].namespace, at(row, described[0].path))]
    else:
        found = [(code, item.get("id")) for code, item in mapped(row) if item.get("primary")]
    return next((spelled(code, value) for code, value in found if is_valid(code, value)), None)


def valid_ones(source: Source, row: Row) -> set[Identity]:
    """All identities of a row, those that cannot identify anybody left out (2.2)."""
    return {spelled(code, value) for code, value in said_ones(source, row) if is_valid(code, value)}


def said_ones(source: Source, row: Row) -> list[tuple[str, Any]]:
    """The namespaces and values of a row, whatever they are."""
    found = [(d.namespace, at(row, d.path)) for d in source.described]
    return found + [(code, item.get("id")) for code, item in mapped(row)]


def mapped(row: Row) -> list[tuple[str, Row]]:
    """The entries of the `identityMap`, each with its namespace."""
    return [(code, item) for code, items in (row.get("identityMap") or {}).items() for item in items or () if item]


def is_valid(code: str, value: str | None) -> bool:
    """Whether a value can identify somebody (2.2)."""
    if not says_somebody(value) or len(value) > 1024:
        return False
    return code.lower() != "ecid" or (len(value) == 38 and set(value) <= set("0123456789"))


def says_somebody(value: str | None) -> TypeGuard[str]:
    """Whether a value is no garbage (2.2, choice G4)."""
    if value is None or not value.strip():
        return False
    return value.lower() not in ("null", "undefined", "anonymous") and set(value) != {"0"}


def spelled(code: str, value: str) -> Identity:
    """An identity with its namespace as it is registered, or in capitals (2.1)."""
    return Identity(next((s for s in STANDARD if s.lower() == code.lower()), code.upper()), value)


def lay_over(
    entity: dict[str, Any], origins: dict[str, tuple[str, int]], row: Row, origin: tuple[str, int], above: str = ""
) -> None:
    """Put the values of a newer record over older ones: objects leaf by leaf, maps key by key, lists whole (3.2)."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            if said(value):
                lay_over(entity.setdefault(name, {}), origins, value, origin, f"{above}{name}.")
        elif value is not None:
            entity[name] = value
            origins[f"{above}{name}"] = origin


def said(value: Any) -> bool:
    """Whether there is any value in it; NULL is none (1.3)."""
    return any(map(said, value.values())) if isinstance(value, Mapping) else value is not None


def at(row: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for name in path.split("."):
        row = None if row is None else row.get(name)
    return row


def without_nulls(value: Any) -> Any:
    """A row without what it does not say, so that rows as they were sent and as they come back look alike."""
    if isinstance(value, Mapping):
        return {name: without_nulls(v) for name, v in value.items() if said(v)}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


# -- a home -------------------------------------------------------------------------------------------------------


class Home:
    """The services up to Profile of the home at a folder, which is made if it is not there."""

    def __init__(self, settings: Settings) -> None:
        for folder in (settings.lake, settings.scratch, settings.staging):
            folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.store = Store.open(settings.store_url)
        self.access = Access(self.store, 3600)
        self.registry = Registry(self.store)
        self.lake = Lake(self.store, self.registry, settings.lake)
        self.engine = Engine(settings.scratch, settings.engine_memory_mib, 2, settings.engine_threads)
        staging, scratch = Folder(settings.staging), Folder(settings.scratch)
        kept = Diagnostics(self.store, Folder(settings.diagnostics))
        self.ingest = Ingest(self.store, self.lake, self.engine, staging, scratch, kept)
        self.identities = Identities(self.store, self.lake, self.engine)
        self.profiles = Profiles(self.lake, self.registry, self.identities, self.engine, settings.scratch)

    @classmethod
    def at(cls, folder: Path) -> Home:
        """Open the home at *folder*, with little memory and two threads."""
        return cls(Settings(home=folder, engine_memory_mib=512, engine_threads=2))

    def sandbox(self, name: str = "prod") -> Sandbox:
        """The sandbox of that name of the organisation Acme, whose custom fields live under `_acme`."""
        return self.access.ensure_sandbox(self.access.ensure_organisation("acme@AdobeOrg"), name)

    def schema(
        self,
        sandbox: Sandbox,
        title: str,
        own: Object,
        described: Iterable[Described] = (),
        *groups: str,
        cls: str = PROFILE,
    ) -> str:
        """Make a schema of Profile with the fields *own* under `_acme`; give its `$id`."""
        fields = {"type": "object", "properties": {"_acme": {"type": "object", **emit(own)}}}
        body = {
            "title": title,
            "type": "object",
            "meta:intendedToExtend": [cls],
            "definitions": {"own": fields},
            "allOf": [{"$ref": "#/definitions/own"}],
        }
        made = self.registry.create(sandbox, "fieldgroups", body)
        parts = [{"$ref": part} for part in (cls, made["$id"], *groups)]
        tags = {"meta:immutableTags": ["union"]}
        schema = self.registry.create(sandbox, "schemas", {"title": title, "type": "object", "allOf": parts, **tags})
        for identity in described:
            self.registry.create_descriptor(sandbox, descriptor(schema["$id"], identity))
        return str(schema["$id"])

    def records(self, sandbox: Sandbox, name: str, own: Object, *described: Described, profile: bool = True) -> Dataset:
        """Make a dataset of records with a schema of its own."""
        schema = self.schema(sandbox, name, own, described)
        return self.lake.create_dataset(sandbox, name, schema, tags=IN_PROFILE if profile else None)

    def events(self, sandbox: Sandbox, name: str, own: Object, *described: Described) -> Dataset:
        """Make a dataset of events with a schema of its own."""
        schema = self.schema(sandbox, name, own, described, cls=EXPERIENCE_EVENT)
        return self.lake.create_dataset(sandbox, name, schema, tags=IN_PROFILE)

    def append(self, dataset: Dataset, rows: Sequence[Row], time: int) -> None:
        """Publish rows at *time* without ingestion, which takes longer."""
        path = self.settings.scratch / f"{ids.new_uuid()}.parquet"
        path.write_bytes(content(dataset, rows, "parquet"))
        self.lake.append(dataset, [path])
        with self.store.write() as connection:
            newest = data_files.c.first_snapshot == self.lake.datasets.by_id(dataset.id).snapshot
            mine = update(data_files).where(data_files.c.dataset_id == dataset.id, newest)
            connection.execute(mine.values(created=time))

    def publish(self, dataset: Dataset, *parts: Sequence[Row], time: int | None = None, form: str = "parquet") -> None:
        """Send rows as one batch of a file a part, promote it, and have it published at *time* (milliseconds)."""
        self.send(dataset, form, *(content(dataset, rows, form) for rows in parts), time=time)

    def send(self, dataset: Dataset, form: str, *files: bytes, time: int | None = None) -> None:
        """Send files as one batch and promote it."""
        batch = self.ingest.open(dataset, {"format": form})
        for number, file in enumerate(files):
            self.ingest.upload(batch, f"part-{number:04}", io.BytesIO(file))
        self.ingest.complete(batch)
        self.ingest.promote(batch.id)
        done = self.lake.batches.by_id(batch.id)
        assert done.status == "success", done.errors
        if time is not None:
            with self.store.write() as connection:
                mine = update(data_files).where(data_files.c.batch_id == batch.id)
                connection.execute(mine.values(created=time))

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def descriptor(schema_id: str, identity: Described) -> dict[str, Any]:
    """An identity descriptor as the API takes it."""
    return {
        "@type": "xdm:descriptorIdentity",
        "xdm:sourceSchema": schema_id,
        "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/" + identity.path.replace(".", "/"),
        "xdm:namespace": identity.namespace,
        "xdm:property": "xdm:code",
        "xdm:isPrimary": identity.primary,
    }


def content(dataset: Dataset, rows: Sequence[Row], form: str) -> bytes:
    """A JSON file of rows, an object a line, or a Parquet file with exactly the dataset's columns."""
    if form == "json":
        return "\n".join(json.dumps(row, default=lambda moment: moment.isoformat()) for row in rows).encode()
    sink = io.BytesIO()
    type_ = dataset.schema.type
    pq.write_table(pa.Table.from_pylist([for_arrow(row, type_) for row in rows], arrow_schema(type_)), sink)
    return sink.getvalue()


def for_arrow(value: Any, type_: Type) -> Any:
    """A value as Arrow takes it: maps as pairs."""
    match type_:
        case _ if value is None:
            return None
        case Object(fields):
            return {f.name: for_arrow(value.get(f.name), f.type) for f in fields}
        case Array(items):
            return [for_arrow(v, items) for v in value]
        case Map(inner):
            return [(k, for_arrow(v, inner)) for k, v in value.items()]
        case _:
            return value
