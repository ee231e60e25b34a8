"""Featurize on a platform: the sets appear, and a definition that asks for the impossible gets one clear message."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.client import Client
from limbeck.errors import DefinitionError, InvalidInput
from limbeck.workflow import checks, explore, export, featurize, generate, overview
from limbeck.workflow.checks import conditions_named
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import training_set
from limbeck.workflow.featurize import SETS, FeatureSet, when
from limbeck.workflow.local import write_in_order
from limbeck.workflow.question import Span
from limbeck.workflow.run import Run
from tests import shop
from tests.platforms import as_aep, embedded

DEFINITION = """\
name = "shop"

[[sources]]
dataset = "shop events"
files.log = "events.parquet"
key = "number"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
number = "{tenant}.number"
at = "timestamp"
kind = "eventType"
amount = "{tenant}.amount"

[[sources]]
dataset = "shop people"
class = "profile"
files.people = "people.csv"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
age = "{tenant}.age"

[goal]
event = "kind = 'purchase'"
within = "14 days"
eligible = "kind = 'view'"

[cutoffs]
train = [2026-02-01, 2026-03-01]
test = 2026-04-15
score = 2026-05-31

[features]
views = { count = true, where = "kind = 'view'", windows = ["ever", "28 days"] }
spend = { sum = "amount" }
age = { attribute = "age" }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("shop")
    shop.write(found)
    return found


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with embedded(tmp_path_factory.mktemp("home")) as client:
        yield client


