"""Deliveries: what stands in the files, who is in them, and that they are there whole and once."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.activation import files
from limbeck.client import Client, Dataset
from limbeck.client.people import Audience
from limbeck.errors import (
    DiskFull,
    EtagMissing,
    InvalidInput,
    LandingZoneError,
    LimbeckError,
    NotFound,
    NotServed,
    StaleEtag,
    WrongState,
)
from tests.behaviour import children
from tests.disks import disk
from tests.platforms import embedded, served

PROFILE = "https://ns.adobe.com/xdm/context/profile"
IN_PROFILE = {"unifiedProfile": ["enabled:true"], "unifiedIdentity": ["enabled:true"]}
FLOW = "/data/foundation/flowservice"
ADHOC = "/data/core/activation/disflowprovider/adhocrun"
SELECTORS = "/transformations/0/params/segmentSelectors/selectors"
FIELDS: dict[str, dict[str, Any]] = {
    **{name: {"type": "string"} for name in ("userid", "email", "test", "text", "more")},
    "number": {"type": "number"},
    "count": {"type": "integer", "meta:xdmType": "long"},
    "flag": {"type": "boolean"},
    "day": {"type": "string", "format": "date"},
    "at": {"type": "string", "format": "date-time"},
    "tags": {"type": "array", "items": {"type": "string"}},
}
ID = "identityMap.CRMID"
T1 = datetime(2026, 3, 1, 12, tzinfo=UTC)

Row = Mapping[str, Any]


@dataclass
class World:
    """People of a home. Each test's rows carry its name, so that its audiences are of nobody else."""

    aep: Client
    folder: Path
    people: Dataset = field(init=False)
    sent: int = 0

    def __post_init__(self) -> None:
        aep = self.aep
        body = {
            "title": "people fields",
            "type": "object",
            "meta:intendedToExtend": [PROFILE],
            "definitions": {"ours": {"properties": {self.ours: {"type": "object", "properties": FIELDS}}}},
            "allOf": [{"$ref": "#/definitions/ours"}],
        }
        schema = aep.create_schema("people", PROFILE, [aep.create_field_group(body).id])
        aep.create_identity(schema, f"{self.ours}.userid", "CRMID")
        aep.create_identity(schema, f"{self.ours}.email", "Email", primary=False)
        aep.enable_profile(schema)
        self.people = aep.create_dataset("people", schema, IN_PROFILE)

    @property
    def ours(self) -> str:
        return f"_{self.aep.tenant}"

    def tell(self, test: str, *rows: Row) -> None:
        """Bring in records."""
        self.sent += 1
        file = self.folder / f"{self.sent}.json"
        file.write_text("\n".join(json.dumps({self.ours: {"test": test, **row}}) for row in rows))
        self.aep.upload(self.people, file)

    def audience(self, test: str, rest: str = "", *, name: str = "", at: datetime | None = T1) -> Audience:
        """Make and evaluate an audience of people of a test; `@` stands for the tenant's name."""
        rule = f'{self.ours}.test = "{test}"' + (f" and {rest.replace('@', self.ours)}" if rest else "")
        made = self.aep.audiences.create(name or test, rule)
        if at is not None:
            self.aep.audiences.evaluate(made, at=at)
        return made

    def flow(
        self,
        name: str,
        columns: Mapping[str, str],
        audience: Audience | None = None,
        *,
        form: str = "csv",
        params: Row | None = None,
        template: str = "%SEGMENT_ID%",
        **more: Any,
    ) -> str:
        """Make a dataflow into the folder *name*; *params* are of its target, *more* of its transformation."""
        kept = {column: source.replace("@", self.ours) for column, source in columns.items()}
        flow = self.aep.destinations.create(name, name, kept, form)
        if params:
            (body,) = self.get(f"flows/{flow}")["items"]
            target = f"targetConnections/{body['targetConnectionIds'][0]}"
            (before,) = self.get(target)["items"]
            self.patch(target, [{"op": "Replace", "path": "/params", "value": {**before["params"], **params}}])
        if more:
            self.patch(
                f"flows/{flow}",
                [{"op": "add", "path": f"/transformations/0/params/{k}", "value": v} for k, v in more.items()],
            )
        if audience is not None:
            self.aep.destinations.select(flow, audience, template)
        return flow

    def deliver(self, flow: str, audience: Audience) -> dict[str, Any]:
        """Deliver an audience and return the run's metrics."""
        run = self.aep.wait_run(self.aep.destinations.start(flow, audience))
        return self.metrics(run.id)

    def metrics(self, run_id: str) -> dict[str, Any]:
        (found,) = self.get(f"runs/{run_id}")["items"]
        return dict(found["metrics"])

    def files(self, folder: str) -> dict[str, bytes]:
        """The files in a folder but for the manifests."""
        zone = self.aep.landing_zone("export")
        paths = [path for path in zone.list(folder) if "/manifest-" not in f"/{path}"]
        return {path.rpartition("/")[2]: zone.read(path) for path in paths}

    def manifests(self, folder: str) -> list[dict[str, Any]]:
        zone = self.aep.landing_zone("export")
        return [json.loads(zone.read(path)) for path in zone.list(folder) if "/manifest-" in f"/{path}"]

    def delivered(self, name: str, columns: Mapping[str, str], audience: Audience, **how: Any) -> bytes:
        """Deliver by a dataflow of its own and return the one file."""
        self.deliver(self.flow(name, columns, audience, **how), audience)
        (content,) = self.files(name).values()
        return content

    def get(self, path: str, **params: Any) -> Any:
        return self.aep._transport.call("GET", f"{FLOW}/{path}", params=params)

    def patch(self, path: str, operations: Sequence[Row], etag: str | None = None) -> None:
        """Patch what is there, under its etag if none is given."""
        (before,) = self.get(path)["items"]
        headers = {"If-Match": before["etag"] if etag is None else etag}
        self.aep._transport.call("PATCH", f"{FLOW}/{path}", json=list(operations), headers=headers)

    def demand(self, wanted: Mapping[str, Any]) -> list[str]:
        """Ask for audiences by flow, on demand; give the id of the run of each."""
        body = {"activationInfo": dict(wanted)}
        headers = {"Accept": "application/vnd.adobe.adhoc.activation+json; version=2"}
        order = self.aep._transport.call("POST", ADHOC, json=body, headers=headers)["order"]
        return [str(told["statusURL"]).rpartition("/")[2] for told in order]

    def start(self, flow: str) -> str:
        """Run a dataflow as it stands; give the id of the run."""
        return str(self.aep._transport.call("POST", f"{FLOW}/runs", json={"flowId": flow})["id"])


def cells(content: bytes, delimiter: str = ",") -> list[list[str]]:
    """What a CSV reader sees."""
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter, strict=True))


