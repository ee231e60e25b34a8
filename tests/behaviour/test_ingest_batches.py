"""A batch from its opening to its publication: whole or not at all, whatever happens on the way."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from limbeck.engine import Engine
from limbeck.errors import InvalidInput, WrongState
from limbeck.files import Folder
from limbeck.ingest import PROMOTE, Ingest
from limbeck.ingest.diagnostics import Diagnostics
from limbeck.lake import Batch, Dataset, Lake
from limbeck.registry import Registry
from limbeck.scope import Sandbox
from limbeck.settings import Settings
from limbeck.store import Store
from limbeck.store.queue import Queue
from limbeck.store.tables import staged_files
from limbeck.xdm.arrow import arrow_schema
from limbeck.xdm.types import Array, Field, Object, Scalar
from tests.behaviour import children

ECID = "12345678901234567890123456789012345678"
ITEM = Object((Field("sku", Scalar("string")), Field("quantity", Scalar("int", minimum=1))))
CUSTOM = Object((Field("userid", Scalar("string")), Field("visits", Scalar("long")), Field("items", Array(ITEM))))
ROW = Object((Field("_id", Scalar("string")), Field("_acme", CUSTOM)))


@pytest.fixture
def dataset(lake: Lake, registry: Registry, sandbox: Sandbox) -> Dataset:
    return lake.create_dataset(sandbox, "Visits", registry.adhoc_schema(sandbox, "visits", ROW).id)


@pytest.fixture
def ingest(store: Store, lake: Lake, engine: Engine, settings: Settings) -> Ingest:
    return made(store, lake, engine, settings)


def made(store: Store, lake: Lake, engine: Engine, settings: Settings) -> Ingest:
    kept = Diagnostics(store, Folder(settings.diagnostics))
    return Ingest(store, lake, engine, Folder(settings.staging), Folder(settings.scratch), kept)


def row(number: int, **custom: Any) -> dict[str, Any]:
    return {"_id": str(number), "_acme": {"userid": ECID, "visits": number, "items": None, **custom}}


def lines(*rows: object) -> bytes:
    return b"\n".join(json.dumps(r).encode() for r in rows)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def sent(ingest: Ingest, dataset: Dataset, form: str, **files: bytes) -> Batch:
    """A completed batch of these files."""
    batch = ingest.open(dataset, {"format": form, "isMultiLineJson": False})
    for name, content in files.items():
        ingest.upload(batch, name, io.BytesIO(content))
    ingest.complete(batch)
    return batch


def promoted(ingest: Ingest, lake: Lake, dataset: Dataset, form: str, **files: bytes) -> Batch:
    """A batch of these files, as it is in the end."""
    batch = sent(ingest, dataset, form, **files)
    ingest.promote(batch.id)
    return lake.batches.by_id(batch.id)


def numbers(lake: Lake, engine: Engine, dataset: Dataset) -> list[str]:
    """The ids of the rows that queries see."""
    with engine.session([lake.table(lake.datasets.by_id(dataset.id), "t")]) as session:
        return [n for (n,) in session.fetch("SELECT _id FROM t ORDER BY _id")]


CSV = f"_id,_acme.userid,_acme.visits\n1,{ECID},1\n2,{ECID},2\n".encode()
ARRAY = json.dumps([row(1), row(2)]).encode()
TABLE = pa.Table.from_pylist([row(1, items=[]), row(2)])


@pytest.mark.parametrize(
    ("form", "content"),
    [("json", lines(row(1), row(2))), ("json", ARRAY), ("csv", CSV), ("parquet", parquet(TABLE.slice(0, 2)))],
    ids=["lines", "array", "csv", "parquet"],
)
def test_each_format_reaches_the_lake_with_all_digits(
    ingest: Ingest, lake: Lake, engine: Engine, dataset: Dataset, form: str, content: bytes
) -> None:
    batch = promoted(ingest, lake, dataset, form, file=content)
    assert (batch.status, batch.errors) == ("success", [])
    assert {k: batch.metrics[k] for k in ("inputFileCount", "inputRecordCount", "outputRecordCount")} == {
        "inputFileCount": 1,
        "inputRecordCount": 2,
        "outputRecordCount": 2,
    }
    assert batch.metrics["inputByteSize"] == len(content)
    with engine.session([lake.table(lake.datasets.by_id(dataset.id), "t")]) as session:
        found = session.fetch("SELECT _id, _acme.userid, _acme.visits FROM t ORDER BY _id")
    assert found == [("1", ECID, 1), ("2", ECID, 2)]


def test_nothing_is_visible_before_promotion_and_completing_queues_it_once(
    ingest: Ingest, lake: Lake, engine: Engine, store: Store, dataset: Dataset
) -> None:
    batch = sent(ingest, dataset, "json", file=lines(row(1)))
    ingest.complete(batch)
    assert lake.batches.by_id(batch.id).status == "loaded"
    assert numbers(lake, engine, dataset) == []
    queue = Queue(store)
    job = queue.lease("me")
    assert job is not None
    assert (job.kind, job.key) == (PROMOTE, batch.id)
    assert queue.lease("me") is None


def test_one_bad_row_fails_the_whole_batch_and_is_named(
    ingest: Ingest, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    bad = row(2, visits="many", items=[{"sku": "a", "quantity": 0}], vists=1)
    batch = promoted(ingest, lake, dataset, "json", a=lines(row(1)), b=lines(row(3), bad))
    assert batch.status == "failed"
    assert numbers(lake, engine, dataset) == []
    assert lake.datasets.by_id(dataset.id).snapshot == 0
    (error,) = batch.errors
    assert error["code"] == "INGEST-1212-400"
    assert 'File "b", row 2' in error["description"]
    assert {(r["file"], r["row"], r["path"], r["found"]) for r in error["rows"]} == {
        ("b", 2, "_acme.visits", '"many"'),
        ("b", 2, "_acme.items[0].quantity", "0"),
        ("b", 2, "_acme.vists", "an unknown field"),
    }
    assert 'did you mean "visits"' in str(error["rows"])
    assert not list(settings.scratch.iterdir())
    assert left(settings, ingest) == ([], [])


def test_at_most_a_hundred_samples_are_kept_and_all_rows_counted(ingest: Ingest, lake: Lake, dataset: Dataset) -> None:
    batch = promoted(ingest, lake, dataset, "json", file=lines(*(row(i, visits="x") for i in range(3000))))
    (error,) = batch.errors
    assert error["description"].startswith("3,000 rows do not fit the schema, so nothing was published.")
    assert [r["row"] for r in error["rows"]] == list(range(1, 101))


def as_float(table: pa.Table) -> bytes:
    """The same rows with the identity as a number, as a careless export has it."""
    custom = pa.array([{"userid": 1.2e37}] * len(table), pa.struct([("userid", pa.float64())]))
    return parquet(table.set_column(1, "_acme", custom))


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        ("parquet", as_float(TABLE), 'column "_acme.userid" of file "file" holds double; wanted: a string'),
        ("parquet", parquet(TABLE.rename_columns(["id", "_acme"])), 'column "id".*did you mean "_id"'),
        ("parquet", CSV, 'file "file" is not a Parquet file'),
        ("parquet", parquet(TABLE)[:-40], 'file "file" is not a Parquet file'),
        ("parquet", b"", 'file "file" is empty'),
        ("json", b" \n", 'file "file" is empty'),
        ("json", lines(row(1))[:-9], 'File "file", row 1'),
        ("json", ARRAY[:-1], 'file "file" is a JSON array that does not end'),
        ("json", ARRAY.replace(b"}, {", b"}; {"), 'cannot read file "file".*JSON'),
        ("json", json.dumps(row(1)).encode("utf-16"), 'file "file" is not UTF-8'),
        ("json", lines(row(1)).replace(ECID.encode(), b"M\xfcller"), 'file "file" is not UTF-8'),
        ("csv", CSV.replace(b"userid", b"usrid"), 'column "_acme.usrid".*did you mean "_acme.userid"'),
        ("csv", CSV.replace(b"_acme.userid", b"_acme"), 'column "_acme" of file "file".*JSON or Parquet'),
        ("csv", CSV.replace(b"_acme.userid", b"_id"), '"_id" twice'),
        ("csv", b"\n", 'file "file" has no header'),
        (
            "csv",
            CSV.replace(b",1\n", b"\n"),
            'cannot read file "file".*Line: 2.*Expected Number of Columns: 3 Found: 2$',
        ),
        ("csv", CSV.decode().replace(ECID, "Müller").encode("latin-1"), 'file "file" is not UTF-8'),
    ],
)
def test_files_that_cannot_be_used_are_named(
    ingest: Ingest,
    lake: Lake,
    engine: Engine,
    settings: Settings,
    dataset: Dataset,
    form: str,
    content: bytes,
    said: str,
) -> None:
    batch = promoted(ingest, lake, dataset, form, file=content)
    assert batch.status == "failed"
    assert numbers(lake, engine, dataset) == []
    (error,) = batch.errors
    with pytest.raises(InvalidInput, match=f"(?s){said}"):
        raise InvalidInput(error["description"])
    assert str(settings.home) not in error["description"]


def test_the_same_file_name_replaces(ingest: Ingest, lake: Lake, engine: Engine, dataset: Dataset) -> None:
    batch = ingest.open(dataset, {"format": "json"})
    for content in (lines(row(1)), lines(row(2))):
        ingest.upload(batch, "folder/file", io.BytesIO(content))
    ingest.upload(batch, "other", io.BytesIO(lines(row(3))))
    ingest.complete(batch)
    ingest.promote(batch.id)
    assert numbers(lake, engine, dataset) == ["2", "3"]


def test_an_aborted_batch_is_gone(
    ingest: Ingest, lake: Lake, engine: Engine, settings: Settings, dataset: Dataset
) -> None:
    batch = ingest.open(dataset, {"format": "json"})
    ingest.upload(batch, "file", io.BytesIO(lines(row(1))))
    ingest.abort(batch)
    assert left(settings, ingest) == ([], [])
    with pytest.raises(WrongState):
        ingest.complete(batch)
    with pytest.raises(WrongState):
        ingest.upload(batch, "file", io.BytesIO(b""))
    ingest.promote(batch.id)
    assert lake.batches.by_id(batch.id).status == "aborted"
    assert numbers(lake, engine, dataset) == []


def test_a_completed_batch_takes_no_more_files_and_cannot_be_aborted(ingest: Ingest, dataset: Dataset) -> None:
    batch = sent(ingest, dataset, "json", file=lines(row(1)))
    with pytest.raises(WrongState, match="loaded"):
        ingest.upload(batch, "late", io.BytesIO(lines(row(2))))
    with pytest.raises(WrongState, match="loaded"):
        ingest.abort(batch)


def test_a_batch_without_files_fails(ingest: Ingest, lake: Lake, dataset: Dataset) -> None:
    batch = promoted(ingest, lake, dataset, "json")
    assert batch.status == "failed"
    assert batch.errors[0]["code"] == "INGEST-106-400"


@pytest.mark.parametrize(
    "form", [{"format": "xml"}, {}, {"format": "csv", "delimiter": "||"}, {"format": "csv", "delimiter": '"'}]
)
def test_unknown_formats_are_refused_at_once(ingest: Ingest, dataset: Dataset, form: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"inputFormat\."):
        ingest.open(dataset, form)


def test_promotion_is_repeatable(ingest: Ingest, lake: Lake, engine: Engine, dataset: Dataset) -> None:
    batch = promoted(ingest, lake, dataset, "json", file=lines(row(1)))
    ingest.promote(batch.id)
    assert numbers(lake, engine, dataset) == ["1"]
    assert lake.datasets.by_id(dataset.id).snapshot == 1


def promote_elsewhere(home: Path, batch_id: str) -> None:
    """What a worker in another process does."""
    settings = Settings(home=home, engine_memory_mib=512, engine_threads=2)
    store = Store.open(settings.store_url)
    lake = Lake(store, Registry(store), settings.lake)
    engine = Engine(settings.scratch, 512, 2, 2)
    made(store, lake, engine, settings).promote(batch_id)


@pytest.mark.parametrize(
    ("point", "visible"),
    [
        ("ingest.converted", False),
        ("lake.file-placed", False),
        ("lake.publish.before-commit", False),
        ("lake.publish.committed", True),
    ],
)
def test_a_worker_killed_on_the_way_publishes_once(
    ingest: Ingest,
    lake: Lake,
    engine: Engine,
    settings: Settings,
    dataset: Dataset,
    point: str,
    visible: bool,
) -> None:
    exact = pa.Table.from_pylist([row(1, items=[])], schema=exact_schema(dataset))
    batch = sent(ingest, dataset, "parquet", wider=parquet(TABLE.slice(1)), exact=parquet(exact))
    children.killed(promote_elsewhere, settings.home, batch.id, crash_at=point)
    assert numbers(lake, engine, dataset) == (["1", "2"] if visible else [])
    assert lake.batches.by_id(batch.id).status == ("success" if visible else "staging")
    ingest.promote(batch.id)
    assert numbers(lake, engine, dataset) == ["1", "2"]
    assert lake.batches.by_id(batch.id).status == "success"
    assert lake.datasets.by_id(dataset.id).snapshot == 1
    assert left(settings, ingest) == ([], [])


def left(settings: Settings, ingest: Ingest) -> tuple[list[str], list[str]]:
    """The staged files that are there, and those that are named."""
    with ingest._store.read() as connection:
        named = list(connection.execute(select(staged_files.c.name)).scalars())
    return list(Folder(settings.staging).names()), named


def exact_schema(dataset: Dataset) -> pa.Schema:
    return arrow_schema(dataset.schema.type)
