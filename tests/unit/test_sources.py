"""Sources: rows at their XDM paths, and one clear message for each thing that can be wrong with a file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.errors import InvalidFile, InvalidInput
from limbeck.workflow.datasets import Column, Source
from limbeck.workflow.sources import Prepared, digest, field_group, located, prepare
from limbeck.xdm import json_schema

WHERE = "shop.toml, line 4: sources[0]"
CUSTOMER = Column("customer", "{tenant}.customer", identity="CRMID")
EVENT = (CUSTOMER, Column("at", "timestamp"), Column("kind", "eventType"))
PROFILE = (CUSTOMER, Column("age", "{tenant}.age"))
ECID = "12345678901234567890123456789012345678"


def source(file: str | dict[str, str], *columns: Column, kind: Any = "event", **others: Any) -> Source:
    files = {"rows": file} if isinstance(file, str) else file
    settings: dict[str, Any] = {"sql": None, "key": None, "field_groups": (), "where": WHERE} | others
    return Source("events", kind, files, columns=columns or (EVENT if kind == "event" else PROFILE), **settings)


def write(folder: Path, **columns: Any) -> str:
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    return "rows.parquet"


def made(folder: Path, what: Source) -> Prepared:
    return prepare(what, folder, "acme", folder / "made")


def rows(found: Prepared) -> list[dict[str, Any]]:
    return [row for file in found.files for row in pq.read_table(file).to_pylist()]


def refused(folder: Path, what: Source, *named: str, kind: type[InvalidInput] = InvalidInput) -> None:
    """Making *what* fails with one message that begins with its place in the definition and names all of *named*."""
    with pytest.raises(kind) as caught:
        made(folder, what)
    told = str(caught.value)
    assert told.startswith(WHERE), told
    assert "\n" not in told
    for part in named:
        assert part in told, told
    assert not list((folder / "made").glob("*.parquet"))


MOMENT = datetime(2026, 1, 1, 12)


# -- what comes out -----------------------------------------------------------------------------------------------


def test_columns_stand_at_their_paths_with_their_types(tmp_path: Path) -> None:
    columns = (
        *EVENT,
        Column("total", "{tenant}.order.total"),
        Column("items", "{tenant}.order.items", type="int"),
        Column("gift", "{tenant}.gift"),
    )
    file = write(tmp_path, customer=[7], at=[MOMENT], kind=["buy"], total=[9.5], items=[2], gift=[True], spare=["x"])

    found = made(tmp_path, source(file, *columns))

    assert rows(found) == [
        {
            "_id": "events-1",
            "_acme": {"customer": "7", "order": {"total": 9.5, "items": 2}, "gift": True},
            "timestamp": MOMENT,
            "eventType": "buy",
        }
    ]
    assert (found.rows, dict(found.types)) == (
        1,
        {
            "_acme.customer": "string",
            "timestamp": "date-time",
            "eventType": "string",
            "_acme.order.total": "number",
            "_acme.order.items": "int",
            "_acme.gift": "boolean",
        },
    )


def test_the_key_becomes_the_id_of_an_event_and_the_identity_that_of_a_profile(tmp_path: Path) -> None:
    file = write(tmp_path, customer=["a", "b"], at=[MOMENT] * 2, kind=["x", "y"], age=[1, 2])
    assert [r["_id"] for r in rows(made(tmp_path, source(file, key="kind")))] == ["x", "y"]
    assert [r["_id"] for r in rows(made(tmp_path, source(file, kind="profile")))] == ["a", "b"]


def test_many_rows_become_parts_in_their_order_and_the_same_ones_each_time(tmp_path: Path) -> None:
    count = 600_000
    file = write(tmp_path, customer=pa.array(range(count)), at=[MOMENT] * count, kind=["x"] * count)

    first = prepare(source(file), tmp_path, "acme", tmp_path / "first")
    again = prepare(source(file), tmp_path, "acme", tmp_path / "again")

    assert (len(first.files), first.rows) == (2, count)
    assert [f.read_bytes() for f in first.files] == [f.read_bytes() for f in again.files]
    ids = [i.as_py() for f in first.files for i in pq.read_table(f, columns=["_id"])["_id"].slice(0, 2)]
    assert ids == ["events-1", "events-2", "events-524289", "events-524290"]


def test_sql_brings_the_rows_of_several_files_together(tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_text("id,who\n1,a\n2,b\n")
    (tmp_path / "days.json").write_text('{"id": 1, "day": "2026-01-01"}\n{"id": 2, "day": "2026-01-02"}\n')
    sql = "select who as customer, day as at, 'sent' as kind from sent join days using (id) order by id desc;\n"

    found = made(tmp_path, source({"sent": "sent.csv", "days": "days.json"}, sql=sql))

    assert [(r["_acme"]["customer"], r["timestamp"]) for r in rows(found)] == [
        ("b", datetime(2026, 1, 2)),
        ("a", datetime(2026, 1, 1)),
    ]


@pytest.mark.parametrize("identity", [ECID, "0012"])
def test_an_identity_in_csv_stays_the_text_it_is(tmp_path: Path, identity: str) -> None:
    (tmp_path / "rows.csv").write_text(f"customer,at,kind\n{identity},2026-01-01,x\n")
    assert rows(made(tmp_path, source("rows.csv")))[0]["_acme"]["customer"] == identity


def test_a_time_with_a_zone_becomes_utc(tmp_path: Path) -> None:
    oslo = pa.array([datetime(2026, 1, 1)], pa.timestamp("us", "Europe/Oslo"))
    file = write(tmp_path, customer=["a"], at=oslo, kind=["x"])
    (tmp_path / "rows.csv").write_text("customer,at,kind\na,2026-01-01T02:00:00+02:00,x\n")
    for name in (file, "rows.csv"):
        assert rows(made(tmp_path, source(name)))[0]["timestamp"] == datetime(2026, 1, 1)


def test_a_glob_takes_all_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text(f"customer,at,kind\n{name},2026-01-01,x\n")
    found = made(tmp_path, source("*.csv"))
    assert [r["_acme"]["customer"] for r in rows(found)] == ["a", "b"]


def test_a_file_of_a_package_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "shop_files"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "data" / "rows.csv").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    found = located(source("package:shop_files/data/rows.csv"), Path("elsewhere"))

    assert found == {"rows": [package / "data" / "rows.csv"]}


# -- what a result is kept under ----------------------------------------------------------------------------------


def test_the_digest_follows_content_and_mapping_and_nothing_else(tmp_path: Path) -> None:
    for clone in ("one", "two"):
        (tmp_path / clone).mkdir()
        (tmp_path / clone / "rows.csv").write_text("customer,at,kind\na,2026-01-01,x\n")
    base = digest(source("rows.csv"), tmp_path / "one")
    assert base == digest(source("rows.csv"), tmp_path / "two")

    (tmp_path / "two" / "rows.csv").write_text("customer,at,kind\nb,2026-01-01,x\n")
    others = [
        digest(source("rows.csv"), tmp_path / "two"),
        digest(source("rows.csv", sql="select * from rows"), tmp_path / "one"),
        digest(source("rows.csv", key="kind"), tmp_path / "one"),
        digest(source("rows.csv", *EVENT[:2], Column("kind", "{tenant}.kind")), tmp_path / "one"),
    ]
    assert len({base, *others}) == 5


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ("gone.parquet", "gone.parquet"),
        ("gone-*.parquet", "gone-*.parquet"),
        ("package:no_such_files/a.csv", "pip install no-such-files"),
        ("package:pytest/gone.csv", "holds no file gone.csv"),
    ],
)
def test_a_missing_file(tmp_path: Path, file: str, named: str) -> None:
    refused(tmp_path, source(file), ".files.rows", named)
    with pytest.raises(InvalidInput):
        digest(source(file), tmp_path)


def test_a_folder_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").mkdir()
    refused(tmp_path, source("rows.parquet"), "there is no file")


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_text("customer,at,kind\n" * 9)
    refused(tmp_path, source("rows.parquet"), "events cannot be read", kind=InvalidFile)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").write_text("")
    refused(tmp_path, source("rows.xlsx"), "'.xlsx'", ".csv", kind=InvalidFile)


def test_sql_that_does_not_run(tmp_path: Path) -> None:
    file = write(tmp_path, customer=["a"], at=[MOMENT], kind=["x"])
    refused(tmp_path, source(file, sql="select nobody from rows"), "nobody", kind=InvalidFile)
    refused(tmp_path, source(file, sql="selct 1"), "selct", kind=InvalidFile)


def test_sql_reads_the_files_of_its_source_alone_and_writes_none(tmp_path: Path) -> None:
    file = write(tmp_path, customer=["a"], at=[MOMENT], kind=["x"])
    secret, copy = tmp_path / "secret.csv", tmp_path / "copy.csv"
    secret.write_text("customer\nb\n")
    wanted = "wanted is a SELECT over rows, the files that the source names"
    for read in (f"'{secret}'", f"read_text('{secret}')", "'https://example.org/rows.csv'", f"glob('{tmp_path}/*')"):
        refused(tmp_path, source(file, sql=f"select * from {read}"), "sql reads what it may not", wanted)
    both = f"select * from rows; copy (select 1) to '{copy}'"
    refused(tmp_path, source(file, sql=both), "sql is more than one statement; wanted is one SELECT")
    assert not copy.exists()


def test_an_unknown_column(tmp_path: Path) -> None:
    file = write(tmp_path, customer=["a"], at=[MOMENT], kind=["x"], amount=[1])
    what = source(file, *EVENT, Column("amuont", "{tenant}.amount"))
    refused(tmp_path, what, "'amuont'", "customer, at, kind, amount", 'did you mean "amount"?')


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.decimal128(12, 1)])
def test_an_identity_that_arrives_as_a_fraction(tmp_path: Path, kind: pa.DataType) -> None:
    file = write(tmp_path, customer=pa.array([1], pa.int32()).cast(kind), at=[MOMENT], kind=["x"])
    refused(tmp_path, source(file), "'customer'", "identifies people", "as text")


def test_an_identity_in_json_that_is_a_fraction(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps({"customer": 1.5, "at": "2026-01-01", "kind": "x"}))
    refused(tmp_path, source("rows.json"), "'customer'", "DOUBLE")


@pytest.mark.parametrize("name", ["customer", "at", "kind"])
def test_a_value_that_every_event_has_is_missing(tmp_path: Path, name: str) -> None:
    columns: dict[str, Any] = {"customer": ["a", "b"], "at": [MOMENT] * 2, "kind": ["x", "y"]}
    columns[name] = [columns[name][0], None]
    refused(tmp_path, source(write(tmp_path, **columns)), "row 2", f"'{name}'", "is missing")


@pytest.mark.parametrize("text", ["2026-13-45", "tomorrow", "", "2026-02-30"])
def test_a_time_without_meaning(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, customer=["a"] * 3, at=["2026-01-01", text, "worse"], kind=["x"] * 3)
    refused(tmp_path, source(file), "row 2", "'at'", repr(text), "is no time")


def test_a_number_for_a_time(tmp_path: Path) -> None:
    file = write(tmp_path, customer=["a"], at=[1_767_225_600], kind=["x"])
    refused(tmp_path, source(file), "'at'", "BIGINT", "to_timestamp(at)")


def test_a_value_that_does_not_fit_its_type(tmp_path: Path) -> None:
    file = write(tmp_path, customer=["a", "b"], at=[MOMENT] * 2, kind=["x"] * 2, n=[1, 5_000_000_000])
    what = source(file, *EVENT, Column("n", "{tenant}.n", type="int"))
    refused(tmp_path, what, "row 2", "'n'", "'5000000000'", "is no int")


def test_a_column_that_is_no_single_value(tmp_path: Path) -> None:
    file = write(tmp_path, customer=["a"], at=[MOMENT], kind=["x"], tags=[["u", "v"]])
    refused(tmp_path, source(file, *EVENT, Column("tags", "{tenant}.tags")), "'tags'", "no single XDM value")


def test_a_duplicate_key(tmp_path: Path) -> None:
    file = write(tmp_path, customer=["a", "b", "c"], at=[MOMENT] * 3, kind=["k1", "k2", "k2"])
    refused(tmp_path, source(file, key="kind"), "'kind'", "'k2' stands 2 times")


def test_a_person_with_two_profiles(tmp_path: Path) -> None:
    file = write(tmp_path, customer=[1, 2, 2, 2], age=[30, 40, 50, 60])
    refused(tmp_path, source(file, kind="profile"), "'customer'", "'2' stands 3 times")


def test_no_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("customer,at,kind\n")
    refused(tmp_path, source("rows.csv"), "has no rows")


def test_after_a_refusal_the_mended_file_is_taken(tmp_path: Path) -> None:
    refused(tmp_path, source(write(tmp_path, customer=["a"], at=["?"], kind=["x"])), "is no time")
    assert made(tmp_path, source(write(tmp_path, customer=["a"], at=[MOMENT], kind=["x"]))).rows == 1


# -- schema -------------------------------------------------------------------------------------------------------

CLASS = "https://ns.adobe.com/xdm/context/experienceevent"


def test_a_field_group_holds_the_fields_under_the_tenant(tmp_path: Path) -> None:
    types = {"_acme.customer": "string", "_acme.order.day": "date", "_acme.order.n": "long", "timestamp": "date-time"}

    body = field_group("Shop fields", CLASS, types, "acme")

    assert body is not None
    assert (body["title"], body["meta:intendedToExtend"]) == ("Shop fields", [CLASS])
    assert body["allOf"] == [{"$ref": "#/definitions/customFields"}]
    parsed = json_schema.parse(body["definitions"]["customFields"])
    assert sorted(path for path, _ in parsed.leaves()) == ["_acme.customer", "_acme.order.day", "_acme.order.n"]
    assert {path: f.type.name for path, f in parsed.leaves()} == {p: k for p, k in types.items() if p != "timestamp"}


def test_standard_paths_alone_need_no_field_group() -> None:
    assert field_group("Shop fields", CLASS, {"timestamp": "date-time", "eventType": "string"}, "acme") is None
