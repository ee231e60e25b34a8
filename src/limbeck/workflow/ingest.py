"""Step 6: scores come home through the landing zone, and are attributes of people from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.client import Client, Dataset, Schema
from limbeck.errors import NotFound
from limbeck.workflow.campaign import (
    AS_OF,
    BUCKET,
    GROUP,
    MODEL,
    PERCENTILE,
    POINTS,
    RANK,
    REASONS,
    SCORE,
    UPLIFT,
    UPLIFT_GROUP,
)
from limbeck.workflow.definition import Definition
from limbeck.workflow.export import settle
from limbeck.workflow.generate import CLASSES, IN_PROFILE
from limbeck.workflow.keys import digest
from limbeck.workflow.names import literal, quoted
from limbeck.workflow.sources import TENANT, field_group

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SCORES_TAG = "limbeck/scores"
"""The tag of a dataset that says which scores came in last, and how often there were new ones."""

TREATMENT, CONTROL = "treatment", "control"
TYPES = {
    SCORE: "number",
    PERCENTILE: "number",
    POINTS: "long",
    BUCKET: "string",
    RANK: "long",
    REASONS: "string",
    GROUP: "string",
    UPLIFT: "number",
    UPLIFT_GROUP: "string",
    MODEL: "string",
    AS_OF: "date-time",
}
"""What is kept of a forecast, and as what; the uplifts where an experiment tells them."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """The dataset that holds the scores."""

    dataset: Dataset
    rows: int


def path_of(definition: Definition, what: str, tenant: str) -> str:
    """Return the XDM path at which a profile keeps *what* of the forecast."""
    return f"_{tenant}.propensity.{definition.name}.{what}"


def groups(people: Sequence[str], seed: int, control: float) -> list[str]:
    """Return each person's group: the control group is held out, by a chance that is always the same for a person."""
    edge = int(control * 2**64)
    return [CONTROL if _chance(person, seed) < edge else TREATMENT for person in people]


def ingest(
    client: Client, definition: Definition, scores: Path, key: str, folder: Path, uplift: Path | None = None
) -> Ingested:
    """Bring the scores of the file *scores* onto profiles; what came in under *key* already is not brought again.

    *uplift* is the file of everybody's predicted uplift, if there is one. A Parquet file goes into the landing zone, a
    dataflow with a mapping picks it up. Raise what the dataflow's run failed with. *folder* is for the file on the way.
    """
    schema = _schema(client, definition)
    client.create_identity(
        schema, _identity_path(client, definition), str(definition.event_sources[0].identity.identity)
    )
    client.enable_profile(schema)
    dataset = client.dataset(schema.title) or client.create_dataset(schema.title, schema, IN_PROFILE)
    last, count = (*dataset.tags.get(SCORES_TAG, ()), "", "0")[:2]
    rows = _rows(scores, definition, uplift)
    if last != key:
        file = folder / f"scores-{key}-{int(count) + 1}.parquet"
        _deliver(client, definition, schema, dataset, rows, file)
        client.set_tag(dataset, SCORES_TAG, [key, str(int(count) + 1)])
    return Ingested(dataset, rows.num_rows)


def is_in(client: Client, definition: Definition, key: str) -> bool:
    """Whether the scores that came in last are those under *key*."""
    dataset = client.dataset(_title(client, definition))
    return dataset is not None and list(dataset.tags.get(SCORES_TAG, ()))[:1] == [key]


def _deliver(
    client: Client, definition: Definition, schema: Schema, dataset: Dataset, rows: pa.Table, file: Path
) -> None:
    import pyarrow.parquet as pq

    path = f"limbeck/{definition.name}/scores"
    name = f"limbeck pick-up of {dataset.table}"
    flow = client.find_flow(name)
    if flow is None:
        mapping = client.create_mapping(schema, _mapping(client, definition))
        flow = client.create_pickup(name, dataset, schema, mapping, path)
    zone = client.landing_zone("upload")
    if file.name not in {Path(found).name for found in zone.list(path)}:
        try:
            pq.write_table(rows, file, compression="zstd")
            zone.write(path, file.name, file)
        finally:
            file.unlink(missing_ok=True)
    settle(client, flow)
    client.wait_run(client.run_flow(flow))