def selector(audience_id: str, template: str = "%SEGMENT_ID%") -> dict[str, Any]:
    value = {"id": audience_id, "filenameTemplate": template, "exportMode": "DAILY_FULL_EXPORT"}
    return {"type": "PLATFORM_SEGMENT", "value": value}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def world(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with embedded(home) as client:
        yield World(client, tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with served(tmp_path_factory.mktemp("home")) as client:
        yield World(client, tmp_path_factory.mktemp("rows"))


@pytest.fixture(params=["world", "outside"])
def both(request: pytest.FixtureRequest) -> World:
    """The platform in this process, then a server."""
    found: World = request.getfixturevalue(request.param)
    return found


# -- what stands in a file ----------------------------------------------------------------------------------------


def test_a_file_has_its_header_in_the_order_of_the_mapping_and_its_rows_sorted(both: World) -> None:
    both.tell("order", *({"userid": f"o{n}", "text": f"t{n}", "number": n / 2} for n in (7, 1, 5, 2, 9, 3)))
    audience = both.audience("order", "@.number < 4")
    flow = both.flow("order", {"z": "@.text", "who": ID, "a": "@.number"}, audience)

    metrics = both.deliver(flow, audience)

    (name,) = both.files("order")
    assert name == f"{audience.id}.csv"
    assert both.files("order")[name] == b"z,who,a\nt1,o1,0.5\nt2,o2,1.0\nt3,o3,1.5\nt5,o5,2.5\nt7,o7,3.5\n"
    assert metrics["recordSummary"] == {
        "inputRecordCount": 5,
        "outputRecordCount": 5,
        "skippedRecordCount": 0,
        "failedRecordCount": 0,
    }
    assert metrics["fileSummary"]["outputFileCount"] == 1
    assert metrics["sizeSummary"]["outputBytes"] == len(both.files("order")[name])


def test_the_same_input_gives_the_same_bytes(world: World) -> None:
    rows = [{"userid": f"same-{n}", "text": "x" * (n % 5), "number": n / 7} for n in range(50)]
    columns = {"who": ID, "text": "@.text", "number": "@.number"}
    forms = [(form, compression) for form in ("csv", "parquet") for compression in ("NONE", "GZIP")]
    audience, found = world.audience("same", at=None), []
    for seed in (1, 2):
        world.tell("same", *random.Random(seed).sample(rows, len(rows)))
        world.aep.audiences.evaluate(audience)
        found.append(
            [
                world.delivered(f"same {seed} {form} {c}", columns, audience, form=form, params={"compression": c})
                for form, c in forms
            ]
        )
    assert found[0] == found[1]
    assert len(set(found[0])) == 4


def test_values_are_those_of_now(world: World) -> None:
    world.tell("now", {"userid": "now-1", "text": "old"})
    audience = world.audience("now")
    world.tell("now", {"userid": "now-1", "text": "new"})
    assert world.delivered("now", {"text": "@.text"}, audience) == b"text\nnew\n"


NUMBERS = [
    1e-07,
    0.1 + 0.2,
    1e22,
    1e16,
    -1.5e-10,
    123456789.123,
    0.0,
    -0.5,
    3.0,
    1 / 3,
    5e-324,
    1.7976931348623157e308,
    2.0**53,
]
COUNTS = [0, -7, 2**53, -(2**53), 10**15]


def test_numbers_are_plain_and_not_rounded(world: World) -> None:
    numbers = [*NUMBERS, *(random.Random(5).uniform(-1, 1) * 10.0**n for n in range(-30, 30))]
    rows = [{"userid": f"n{n:03}", "number": number} for n, number in enumerate(numbers)]
    world.tell("numbers", *rows, *({"userid": f"c{n:03}", "count": count} for n, count in enumerate(COUNTS)))
    audience = world.audience("numbers")
    _, *found = cells(world.delivered("numbers", {"who": ID, "n": "@.number", "c": "@.count"}, audience))
    told = {who: (number, count) for who, number, count in found}
    for n, number in enumerate(numbers):
        cell, nothing = told[f"n{n:03}"]
        assert re.fullmatch(r"-?\d+(\.\d+)?", cell), cell
        assert (float(cell), nothing) == (number, "")
    assert told["n000"][0] == "0.0000001"
    assert told["n001"][0] == "0.30000000000000004"
    assert told["n002"][0] == "10000000000000000000000"
    assert told["n007"][0] == "-0.5"
    assert [told[f"c{n:03}"] for n in range(len(COUNTS))] == [("", str(count)) for count in COUNTS]


def test_times_are_rfc_3339_and_booleans_are_words(world: World) -> None:
    world.tell(
        "times",
        {"userid": "t1", "at": "2026-02-03T04:05:06.789Z", "day": "2026-02-03", "flag": True},
        {"userid": "t2", "at": "2026-02-03T00:30:00+01:30", "day": "1900-01-01", "flag": False},
        {"userid": "t3"},
    )
    columns = {"at": "@.at", "day": "@.day", "flag": "@.flag"}
    assert cells(world.delivered("times", columns, world.audience("times"))) == [
        ["at", "day", "flag"],
        ["2026-02-03T04:05:06.789Z", "2026-02-03", "true"],
        ["2026-02-02T23:00:00.000Z", "1900-01-01", "false"],
        ["", "", ""],
    ]


FORMULAS = ["=1+1", "+49 30 1", "-1", "@home", "\tx", "=", '=HYPERLINK("http://x","y")', "-0.5", "+"]
TEXTS = [
    *("plain", "", " ", " lead", "a,b", "a;b", "a|b", "a:b", "a\tb", '"', 'say "x"', "'", "''", "'=1"),
    *("line\nbreak", "both\r\nends", "tail\n", "1,5", "NULL", "null", "\\", "\\N", "a=b", "1+1", "x@y"),
    *("Zürich", "東京", "עברית", "👩‍💻", "e\u0301", "\u00a0", "\u2028", "\ufeffbom", "x" * 5000),
]
PIECES = ["a", "ß", '"', "'", ",", ";", "|", ":", "\t", "\n", " ", "=", "+", "-", "@", "0", "👍", "\\"]


def shown(text: str | None) -> str:
    """How a text stands in a cell: nothing for none, an apostrophe before what a spreadsheet would compute."""
    return "" if not text else f"'{text}" if text[0] in "=+-@\t\r" else text


def told(world: World, test: str, texts: Sequence[str | None], delimiter: str, **how: Any) -> list[str]:
    """Deliver texts, and read the cells."""
    if test not in {a.name for a in world.aep.audiences.all()}:
        world.tell(test, *({"userid": f"{test}-{n:04}", "text": t, "flag": True} for n, t in enumerate(texts)))
        world.audience(test)
    audience = world.aep.audiences.named(test)
    assert audience is not None
    content = world.delivered(
        f"{test} {how}".replace(":", "").replace("\\", ""), {"text": "@.text", "flag": "@.flag"}, audience, params=how
    )
    (header, *rows) = cells(content, delimiter)
    assert content.startswith(f"text{delimiter}flag\n".encode())
    assert content.endswith(b"\n")
    assert header == ["text", "flag"]
    assert {flag for _, flag in rows} == {"true"}
    return [text for text, _ in rows]


@pytest.mark.parametrize(
    ("given", "delimiter"), [(",", ","), (";", ";"), ("|", "|"), (":", ":"), ("tab", "\t"), ("\t", "\t")]
)
def test_texts_come_back_as_they_were(world: World, given: str, delimiter: str) -> None:
    chance = random.Random(3)
    texts = [None, *TEXTS, *FORMULAS, *("".join(chance.choices(PIECES, k=chance.randrange(6))) for _ in range(150))]
    found = told(world, "texts", texts, delimiter, csvOptions={"delimiter": given})
    assert found == [shown(text) for text in texts]


def test_a_carriage_return_does_not_end_a_row(world: World) -> None:
    texts = ["a\rb", "a\r", "\r"]
    assert told(world, "returns", texts, ",", csvOptions={"delimiter": ","}) == [shown(text) for text in texts]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, b"who,text\nn1,\nn2,\nn3,null\n"),
        ({"nullValue": "null"}, b'who,text\nn1,null\nn2,\nn3,"null"\n'),
        ({"emptyValue": '""'}, b'who,text\nn1,\nn2,""\nn3,null\n'),
        ({"nullValue": '""', "emptyValue": "null"}, b'who,text\nn1,""\nn2,null\nn3,null\n'),
        ({"nullValue": "", "emptyValue": "", "delimiter": "tab"}, b"who\ttext\nn1\t\nn2\t\nn3\tnull\n"),
    ],
)
def test_how_nothing_is_written(world: World, options: Row, expected: bytes) -> None:
    if world.aep.audiences.named("null") is None:
        world.tell("null", {"userid": "n1"}, {"userid": "n2", "text": ""}, {"userid": "n3", "text": "null"})
        world.audience("null")
    audience = world.aep.audiences.named("null")
    assert audience is not None
    name = f"null {sorted(options)}"
    content = world.delivered(name, {"who": ID, "text": "@.text"}, audience, params={"csvOptions": options})
    assert content == expected


