"""Files of the upload area become rows: each once, by its mapping, or with word of why not."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

import limbeck
from limbeck import ids
from limbeck.client import Client
from limbeck.client.landingzone import LandingZone
from limbeck.errors import InvalidFile, InvalidInput, LandingZoneError, LimbeckError, RowsRejected
from limbeck.flow import Run, schedule
from limbeck.flow.service import DUE
from limbeck.platform import Platform
from limbeck.scope import Sandbox
from limbeck.store.queue import Queue
from tests.behaviour.flow_scores import (
    ECID,
    csv,
    done,
    field_group,
    idle,
    lines,
    parquet,
    pickup,
    put,
    score_dataset,
    scores,
)

FLOW = "/data/foundation/flowservice"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def aep(home: Path) -> Iterator[Client]:
    with limbeck.connect(home) as client:
        yield client


@pytest.fixture
def inbox(home: Path) -> Path:
    return home / "landing-zone" / "dlz-user-container"


def messages(aep: Client, flow: str) -> list[str]:
    """What a run that takes nothing says."""
    run = aep.wait_run(aep.run_flow(flow))
    assert (run.status, run.rows) == ("success", 0)
    return [str(e["message"]) for e in run.errors]


# -- what is taken -----------------------------------------------------------------------------------------------------


def test_all_formats_in_all_folders_come_in_as_one_batch_by_the_mapping(aep: Client) -> None:
    flow, dataset = pickup(aep, "formats")
    put(aep, "formats/a/day=1/part-0.csv", csv((ECID, 0.5, "x"), ("u2", "", "y"), header="userId,prediction,more"))
    put(aep, "formats/a/odd.csv", csv((0, 0.75, "u8", 1, 2), header=",prediction,userId,more,More"))
    put(aep, "formats/b.json", lines({"prediction": 0.25, "userId": "u3"}, {"userId": "u4", "other": [1]}))
    put(aep, "formats/c.jsonl", lines({"userId": "u5", "prediction": 1}))
    put(aep, "formats/d.parquet", parquet({"prediction": 2, "userId": "u6", "more": b"x"}))
    put(aep, "formats/e.json", b'[{"userId": "u7",\n "prediction": 1e-3}]')

    run = aep.wait_run(aep.run_flow(flow))

    assert scores(aep, dataset) == [
        (ECID, 0.5),
        ("u2", None),
        ("u3", 0.25),
        ("u4", None),
        ("u5", 1.0),
        ("u6", 2.0),
        ("u7", 0.001),
        ("u8", 0.75),
    ]
    assert (run.status, run.rows, list(run.errors)) == ("success", 8, [])
    (batch,) = aep.batches(dataset)
    assert (batch.status, batch.rows) == ("success", 8)
    assert aep.wait_run(aep.run_flow(flow)).rows == 0
    assert len(aep.batches(dataset)) == 1


def test_text_cells_become_values_by_the_type_of_their_field(aep: Client) -> None:
    columns = {k: k for k in ("userid", "score", "rank", "is_new", "since", "at")}
    flow, _ = pickup(aep, "typed", columns)
    header = ",".join(columns)
    put(aep, "typed/a.csv", csv(("007", "1e-3", 3, "true", "2026-01-31", "2026-01-31T10:00:00+01:00"), header=header))
    put(aep, "typed/b.csv", csv(("", "", "", "", "", ""), header=header))

    assert aep.wait_run(aep.run_flow(flow)).rows == 2

    rows = aep.sql(f"select _{aep.tenant} o from typed").table().column("o").to_pylist()
    whole = {
        "userid": "007",
        "score": 0.001,
        "rank": 3,
        "is_new": True,
        "since": date(2026, 1, 31),
        "at": datetime(2026, 1, 31, 9),
    }
    assert [r for r in rows if r] == [whole]
    assert [r for r in rows if not r] == [None]


def test_a_column_may_fill_two_fields(aep: Client) -> None:
    dataset, schema = score_dataset(aep, "twice")
    mapping = aep.create_mapping(schema, [("userId", f"_{aep.tenant}.userid"), ("userId", "_id"), ("p", "personID")])
    flow = aep.create_pickup("twice", dataset, schema, mapping, "twice")
    assert aep.flow_runs(flow) == []  # its schedule begins later, so nobody waits for a run that has nothing to take
    put(aep, "twice/a.csv", csv(("u1", "x"), header="userId,p"))
    put(aep, "twice/b.parquet", parquet({"userId": "u2", "p": None}))
    put(aep, "twice/c.json", lines({"userId": "u3", "p": "y"}))
    aep.wait_run(aep.run_flow(flow))
    found = aep.sql(f"select _id, personID, _{aep.tenant}.userid u from twice order by 1").table().to_pylist()
    assert [tuple(r.values()) for r in found] == [("u1", "x", "u1"), ("u2", None, "u2"), ("u3", "y", "u3")]


def test_marks_of_other_programs_and_empty_files_are_left_in_silence(aep: Client, inbox: Path) -> None:
    flow, dataset = pickup(aep, "marks")
    for name in ("_SUCCESS", "_committed_1.csv", ".hidden.csv", "_temporary/0/part.csv", ".tmp/part.csv"):
        (inbox / "marks" / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / "marks" / name).write_bytes(csv(("no", 1)))
    (inbox / "marks" / "empty.csv").touch()
    assert messages(aep, flow) == []
    (inbox / "marks" / "part-0.csv").write_bytes(csv(("yes", 1)))
    assert aep.wait_run(aep.run_flow(flow)).rows == 1
    assert scores(aep, dataset) == [("yes", 1.0)]


def test_a_file_of_no_known_ending_is_left_with_a_message(aep: Client) -> None:
    flow, _ = pickup(aep, "endings")
    put(aep, "endings/notes.txt", b"hello")
    (said,) = messages(aep, flow)
    assert said == (
        "the file endings/notes.txt is left: its name ends in none of .parquet, .csv, .json, .jsonl, .ndjson"
    )


def test_a_folder_that_is_not_there_has_nothing_to_take(aep: Client) -> None:
    flow, _ = pickup(aep, "not there")
    assert messages(aep, flow) == []


def test_links_are_not_followed(aep: Client, inbox: Path, tmp_path: Path) -> None:
    flow, _ = pickup(aep, "links")
    (tmp_path / "outside.csv").write_bytes(csv(("secret", 1)))
    (inbox / "links").mkdir(parents=True)
    (inbox / "links" / "link.csv").symlink_to(tmp_path / "outside.csv")
    (inbox / "links" / "folder").symlink_to(tmp_path)
    assert messages(aep, flow) == []


@pytest.mark.parametrize("path", ["../out", "a/../../b", "/abs", "s3://b/x"])
def test_no_path_leads_out_of_the_upload_area(aep: Client, path: str) -> None:
    body = {"connectionSpec": {"id": "26f526f2-58f4-4712-961d-e41bf1ccc0e8"}, "params": {"path": path}}
    with pytest.raises(InvalidInput, match="relative to dlz-user-container"):
        aep._transport.call("POST", f"{FLOW}/sourceConnections", json=body)


def test_two_flows_each_take_a_file(aep: Client) -> None:
    flows = [pickup(aep, name) for name in ("first flow", "second flow")]
    source = {"path": "shared", "type": "folder", "recursive": True}
    for flow, dataset in flows:
        (body,) = aep._transport.call("GET", f"{FLOW}/flows/{flow}")["items"]
        (before,) = aep._transport.call("GET", f"{FLOW}/sourceConnections/{body['sourceConnectionIds'][0]}")["items"]
        patch = [{"op": "Replace", "path": "/params", "value": source}]
        headers = {"If-Match": before["etag"]}
        aep._transport.call("PATCH", f"{FLOW}/sourceConnections/{before['id']}", json=patch, headers=headers)
        if dataset is flows[0][1]:
            put(aep, "shared/a.csv", csv(("u1", 1)))
        assert aep.wait_run(aep.run_flow(flow)).rows == 1
        assert scores(aep, dataset) == [("u1", 1.0)]


# -- each file once ----------------------------------------------------------------------------------------------------


def test_a_taken_file_that_changes_is_not_taken_again_and_named(aep: Client) -> None:
    flow, dataset = pickup(aep, "changed")
    put(aep, "changed/a.csv", csv(("u1", 1)))
    aep.wait_run(aep.run_flow(flow))
    put(aep, "changed/a.csv", csv(("u1", 1), ("u2", 2)))
    (said,) = messages(aep, flow)
    assert "the file changed/a.csv was taken at " in said
    assert "has changed since; it is not taken again: give what is new a name of its own" in said
    put(aep, "changed/b.csv", csv(("u2", 2)))
    run = aep.wait_run(aep.run_flow(flow))
    assert (run.rows, len(run.errors)) == (1, 1)
    assert scores(aep, dataset) == [("u1", 1.0), ("u2", 2.0)]


def test_a_mended_file_of_the_same_name_is_taken(aep: Client) -> None:
    flow, dataset = pickup(aep, "mended")
    put(aep, "mended/a.csv", csv(("u1", 1)))
    put(aep, "mended/b.csv", csv(("u2", "many"), ("u3", 3)))

    with pytest.raises(RowsRejected, match=r'File "mended/b.csv", row 1.*found "many", wanted a number') as caught:
        aep.wait_run(aep.run_flow(flow))

    (sample,) = caught.value.details["samples"]
    path = f"_{aep.tenant}.score"
    assert sample == {"file": "mended/b.csv", "row": 1, "path": path, "found": '"many"', "wanted": "a number"}
    assert scores(aep, dataset) == []
    (batch,) = aep.batches(dataset)
    assert batch.status == "failed"

    put(aep, "mended/b.csv", csv(("u2", 2), ("u3", 3)))
    assert aep.wait_run(aep.run_flow(flow)).rows == 3
    assert scores(aep, dataset) == [("u1", 1.0), ("u2", 2.0), ("u3", 3.0)]
    assert [r.status for r in aep.flow_runs(flow)][:2] == ["success", "failed"]


def test_a_parquet_file_without_its_footer_waits_for_it(aep: Client, inbox: Path) -> None:
    flow, dataset = pickup(aep, "footer")
    content = parquet({"userId": "u1", "prediction": 1.0})
    put(aep, "footer/a.parquet", content[:-20])
    put(aep, "footer/b.csv", csv(("u2", 2)))
    run = aep.wait_run(aep.run_flow(flow))
    assert run.rows == 1
    assert [e["message"] for e in run.errors] == [
        "the file footer/a.parquet is left for the next run: it has no Parquet footer, so it is not finished or no "
        "Parquet"
    ]
    put(aep, "footer/a.parquet", content)
    assert aep.wait_run(aep.run_flow(flow)).rows == 1
    assert scores(aep, dataset) == [("u1", 1.0), ("u2", 2.0)]


# -- what is refused ---------------------------------------------------------------------------------------------------

FLOAT = parquet({"userId": None, "prediction": 1.0}, {"userId": 1.2345678901234568e37, "prediction": 1.0})


@pytest.mark.parametrize(
    ("name", "content", "row", "found"),
    [
        ("a.parquet", FLOAT, 2, "1.2345678901234568e37"),
        ("a.parquet", parquet({"userId": 4711, "prediction": 1.0}), 1, "4711"),
        ("a.parquet", parquet({"userId": "4711.0", "prediction": 1.0}), 1, '"4711.0"'),
        ("a.json", lines({"userId": "u1", "prediction": 1}, {"userId": 4711.25, "prediction": 1}), 2, "4711.25"),
        ("a.json", f'{{"userId": {ECID}, "prediction": 1}}'.encode(), 1, ECID),
        ("a.json", lines({"userId": "1.23e+37", "prediction": 1}), 1, '"1.23e+37"'),
        ("a.csv", csv(("u1", 1), ("1.23457E+37", 1)), 2, '"1.23457E+37"'),
        ("a.csv", csv(("u1", 1), ("u2", 1), ("4711.0", 1)), 3, '"4711.0"'),
        ("a.csv", csv(('"1,23457E+37"', 1)), 1, '"1,23457E+37"'),
    ],
)
def test_an_identity_that_was_a_number_is_refused(
    aep: Client, inbox: Path, name: str, content: bytes, row: int, found: str
) -> None:
    flow = aep.find_flow("identities") or pickup(aep, "identities")[0]
    put(aep, f"identities/{name}", content)
    try:
        with pytest.raises(RowsRejected, match="write the column as text") as caught:
            aep.wait_run(aep.run_flow(flow))
    finally:
        (inbox / "identities" / name).unlink()
    (sample,) = caught.value.details["samples"]
    assert (sample["file"], sample["row"], sample["found"]) == (f"identities/{name}", row, found)
    assert "every digit" in sample["wanted"]
    assert f'row {row}, field "_{aep.tenant}.userid": found {found}' in str(caught.value)


@pytest.mark.parametrize("fine", ["12e45", "1e5", "0012345678", "1.2.0", "4711.05", "e+5", "123e4567e89b", "10.0.0.0"])
def test_an_identity_that_only_looks_odd_is_taken(fine: str) -> None:
    from limbeck.ingest.rules import Identifier
    from limbeck.ingest.validate import problems
    from limbeck.xdm.types import Field, Object

    assert problems(f'{{"id": "{fine}"}}', Object((Field("id", Identifier("string")),))) == []


@pytest.mark.parametrize(
    ("name", "content", "kind", "said"),
    [
        ("a.csv", csv(("u1", 1), header="userID,prediction"), InvalidFile, 'a.csv" has no column "userId".*"userID"'),
        ("a.json", lines({"userId": "u"}, {"usrId": "u", "x": 1}), InvalidFile, 'a.json" has no column "prediction"'),
        ("a.parquet", parquet({"userId": "u", "predicted": 1}), InvalidFile, '"prediction".*did you mean "predicted"'),
        ("a.csv", csv(("u1", 1, 2), header="userId,prediction,prediction"), InvalidFile, 'two columns "prediction"'),
        ("a.csv", csv(("u1",)), InvalidFile, 'cannot read file "refused/a.csv"'),
        ("a.csv", b"userId,prediction\nM\xfcller,1\n", InvalidFile, "is not UTF-8 text"),
        ("a.json", b'{"userId": "u1", "prediction": 1', InvalidFile, "a.json"),
        ("a.jsonl", b'{"userId": "u1", "prediction": 1}\n{"userId"', RowsRejected, '"refused/a.jsonl", row 2'),
        ("a.json", b'["u1", 1]', RowsRejected, 'found "u1", wanted an object'),
        ("a.json", b" \n", InvalidInput, "is empty"),
        ("a.parquet", parquet({"userId": "u", "prediction": "1"}), InvalidFile, "holds string; wanted: number"),
        ("a.json", lines({"userId": "u", "prediction": "x"}), RowsRejected, 'found "x", wanted a number'),
        ("a.json", lines({"userId": "u", "prediction": [1]}), RowsRejected, "row 1"),
    ],
)
def test_a_file_that_does_not_fit_fails_the_run_and_is_named(
    aep: Client, inbox: Path, name: str, content: bytes, kind: type[LimbeckError], said: str
) -> None:
    flow = aep.find_flow("refused") or pickup(aep, "refused")[0]
    put(aep, f"refused/{name}", content)
    try:
        with pytest.raises(kind, match=f"(?s)was not ingested.*{said}"):
            aep.wait_run(aep.run_flow(flow))
    finally:
        (inbox / "refused" / name).unlink()
    assert aep.sql("select count(*) from refused").scalar() == 0


@pytest.mark.parametrize(
    ("mappings", "kind", "said"),
    [
        ([("a", "_T.scor")], InvalidInput, '"_T.scor", which the schema does not have; did you mean "_T.score"'),
        ([("a", "score")], InvalidInput, '"score", which the schema does not have; did you mean "_T.score"'),
        ([("a", "_T.score"), ("b", "_T.score")], InvalidInput, 'two mappings lead to "_T.score"'),
        ([("a", "_T"), ("b", "_T.score")], InvalidInput, '"_T" and to "_T.score" inside it'),
        ([("", "_T.score")], InvalidInput, "mapping 0 needs source"),
        ([], InvalidInput, "needs mappings"),
    ],
)
def test_a_mapping_that_leads_nowhere_is_refused_when_it_is_made(
    aep: Client, mappings: list[tuple[str, str]], kind: type[LimbeckError], said: str
) -> None:
    schema = aep.schema("mapped") or score_dataset(aep, "mapped")[1]
    ours = f"_{aep.tenant}"
    with pytest.raises(kind, match=said.replace("_T", ours)):
        aep.create_mapping(schema, [(source, path.replace("_T", ours)) for source, path in mappings])


def test_mappings_lead_onto_schemas_that_exist(aep: Client) -> None:
    prep = "/data/foundation/conversion/mappingSets"
    schema = aep.schema("mapped") or score_dataset(aep, "mapped")[1]
    for body, kind, said in (
        ({"mappings": []}, InvalidInput, "outputSchema.schemaRef.id is missing"),
        ({"outputSchema": {"schemaRef": {"id": "https://x"}}, "mappings": []}, InvalidInput, "https://x"),
        ({"outputSchema": {"schemaRef": {"id": schema.id}}, "mappings": ["x"]}, InvalidInput, "mapping 0 is 'x'"),
    ):
        with pytest.raises(kind, match=said):
            aep._transport.call("POST", prep, json=body)
    computed = {"sourceType": "FUNCTION", "source": "concat(a, b)", "destination": f"_{aep.tenant}.userid"}
    body = {"outputSchema": {"schemaRef": {"id": schema.id}}, "mappings": [computed]}
    with pytest.raises(InvalidInput, match="FUNCTION; known are ATTRIBUTE and EXPRESSION"):
        aep._transport.call("POST", prep, json=body)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([], "transformations found: none"),
        ([{"name": "mapping", "params": {"mappingId": "ID"}}], 'named "Mapping".*found: "mapping"'),
        ([{"name": "Mapping", "params": {}}], 'found: "Mapping"'),
        ([{"name": "Mapping", "params": {"mappingId": "x"}}], "no mapping set 'x'.*create it first"),
        ([{"name": "Mapping", "params": {"mappingId": "OTHER"}}], "fills schema .*, the dataset"),
    ],
)
def test_a_flow_needs_its_mapping(aep: Client, steps: list[dict[str, Any]], said: str) -> None:
    flow = aep.find_flow("steps") or pickup(aep, "steps")[0]
    (body,) = aep._transport.call("GET", f"{FLOW}/flows/{flow}")["items"]
    mapping = body["transformations"][0]["params"]["mappingId"]
    schema = aep.schema("other mapped") or score_dataset(aep, "other mapped")[1]
    other = aep.create_mapping(schema, {"userId": f"_{aep.tenant}.userid"})
    text = json.dumps(steps).replace('"ID"', f'"{mapping}"').replace('"OTHER"', f'"{other}"')
    kept = {k: body[k] for k in ("name", "flowSpec", "sourceConnectionIds", "targetConnectionIds")}
    with pytest.raises(InvalidInput, match=said):
        aep._transport.call("POST", f"{FLOW}/flows", json={**kept, "transformations": json.loads(text)})


def test_the_upload_area_takes_files_whole_or_not_at_all(aep: Client, inbox: Path) -> None:
    zone = aep.landing_zone("upload")

    def broken() -> Iterator[bytes]:
        yield b"half of it"
        raise ConnectionResetError("gone")

    with pytest.raises((ConnectionResetError, LandingZoneError)):
        zone.write("torn", "a.csv", broken())
    assert [p for p in (inbox / "torn").rglob("*") if p.is_file()] == []
    for name in ("", ".hidden.csv", "_SUCCESS", "a/b.csv"):
        with pytest.raises(InvalidInput, match="no file name"):
            zone.write("torn", name, [b"x"])
    for path in ("../x", "a/../..", "/abs"):
        with pytest.raises(InvalidInput, match="not inside"):
            zone.list(path)


def test_a_folder_of_another_machine_is_named() -> None:
    with pytest.raises(LandingZoneError, match="the folder /nowhere/dlz of the server, which this machine lacks"):
        LandingZone.of({"SASUri": "file:///nowhere/dlz", "SASToken": "", "containerName": "dlz"})


# -- by a schedule -----------------------------------------------------------------------------------------------------


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[tuple[Platform, Sandbox]]:
    with idle(tmp_path / "idle") as opened:
        yield opened


def scheduled(platform: Platform, sandbox: Sandbox, **params: Any) -> str:
    """A pick-up flow made without the client, and its id."""
    flows, tenant = platform.flows, sandbox.tenant
    profile = "https://ns.adobe.com/xdm/context/profile"
    group = platform.registry.create(sandbox, "fieldgroups", field_group(ids.new_uuid(), tenant))
    parts = [{"$ref": ref} for ref in (profile, group["$id"])]
    schema = platform.registry.create(sandbox, "schemas", {"title": ids.new_uuid(), "type": "object", "allOf": parts})
    dataset = platform.lake.create_dataset(sandbox, "scores", schema["$id"])
    pairs = {"userId": f"_{tenant}.userid", "prediction": f"_{tenant}.score"}
    mappings = [{"sourceType": "ATTRIBUTE", "source": s, "destination": d} for s, d in pairs.items()]
    body = {"outputSchema": {"schemaRef": {"id": schema["$id"]}}, "mappings": mappings}
    mapping = flows.create(sandbox, "mappingSet", body).id
    spec = {"id": "26f526f2-58f4-4712-961d-e41bf1ccc0e8"}
    source = flows.create(sandbox, "sourceConnection", {"connectionSpec": spec, "params": {"path": "in"}}).id
    lake = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c"}
    target = {"connectionSpec": lake, "params": {"dataSetId": dataset.id}}
    flow = {
        "name": "scheduled",
        "flowSpec": {"id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876"},
        "sourceConnectionIds": [source],
        "targetConnectionIds": [flows.create(sandbox, "targetConnection", target).id],
        "transformations": [{"name": "Mapping", "params": {"mappingId": mapping}}],
        "scheduleParams": params or None,
    }
    return flows.create(sandbox, "flow", flow).id


def tick(platform: Platform) -> int | None:
    """Take the job of a flow that is due, if there is one, as the worker does; return the time it was due."""
    queue = Queue(platform.store)
    job = queue.lease("me")
    while job is not None and job.kind != DUE:
        job = queue.lease("me")
    if job is None:
        return None
    platform.flows.due(job.payload["flow"], job.payload["moment"])
    queue.finish(job, "me")
    return int(job.payload["moment"])


def found_runs(platform: Platform, sandbox: Sandbox) -> list[Run]:
    return platform.flows.runs.find(sandbox)


QUARTER = {"frequency": "minute", "interval": "15", "startTime": "1700000000"}


def test_a_flow_is_due_when_it_is_made_and_then_by_its_interval(platform: tuple[Platform, Sandbox]) -> None:
    opened, sandbox = platform
    flow = scheduled(opened, sandbox, **QUARTER)
    due = tick(opened)
    assert due is not None
    (run,) = found_runs(opened, sandbox)
    assert (run.status, run.is_demanded, run.flow_id) == ("pending", False, flow)
    assert tick(opened) is None

    opened.flows.due(flow, due)  # what a worker that was killed does again
    assert len(found_runs(opened, sandbox)) == 1
    done(opened, run)
    opened.flows.due(flow, due)
    assert len(found_runs(opened, sandbox)) == 1
    opened.flows.due(flow, due + 15 * 60_000)
    assert [r.status for r in found_runs(opened, sandbox)] == ["pending", "success"]
    opened.flows.due(flow, due + 30 * 60_000)
    assert len(found_runs(opened, sandbox)) == 2


def test_only_an_enabled_flow_with_a_schedule_is_due(platform: tuple[Platform, Sandbox]) -> None:
    opened, sandbox = platform
    scheduled(opened, sandbox)
    assert tick(opened) is None
    flow = scheduled(opened, sandbox, **QUARTER)
    opened.flows.set_state(sandbox, flow, "disabled")
    assert tick(opened) is None
    opened.flows.set_state(sandbox, flow, "enabled")
    assert tick(opened) is not None
    assert len(found_runs(opened, sandbox)) == 1
    future = opened.flows.resources.get(sandbox, "flow", flow)
    later = [{"op": "Replace", "path": "/scheduleParams", "value": {**QUARTER, "startTime": 4_102_444_800}}]
    opened.flows.patch(sandbox, "flow", flow, later, future.etag)
    assert tick(opened) is None
    opened.flows.delete(sandbox, "flow", flow)
    assert found_runs(opened, sandbox) == []
    assert tick(opened) is None


@pytest.mark.parametrize(
    ("raw", "first", "after"),
    [
        ({"startTime": 100, "interval": 1, "timeUnit": "hour"}, 200_000, 100_000 + 3_600_000),
        ({"startTime": 300, "interval": "2", "frequency": "DAY"}, 300_000, 300_000 + 2 * 86_400_000),
        ({"startTime": 300}, 300_000, None),
        ({"startTime": "", "frequency": "once", "interval": 0}, 200_000, None),
        ({"startTime": 300, "timeUnit": "day", "interval": 0}, 300_000, None),
        ({"startTime": 100, "endTime": 150, "interval": 1, "timeUnit": "day"}, None, None),
        ({"interval": 1, "timeUnit": "minute", "endTime": 230}, 200_000, None),
        ({"startTime": 150, "interval": "1", "timeUnit": "month"}, 200_000, 150_000 + 31 * 86_400_000),
    ],
)
def test_schedules_are_read_as_aep_writes_them(raw: Mapping[str, Any], first: int | None, after: int | None) -> None:
    found = schedule.Schedule.parse(raw)
    assert found is not None
    assert found.first(200_000) == first
    if first is not None:
        assert found.after(first, first) == after


def test_what_was_missed_is_made_up_for_once() -> None:
    found = schedule.Schedule.parse({"startTime": 0, "interval": 1, "timeUnit": "hour"})
    assert found is not None
    assert found.after(3_600_000, 10 * 3_600_000 + 5) == 11 * 3_600_000


def test_a_run_by_schedule_leaves_fresh_files_and_one_on_demand_takes_them(
    platform: tuple[Platform, Sandbox],
) -> None:
    opened, sandbox = platform
    flow = scheduled(opened, sandbox, **QUARTER)
    folder = opened.zone.storage.area("upload") / "in"
    folder.mkdir()
    (folder / "fresh.csv").write_bytes(csv(("fresh", 1)))
    (folder / "old.csv").write_bytes(csv(("old", 1)))
    os.utime(folder / "old.csv", (time.time() - 60,) * 2)
    os.utime(folder / "fresh.csv", (time.time() + 1,) * 2)

    tick(opened)
    (run,) = found_runs(opened, sandbox)
    ended = done(opened, run)

    assert (ended.status, ended.metrics.input_files) == ("success", 1)
    assert ended.metrics.messages == ("the file in/fresh.csv is left for the next run: it was changed a moment ago",)
    assert done(opened, opened.flows.run(sandbox, flow)).metrics.input_files == 1


def test_a_run_that_cannot_be_done_is_given_up_with_its_batch(platform: tuple[Platform, Sandbox]) -> None:
    opened, sandbox = platform
    run = opened.flows.run(sandbox, scheduled(opened, sandbox))
    opened.flows.give_up(run.id, "its worker died 10 times")
    ended = opened.flows.runs.get(sandbox, run.id)
    assert ended.status == "failed"
    assert "its worker died 10 times" in ended.errors[0]["message"]
    assert done(opened, ended).status == "failed"


# -- at the same time --------------------------------------------------------------------------------------------------


def work_elsewhere(home: Path, run_id: str) -> None:
    """What the worker of another platform does."""
    with idle(home) as (platform, _):
        platform.flows.work(run_id)


def test_runs_at_the_same_time_take_each_file_once(platform: tuple[Platform, Sandbox]) -> None:
    opened, sandbox = platform
    flow = scheduled(opened, sandbox)
    folder = opened.zone.storage.area("upload") / "in"
    folder.mkdir()
    for n in range(30):
        (folder / f"{n:02d}.csv").write_bytes(csv((f"u{n}", n)))
    runs = [opened.flows.run(sandbox, flow) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(work_elsewhere, [opened.settings.home] * 3, [run.id for run in runs]))

    ended = [opened.flows.runs.get(sandbox, run.id) for run in runs]

    assert {run.status for run in ended} == {"success"}
    assert sum(run.metrics.output_records for run in ended) == 30
    (dataset,) = opened.lake.datasets.all(sandbox)
    with opened.engine.session([opened.lake.table(dataset, "t")]) as session:
        assert session.fetch(f"SELECT count(*), count(DISTINCT _{sandbox.tenant}.userid) FROM t") == [(30, 30)]
    assert not list((opened.settings.home / "staging").rglob("*.csv"))
    assert not [p for p in (opened.settings.home / "staging").rglob("*") if p.is_file()]


def test_a_dropped_dataset_fails_the_run(platform: tuple[Platform, Sandbox]) -> None:
    opened, sandbox = platform
    flow = scheduled(opened, sandbox)
    (dataset,) = opened.lake.datasets.all(sandbox)
    opened.lake.datasets.drop(sandbox, dataset.id)
    ended = done(opened, opened.flows.run(sandbox, flow))
    assert (ended.status, ended.errors[0]["message"]) == (
        "failed",
        f"no dataset {dataset.id!r} in sandbox {sandbox.name}",
    )
