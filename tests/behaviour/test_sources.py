"""Sources as users keep them: folders with odd names, many files, long numbers; and what makes them another source."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.errors import InvalidInput
from limbeck.workflow.datasets import Column, Source
from limbeck.workflow.definition import Definition
from limbeck.workflow.sources import digest, located, prepare

DEFINITION = """\
name = "shop"

[[sources]]
dataset = "visits"
files.log = "rows.csv"

[sources.columns]
customer = { path = "{tenant}.who.customer", identity = "CRMID" }
at = "timestamp"
kind = "eventType"

[goal]
event = "kind = 'buy'"
within = "2 days"

[cutoffs]
train = [2026-01-03]
test = 2026-01-06
score = 2026-01-09

[features]
visits = { count = true }
"""
HEADER = "customer,at,kind\n"
LONG = "12345678901234567890123456789012345678"


def source(folder: Path, file: str = "rows.csv", **others: Any) -> Source:
    """The one source of a definition that stands in *folder*."""
    path = folder / "shop.toml"
    path.write_text(DEFINITION)
    (found,) = Definition.load(path).sources
    return replace(found, files={"log": file}, **others)


def csv(folder: Path, *lines: str, name: str = "rows.csv") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))


def rows(folder: Path, what: Source) -> list[dict[str, Any]]:
    found = prepare(what, folder, "acme", folder / "made")
    return [row for file in found.files for row in pq.read_table(file).to_pylist()]


def customers(folder: Path, what: Source) -> list[str]:
    return [row["_acme"]["who"]["customer"] for row in rows(folder, what)]


# -- where files are ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('[{"customer": "7", "at": "2026-01-01T12:00:00", "kind": "x"}]', "rows.json"),
        ('{"customer": "7", "at": "2026-01-01 12:00:00", "kind": "x"}\n', "rows.jsonl"),
        ("customer\tat\tkind\n7\t2026-01-01T12:00:00Z\tx\n", "rows.tsv"),
        ("customer;at;kind\n7;2026-01-01T13:00:00+01:00;x\n", "rows.csv"),
    ],
)
def test_each_text_format_gives_the_same_row(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text(text)
    assert rows(tmp_path, source(tmp_path, name)) == [
        {
            "_id": "visits-1",
            "_acme": {"who": {"customer": "7"}},
            "timestamp": datetime(2026, 1, 1, 12),
            "eventType": "x",
        }
    ]


def test_a_glob_reaches_into_folders_and_takes_names_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "my [data]"
    csv(folder, "b,2026-01-01,x", name="2026/02/b.csv")
    csv(folder, "a,2026-01-01,x", name="2026/01/a.csv")
    csv(folder, "c,2026-01-01,x", name="part[1].csv")

    assert customers(folder, source(folder, "2026/**/*.csv")) == ["a", "b"]
    assert customers(folder, source(folder, "part[1].csv")) == ["c"]
    assert customers(tmp_path, source(tmp_path, str(folder / "part[1].csv"))) == ["c"]


def test_files_of_a_glob_may_differ_in_order_and_number_of_columns(tmp_path: Path) -> None:
    csv(tmp_path, "a,2026-01-01,x", name="one.csv")
    (tmp_path / "two.csv").write_text("kind,customer,at,spare\ny,b,2026-01-02,s\n")
    found = rows(tmp_path, source(tmp_path, "*.csv"))
    assert [(r["_acme"]["who"]["customer"], r["eventType"]) for r in found] == [("a", "x"), ("b", "y")]


def test_a_package_is_searched_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "shop_visits"
    csv(package, "a,2026-01-01,x", name="data/rows.csv")
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    what = source(tmp_path, "package:shop_visits/data/rows.csv")

    assert located(what, Path("elsewhere")) == {"log": [package / "data" / "rows.csv"]}
    assert customers(tmp_path, what) == ["a"]
    assert "shop_visits" not in sys.modules


# -- what identifies people ---------------------------------------------------------------------------------------


def test_numbers_that_identify_keep_every_digit(tmp_path: Path) -> None:
    told = [LONG, "0012", "12", "1e5", "9" * 60, "TRUE", "2026-01-01"]
    csv(tmp_path, *(f"{customer},2026-01-01,x" for customer in told))
    assert customers(tmp_path, source(tmp_path)) == told


@pytest.mark.parametrize("told", [[LONG, LONG[::-1]], ["0012", "0013"]], ids=["38 digits", "zeros in front"])
def test_they_keep_them_when_sql_gives_them_another_name(tmp_path: Path, told: list[str]) -> None:
    lines = "".join(f"{number},2026-01-01,x\n" for number in told)
    (tmp_path / "rows.csv").write_text(f"card,at,kind\n{lines}")
    what = source(tmp_path, sql='select card as customer, "at", kind from log')
    assert customers(tmp_path, what) == told


def test_whole_numbers_of_parquet_identify(tmp_path: Path) -> None:
    times = pa.array([datetime(2026, 1, 1)], pa.timestamp("ms"))
    pq.write_table(pa.table({"customer": [2**62 + 1], "at": times, "kind": ["x"]}), tmp_path / "rows.parquet")
    assert customers(tmp_path, source(tmp_path, "rows.parquet")) == [str(2**62 + 1)]


# -- what makes it another source ---------------------------------------------------------------------------------


def test_the_digest_is_that_of_rows_and_mapping(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        csv(tmp_path / folder, "a,2026-01-01,x")
    here, there = tmp_path / "here", tmp_path / "there"
    what = source(here)
    base = digest(what, here)

    os.utime(there / "rows.csv", (1, 1))
    assert digest(source(there), there) == base
    csv(there, "a,2026-01-01,x", name="other.csv")
    assert digest(source(there, "other.csv"), there) == base
    assert digest(replace(what, dataset="calls", where="line 99"), here) == base

    csv(there, "a,2026-01-02,x")
    others = [
        digest(source(there), there),
        digest(replace(what, sql="select * from log"), here),
        digest(replace(what, key="kind"), here),
        digest(replace(what, kind="profile"), here),
        digest(replace(what, field_groups=("https://ns.adobe.com/xdm/mixins/x",)), here),
        digest(replace(what, columns=(*what.columns, Column("spare", "{tenant}.spare"))), here),
        digest(replace(what, columns=(replace(what.columns[0], identity="ECID"), *what.columns[1:])), here),
    ]
    assert len({base, *others}) == len(others) + 1


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (["a,2026-01-01,x", ",2026-01-01,x"], ["row 2", "'customer'", "is missing"]),
        (["a,2026-01-01,x", "b,,x"], ["row 2", "'at'", "is missing"]),
        (["a,2026-01-01,x", "b,2026-01-01,x", "c,31.12.26 noon,x"], ["row 3", "'at'", "31.12.26 noon", "no time"]),
        ([], ["visits has no rows"]),
    ],
    ids=["no customer", "no time", "time without meaning", "no rows"],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, lines: list[str], named: list[str]) -> None:
    csv(tmp_path, *lines)
    with pytest.raises(InvalidInput) as caught:
        rows(tmp_path, source(tmp_path))
    for part in ["shop.toml, line 3: sources[0]", *named]:
        assert part in str(caught.value)


def test_the_row_that_is_named_counts_on_through_all_files(tmp_path: Path) -> None:
    csv(tmp_path, *["a,2026-01-01,x"] * 3, name="a.csv")
    csv(tmp_path, "a,2026-01-01,x", "b,soon,x", name="b.csv")
    with pytest.raises(InvalidInput, match=r"row 5, column 'at': 'soon' is no time"):
        rows(tmp_path, source(tmp_path, "*.csv"))


def test_a_key_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("customer,at,kind,n\na,2026-01-01,x,\nb,2026-01-01,x,1\n")
    columns = (*source(tmp_path).columns, Column("n", "{tenant}.n"))
    with pytest.raises(InvalidInput, match="row 1, column 'n': is missing"):
        rows(tmp_path, source(tmp_path, columns=columns, key="n"))


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"shop\.toml, line 3: .*no_such_shop is not installed.*no-such-shop"):
        digest(source(tmp_path, "package:no_such_shop/rows.csv"), tmp_path)