@pytest.mark.parametrize("quote", ['"', "\\0000"])
@pytest.mark.parametrize("escape", ["\\", "'"])
@pytest.mark.parametrize("delimiter", [",", "|"])
def test_texts_come_back_whatever_quotes_and_escapes(world: World, quote: str, escape: str, delimiter: str) -> None:
    """Read with the same options: a reader without quotes takes what follows an escape as it is."""
    texts = [text for text in [*TEXTS, *FORMULAS, "\r", "'\\'", '\\"'] if text]
    if world.aep.audiences.named("escapes") is None:
        world.tell("escapes", *({"userid": f"e{n:03}", "text": text} for n, text in enumerate(texts)))
        world.audience("escapes")
    audience = world.aep.audiences.named("escapes")
    assert audience is not None
    options = {"delimiter": delimiter, "quote": quote, "escape": escape}
    name = f"escapes {len(quote)} {ord(escape)} {ord(delimiter)}"
    content = world.delivered(name, {"who": ID, "text": "@.text"}, audience, params={"csvOptions": options})
    quoting = csv.QUOTE_MINIMAL if quote == '"' else csv.QUOTE_NONE
    lines = io.StringIO(content.decode(), newline="")
    found = list(csv.reader(lines, delimiter=delimiter, escapechar=escape, doublequote=False, quoting=quoting))
    assert [text for _, text in found[1:]] == [shown(text) for text in texts]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lineSep": "\n"}, "csvOptions.lineSep is not served; a CSV file takes delimiter, quote, escape, nullValue"),
        ({"header": False}, "csvOptions.header is not served"),
        ({"quote": "'"}, 'csvOptions.quote is "\'"; it is a double quote'),
        ({"escape": "#"}, "csvOptions.escape is '#'; it is a backslash"),
        ({"nullValue": "NA"}, "csvOptions.nullValue is 'NA'; it is null"),
        ({"emptyValue": ["null"]}, "csvOptions.emptyValue is"),
        ({"delimiter": {}}, "csvOptions.delimiter is {}; it is a comma"),
        (["delimiter"], "csvOptions is .*; it is an object"),
    ],
)
def test_an_option_that_is_not_done_is_refused_when_it_is_asked_for(world: World, options: Any, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        world.flow(f"option {said[11:18]}", {"who": ID}, params={"csvOptions": options})


def test_a_row_of_nothing_is_a_row(world: World) -> None:
    world.tell("nothing", {"userid": "nothing-1", "text": ""}, {"userid": "nothing-2"})
    content = world.delivered("nothing", {"text": "@.text"}, world.audience("nothing"))
    assert cells(content) == [["text"], [""], [""]]


def test_parquet_keeps_types_and_texts(world: World) -> None:
    world.tell(
        "typed",
        {
            "userid": "p1",
            "text": "=1",
            "number": 0.1 + 0.2,
            "count": 2**53 - 1,
            "flag": True,
            "day": "2026-02-03",
            "at": "2026-02-03T04:05:06.789Z",
        },
        {"userid": "p2", "text": "", "email": "p2@x"},
    )
    columns = {name: f"@.{name}" for name in ("text", "number", "count", "flag", "day", "at")}
    columns |= {"mail": "identityMap.Email", "status": "segmentMembership.status"}
    audience = world.audience("typed")
    content = world.delivered("typed", columns, audience, form="parquet")
    assert list(world.files("typed")) == [f"{audience.id}.parquet"]

    table = pq.read_table(io.BytesIO(content))

    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    assert list(kinds) == list(columns)
    for name in ("text", "mail", "status"):
        assert kinds.pop(name) in (pa.string(), pa.large_string())
    moment = kinds.pop("at")
    assert pa.types.is_timestamp(moment)
    assert kinds == {"number": pa.float64(), "count": pa.int64(), "flag": pa.bool_(), "day": pa.date32()}
    first, second = table.to_pylist()
    assert first.pop("at").replace(tzinfo=UTC) == datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)
    assert first == {
        "text": "=1",
        "number": 0.1 + 0.2,
        "count": 2**53 - 1,
        "flag": True,
        "day": date(2026, 2, 3),
        "mail": None,
        "status": "realized",
    }
    nothing = dict.fromkeys(("number", "count", "flag", "day", "at"))
    assert second == {"text": "", **nothing, "mail": "p2@x", "status": "realized"}


def test_gzip(world: World) -> None:
    world.tell("zipped", *({"userid": f"z{n}", "text": "x"} for n in range(3)))
    audience, columns = world.audience("zipped"), {"who": ID, "text": "@.text"}
    zipped = world.delivered("zipped", columns, audience, params={"compression": "GZIP"})
    assert list(world.files("zipped")) == [f"{audience.id}.csv.gz"]
    assert gzip.decompress(zipped) == b"who,text\nz0,x\nz1,x\nz2,x\n"
    table = world.delivered("zipped too", columns, audience, form="parquet", params={"compression": "GZIP"})
    assert list(world.files("zipped too")) == [f"{audience.id}.parquet"]
    assert pq.ParquetFile(io.BytesIO(table)).metadata.row_group(0).column(0).compression == "GZIP"


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"fileType": "XLSX"}, "CSV or PARQUET"),
        ({"compression": "ZIP"}, "NONE or GZIP"),
        ({"csvOptions": {"delimiter": "#"}}, "comma, semicolon, colon, pipe or tab"),
    ],
)
def test_a_form_that_is_not_served_is_refused(world: World, params: Row, said: str) -> None:
    audience = world.audience(f"form {said}")
    with pytest.raises(InvalidInput, match=said):
        world.delivered(f"form {next(iter(params))}", {"who": ID}, audience, params=params)
    assert world.files(f"form {next(iter(params))}") == {}


