"""Scores of people, for the tests of flows: a schema, files of all formats, and where they lie."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from limbeck.client import Client, Dataset, Schema
from limbeck.flow import Run
from limbeck.platform import Platform
from limbeck.scope import Sandbox
from limbeck.settings import Settings

PROFILE = "https://ns.adobe.com/xdm/context/profile"
ECID = "12345678901234567890123456789012345678"
FIELDS = {
    "userid": {"type": "string"},
    "score": {"type": "number"},
    "rank": {"type": "integer"},
    "is_new": {"type": "boolean"},
    "since": {"type": "string", "format": "date"},
    "at": {"type": "string", "format": "date-time"},
}


def field_group(title: str, tenant: str) -> dict[str, Any]:
    """The body of a field group of scores."""
    ours = {"type": "object", "properties": FIELDS}
    return {
        "title": title,
        "type": "object",
        "meta:intendedToExtend": [PROFILE],
        "definitions": {"ours": {"properties": {f"_{tenant}": ours}}},
        "allOf": [{"$ref": "#/definitions/ours"}],
    }


def score_schema(aep: Client, title: str) -> Schema:
    """A profile schema of scores, whose identity is `userid`."""
    schema = aep.create_schema(title, PROFILE, [aep.create_field_group(field_group(title, aep.tenant)).id])
    aep.create_identity(schema, f"_{aep.tenant}.userid", "CRMID")
    return schema


def score_dataset(aep: Client, name: str) -> tuple[Dataset, Schema]:
    schema = score_schema(aep, name)
    return aep.create_dataset(name, schema), schema


def pickup(aep: Client, name: str, columns: Mapping[str, str] | None = None) -> tuple[str, Dataset]:
    """A flow from the folder *name* of the upload area into a dataset *name*; *columns* lead to fields of ours."""
    dataset, schema = score_dataset(aep, name)
    wanted = columns or {"userId": "userid", "prediction": "score"}
    mapping = aep.create_mapping(schema, [(source, f"_{aep.tenant}.{path}") for source, path in wanted.items()])
    flow = aep.create_pickup(name, dataset, schema, mapping, name)
    return flow, dataset


def put(aep: Client, path: str, content: bytes) -> None:
    """Write a file into the upload area."""
    folder, _, name = path.rpartition("/")
    aep.landing_zone("upload").write(folder, name, [content])


def csv(*rows: Sequence[object], header: str = "userId,prediction") -> bytes:
    return "\n".join([header, *(",".join(map(str, r)) for r in rows)]).encode() + b"\n"


def lines(*rows: Mapping[str, Any]) -> bytes:
    return b"\n".join(json.dumps(r).encode() for r in rows)


def parquet(*rows: Mapping[str, Any], schema: pa.Schema | None = None) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(r) for r in rows], schema), sink)
    return sink.getvalue()


def scores(aep: Client, dataset: Dataset) -> list[tuple[Any, ...]]:
    """(identity, score) of the rows of a dataset."""
    ours = f"_{aep.tenant}"
    found = aep.sql(f"select {ours}.userid u, {ours}.score s from {dataset.table} order by 1, 2").table()
    return [tuple(r.values()) for r in found.to_pylist()]


# -- without the worker's thread, for what must happen in a certain order -----------------------------------------


@contextmanager
def idle(home: Path) -> Iterator[tuple[Platform, Sandbox]]:
    """The platform of a home whose worker does not run."""
    platform = Platform(Settings(home=home, engine_memory_mib=512, engine_threads=2))
    platform.zone.storage.prepare()
    try:
        yield platform, platform.access.sandbox(platform.access.ensure_organisation(), "prod")
    finally:
        platform.close()


def done(platform: Platform, run: Run) -> Run:
    """Do a run here and now."""
    platform.flows.work(run.id)
    found = platform.flows.runs.by_id(run.id)
    assert found is not None
    return found
