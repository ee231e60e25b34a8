"""The close look at events: the same numbers as pandas finds in the files, and what was planted is found."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.workflow import quality
from limbeck.workflow.definition import Definition
from limbeck.workflow.run import Run
from tests import shop, shop_definition
from tests.platforms import embedded

TITLE = {"Who buys?": "Who <b>buys</b>?"}
CUTOFF, WITHIN = datetime(2026, 2, 1), timedelta(days=30)


def looked_at(path: Path, home: Path) -> dict[str, Any]:
    with embedded(home) as client:
        run = Run(Definition.load(path), client, home)
        with run.working(yes_production=True):
            found = run.overview
        page = (run.output / "explore.html").read_text()
        assert page.count("<img") >= 5
        assert "<b>" not in page  # no text of the definition is markup
        return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], pd.DataFrame]:
    """What is found in the shop, and its events."""
    folder = tmp_path_factory.mktemp("shop")
    found = looked_at(shop_definition.write(folder), tmp_path_factory.mktemp("home"))
    return found, pq.read_table(folder / "events.parquet").to_pandas()


def test_days_and_pairs_are_those_of_the_files(plain: tuple[dict[str, Any], pd.DataFrame]) -> None:
    found, events = plain
    by_day = events.groupby(events["at"].dt.date)["customer"].agg(["size", "nunique"])
    days = [{"day": str(day), "events": int(n), "people": int(people)} for day, (n, people) in by_day.T.items()]
    assert found["days"] == days
    counts = events.pivot_table(index="customer", columns="kind", aggfunc="size", fill_value=0)[found["kinds"]]
    had = (counts > 0).astype(int)
    together = had.T.dot(had).div(had.sum(), axis=0)
    assert found["together"] == [pytest.approx(row) for row in together.to_numpy().tolist()]
    assert found["correlations"] == [pytest.approx(row) for row in counts.corr().to_numpy().tolist()]


def test_cohorts_and_recency_are_those_of_the_files(plain: tuple[dict[str, Any], pd.DataFrame]) -> None:
    found, events = plain
    months = events["at"].dt.to_period("M")
    first = months.groupby(events["customer"]).transform("min")
    later = (months - first).map(lambda n: n.n)
    active = events.groupby([first, later])["customer"].nunique().unstack(fill_value=0)
    assert [c["month"] for c in found["cohorts"]] == list(map(str, active.index))
    for cohort, (_, row) in zip(found["cohorts"], active.iterrows(), strict=True):
        assert cohort["people"] == row[0]
        assert cohort["active"] == pytest.approx((row / row[0]).tolist()[: len(cohort["active"])])
    known = events[events["at"] < CUTOFF].groupby("customer")["at"].max()
    age = (CUTOFF - known.dt.normalize()).dt.days
    bought = events[(events["at"] >= CUTOFF) & (events["at"] < CUTOFF + WITHIN) & (events["kind"] == "purchase")]
    names = ["up to a day", "up to a week", "up to four weeks", "up to three months", "longer ago"]
    seen = pd.cut(age, [-1, 1, 7, 28, 90, 10_000], labels=names)
    reached = known.index.isin(bought["customer"])
    wanted = {n: (int((seen == n).sum()), int(reached[seen == n].sum())) for n in names if (seen == n).any()}
    assert {r["seen"]: (r["people"], r["reached"]) for r in found["recency"]} == wanted


def test_nothing_is_odd_about_the_shop(plain: tuple[dict[str, Any], pd.DataFrame]) -> None:
    assert plain[0]["findings"] == []


def test_what_was_planted_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    shop.write(folder)
    rows = pq.read_table(folder / "events.parquet").to_pylist()
    begin = datetime(2026, 3, 1)
    gap = {begin + timedelta(days=n) for n in range(3)}
    kept = [row for row in rows if datetime(*row["at"].timetuple()[:3]) not in gap]
    again = [{**row, "number": f"again-{row['number']}"} for row in kept[:7]]
    times = [begin - timedelta(days=20, seconds=n) for n in range(5_000)]
    machine = [{"customer": "bot", "at": at, "kind": "view", "amount": None} for at in times]
    awake = [begin - timedelta(hours=5 * n) for n in range(100)]
    machine += [{"customer": "c-bot", "at": at, "kind": "view", "amount": None} for at in awake]
    wrong = [{"customer": "c0001", "at": datetime(1985, 1, 1), "kind": "view", "amount": None}]
    numbered = [{**row, "number": f"x{n}"} for n, row in enumerate([*machine, *wrong])]
    pq.write_table(pa.Table.from_pylist([*kept, *again, *numbered]), folder / "events.parquet")

    found = {f["what"]: f for f in looked_at(shop_definition.write(folder, TITLE), tmp_path / "home")["findings"]}

    assert found["machines"]["count"] == 1
    assert found["sleepless"]["count"] == 1
    assert "100 events" in found["sleepless"]["told"]
    assert found["repeated rows"]["count"] == 7
    assert found["times before 2000"]["count"] == 1
    assert "gap" in found
    assert all(f["told"] for f in found.values())


ODD = """\
name = "odd"

[[sources]]
dataset = "odd"

[sources.columns]
who = { path = "who", identity = "CRMID" }
at = "timestamp"
kind = "eventType"
nothing = "nothing"

[goal]
event = "kind = 'buy'"
within = "5 days"

[cutoffs]
train = [2026-02-01]
test = 2026-02-10
score = 2026-02-10

[features]
events = { count = true }
"""


def test_what_ingestion_would_refuse_is_found_in_tables_that_came_another_way(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(ODD)
    rows = [("1234567.0", "2026-01-01"), ("1.2E37", "2026-01-02"), ("c1", "2199-01-01"), ("c2", "2026-03-01")]
    made = " UNION ALL ".join(
        f"SELECT '{who}' AS who, TIMESTAMP '{at} 00:00:00' AS timestamp, 'buy' AS eventType, "
        "CAST(NULL AS STRING) AS nothing"
        for who, at in rows
    )
    with embedded(tmp_path / "home") as client:
        client.sql(f"CREATE TABLE odd AS {made}").table()
        counted = {f["what"]: f["count"] for f in quality.findings(client, Definition.load(path), {"odd": "odd"})}
    wanted = {"numbers for identities": 2, "times in the future": 1, "dates for times": 4, "empty columns": 1}
    assert counted == wanted