# -- who is in it -------------------------------------------------------------------------------------------------


def test_identities_are_those_of_the_linked_person(world: World) -> None:
    world.tell(
        "linked",
        {"userid": "l3", "email": "b@x"},
        {"userid": "l1", "email": "a@x"},
        {"userid": "l2"},
        {"userid": "l4", "email": "+49@x"},
    )
    world.tell("linked", {"userid": "l3", "email": "a@x"})
    columns = {"id": ID, "mail": "identityMap.Email", "phone": "identityMap.Phone", "text": "@.text"}
    content = world.delivered("linked", columns, world.audience("linked"))
    assert sorted(cells(content)[1:]) == [["l1", "a@x", "", ""], ["l2", "", "", ""], ["l4", "'+49@x", "", ""]]


def test_the_case_of_a_standard_namespace_does_not_matter(world: World) -> None:
    world.tell("case", {"userid": "case-1", "email": "case@x"})
    content = world.delivered("case", {"mail": "identityMap.email"}, world.audience("case"))
    assert content == b"mail\ncase@x\n"


def test_only_members_are_delivered_and_their_status_is_realized(world: World) -> None:
    world.tell("status", *({"userid": f"s{n}", "number": n} for n in range(4)))
    audience = world.audience("status", "@.number > 0")
    world.tell("status", {"userid": "s1", "number": 0})
    world.aep.audiences.evaluate(audience, at=T1 + timedelta(days=1))
    content = world.delivered("status", {"who": ID, "status": "segmentMembership.status"}, audience)
    assert content == b"who,status\ns2,realized\ns3,realized\n"


def test_who_becomes_one_person_after_the_evaluation_is_delivered_once(world: World) -> None:
    world.tell("merged", {"userid": "m1"}, {"userid": "m2"})
    audience = world.audience("merged")
    world.tell("merged", {"userid": "m1", "email": "m@x"}, {"userid": "m2", "email": "m@x"})
    assert world.delivered("merged", {"who": ID}, audience) == b"who\nm1\n"


def test_who_becomes_one_person_is_delivered_once_whenever_each_came_in(world: World) -> None:
    world.tell("joined", {"userid": "j1", "number": 1}, {"userid": "j2", "number": 0})
    audience = world.audience("joined", "@.number > 0")
    world.tell("joined", {"userid": "j2", "number": 1})
    world.aep.audiences.evaluate(audience, at=T1 + timedelta(days=1))
    world.tell("joined", {"userid": "j1", "email": "j@x"}, {"userid": "j2", "email": "j@x"})
    assert world.delivered("joined", {"who": ID}, audience) == b"who\nj1\n"


VALUES: dict[str, list[Any]] = {"text": [None, "", "a", "b", " "], "more": ["x", "y"], "number": [None, 0.0, 1.5]}


@pytest.fixture(scope="module")
def crowd(world: World) -> tuple[Audience, dict[str, Row], dict[str, datetime]]:
    """An audience, its people's values, and since when each is in."""
    chance = random.Random(11)
    rows: dict[str, Row] = {f"r{n:02}": {k: chance.choice(v) for k, v in VALUES.items()} for n in range(40)}
    since: dict[str, datetime] = {}
    audience = world.audience("crowd", "@.flag = true", at=None)
    for wave in range(3):
        moment = T1 + timedelta(days=wave)
        came = [u for n, u in enumerate(rows) if n % 3 == wave]
        world.tell("crowd", *({"userid": u, "flag": True, **rows[u]} for u in came))
        world.aep.audiences.evaluate(audience, at=moment)
        since |= dict.fromkeys(came, moment)
    return audience, rows, since


@pytest.mark.parametrize(
    ("mandatory", "key"),
    [
        ([], []),
        (["text"], []),
        (["number"], []),
        (["text", "number"], []),
        ([], ["more"]),
        (["text"], ["text"]),
        (["text"], ["text", "more"]),
        (["text", "number"], ["more", "number"]),
    ],
)
def test_who_lacks_what_is_mandatory_is_left_out_and_a_key_is_there_once(
    world: World,
    crowd: tuple[Audience, dict[str, Row], dict[str, datetime]],
    mandatory: list[str],
    key: list[str],
) -> None:
    audience, rows, since = crowd
    name = f"crowd {'-'.join(mandatory)} {'-'.join(key)}"
    below = "profileSelectors/" if len(mandatory) == 1 else ""  # they may stand in either place
    wanted: dict[str, Any] = {
        f"{below}mandatoryFields": [f"{world.ours}.{m}" for m in mandatory],
        f"{below}primaryFields": [{"fieldType": "ATTRIBUTE", "attributePath": f"{world.ours}.{k}"} for k in key],
    }
    flow = world.flow(name, {"who": ID, **{k: f"@.{k}" for k in VALUES}}, audience, **wanted)

    metrics = world.deliver(flow, audience)["recordSummary"]

    having = [u for u in sorted(rows) if all(rows[u][m] not in (None, "") for m in mandatory)]
    groups: dict[tuple[Any, ...], list[str]] = {}
    for user in having:
        groups.setdefault(tuple(rows[user][k] for k in key) if key else (user,), []).append(user)
    latest = {k: min(g, key=lambda u: (-since[u].timestamp(), u)) for k, g in groups.items()}
    expected = [latest[k] for k in sorted(latest)]
    (content,) = world.files(name).values()
    assert [row[0] for row in cells(content)[1:]] == expected
    assert metrics == {
        "inputRecordCount": len(rows),
        "outputRecordCount": len(expected),
        "skippedRecordCount": len(rows) - len(expected),
        "failedRecordCount": 0,
    }


def test_an_identity_may_be_mandatory(world: World) -> None:
    world.tell("mandatory", {"userid": "i1", "email": "i@x"}, {"userid": "i2"})
    audience = world.audience("mandatory")
    flow = world.flow("mandatory", {"who": ID}, audience, mandatoryFields=["identityMap.Email"])
    summary = world.deliver(flow, audience)["recordSummary"]
    assert (summary["outputRecordCount"], summary["skippedRecordCount"]) == (1, 1)
    assert list(world.files("mandatory").values()) == [b"who\ni1\n"]


def email_key() -> dict[str, Any]:
    return {"primaryFields": [{"fieldType": "IDENTITY", "identityNamespace": "email", "attributePath": ""}]}


