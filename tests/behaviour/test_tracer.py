"""One thin thread through every joint, by one text, embedded and through a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.client import Client, Schema
from limbeck.errors import RowsRejected, UndefinedTable
from tests.platforms import embedded, served

EXPERIENCE_EVENT = "https://ns.adobe.com/xdm/context/experienceevent"


@pytest.fixture(scope="module", params=[embedded, served])
def aep(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    opened: Callable[[Path], AbstractContextManager[Client]] = request.param
    with opened(tmp_path_factory.mktemp("home")) as client:
        yield client


def visit_schema(aep: Client, title: str) -> Schema:
    fields = {"userid": {"type": "string"}, "pages": {"type": "integer"}}
    body = {
        "title": f"{title} fields",
        "type": "object",
        "meta:intendedToExtend": [EXPERIENCE_EVENT],
        "definitions": {"ours": {"properties": {f"_{aep.tenant}": {"type": "object", "properties": fields}}}},
        "allOf": [{"$ref": "#/definitions/ours"}],
    }
    schema = aep.create_schema(title, EXPERIENCE_EVENT, [aep.create_field_group(body).id])
    aep.create_identity(schema, f"_{aep.tenant}.userid", "CRMID")
    return schema


def visits(aep: Client, folder: Path, count: int, pages: pa.DataType | None = None) -> Path:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    inner = pa.struct([("userid", pa.string()), ("pages", pa.int32())])
    ours = pa.array([{"userid": f"{10**37 + n % 7}", "pages": n} for n in range(count)], inner)
    if pages is not None:
        ours = ours.cast(pa.struct([("userid", pa.string()), ("pages", pages)]))
    table = pa.table(
        {
            "_id": [f"visit-{n}" for n in range(count)],
            "timestamp": pa.array([began + timedelta(minutes=n) for n in range(count)], pa.timestamp("ms", "UTC")),
            "eventType": ["web.visit"] * count,
            f"_{aep.tenant}": ours,
        }
    )
    path = folder / "visits.parquet"
    pq.write_table(table, path)
    return path


def test_a_batch_is_counted_once_it_is_ingested(aep: Client, tmp_path: Path) -> None:
    dataset = aep.create_dataset("visits", visit_schema(aep, "Web Visit"))
    assert aep.sql("select count(*) from visits").scalar() == 0

    batch = aep.upload(dataset, visits(aep, tmp_path, 1000))

    assert (batch.status, batch.rows) == ("success", 1000)
    assert aep.sql("select count(*) from visits").scalar() == 1000
    sums = f"select _{aep.tenant}.userid u, sum(_{aep.tenant}.pages) n from visits group by 1 order by 1 limit 1"
    assert aep.sql(sums).table().to_pylist() == [{"u": f"{10**37}", "n": sum(range(0, 1000, 7))}]


def test_a_large_file_is_sent_in_parts(aep: Client, tmp_path: Path) -> None:
    dataset = aep.create_dataset("large visits", visit_schema(aep, "Large Visit"))
    file = visits(aep, tmp_path, 1000)
    batch = aep.open_batch(dataset, "parquet")
    aep.put_file(batch, dataset, "visits.parquet", file, part_bytes=file.stat().st_size // 3)
    aep.complete_batch(batch)
    assert (aep.wait(batch).status, aep.sql("select count(*) from large_visits").scalar()) == ("success", 1000)


def test_a_rejected_batch_leaves_nothing_to_see(aep: Client, tmp_path: Path) -> None:
    dataset = aep.create_dataset("rejected visits", visit_schema(aep, "Rejected Visit"))

    with pytest.raises(RowsRejected, match="pages") as caught:
        aep.upload(dataset, visits(aep, tmp_path, 10, pages=pa.string()))

    assert caught.value.details["samples"]
    assert aep.sql("select count(*) from rejected_visits").scalar() == 0


def test_a_table_made_by_sql_is_downloaded_as_it_was_computed(aep: Client, tmp_path: Path) -> None:
    dataset = aep.create_dataset("made visits", visit_schema(aep, "Made Visit"))
    aep.upload(dataset, visits(aep, tmp_path, 100))

    aep.sql(f"create table by_user as select _{aep.tenant}.userid u, count(*) n from made_visits group by 1").table()
    made = aep.dataset("by_user")

    assert made is not None
    rows = [r for f in aep.download(made, tmp_path / "down") for r in pq.read_table(f).to_pylist()]
    assert sorted(r["n"] for r in rows) == [14] * 5 + [15] * 2


def test_an_error_is_the_same_error_on_this_side(aep: Client) -> None:
    with pytest.raises(UndefinedTable, match="nowhere"):
        aep.sql("select * from nowhere").table()
