"""The client: what a workflow needs of AEP's services, and nothing that only we have (but for SQL as Arrow)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import pyarrow as pa

from limbeck.client import pgsql
from limbeck.client.destinations import Destinations
from limbeck.client.flows import Flows, Pairs
from limbeck.client.landingzone import Kind, LandingZone
from limbeck.client.model import Batch, Dataset, FlowRun, Rows, Schema
from limbeck.client.people import Audiences, People
from limbeck.client.polling import until
from limbeck.client.queries import QUERY, Queries
from limbeck.client.transport import Transport, error_from
from limbeck.errors import (
    DiskFull,
    Internal,
    InvalidInput,
    LimbeckError,
    RowCapReached,
    RowsRejected,
    SqlError,
)

REGISTRY = "/data/foundation/schemaregistry"
CATALOG = "/data/foundation/catalog"
IMPORT = "/data/foundation/import"
EXPORT = "/data/foundation/export"
SANDBOXES = "/data/foundation/sandbox-management"
SQL = "/limbeck/v1/sql"
HEALTH = "/health"
CREDENTIAL = "/limbeck/v1/credential"

PAGE = 100
_GOOD, _BAD = ("success", "active", "inactive"), ("failed", "failure", "aborted", "abandoned")
"""States of a batch that has ended."""

CHUNK = 1024 * 1024

PART_BYTES = 128 * CHUNK
"""Larger files are sent in parts: AEP takes 256 MB in one request (REST contract, section 14.3)."""


class Client:
    """A sandbox of a platform: Limbeck in this process, a Limbeck server, or AEP.

    Use it in a `with` block, or call `close()`.
    """

    def __init__(
        self,
        transport: Transport,
        sandbox: str,
        on_close: Callable[[], None] | None = None,
        *,
        is_limbeck: bool = True,
    ) -> None:
        self._transport = transport
        self._on_close = on_close
        self._is_limbeck = is_limbeck
        self.sandbox = sandbox

    # -- where we are --------------------------------------------------------------------------------------

    @cached_property
    def tenant(self) -> str:
        """The tenant id; custom fields live under `_{tenant}`."""
        return str(self._registry("GET", "/stats")["tenantId"])

    @property
    def org_id(self) -> str:
        """The organisation in whose name requests are sent."""
        return self._transport.org_id

    @cached_property
    def server_version(self) -> str | None:
        """The version of the Limbeck that answers; None for AEP, which has none."""
        return str(self._transport.call("GET", HEALTH)["version"]) if self._is_limbeck else None

    def reach(self) -> None:
        """Raise `InvalidInput` if nobody answers at the address of the platform."""
        self._transport.reach(HEALTH if self._is_limbeck else "/")

    def log_in(self) -> None:
        """Raise `Unauthenticated` if the credential is given no token."""
        self._transport.log_in()

    def roles(self) -> list[str]:
        """Return the roles of the credential; none where the platform does not tell."""
        return list(self._transport.call("GET", CREDENTIAL)["roles"]) if self._is_limbeck else []

    def wire(self) -> str:
        """Log in at the PostgreSQL wire, ask for a row, and return its HOST:PORT.

        Raise `NotFound` if the server has none, `MissingExtra` without psycopg, `SqlError` if it does not answer.
        """
        told = self._transport.call("GET", f"{QUERY}/connection_parameters")
        where = f"{told['host']}:{told['port']}"
        try:
            pgsql.run(told, "SELECT 1").table()
        except SqlError as error:
            raise SqlError(f"{error}; check that this machine reaches {where}, which the server names") from error
        return where

    def sandboxes(self) -> list[str]:
        """Return the names of the sandboxes that the credential may enter, whatever the one of this client."""
        if self._is_limbeck:
            return sorted(str(sandbox["name"]) for sandbox in self._transport.call("GET", CREDENTIAL)["sandboxes"])
        headers = {"x-sandbox-name": "prod"}
        found = self._transport.call("GET", f"{SANDBOXES}/sandboxes", headers=headers)["sandboxes"]
        return sorted(str(sandbox["name"]) for sandbox in found)

    @cached_property
    def sandbox_type(self) -> str:
        """`production` or `development`."""
        return str(self._transport.call("GET", f"{SANDBOXES}/sandboxes/{self.sandbox}")["type"])

    # -- schemas -------------------------------------------------------------------------------------------

    def schema(self, title: str) -> Schema | None:
        """Return the tenant's schema called *title*, or None."""
        return self._titled("schemas", title)

    def field_group(self, title: str) -> Schema | None:
        """Return the tenant's field group called *title*, or None."""
        return self._titled("fieldgroups", title)

    def create_field_group(self, body: Mapping[str, Any]) -> Schema:
        """Create a field group from an XDM body (REST contract, section 4.2)."""
        return _schema(self._registry("POST", "/tenant/fieldgroups", json=dict(body)))

    def create_schema(self, title: str, class_id: str, field_groups: Sequence[str]) -> Schema:
        """Create a schema of a class and field groups, given by their `$id`s."""
        parts = [{"$ref": ref, "type": "object", "meta:xdmType": "object"} for ref in (class_id, *field_groups)]
        body = {"title": title, "type": "object", "allOf": parts}
        return _schema(self._registry("POST", "/tenant/schemas", json=body))

    def create_identity(self, schema: Schema, path: str, namespace: str, primary: bool = True) -> None:
        """Say that the field at a dotted *path* of *schema* identifies in *namespace*; harmless if it is said."""
        body = {
            "@type": "xdm:descriptorIdentity",
            "xdm:sourceSchema": schema.id,
            "xdm:sourceVersion": 1,
            "xdm:sourceProperty": "/" + path.replace(".", "/"),
            "xdm:namespace": namespace,
            "xdm:property": "xdm:code",
            "xdm:isPrimary": primary,
        }
        known = self._registry("GET", "/tenant/descriptors", form="xdm-v2")["results"]
        same = ("@type", "xdm:sourceSchema", "xdm:sourceProperty", "xdm:namespace")
        if not any(all(d.get(k) == body[k] for k in same) for d in known):
            self._registry("POST", "/tenant/descriptors", json=body)

    def enable_profile(self, schema: Schema) -> None:
        """Let datasets of *schema* be part of people's profiles; harmless if they may."""
        body = self._registry("GET", f"/tenant/schemas/{quote(schema.id, safe='')}")
        if "union" not in body.get("meta:immutableTags", ()):
            patch = [{"op": "add", "path": "/meta:immutableTags", "value": ["union"]}]
            self._registry("PATCH", f"/tenant/schemas/{quote(schema.id, safe='')}", json=patch)

    # -- people and audiences ------------------------------------------------------------------------------

    @cached_property
    def people(self) -> People:
        """Look-up of one person."""
        return People(self._transport)

    @cached_property
    def audiences(self) -> Audiences:
        """Audiences and their evaluation."""
        return Audiences(self._transport)

    @cached_property
    def destinations(self) -> Destinations:
        """Dataflows that deliver audiences."""
        return Destinations(self._transport)

    # -- datasets and batches ------------------------------------------------------------------------------

    def dataset(self, name: str) -> Dataset | None:
        """Return the dataset called exactly *name*, or None; of several the oldest."""
        return next(iter(self.datasets(name)), None)

    def datasets(self, name: str | None = None) -> list[Dataset]:
        """Return all datasets of the sandbox, or those called exactly *name*."""
        where = {"name": name} if name else {}
        return [_dataset(dataset_id, body) for dataset_id, body in self._pages(f"{CATALOG}/dataSets", where)]

    def create_dataset(self, name: str, schema: Schema, tags: Mapping[str, Sequence[str]] | None = None) -> Dataset:
        """Create an empty dataset."""
        body = {
            "name": name,
            "schemaRef": {"id": schema.id, "contentType": "application/vnd.adobe.xed+json;version=1"},
            "fileDescription": {"persisted": True, "containerFormat": "parquet", "format": "parquet"},
            "tags": {k: list(v) for k, v in (tags or {}).items()},
        }
        (made,) = self._transport.call("POST", f"{CATALOG}/dataSets", json=body)
        made_id = str(made).rpartition("/")[2]
        return _dataset(made_id, self._transport.call("GET", f"{CATALOG}/dataSets/{made_id}")[made_id])

    def set_tag(self, dataset: Dataset, name: str, values: Sequence[str]) -> None:
        """Replace one of a dataset's tags."""
        path = "/tags/" + name.replace("~", "~0").replace("/", "~1")
        patch = [{"op": "replace" if name in dataset.tags else "add", "path": path, "value": list(values)}]
        self._transport.call("PATCH", f"{CATALOG}/dataSets/{dataset.id}", json=patch)

    def delete_dataset(self, dataset: Dataset) -> None:
        """Delete a dataset and its rows, for good."""
        self._transport.call("DELETE", f"{CATALOG}/dataSets/{dataset.id}")

    def batches(self, dataset: Dataset, status: str | None = None) -> list[Batch]:
        """Return the batches of *dataset*, newest first."""
        where = {"dataSet": dataset.id} | ({"status": status} if status else {})
        return [_batch(body) for _, body in self._pages(f"{CATALOG}/batches", where)]

    def upload(self, dataset: Dataset, *files: Path | str, format: str | None = None) -> Batch:
        """Ingest files as one batch and wait until it is visible; all rows land, or none.

        *format* is `parquet`, `json` or `csv`; None takes it from the first file's ending. Raise
        `RowsRejected` with up to 100 samples if rows do not fit the dataset's schema.
        """
        batch_id = self.open_batch(dataset, format or _format_of(files))
        for count, file in enumerate(map(Path, files)):
            try:
                self.put_file(batch_id, dataset, f"{count:05d}-{file.name}", file)
            except BaseException:
                self.abort_batch(batch_id)
                raise
        self.complete_batch(batch_id)
        return self.wait(batch_id)

    def open_batch(self, dataset: Dataset, format: str) -> str:
        """Open a batch of *dataset* and return its id."""
        body = {"datasetId": dataset.id, "inputFormat": {"format": format, "isMultiLineJson": False}}
        return str(self._transport.call("POST", f"{IMPORT}/batches", json=body)["id"])

    def put_file(self, batch_id: str, dataset: Dataset, name: str, file: Path, part_bytes: int = PART_BYTES) -> None:
        """Stream one file into an open batch: whole, or in parts if it is larger than *part_bytes*."""
        path = f"{IMPORT}/batches/{batch_id}/datasets/{dataset.id}/files/{quote(name)}"
        headers = {"Content-Type": "application/octet-stream"}
        size = _size(file)
        if size <= part_bytes:
            self._transport.call("PUT", path, content=_chunks(file, 0, size), headers=headers)
            return
        self._transport.call("POST", path, params={"action": "INITIALIZE"})
        for first in range(0, size, part_bytes):
            end = min(first + part_bytes, size)
            span = {**headers, "Content-Range": f"bytes {first}-{end - 1}/{size}"}
            self._transport.call("PATCH", path, content=_chunks(file, first, end), headers=span)
        self._transport.call("POST", path, params={"action": "COMPLETE"})

    def complete_batch(self, batch_id: str) -> None:
        """Say that all files of a batch are there."""
        self._transport.call("POST", f"{IMPORT}/batches/{batch_id}", params={"action": "COMPLETE"})

    def abort_batch(self, batch_id: str) -> None:
        """Give an open batch up."""
        self._transport.call("POST", f"{IMPORT}/batches/{batch_id}", params={"action": "ABORT"})

    def wait(self, batch_id: str) -> Batch:
        """Wait until a completed batch is visible; raise `RowsRejected` if it failed."""

        def look() -> Batch:
            return _batch(self._transport.call("GET", f"{CATALOG}/batches/{batch_id}")[batch_id])

        found = until(look, lambda batch: batch.status in (*_GOOD, *_BAD))
        if found.status in _BAD:
            raise _rejected(found)
        return found

    def download(self, dataset: Dataset, folder: Path) -> list[Path]:
        """Fetch the Parquet files of all of a dataset's batches into *folder* (Data Access)."""
        fetched = []
        for batch in self.batches(dataset, "success"):
            for entry in self._transport.call("GET", f"{EXPORT}/batches/{batch.id}/files")["data"]:
                file_id = entry["dataSetFileId"]
                for part in self._transport.call("GET", f"{EXPORT}/files/{file_id}")["data"]:
                    fetched.append(self._fetch(file_id, part["name"], folder))
        return sorted(fetched)

    # -- landing zone and flows ----------------------------------------------------------------------------

    def landing_zone(self, kind: Kind) -> LandingZone:
        """Return the area for files that come in (`upload`) or the one for files that go out (`export`)."""
        return LandingZone.connect(self._transport, kind)

    def create_mapping(self, schema: Schema, mappings: Pairs) -> str:
        """Create a mapping set, from columns of files to dotted XDM paths of *schema*, and return its id.

        Raise `InvalidInput`, naming the path and the nearest known one, for a path that the schema lacks.
        """
        return self._flows.create_mapping(schema, mappings)

    def create_export(self, name: str, dataset: Dataset, path: str) -> str:
        """Create a flow that exports *dataset* to a folder of the export area on demand, and return its id."""
        return self._flows.create_export(name, dataset, path)

    def create_pickup(self, name: str, dataset: Dataset, schema: Schema, mapping_id: str, path: str) -> str:
        """Create a flow that brings the new files of a folder of the upload area into *dataset*; return its id."""
        return self._flows.create_pickup(name, dataset, schema, mapping_id, path)

    def find_flow(self, name: str) -> str | None:
        """Return the id of the flow called exactly *name*, or None."""
        return self._flows.find(name)

    def run_flow(self, flow_id: str) -> FlowRun:
        """Run a flow now, and return its run, which may not have begun."""
        return self._flows.run(flow_id)

    def flow_runs(self, flow_id: str) -> list[FlowRun]:
        """Return the runs of a flow, newest first."""
        return self._flows.runs(flow_id)

    def wait_run(self, run: FlowRun | str) -> FlowRun:
        """Wait until a run, or the one with that id, has ended; raise the error that failed it."""
        return self._flows.wait(run)

    @cached_property
    def _flows(self) -> Flows:
        return Flows(self._transport)

    @cached_property
    def queries(self) -> Queries:
        """Queries that run as jobs, templates and schedules."""
        return Queries(self._transport, self.sandbox)

    # -- SQL -----------------------------------------------------------------------------------------------

    def sql(self, statement: str) -> Rows:
        """Run one statement of Query Service's dialect and stream its rows.

        Reading past the server's row cap raises `RowCapReached` at the end: the result is not complete. On AEP it goes
        over the PostgreSQL wire, where nested values come as text; that needs psycopg (`MissingExtra`).
        """
        if not self._is_limbeck:
            return pgsql.run(self._transport.call("GET", f"{QUERY}/connection_parameters"), statement)
        stack = ExitStack()
        try:
            response = stack.enter_context(self._transport.stream("POST", SQL, json={"sql": statement}))
            reader = pa.ipc.open_stream(_Raw(response.iter_bytes()))
        except BaseException:
            stack.close()
            raise
        return Rows(reader.schema, _batches(reader, stack))

    def close(self) -> None:
        """Close the connection, and the embedded platform if there is one."""
        self._transport.close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _pages(self, path: str, where: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        start = 0
        while page := self._transport.call("GET", path, params={**where, "start": start, "limit": PAGE}):
            yield from page.items()
            if len(page) < PAGE:
                return
            start += len(page)

    def _registry(self, method: str, path: str, form: str = "xed", **arguments: Any) -> Any:
        headers = {"Accept": f"application/vnd.adobe.{form}+json"}
        return self._transport.call(method, f"{REGISTRY}{path}", headers=headers, **arguments)

    def _titled(self, kind: str, title: str) -> Schema | None:
        params = {"property": f"title=={title}", "limit": 300}
        found = self._registry("GET", f"/tenant/{kind}", params=params)["results"]
        return next((_schema(body) for body in found if body.get("title") == title), None)

    def _fetch(self, file_id: str, name: str, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{file_id}.parquet"
        beside = folder / f".{file_id}.part"
        with (
            self._transport.stream("GET", f"{EXPORT}/files/{file_id}", params={"path": name}) as response,
            beside.open("wb") as handle,
        ):
            for chunk in response.iter_bytes(CHUNK):
                handle.write(chunk)
        return beside.replace(target)


class _Raw:
    """An HTTP body as the file that Arrow reads from."""

    closed = False

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        parts, have = [self._rest], len(self._rest)
        while size < 0 or have < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            have += len(chunk)
        whole = b"".join(parts)
        end = have if size < 0 else size
        self._rest = whole[end:]
        return whole[:end]

    def close(self) -> None:
        """The response is closed by whoever opened it."""


def _batches(reader: pa.RecordBatchReader, stack: ExitStack) -> Iterator[pa.RecordBatch]:
    with stack:
        trailer: dict[str, Any] | None = None
        while trailer is None:
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except (StopIteration, pa.ArrowException) as error:
                raise Internal("the result was cut off before its end; the server's log tells why") from error
            if metadata is not None and b"limbeck" in metadata:
                trailer = json.loads(metadata[b"limbeck"])
            else:
                yield batch
        if "error" in trailer:
            raise error_from(trailer["error"], int(trailer["error"]["status"]))
        if trailer["capped"]:
            raise RowCapReached(f"the result was cut after {trailer['rows']} rows: add a LIMIT, or export the dataset")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _chunks(path: Path, first: int, end: int) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(first)
            while chunk := file.read(min(CHUNK, end - file.tell())):
                yield chunk
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _schema(body: Mapping[str, Any]) -> Schema:
    return Schema(body["$id"], body["title"])


def _dataset(dataset_id: str, body: Mapping[str, Any]) -> Dataset:
    tags = body.get("tags", {})
    table = tags.get("adobe/pqs/table", [body["name"]])[0]
    told = body.get("extensions", {}).get("adobe_lakeHouse", {}).get("metrics", {})
    measures = (None if told.get(name) is None else int(told[name]) for name in ("rowCount", "storageSize"))
    return Dataset(dataset_id, body["name"], table, str(body.get("version", "")), tags, *measures)


def _batch(body: Mapping[str, Any]) -> Batch:
    dataset_id = next((o["id"] for o in body.get("relatedObjects", ()) if o["type"] == "dataSet"), "")
    rows = int(body.get("metrics", {}).get("outputRecordCount", 0))
    return Batch(body["id"], dataset_id, body["status"], rows, body.get("errors", ()))


def _format_of(files: Sequence[Path | str]) -> str:
    if not files:
        raise InvalidInput("upload takes at least one file")
    endings = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv"}
    found = endings.get(Path(files[0]).suffix.lower())
    if found is None:
        raise InvalidInput(f"{files[0]} has no ending that names its format; pass format='parquet', 'json' or 'csv'")
    return found


def _rejected(batch: Batch) -> LimbeckError:
    if any(e.get("code") == DiskFull.code for e in batch.errors):
        return DiskFull(f"no space left on the disk of the platform: batch {batch.id} was not ingested")
    told = "; ".join(str(e.get("description", e)) for e in batch.errors) or batch.status
    samples = [row for e in batch.errors for row in e.get("rows", ())]
    return RowsRejected(f"batch {batch.id} was not ingested: {told}", samples=samples, batch=batch.id)