def test_a_namespace_as_key_gives_a_row_an_identity(world: World) -> None:
    world.tell("namespace", {"userid": "k1", "email": "k1@x", "text": "one"}, {"userid": "k2", "email": "k2@x"})
    world.tell("namespace", {"userid": "k1", "email": "k3@x", "text": "one"}, {"userid": "k4"})
    audience = world.audience("namespace")
    columns = {"mail": "identityMap.Email", "who": ID, "text": "@.text"}
    metrics = world.deliver(world.flow("namespace", columns, audience, **email_key()), audience)
    assert list(world.files("namespace").values()) == [b"mail,who,text\nk1@x,k1,one\nk2@x,k2,\nk3@x,k1,one\n"]
    assert metrics["recordSummary"] == {
        "inputRecordCount": 4,  # k1 has two e-mail addresses; k4 has none and is skipped
        "outputRecordCount": 3,
        "skippedRecordCount": 1,
        "failedRecordCount": 0,
    }
    assert [f["rows"] for f in world.manifests("namespace")[0]["exportResults"]] == [3]


def test_a_namespace_as_key_need_not_be_a_column_and_the_mandatory_holds_for_each_row(world: World) -> None:
    world.tell("unseen", {"userid": "u1", "email": "u1@x", "text": "a"}, {"userid": "u2", "email": "u2@x"})
    world.tell("unseen", {"userid": "u1", "email": "u3@x", "text": "a"})
    audience = world.audience("unseen")
    needed = ["identityMap.Email", "segmentMembership.status", f"{world.ours}.text"]
    flow = world.flow("unseen", {"who": ID}, audience, mandatoryFields=needed, **email_key())
    summary = world.deliver(flow, audience)["recordSummary"]
    assert list(world.files("unseen").values()) == [b"who\nu1\nu1\n"]
    assert (summary["inputRecordCount"], summary["skippedRecordCount"]) == (3, 1)


def test_the_rows_of_a_random_crowd_with_a_namespace_as_key(world: World) -> None:
    """A slow reference: each e-mail address of each member once, in their order."""
    chance = random.Random(8)
    mails = {f"m{n:02}": [f"m{n:02}-{k}@x" for k in range(chance.randrange(4))] for n in range(30)}
    for k in range(4):
        world.tell(
            "mails",
            *(
                {"userid": u, "flag": True, **({"email": found[k]} if k < len(found) else {})}
                for u, found in mails.items()
            ),
        )
    audience = world.audience("mails")
    flow = world.flow("mails", {"mail": "identityMap.Email", "who": ID}, audience, **email_key())
    summary = world.deliver(flow, audience)["recordSummary"]
    (content,) = world.files("mails").values()
    assert cells(content)[1:] == sorted([mail, user] for user, found in mails.items() for mail in found)
    lacking = sum(not found for found in mails.values())
    assert summary["outputRecordCount"] + lacking == summary["inputRecordCount"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"mandatoryFields": ["@.txet"]},
        {"primaryFields": [{"fieldType": "ATTRIBUTE", "attributePath": "@.txet"}]},
    ],
)
def test_a_field_that_nobody_has_is_refused_as_mandatory_and_as_key(world: World, wanted: dict[str, Any]) -> None:
    name = f"misspelt {next(iter(wanted))}"
    world.tell(name, {"userid": f"{name}-1", "text": "x"}, {"userid": f"{name}-2", "text": "y"})
    audience = world.audience(name)
    meant = json.loads(json.dumps(wanted).replace("@", world.ours))
    flow = world.flow(name, {"who": ID}, audience, **meant)
    with pytest.raises(InvalidInput, match="text"):
        world.deliver(flow, audience)


NAMESPACE = {"fieldType": "IDENTITY", "identityNamespace": "Email", "attributePath": ""}
ATTRIBUTE = {"fieldType": "ATTRIBUTE", "attributePath": "_x.text"}


@pytest.mark.parametrize(
    "key",
    [
        [NAMESPACE, ATTRIBUTE],
        [NAMESPACE, NAMESPACE],
        [ATTRIBUTE] * 3,
        [{"fieldType": "ATTRIBUTE", "attributePath": "segmentMembership.status"}],
    ],
)
def test_a_key_is_one_namespace_or_one_or_two_attributes(world: World, key: list[Row]) -> None:
    with pytest.raises(InvalidInput, match="one namespace, or one or two attributes"):
        world.flow("mixed", {"who": ID}, primaryFields=key)


@pytest.mark.parametrize(("form", "compression"), [("csv", "NONE"), ("csv", "GZIP"), ("parquet", "NONE")])
def test_an_audience_of_nobody_is_a_file_with_its_header(world: World, form: str, compression: str) -> None:
    name = f"nobody {form} {compression}"
    audience = world.audience(name)
    flow = world.flow(
        name, {"b": "@.number", "a": ID}, audience, form=form, params={"compression": compression, "fileType": form}
    )
    metrics = world.deliver(flow, audience)
    (content,) = world.files(name).values()
    if form == "parquet":
        table = pq.read_table(io.BytesIO(content))
        assert (table.num_rows, table.schema.names) == (0, ["b", "a"])
        assert table.schema.field("b").type == pa.float64()
    else:
        assert (gzip.decompress(content) if compression == "GZIP" else content) == b"b,a\n"
    assert metrics["recordSummary"]["inputRecordCount"] == metrics["recordSummary"]["outputRecordCount"] == 0
    assert metrics["fileSummary"]["outputFileCount"] == 1
    assert [f["rows"] for f in world.manifests(name)[0]["exportResults"]] == [0]


def test_many_rows_are_split_into_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH_ROWS", 2048)
    monkeypatch.setattr(files, "SPLIT_ROWS", 4096)
    world.tell("split", *({"userid": f"p{n:05}"} for n in range(10_000)))
    audience = world.audience("split")
    flow = world.flow("split", {"who": ID}, audience, template="people_%SEGMENT_ID%")
    metrics = world.deliver(flow, audience)
    found = world.files("split")
    names = [f"people_{audience.id}{ending}.csv" for ending in ("", "_2", "_3")]
    assert sorted(found) == sorted(names)
    rows = [cells(found[name]) for name in names]
    assert all(header == ["who"] for header, *_ in rows)
    assert [len(r) - 1 for r in rows] == [4096, 4096, 1808]
    assert [who for _, *body in rows for (who,) in body] == [f"p{n:05}" for n in range(10_000)]
    assert metrics["fileSummary"]["outputFileCount"] == 3
    (manifest,) = world.manifests("split")
    assert [(f["name"], f["rows"]) for f in manifest["exportResults"]] == list(
        zip(names, [4096, 4096, 1808], strict=True)
    )


# -- names --------------------------------------------------------------------------------------------------------

