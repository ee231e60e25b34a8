"""Files as they come: packed, in other encodings, with other delimiters, not finished; and what runs count of them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

import limbeck
from limbeck.client import Client
from limbeck.errors import InvalidFile, InvalidInput, NotServed, RowsRejected
from tests.behaviour.flow_scores import csv, lines, parquet, pickup, put, scores

FLOW = "/data/foundation/flowservice"


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with limbeck.connect(tmp_path_factory.mktemp("home")) as client:
        yield client


def told(aep: Client, flow: str, **properties: Any) -> None:
    """Say how the files of a flow are written."""
    (body,) = aep._transport.call("GET", f"{FLOW}/flows/{flow}")["items"]
    path = f"{FLOW}/sourceConnections/{body['sourceConnectionIds'][0]}"
    (source,) = aep._transport.call("GET", path)["items"]
    change = [{"op": "Replace", "path": "/data", "value": {"format": "delimited", "properties": properties}}]
    aep._transport.call("PATCH", path, json=change, headers={"If-Match": source["etag"]})


def summary(aep: Client, run_id: str) -> tuple[int, ...]:
    """Files and bytes that came in; records that were read, failed, and came through."""
    (run,) = aep._transport.call("GET", f"{FLOW}/runs/{run_id}")["items"]
    files, size, records = (run["metrics"][f"{name}Summary"] for name in ("file", "size", "record"))
    counted = (records[f"{name}RecordCount"] for name in ("input", "failed", "output"))
    return files["inputFileCount"], size["inputBytes"], *counted


def test_gzip_is_unpacked_whatever_the_format(aep: Client) -> None:
    flow, dataset = pickup(aep, "packed")
    contents = {
        "a.csv.gz": gzip.compress(csv(("u1", 1))),
        "b.json.GZ": gzip.compress(lines({"userId": "u2", "prediction": 2})) + gzip.compress(b"\n"),
        "c.gz.parquet": parquet({"userId": "u3", "prediction": 3.0}),
        "d.parquet.gz": gzip.compress(parquet({"userId": "u4", "prediction": 4.0})),
    }
    for name, content in contents.items():
        put(aep, f"packed/{name}", content)
    run = aep.wait_run(aep.run_flow(flow))
    assert scores(aep, dataset) == [(f"u{n}", float(n)) for n in range(1, 5)]
    assert summary(aep, run.id) == (4, sum(map(len, contents.values())), 4, 0, 4)


def test_files_are_packed_if_the_source_says_so(aep: Client) -> None:
    flow, dataset = pickup(aep, "said")
    told(aep, flow, compressionType="gzip")
    put(aep, "said/a.csv", gzip.compress(csv(("u1", 1))))
    assert aep.wait_run(aep.run_flow(flow)).rows == 1
    assert scores(aep, dataset) == [("u1", 1.0)]


@pytest.mark.parametrize("damage", ["cut off", "no gzip", "changed"])
def test_gzip_that_is_not_whole_waits_for_its_end(aep: Client, damage: str) -> None:
    flow, dataset = pickup(aep, damage)
    whole = gzip.compress(csv(("u1", 1)))
    broken = {"cut off": whole[:-9], "no gzip": csv(("u1", 1)), "changed": whole[:12] + b"\xff" * 9 + whole[21:]}
    put(aep, f"{damage}/a.csv.gz", broken[damage])
    put(aep, f"{damage}/b.csv", csv(("u2", 2)))
    run = aep.wait_run(aep.run_flow(flow))
    assert [e["message"] for e in run.errors] == [
        f"the file {damage}/a.csv.gz is left for the next run: its gzip does not end, or is none"
    ]
    put(aep, f"{damage}/a.csv.gz", whole)
    assert aep.wait_run(aep.run_flow(flow)).rows == 1
    assert scores(aep, dataset) == [("u1", 1.0), ("u2", 2.0)]


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-16", "utf-16-le", "windows-1252", "UTF8"])
def test_text_is_read_in_the_encoding_that_the_source_names(aep: Client, encoding: str) -> None:
    flow, dataset = pickup(aep, encoding)
    told(aep, flow, encoding=encoding, columnDelimiter="\t")
    put(aep, f"{encoding}/a.csv", "userId\tprediction\nMüller, A\t1\n".encode(encoding))
    put(aep, f"{encoding}/b.json", '{"userId": "Ärzte", "prediction": 2}'.encode(encoding))
    put(aep, f"{encoding}/c.parquet", parquet({"userId": "Öl", "prediction": 3.0}))
    aep.wait_run(aep.run_flow(flow))
    assert sorted(scores(aep, dataset)) == [("Müller, A", 1.0), ("Ärzte", 2.0), ("Öl", 3.0)]


def test_a_byte_order_mark_is_no_part_of_the_header(aep: Client) -> None:
    flow, dataset = pickup(aep, "bom")
    put(aep, "bom/a.csv", b"\xef\xbb\xbf" + csv(("u1", 1)))
    put(aep, "bom/b.json", b"\xef\xbb\xbf" + lines({"userId": "u2", "prediction": 2}))
    aep.wait_run(aep.run_flow(flow))
    assert scores(aep, dataset) == [("u1", 1.0), ("u2", 2.0)]


def test_text_that_is_not_of_its_encoding_is_named(aep: Client) -> None:
    flow, dataset = pickup(aep, "wrong")
    told(aep, flow, encoding="UTF-16")
    put(aep, "wrong/a.csv", b"abc")
    with pytest.raises(InvalidFile, match=r'file "wrong/a.csv" is not UTF-16 text, as its source connection says'):
        aep.wait_run(aep.run_flow(flow))
    put(aep, "wrong/a.csv", csv(("u1", 1)).decode().encode("utf-16"))
    assert aep.wait_run(aep.run_flow(flow)).rows == 1
    assert scores(aep, dataset) == [("u1", 1.0)]


@pytest.mark.parametrize(
    ("properties", "kind", "said"),
    [
        ({"encoding": "klingon"}, InvalidInput, "encoding is 'klingon'"),
        ({"encoding": "base64"}, InvalidInput, "encoding is 'base64'"),
        ({"columnDelimiter": "||"}, InvalidInput, "it is one character"),
        ({"compressionType": "tar"}, NotServed, "'tar'; this version unpacks gzip"),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_connection(
    aep: Client, properties: dict[str, str], kind: type[Exception], said: str
) -> None:
    body = {
        "connectionSpec": {"id": "26f526f2-58f4-4712-961d-e41bf1ccc0e8"},
        "params": {"path": "x"},
        "data": {"format": "delimited", "properties": properties},
    }
    with pytest.raises(kind, match=said):
        aep._transport.call("POST", f"{FLOW}/sourceConnections", json=body)


def test_a_failed_run_counts_what_it_read_and_what_did_not_fit(aep: Client) -> None:
    flow, _ = pickup(aep, "counted")
    good, broken = (
        csv(*((f"u{n}", n) for n in range(5))),
        lines(*({"userId": "u", "prediction": p} for p in ("x", 1, []))),
    )
    put(aep, "counted/a.csv", good)
    put(aep, "counted/b.json", broken)
    with pytest.raises(RowsRejected):
        aep.wait_run(aep.run_flow(flow))
    newest = max(aep.flow_runs(flow), key=lambda run: run.created)
    assert summary(aep, newest.id) == (2, len(good) + len(broken), 8, 2, 0)