def _rows(scores: Path, definition: Definition, uplift: Path | None) -> pa.Table:
    """Return the rows of the file that comes home: identity, and what `TYPES` names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(scores)
    control = definition.audience.control if definition.audience else 0.0
    held = groups(table["entity_id"].to_pylist(), definition.seed, control)
    names, versions = (table[c].to_pylist() for c in ("model", "version"))
    model = [f"{name} {version}" for name, version in zip(names, versions, strict=True)]
    found: dict[str, Any] = {
        "identity": table["entity_id"],
        **{what: table[what] for what in (SCORE, PERCENTILE, POINTS, BUCKET, RANK, REASONS)},
        GROUP: pa.array(held, pa.string()),
        **_uplifts(table["entity_id"], uplift),
        MODEL: pa.array(model, pa.string()),
        AS_OF: table["cutoff"].cast(pa.timestamp("ms")),
    }
    return pa.table(found)


def _uplifts(people: pa.ChunkedArray, uplift: Path | None) -> dict[str, Any]:
    """Return the predicted uplift of each of *people*, and its group; missing where nobody's is forecast."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if uplift is None:
        return {UPLIFT: pa.nulls(len(people), pa.float64()), UPLIFT_GROUP: pa.nulls(len(people), pa.string())}
    known = pq.read_table(uplift)
    places = pc.index_in(people, known["entity_id"].combine_chunks())
    return {UPLIFT: known["uplift"].take(places), UPLIFT_GROUP: known["group"].take(places)}


def _mapping(client: Client, definition: Definition) -> Mapping[str, str]:
    kept = {what: path_of(definition, what, client.tenant) for what in TYPES}
    return {"identity": _identity_path(client, definition), **kept}


def _identity_path(client: Client, definition: Definition) -> str:
    """Return where a score's person is named: where the events name theirs, if that is a field of the tenant's."""
    path = definition.event_sources[0].identity.path
    return path.replace(TENANT, f"_{client.tenant}", 1) if path.startswith(TENANT) else f"_{client.tenant}.scored"


def _schema(client: Client, definition: Definition) -> Schema:
    """Return the schema of the scores. Its title carries a fingerprint of identity and fields."""
    at, title = _identity_path(client, definition), _title(client, definition)
    if (found := client.schema(title)) is not None:
        return found
    types = {at: "string", **{path_of(definition, what, client.tenant): kind for what, kind in TYPES.items()}}
    body = field_group(f"{title} fields", CLASSES["profile"], types, client.tenant) or {}
    group = client.field_group(body["title"]) or client.create_field_group(body)
    return client.create_schema(title, CLASSES["profile"], [group.id])


def _title(client: Client, definition: Definition) -> str:
    at, namespace = _identity_path(client, definition), str(definition.event_sources[0].identity.identity)
    return f"{definition.name} scores {digest(f'{at} {namespace} {TYPES}'.encode())}"


def _chance(person: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{person}".encode(), digest_size=8).digest(), "big")


def scored(client: Client, definition: Definition, cutoff: datetime) -> pd.DataFrame:
    """Return who came home as scored as of *cutoff*: `entity_id`, `score`, `uplift` and `group`.

    Raise `NotFound` if nobody did.
    """
    dataset = client.dataset(_title(client, definition))
    paths = {"entity_id": _identity_path(client, definition)}
    paths |= {what: path_of(definition, what, client.tenant) for what in (SCORE, UPLIFT, GROUP, AS_OF)}
    who, *kept, as_of = (".".join(map(quoted, path.split("."))) for path in paths.values())
    found: pd.DataFrame | None = None
    if dataset is not None:
        told = zip(kept, (SCORE, UPLIFT, GROUP), strict=True)
        asked = ", ".join([f"{who} AS entity_id", *(f"max({path}) AS {quoted(name)}" for path, name in told)])
        text = f"SELECT {asked} FROM {quoted(dataset.table)} WHERE {as_of} = {literal(cutoff)} GROUP BY {who}"
        found = client.sql(text).to_pandas()
    if found is None or not len(found):
        raise NotFound(f"nobody's score as of {cutoff} came onto profiles; name a cutoff at which people were scored")
    return found