STAMP = r"\d{14}"
TEMPLATES = [
    ("", "My_D_st_segmentID_STAMP"),
    ("%DESTINATION_NAME%_%SEGMENT_ID%", "My_D_st_ID"),
    ("x%SEGMENT_NAME%-%SEGMENT_ID%.x", "x.._.._etc_p_ss__NAME_-ID.x"),
    ("%SEGMENT_ID%_%TIMESTAMP%", "ID_STAMP"),
    ("%SEGMENT_ID%_%DATETIME(yyyyMMdd_HHmmss)%", r"ID_\d{8}_\d{6}"),
    ("%SEGMENT_ID%_%DATETIME(YYYYMMdd)%", r"ID_\d{8}"),
    ("%SEGMENT_ID%_%DATETIME(yyyy-MM-dd'T'HH:mm)%", r"ID_\d{4}-\d\d-\d\d_T_\d\d_\d\d"),
    ("a b/c\\d:ü€*?%SEGMENT_ID%", "a_b_c_d_____ID"),
    ("/%SEGMENT_ID%", "_ID"),
]


@pytest.mark.parametrize(("template", "expected"), TEMPLATES)
def test_a_name_is_made_by_its_template_and_unsafe_characters_are_replaced(
    world: World, home: Path, template: str, expected: str
) -> None:
    number, name = TEMPLATES.index((template, expected)), "../../etc/päss 'NAME'"
    audience = world.aep.audiences.named(name) or world.audience("named", name=name)
    flow = world.flow(f"My Dést{number}", {"who": ID}, audience, template=template)
    world.deliver(flow, audience)
    (found,) = world.files(f"My Dést{number}")
    told = expected.replace("My_D_st", f"My_D_st{number}")
    pattern = told.replace("ID", audience.id).replace(".", r"\.").replace("STAMP", STAMP)
    assert re.fullmatch(pattern + r"\.csv", found), (found, pattern)
    zone = home / "landing-zone" / "dlz-destination"
    assert not [p for p in home.rglob("*.csv") if not p.is_relative_to(zone)]


def test_no_delivered_file_is_hidden(world: World) -> None:
    audience = world.audience("hidden", name="../hidden")
    world.deliver(world.flow("hidden", {"who": ID}, audience, template="%SEGMENT_NAME%_%SEGMENT_ID%"), audience)
    assert len(world.files("hidden")) == 1


@pytest.mark.parametrize("template", ["%DESTINATION_NAME%", "x" * 250 + "%SEGMENT_ID%"])
def test_two_audiences_never_share_a_file(world: World, template: str) -> None:
    name = f"shared {len(template)}"
    world.tell(name, {"userid": f"{name}-1", "number": 1}, {"userid": f"{name}-2", "number": 2})
    two = [world.audience(name, f"@.number = {n}") for n in (1, 2)]
    flow = world.flow(name, {"who": ID})
    try:
        added = [{"op": "Add", "path": f"{SELECTORS}/-", "value": selector(a.id, template)} for a in two]
        world.patch(f"flows/{flow}", added)
        world.aep.wait_run(world.start(flow))
    except InvalidInput:
        return
    assert len(world.files(name)) == 2


# -- manifests ----------------------------------------------------------------------------------------------------


def test_a_run_without_a_choice_delivers_all_and_its_manifest_lists_exactly_them(world: World) -> None:
    world.tell("all", *({"userid": f"a{n}", "number": n} for n in range(5)))
    one, two = world.audience("all", "@.number < 2", name="one"), world.audience("all", "@.number >= 2", name="two")
    flow = world.flow("all", {"who": ID}, one)
    world.patch(f"flows/{flow}", [{"op": "Add", "path": f"{SELECTORS}/-", "value": selector(two.id)}])

    run = world.aep.wait_run(world.start(flow))

    found = world.files("all")
    assert found == {f"{one.id}.csv": b"who\na0\na1\n", f"{two.id}.csv": b"who\na2\na3\na4\n"}
    (manifest,) = world.manifests("all")
    assert manifest["flowRunId"] == run.id
    assert datetime.fromisoformat(manifest["scheduledTime"]) == run.created.replace(microsecond=0)
    listed = {f["name"]: (f["sinkPath"], f["size"], f["rows"]) for f in manifest["exportResults"]}
    assert len(manifest["exportResults"]) == len(listed)
    assert listed == {n: (n, len(c), c.count(b"\n") - 1) for n, c in found.items()}
    assert (run.rows, run.files, run.bytes) == (5, 2, sum(map(len, found.values())))
    zone = world.aep.landing_zone("export")
    assert f"all/manifest-all-{run.id}.json" in zone.list("all")

    world.deliver(flow, two)
    assert sorted(len(m["exportResults"]) for m in world.manifests("all")) == [1, 2]
    assert world.files("all") == found


# -- what cannot be delivered -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("@.txet", r"'txet' reads '_T\.txet', which no profile schema has.*_T\.te"),
        ("@.tags", r"'_T\.tags', which is not a single value"),
        ("@", "which is not a single value"),
        ("person.name.firstName", "which no profile schema has"),
        ("identityMap", "not a single value"),
    ],
)
def test_a_column_that_is_no_single_known_value_is_refused(world: World, source: str, said: str) -> None:
    name = f"refused {source}"
    audience = world.aep.audiences.named("refused") or world.audience("refused")
    column = source.rpartition(".")[2]
    with pytest.raises(InvalidInput, match=said.replace("_T", world.ours)):
        world.delivered(name, {"who": ID, column: source}, audience)
    assert world.aep.landing_zone("export").list(name) == []


def test_an_audience_that_cannot_be_delivered(world: World) -> None:
    world.tell("cannot", {"userid": "cannot-1"})
    good = world.audience("cannot")
    flow = world.flow("cannot", {"who": ID})

    def refused(kind: type[LimbeckError], said: str, audience: Audience | None, *selected: Audience) -> None:
        (body,) = world.get(f"flows/{flow}")["items"]
        old = body["transformations"][0]["params"]["segmentSelectors"]["selectors"]
        patch: list[Row] = [{"op": "Remove", "path": f"{SELECTORS}/0"} for _ in old]
        patch += [{"op": "Add", "path": f"{SELECTORS}/-", "value": selector(a.id)} for a in selected]
        world.patch(f"flows/{flow}", patch)
        with pytest.raises(kind, match=said):
            world.aep.wait_run(world.aep.destinations.start(flow, audience) if audience else world.start(flow))
        assert world.aep.landing_zone("export").list("cannot") == []

    fresh = world.audience("cannot", name="fresh", at=None)
    gone = world.audience("cannot", name="gone")
    world.aep.audiences.delete(gone)
    refused(InvalidInput, "selects no audience", None)
    refused(WrongState, f"{fresh.id} has not been evaluated", fresh, fresh)
    refused(WrongState, f"{fresh.id} has not been evaluated", None, good, fresh)
    refused(NotFound, gone.id, gone, gone)
    refused(NotFound, gone.id, None, good, gone)
    refused(InvalidInput, f"{fresh.id} is not in the flow", fresh, good)
    world.deliver(flow, good)
    assert list(world.files("cannot").values()) == [b"who\ncannot-1\n"]
    failed = [r for r in world.aep.flow_runs(flow) if r.status == "failed"]
    assert len(failed) == 5, "what is not in the flow was refused before there was a run"
    for run in failed:
        assert world.metrics(run.id)["recordSummary"]["outputRecordCount"] == 0
        assert world.metrics(run.id)["fileSummary"]["outputFileCount"] == 0


