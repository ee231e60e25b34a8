"""Step 1: the sources as datasets of the platform: field group, schema, identity, dataset, one batch each."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limbeck.client import Client, Dataset, Schema
from limbeck.errors import Internal, InvalidInput
from limbeck.workflow.datasets import Source
from limbeck.workflow.definition import Definition
from limbeck.workflow.keys import digest
from limbeck.workflow.sources import TENANT, Prepared, field_group, prepare

KEY_TAG = "limbeck/source"
"""The tag of a dataset that says which rows it was made from."""

IN_PROFILE = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
"""The tags of a dataset whose rows are part of people's profiles."""

CLASSES = {
    "event": "https://ns.adobe.com/xdm/context/experienceevent",
    "profile": "https://ns.adobe.com/xdm/context/profile",
    "history": "https://ns.adobe.com/xdm/context/experienceevent",
}
DONE = ("success", "active")
UNDER_WAY = ("loaded", "queued", "processing", "staging", "staged", "retrying")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source's dataset on the platform."""

    dataset: Dataset
    rows: int


def find(client: Client, source: Source, key: str) -> Loaded | None:
    """Return the dataset that holds the rows of *source*, or None if it has yet to be made.

    Raise `InvalidInput` for a source without files whose dataset does not exist.
    """
    if not source.files:
        return _existing(client, source)
    for dataset in _made_for(client, source, key):
        rows = [batch.rows for batch in client.batches(dataset) if batch.status in DONE]
        if rows:
            return Loaded(_again(client, dataset), sum(rows))
    return None


def load(
    client: Client, definition: Definition, source: Source, key: str, folder: Path, generated: Path | None = None
) -> Loaded:
    """Bring the rows of *source* into a dataset; *folder* is for files on the way, and is gone afterwards.

    The synthetic data, where the definition has some, lie in *generated*.

    What an interrupted run left is taken up: an open batch is given up, a completed one is awaited.
    """
    datasets = _made_for(client, source, key)
    if not any(_taken_up(client, dataset) for dataset in datasets):
        try:
            prepared = prepare(source, definition.path.parent, client.tenant, folder, generated)
            client.upload(datasets[0] if datasets else _create(client, source, prepared, key), *prepared.files)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    found = find(client, source, key)
    if found is None:
        raise Internal(f"the rows of {source.dataset} were ingested, but are not listed")
    _retire(client, source, key)
    return found


def _retire(client: Client, source: Source, key: str) -> None:
    """Take the datasets of other rows of *source* out of people's profiles: what they say is no longer so.

    One of the same rows that was taken out before is deleted: it can't come back, and the rows are here again.
    """
    for dataset in client.datasets(source.dataset):
        rows = list(dataset.tags.get(KEY_TAG, ()))
        if rows == [key] and not _in_profile(dataset):
            client.delete_dataset(dataset)
        elif rows and rows != [key] and _in_profile(dataset):
            client.set_tag(dataset, "unifiedProfile", ["enabled:false"])


def _taken_up(client: Client, dataset: Dataset) -> bool:
    """Whether an earlier run's batch is there, or there at last; its open batches are given up."""
    batches = client.batches(dataset)
    for batch in batches:
        if batch.status in UNDER_WAY:
            client.wait(batch.id)
        elif batch.status == "loading":
            client.abort_batch(batch.id)
    return any(batch.status in (*DONE, *UNDER_WAY) for batch in batches)


def _existing(client: Client, source: Source) -> Loaded:
    dataset = client.dataset(source.dataset)
    if dataset is None:
        raise InvalidInput(
            f"{source.where}: there is no dataset {source.dataset!r} in sandbox {client.sandbox}; name the files it is "
            "to be made from, or another dataset"
        )
    rows = sum(batch.rows for batch in client.batches(dataset) if batch.status in DONE)
    return Loaded(_again(client, dataset), rows)


def _again(client: Client, dataset: Dataset) -> Dataset:
    """Return a dataset as it is after its batches were read: one may have become visible since it was read first."""
    return next(found for found in client.datasets(dataset.name) if found.id == dataset.id)


def _made_for(client: Client, source: Source, key: str) -> list[Dataset]:
    """Return the datasets of these rows. One that was retired is none: what it holds would not come into Profile."""
    return [d for d in client.datasets(source.dataset) if list(d.tags.get(KEY_TAG, ())) == [key] and _in_profile(d)]


def _in_profile(dataset: Dataset) -> bool:
    return list(dataset.tags.get("unifiedProfile", ())) == ["enabled:true"]


def _create(client: Client, source: Source, prepared: Prepared, key: str) -> Dataset:
    schema = _schema(client, source, prepared.types)
    identity = source.identity
    client.create_identity(schema, identity.path.replace(TENANT, f"_{client.tenant}", 1), str(identity.identity))
    client.enable_profile(schema)
    return client.create_dataset(source.dataset, schema, {KEY_TAG: [key], **IN_PROFILE})


def _schema(client: Client, source: Source, types: Mapping[str, str]) -> Schema:
    """Return the schema of a source's columns. Its title carries their fingerprint: other columns, another schema."""
    who = (source.identity.path, source.identity.identity)
    shape = repr((sorted(types.items()), who, source.kind, source.field_groups)).encode()
    title = f"{source.dataset} {digest(shape)}"
    if (found := client.schema(title)) is not None:
        return found
    class_id = CLASSES[source.kind]
    groups = list(source.field_groups)
    body = field_group(f"{title} fields", class_id, types, client.tenant)
    if body is not None:
        groups.append((client.field_group(body["title"]) or client.create_field_group(body)).id)
    return client.create_schema(title, class_id, groups)