def define(folder: Path, **changes: str) -> Definition:
    """The shop's definition with other values of some keys."""
    lines = DEFINITION.splitlines()
    for key, value in changes.items():
        (number,) = (n for n, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[number] = f"{key} = {value}"
    path = folder / "shop.toml"
    path.write_text("\n".join(lines))
    return Definition.load(path)


@pytest.fixture(scope="module")
def tables(aep: Client, folder: Path) -> dict[str, str]:
    """The SQL tables of the shop's datasets."""
    definition = define(folder)
    loaded = {s.dataset: generate.load(aep, definition, s, "k1", folder / "work") for s in definition.sources}
    return {name: found.dataset.table for name, found in loaded.items()}


def sets(aep: Client, definition: Definition, tables: dict[str, str], key: str, folder: Path) -> dict[str, FeatureSet]:
    found = {}
    for name in SETS:
        dataset = featurize.compute(aep, definition, tables, name, key)
        files = export.export(aep, dataset, "shop", folder / f"{name}-{key}", definition.row_columns)
        found[name] = featurize.describe(name, dataset, files)
    return found


def test_the_sets_are_tables_and_files(aep: Client, folder: Path, tables: dict[str, str], tmp_path: Path) -> None:
    definition = define(folder)
    checks.check(aep, definition, tables)

    found = sets(aep, definition, tables, "k1", tmp_path)

    checks.check_sets(aep, definition, tables, found)
    assert [found[name].dataset.name for name in SETS] == ["shop_train_k1", "shop_test_k1", "shop_score_k1"]
    assert all(s.rows == aep.sql(f"select count(*) from {s.dataset.table}").scalar() for s in found.values())
    positives = aep.sql("select sum(label) from shop_train_k1").scalar()
    assert found["train"].positives == positives
    assert 0 < positives < found["train"].rows
    assert found["score"].positives is None
    names = [pq.read_schema(found[name].files[0]).names for name in SETS]
    features = ["views", "views_28d", "spend", "age"]
    assert names == [["entity_id", "cutoff", *label, *features] for label in (["label"], ["label"], [])]


def test_a_set_that_exists_is_not_computed_again(
    aep: Client, folder: Path, tables: dict[str, str], tmp_path: Path
) -> None:
    definition = define(folder)
    first = featurize.compute(aep, definition, tables, "test", "k2")
    again = featurize.compute(aep, definition, tables, "test", "k2")
    assert (again.id, again.version) == (first.id, first.version)

    order = definition.row_columns
    files = export.export(aep, first, "shop", tmp_path / "test", order)
    assert export.export(aep, first, "shop", tmp_path / "test", order) == files
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == ["test", "test/part-00000.parquet"]


def test_a_scoring_set_computed_anew_is_the_same_file(aep: Client, folder: Path, tmp_path: Path) -> None:
    files = []
    for train in ("[2026-02-01, 2026-03-01]", "[2026-02-15]"):
        run = Run(define(folder, train=train), aep, tmp_path / "home")
        with run.working(yes_production=True):
            files.append(run.features["score"].files)
    (once,), (again,) = files
    assert once != again
    assert once.read_bytes() == again.read_bytes()
    rows = [row["entity_id"] for row in pq.read_table(once).to_pylist()]
    assert rows == sorted(rows)


def test_rows_in_another_order_and_in_more_files_are_the_same_file(tmp_path: Path) -> None:
    rows = [{"who": f"c{n % 60_000:05d}", "at": n // 60_000, "value": n * 0.5} for n in range(150_000)]
    random.Random(1).shuffle(rows)
    whole = pa.Table.from_pylist(rows)
    for name, parts in {"one": [whole], "three": [whole[90_000:], whole[:50_000], whole[50_000:90_000]]}.items():
        (tmp_path / name).mkdir()
        for n, part in enumerate(parts):
            pq.write_table(part, tmp_path / name / f"{n}.parquet")
        write_in_order(sorted((tmp_path / name).iterdir()), ("who", "at"), tmp_path / f"{name}.parquet")
    found = pq.read_table(tmp_path / "one.parquet")
    assert found.to_pylist() == sorted(rows, key=lambda row: (row["who"], row["at"]))
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "three.parquet").read_bytes()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train": "[2025-12-01]"}, ["cutoffs.train is 2025-12-01", "before which nothing happened", "2026-01-01"]),
        ({"train": "[2026-01-01, 2026-02-01]"}, ["cutoffs.train is 2026-01-01", "before which nothing happened"]),
        ({"test": "2026-06-15", "score": "2026-07-01"}, ["cutoffs.test is 2026-06-15", "after which nothing"]),
        ({"test": "2026-05-25"}, ["cutoffs.test is 2026-05-25", "its label is known on 2026-06-08 only"]),
        (
            {"eligible": '"true"\neligible_within = "400 days"'},
            ["goal.eligible_within looks back 400 days, but the events"],
        ),
        ({"event": "\"kind = 'refund'\""}, ["goal.event", "kind = 'refund'", "nobody ever reaches the goal"]),
    ],
    ids=[
        "train before the data",
        "train at the first day",
        "test after the data",
        "label unknown",
        "eligible before the data",
        "no goal",
    ],
)
def test_what_the_events_cannot_tell(
    aep: Client, folder: Path, tables: dict[str, str], changes: dict[str, str], named: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        checks.check(aep, define(folder, **changes), tables)
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"event": "\"amount > 99.9 and number < 'e000200'\""}, "nobody reaches the goal .* cutoffs.train"),
        ({"event": '"true"', "within": '"44 days"', "eligible": "\"kind = 'purchase' and amount > 90\""}, "everybody"),
        ({"eligible": '"amount > 1000"'}, "nobody is eligible at cutoffs.train; goal.eligible asks too much"),
        ({"eligible": '"true"\nexcluded = "true"'}, "nobody is eligible at .* or goal.excluded takes out too much"),
        ({"within": '"14 days"\ncount = 100'}, "nobody reaches the goal .*ask for less by goal.count and goal.value"),
    ],
    ids=["nobody", "everybody", "nobody eligible", "everybody excluded", "too many"],
)
def test_labels_that_teach_nothing(
    aep: Client,
    folder: Path,
    tables: dict[str, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    changes: dict[str, str],
    told: str,
) -> None:
    definition = define(folder, **changes)
    key = request.node.callspec.id.replace(" ", "_")
    with pytest.raises(InvalidInput, match=told):
        checks.check_sets(aep, definition, tables, sets(aep, definition, tables, key, tmp_path))


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        ('visits = { count = true, windows = ["ever", "400 days"] }', "features.visits looks back 400 days, but"),
        ('more = { trend = true, windows = ["3 months"] }', "features.more looks back 3 months and as long before it"),
        (
            'flat = { count = true, where = "amount > 1e9" }',
            "flat is 0 for everybody in the training set.*no event sat",
        ),
        ('gone = { avg = "amount", where = "kind = \'view\'" }', "gone is missing for everybody"),
        (
            "late = { count = true, where = \"at >= TIMESTAMP '2026-03-10'\" }",
            "late is 0 for everybody.*its events begin on 2026-03-10, after the last training cutoff",
        ),
        ('stolen = { count = true, where = "customer IN (SELECT customer FROM x)" }', "features.stolen is .*a query"),
        ('peeks = { max = "label_end" }', "features.peeks is 'label_end'.* label_end is none of them"),
        ("hides = { max = '\"label_end\"' }", "features.hides is .* label_end is none of them"),
        ('looks = { sum = "sum(amount) OVER (PARTITION BY customer)" }', "features.looks is .*a window"),
        ('two = { sum = "1); DROP TABLE x; SELECT (1" }', "features.two"),
        ('told = { expression = "label + views" }', "features.told is .*over features above: label is none of them"),
        ('others = { expression = "avg(views) OVER ()" }', "features.others is .*a query or a window"),
        ('ratio = { expression = "spend / vews" }', 'features.ratio is .*column "vews" does not exist.*mean "views"'),
        ("select = { count = true }", "features.select is called 'select', which SQL takes for something else"),
        ('nested = { max = "sum(amount)" }', "features.nested is .*cannot be nested"),
        ('every = { count_distinct = "*" }', "features.every is .*star is not served"),
        ('odd = { count = true, where = "amount + 1" }', "features.odd is .*which is no condition.*type boolean"),
        (
            "clock = { count = true, where = \"at > now() - interval '9 days'\" }",
            "features.clock is .*now says something",
        ),
        ('luck = { sum = "rand()" }', "features.luck is .*rand says something else each time"),
    ],
    ids=[
        "window",
        "trend",
        "constant",
        "missing",
        "after",
        "query",
        "reserved",
        "reserved and quoted",
        "window of SQL",
        "statements",
        "label",
        "window over rows",
        "unknown feature",
        "keyword",
        "nested",
        "star",
        "no condition",
        "clock",
        "chance",
    ],
)
def test_features_that_teach_nothing_or_know_too_much(
    aep: Client,
    folder: Path,
    tables: dict[str, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    feature: str,
    told: str,
) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(f"{DEFINITION}{feature}\n")
    definition, key = Definition.load(path), request.node.callspec.id

    def learn() -> None:
        with conditions_named(aep, definition, tables):
            checks.check(aep, definition, tables)
            checks.check_sets(aep, definition, tables, sets(aep, definition, tables, f"f_{key}", tmp_path))

    with pytest.raises((DefinitionError, InvalidInput), match=told):
        learn()


def test_sets_of_a_dataset_that_grows_are_refreshed(
    aep: Client, folder: Path, tables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "grown.toml"
    text = DEFINITION.replace('files.log = "events.parquet"\nkey = "number"\n', "").replace("files.people = ", "# ")
    path.write_text(text.replace('name = "shop"', 'name = "grown"'))
    seen: list[str] = []
    plain = aep.sql
    monkeypatch.setattr(aep, "sql", lambda text, *rest: (seen.append(text), plain(text, *rest))[1])

    def featurized() -> dict[str, str]:
        run = Run(Definition.load(path), aep, tmp_path / "home")
        with run.working(yes_production=True):
            return {name: dataset.table for name, dataset in run.feature_tables.items()}

    before = featurized()
    assert not any("touched" in text for text in seen)
    dataset = aep.dataset("shop events")
    assert dataset is not None
    event = {"customer": "c0007", "number": "late", "amount": 5.0}
    late = {"_id": "late", "timestamp": "2026-01-20T00:00:00Z", "eventType": "purchase", f"_{aep.tenant}": event}
    (tmp_path / "late.json").write_text(json.dumps(late))
    aep.upload(dataset, tmp_path / "late.json")
    after = featurized()

    refreshed = [text for text in seen if "touched AS" in text]
    assert len(refreshed) == len(SETS)
    assert not any("SNAPSHOT AS OF" in text for text in refreshed)  # nothing was taken out
    definition = Definition.load(path)
    for name in SETS:
        whole = training_set(definition, tables, aep.tenant, when(definition, name), labelled=name != "score")
        ordered = "SELECT * FROM ({}) AS found ORDER BY entity_id, cutoff LIMIT 5000"
        found, wanted, old = (
            plain(ordered.format(text)).table().to_pylist()
            for text in (f"SELECT * FROM {after[name]}", whole, f"SELECT * FROM {before[name]}")
        )
        assert found == wanted
        changed = [(a["entity_id"], a["spend"] - b["spend"]) for a, b in zip(found, old, strict=True) if a != b]
        assert {who for who, _ in changed} == {"c0007"}
        assert all(more == pytest.approx(5.0) for _, more in changed)


def test_each_source_may_call_the_type_of_its_events_differently(
    aep: Client, folder: Path, tables: dict[str, str], tmp_path: Path
) -> None:
    rows = f"SELECT timestamp, 'return' AS eventType, _{aep.tenant}.customer AS customer, 'view' AS kind"
    aep.sql(f"CREATE TABLE shop_returns AS {rows} FROM {tables['shop events']} WHERE eventType = 'purchase'").table()
    other = """[[sources]]
dataset = "shop_returns"
[sources.columns]
customer = { path = "customer", identity = "CRMID" }
at = "timestamp"
what = "eventType"
kind = "kind"

[goal]"""
    path = tmp_path / "shop.toml"
    path.write_text(DEFINITION.replace("[goal]", other))
    alone = explore.explore(aep, define(folder), tables)

    definition, all_tables = Definition.load(path), {**tables, "shop_returns": "shop_returns"}
    found = explore.explore(aep, definition, all_tables)

    purchases = alone["events"]["purchase"]
    assert found["events"] == {**alone["events"], "return": purchases}
    looked = overview.overview(aep, definition, all_tables, found)
    both = looked["kinds"].index("purchase"), looked["kinds"].index("return")
    assert looked["together"][both[0]][both[1]] == looked["together"][both[1]][both[0]] == 1.0


# -- what came of a past cutoff -----------------------------------------------------------------------------------


def rows_of(found: FeatureSet) -> list[dict[str, Any]]:
    (file,) = found.files
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def test_a_monitoring_set_is_what_was_scored_with_what_came_of_it(aep: Client, folder: Path, tmp_path: Path) -> None:
    run = Run(define(folder), aep, tmp_path / "home")
    scored = Run(define(folder, test="2026-04-01", score="2026-04-15"), aep, tmp_path / "home")
    with run.working(yes_production=True):
        found = run.monitoring(datetime(2026, 4, 15))
        assert run.monitoring(datetime(2026, 4, 15, 2, tzinfo=ZoneInfo("Europe/Berlin"))) == found
        with pytest.raises(InvalidInput, match="look back to is 2026-05-31, after which nothing happened"):
            run.monitoring()
        with pytest.raises(InvalidInput, match="look back to is 2026-05-20: its label is known on 2026-06-03 only"):
            run.monitoring(datetime(2026, 5, 20))
        with pytest.raises(InvalidInput, match="look back to is 2025-12-31, before which nothing happened"):
            run.monitoring(datetime(2025, 12, 31))
        with pytest.raises(InvalidInput, match="a single moment, for persons are asked about"):
            run.monitoring(Span(datetime(2026, 4, 1), datetime(2026, 4, 15)))
    with scored.working(yes_production=True):
        then = rows_of(scored.features["score"])

    known = rows_of(found)
    with run.working(yes_production=True):
        assert found.files[0].read_bytes() == run.features["test"].files[0].read_bytes()
    assert [{name: value for name, value in row.items() if name != "label"} for row in known] == then
    assert 0 < (found.positives or 0) < found.rows == len(then)


PAIRED = DEFINITION.replace(
    'dataset = "shop events"\nfiles.log = "events.parquet"\n',
    """dataset = "shop offers"
files.log = "events.parquet"
sql = \"\"\"select *, right(number, 1) as item, case when true then log.at + interval 20 day end as ends
    from log\"\"\"
""",
).replace('kind = "eventType"\n', 'kind = "eventType"\nitem = "{tenant}.item"\nends = "{tenant}.ends"\n')
PAIRED = (
    PAIRED[: PAIRED.index("[goal]")]
    + """[entity]
pair = "item"
where = "kind = 'view'"

[goal]
event = "kind = 'purchase'"
until = "ends"

[cutoffs]
train = { from = 2026-02-01, until = UNTIL }
test = { from = 2026-04-01, until = LAST }
score = { from = 2026-05-01, until = 2026-06-01 }

[features]
views = { count = true, where = "kind = 'view'" }
"""
)


def test_the_ends_of_pairs_are_known_when_the_test_begins(aep: Client, folder: Path, tmp_path: Path) -> None:
    path = folder / "offers.toml"

    def run(until: str, last: str, text: str = PAIRED) -> Run:
        path.write_text(text.replace("UNTIL", until).replace("LAST", last))
        return Run(Definition.load(path), aep, tmp_path / "home")

    def refused(asked: Run, told: str) -> None:
        with asked.working(yes_production=True), pytest.raises(InvalidInput, match=told):
            asked.feature_tables

    refused(run("2026-03-20", "2026-04-10"), r"cutoffs.train: the label of \d+ of its \d+ pairs, .* 2026-04-01; let")
    refused(
        run("2026-03-10", "2026-05-20"), r"cutoffs.test: the label of \d+ of its .* not known yet: the events reach"
    )
    whole = run("2026-03-10", "2026-04-10")
    with whole.working(yes_production=True):
        assert set(whole.feature_tables) == set(SETS)
        found = whole.monitoring(Span(datetime(2026, 4, 1), datetime(2026, 4, 10)))
        assert rows_of(found) == rows_of(whole.features["test"])
        with pytest.raises(InvalidInput, match=r"look back to: the label of .* is not known yet"):
            whole.monitoring(Span(datetime(2026, 4, 20), datetime(2026, 5, 20)))
    text = PAIRED.replace("case when true then", "case when log.at < timestamp '2026-02-20' then")
    refused(run("2026-03-10", "2026-04-10", text), r"goal.until is 'ends', which is missing in the .* pairs of cutoffs")


def test_what_explain_prints_runs_over_the_wire(folder: Path, tmp_path: Path) -> None:
    with as_aep(tmp_path / "home") as wire:
        run = Run(define(folder), wire, tmp_path / "home")
        tables = {name: found.dataset.table for name, found in run.datasets.items()}
        texts = run.statements()
        for name in SETS:
            wire.sql(texts[name]).table()
            plain = featurize.compute(wire, run.definition, tables, name, "plain")
            explained, computed = (
                wire.sql(f"SELECT * FROM {table} ORDER BY entity_id, cutoff LIMIT 5000").table().to_pylist()
                for table in (f"shop_{name}_explained", plain.table)
            )
            assert explained == computed
            assert len(explained) > 100
    assert "-- all events as one relation" in texts["train"]


def test_the_statement_is_one_that_query_service_takes(folder: Path) -> None:
    text = featurize.statement(define(folder), {"shop events": "e", "shop people": "p"}, "acme", "score", "k9")
    assert text.startswith('CREATE TABLE "shop_score_k9" AS\nWITH events AS')
    assert "TIMESTAMP '2026-05-31 00:00:00'" in text
    assert "label" not in text.replace("label_end", "")