def test_a_flow_without_columns_delivers_nothing(world: World) -> None:
    audience = world.audience("columns")
    with pytest.raises(InvalidInput, match="maps no field"):
        world.delivered("columns", {}, audience)


def test_only_deliveries_deliver(world: World) -> None:
    audience = world.audience("only")
    export = world.aep.create_export("only", world.people, "only")
    with pytest.raises(InvalidInput, match="delivers no audiences"):
        world.aep.destinations.start(export, audience)
    flow = world.flow("disabled", {"who": ID}, audience)
    world.aep._transport.call("POST", f"{FLOW}/flows/{flow}/action", params={"op": "disable"})
    with pytest.raises(WrongState, match="disabled"):
        world.aep.destinations.start(flow, audience)
    world.aep._transport.call("POST", f"{FLOW}/flows/{flow}/action", params={"op": "enable"})
    world.deliver(flow, audience)


@pytest.mark.parametrize("path", ["../out", "a/../../b", "s3://b/x"])
def test_no_delivery_leads_out_of_the_export_area(world: World, path: str) -> None:
    with pytest.raises(InvalidInput, match="not inside the landing zone"):
        world.aep.destinations.create("out", path, {"who": ID}, "csv")


def test_a_folder_that_cannot_be_written_is_named_and_the_next_run_is_good(world: World, home: Path) -> None:
    world.tell("mended", {"userid": "mended-1"})
    audience = world.audience("mended")
    flow = world.flow("mended", {"who": ID}, audience)
    place = home / "landing-zone" / "dlz-destination" / "mended"
    place.write_text("in the way")

    with pytest.raises(LandingZoneError, match="mended"):
        world.deliver(flow, audience)

    assert place.read_text() == "in the way"
    place.unlink()
    assert world.deliver(flow, audience)["recordSummary"]["outputRecordCount"] == 1
    assert list(world.files("mended").values()) == [b"who\nmended-1\n"]
    assert [r.status for r in world.aep.flow_runs(flow)] == ["success", "failed"]


def test_a_folder_without_rights_is_named_and_the_next_run_is_good(world: World, home: Path) -> None:
    world.tell("rights", {"userid": "rights-1"})
    audience = world.audience("rights")
    flow = world.flow("rights", {"who": ID}, audience)
    place = home / "landing-zone" / "dlz-destination" / "rights"

    with disk(place, "ro,size=64k"), pytest.raises(LandingZoneError, match="rights is not writable; give it rights"):
        world.deliver(flow, audience)

    assert list(place.iterdir()) == []
    world.deliver(flow, audience)
    assert list(world.files("rights").values()) == [b"who\nrights-1\n"]
    assert [r.status for r in world.aep.flow_runs(flow)] == ["success", "failed"]


def test_a_full_disk_is_told_and_nothing_is_half_delivered(world: World, home: Path) -> None:
    world.tell("full", *({"userid": f"full-{n}", "text": f"{n:06}" * 200} for n in range(200)))
    audience = world.audience("full")
    flow = world.flow("full", {"who": ID, "text": "@.text"}, audience)
    place = home / "landing-zone" / "dlz-destination" / "full"

    with disk(place, "size=64k"):
        with pytest.raises(DiskFull, match="disk of the landing zone"):
            world.deliver(flow, audience)
        assert list(place.iterdir()) == []

    assert world.deliver(flow, audience)["recordSummary"]["outputRecordCount"] == 200
    assert [len(m["exportResults"]) for m in world.manifests("full")] == [1]


def test_a_file_that_cannot_be_put_into_place_leaves_no_manifest(world: World, home: Path) -> None:
    world.tell("place", {"userid": "place-1"})
    audience = world.audience("place")
    flow = world.flow("place", {"who": ID}, audience)
    place = home / "landing-zone" / "dlz-destination" / "place"
    (place / f"{audience.id}.csv").mkdir(parents=True)
    with pytest.raises(LandingZoneError):
        world.deliver(flow, audience)
    assert [p.name for p in place.iterdir()] == [f"{audience.id}.csv"]
    (place / f"{audience.id}.csv").rmdir()
    world.deliver(flow, audience)
    assert [len(m["exportResults"]) for m in world.manifests("place")] == [1]


# -- selecting ----------------------------------------------------------------------------------------------------


def test_selecting_replaces_what_was_selected_and_changes_nothing_that_is_so(world: World) -> None:
    one, two = world.audience("select", name="one"), world.audience("select", name="two")
    flow = world.flow("select", {"who": ID}, one)

    def state() -> tuple[str, list[str]]:
        (body,) = world.get(f"flows/{flow}")["items"]
        selectors = body["transformations"][0]["params"]["segmentSelectors"]["selectors"]
        return body["etag"], [s["value"]["id"] for s in selectors]

    before = state()
    world.aep.destinations.select(flow, one, "%SEGMENT_ID%")
    assert state() == before
    world.aep.destinations.select(flow, two, "%SEGMENT_ID%")
    after = state()
    assert after[1] == [two.id]
    assert after[0] != before[0]

    patch = [{"op": "Add", "path": f"{SELECTORS}/-", "value": selector(one.id)}]
    with pytest.raises(StaleEtag, match=flow):
        world.patch(f"flows/{flow}", patch, before[0])
    with pytest.raises(EtagMissing):
        world.aep._transport.call("PATCH", f"{FLOW}/flows/{flow}", json=patch)
    with pytest.raises(InvalidInput):
        world.patch(f"flows/{flow}", [*patch, {"op": "Remove", "path": f"{SELECTORS}/7"}])
    assert state() == after
    world.patch(f"flows/{flow}", patch)
    assert state()[1] == [two.id, one.id]


def test_an_audience_is_in_a_flow_once(world: World) -> None:
    audience = world.audience("doubled")
    flow = world.flow("doubled", {"who": ID}, audience)
    with pytest.raises(InvalidInput, match=f"{audience.id} is in the flow already"):
        world.patch(f"flows/{flow}", [{"op": "add", "path": f"{SELECTORS}/-", "value": selector(audience.id)}])
    world.deliver(flow, audience)
    assert len(world.files("doubled")) == 1


def test_an_audience_that_is_asked_for_twice_is_delivered_once(world: World) -> None:
    world.tell("asked", {"userid": "asked-1"})
    audience = world.audience("asked")
    flow = world.flow("asked", {"who": ID}, audience)
    first, second = world.demand({flow: [audience.id, audience.id]})
    assert first == second
    assert world.aep.wait_run(first).files == 1
    assert list(world.files("asked").values()) == [b"who\nasked-1\n"]


def test_a_delivery_that_is_done_twice_is_there_once(world: World) -> None:
    world.tell("repeated", {"userid": "repeated-1"})
    audience = world.audience("repeated")
    flow = world.flow("repeated", {"who": ID}, audience)
    found = []
    for _ in range(2):
        world.deliver(flow, audience)
        found.append(world.files("repeated"))
    assert found[0] == found[1] == {f"{audience.id}.csv": b"who\nrepeated-1\n"}
    assert len(world.manifests("repeated")) == 2


def test_flows_are_listed_in_the_order_of_whatever_they_hold(world: World) -> None:
    for name in ("ordered b", "ordered a"):
        world.flow(name, {"who": ID})
    names = [f["name"] for f in world.get("flows", orderBy="name", limit=1000)["items"]]
    assert names == sorted(names)
    for key in ("-name", "transformations", "-inheritedAttributes", "nothing", "transformations.x"):
        assert sorted(f["name"] for f in world.get("flows", orderBy=key, limit=1000)["items"]) == names


def test_of_several_flows_all_are_run_or_none(world: World) -> None:
    audience = world.audience("several")
    good, off = (world.flow(f"several {n}", {"who": ID}, audience) for n in ("good", "off"))
    world.aep._transport.call("POST", f"{FLOW}/flows/{off}/action", params={"op": "disable"})
    for other, kind in (("nowhere", NotFound), (off, WrongState)):
        with pytest.raises(kind):
            world.demand({good: [audience.id], other: [audience.id]})
    for wanted in ({}, {good: []}, {good: audience.id}, {good: [audience.id], off: None}):
        with pytest.raises(InvalidInput, match="lists the audiences of each flow"):
            world.demand(wanted)
    assert list(world.aep.flow_runs(good)) == []


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"exportMode": "FIRST_FULL_THEN_INCREMENTAL"}, NotServed, "delivers all members, DAILY_FULL_EXPORT"),
        ({"id": ""}, InvalidInput, "names its audience: value.id is missing"),
    ],
)
def test_a_selector_that_cannot_be_done_is_refused(
    world: World, change: Row, kind: type[LimbeckError], said: str
) -> None:
    flow = world.flow("selector", {"who": ID})
    wrong = selector("a")
    wrong["value"] |= change
    with pytest.raises(kind, match=said):
        world.patch(f"flows/{flow}", [{"op": "Add", "path": f"{SELECTORS}/-", "value": wrong}])


def test_files_are_not_encrypted_and_who_asks_for_it_is_told(world: World) -> None:
    with pytest.raises(NotServed, match="encryptionAlgo is 'PGPGPG'"):
        world.flow("secret", {"who": ID}, params={"encryptionSpecs": {"encryptionAlgo": "PGPGPG", "publicKey": "x"}})
    world.flow("open", {"who": ID}, params={"encryptionSpecs": {"encryptionAlgo": "NONE"}})


GENERAL = "/transformations/0/params"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("/transformations", 1, "transformations is 1; it is a list of objects"),
        (f"{GENERAL}/segmentSelectors", [], "segmentSelectors is .*; it is an object"),
        (SELECTORS, [1], "selectors is .*; it is a list of objects"),
        (f"{SELECTORS}/-", {"value": "x"}, "value is 'x'; it is an object"),
        (f"{GENERAL}/mandatoryFields", "x", "mandatoryFields is 'x'; it is a list"),
        (f"{GENERAL}/primaryFields", ["x"], "primaryFields lists objects with a fieldType; found 'x'"),
        (f"{GENERAL}/primaryFields", [{"fieldType": "IDENTITY"}], "lacks its identityNamespace"),
        (f"{GENERAL}/primaryFields", [{"fieldType": "ATTRIBUTE"}], "lacks its attributePath"),
    ],
)
def test_a_flow_that_cannot_be_read_is_refused_when_it_is_stored(
    world: World, path: str, value: Any, said: str
) -> None:
    flow = world.flow("unreadable", {"who": ID})
    before = world.get(f"flows/{flow}")
    with pytest.raises(InvalidInput, match=said):
        world.patch(f"flows/{flow}", [{"op": "Add", "path": path, "value": value}])
    assert world.get(f"flows/{flow}") == before


def test_two_columns_have_two_names(world: World) -> None:
    flow = world.flow("columns twice", {"who": ID})
    (body,) = world.get(f"flows/{flow}")["items"]
    (column,) = body["transformations"][0]["params"]["profileSelectors"]["selectors"]
    with pytest.raises(InvalidInput, match="two columns are called 'who'"):
        world.patch(
            f"flows/{flow}", [{"op": "Add", "path": f"{GENERAL}/profileSelectors/selectors/-", "value": column}]
        )


# -- killed -------------------------------------------------------------------------------------------------------


def deliver(home: Path, flow: str) -> None:
    """What a user does."""
    with limbeck.connect(home) as aep:
        aep.wait_run(aep.run_flow(flow))


KILLED = {
    "flow.file-hidden": (0, 1),
    "flow.file-hidden:2": (1, 1),
    "activation.files-written": (2, 0),
    "flow.file-hidden:3": (2, 1),
    "activation.manifest-written": (3, 0),
}
"""Where it is killed, and how many files are to be seen then, and how many are hidden; the manifest is the last."""


@pytest.mark.parametrize("point", KILLED)
def test_a_killed_delivery_is_there_once(tmp_path: Path, point: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with embedded(home) as aep:
        world = World(aep, tmp_path)
        world.tell("killed", *({"userid": f"k{n}", "number": n} for n in range(3)))
        made = [world.audience("killed", "@.number < 2"), world.audience("killed", "@.number > 0")]
        flow = world.flow("killed", {"who": ID}, made[0])
        template = "%SEGMENT_ID%_%TIMESTAMP%"
        selectors = [selector(audience.id, template) for audience in made]
        world.patch(f"flows/{flow}", [{"op": "Replace", "path": SELECTORS, "value": selectors}])
    place = home / "landing-zone" / "dlz-destination" / "killed"

    children.killed(deliver, home, flow, crash_at=point)

    names = sorted(p.name for p in place.iterdir())
    hidden = [name for name in names if name.startswith(".")]
    before = {name: (place / name).read_bytes() for name in names if name not in hidden}
    manifests = [name for name in before if name.startswith("manifest-")]
    assert (len(before), len(hidden)) == KILLED[point]
    assert len(manifests) == (1 if point == "activation.manifest-written" else 0)
    with embedded(home) as aep:
        (run,) = aep.flow_runs(flow)
        done = aep.wait_run(run)
        assert (done.status, done.rows, done.files) == ("success", 4, 2)
        assert len(aep.flow_runs(flow)) == 1
    after = {p.name: p.read_bytes() for p in place.iterdir()}
    assert {name: after[name] for name in before} == before
    assert len(after) == 3
    (manifest,) = (json.loads(content) for name, content in after.items() if name.startswith("manifest-"))
    assert manifest["flowRunId"] == run.id
    content = {made[0].id: b"who\nk0\nk1\n", made[1].id: b"who\nk1\nk2\n"}
    for audience_id, result in zip(content, manifest["exportResults"], strict=True):
        assert re.fullmatch(rf"{audience_id}_{STAMP}\.csv", result["name"])
        assert after[result["name"]] == content[audience_id]
        assert (result["size"], result["rows"]) == (len(content[audience_id]), 2)
