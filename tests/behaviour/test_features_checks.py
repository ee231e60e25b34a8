"""Featurize on a platform: the sets appear, and a definition that asks for the impossible gets one clear message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from limbeck.client import Client
from limbeck.errors import InvalidInput
from limbeck.workflow import checks, export, featurize, generate
from limbeck.workflow.definition import Definition
from limbeck.workflow.featurize import SETS, FeatureSet
from tests import shop
from tests.platforms import embedded

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
        files = export.export(aep, dataset, "shop", folder / f"{name}-{key}")
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

    files = export.export(aep, first, "shop", tmp_path / "test")
    assert export.export(aep, first, "shop", tmp_path / "test") == files
    assert [p.name for p in tmp_path.iterdir()] == ["test"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"train": "[2025-12-01]"}, ["cutoffs.train is 2025-12-01", "before which nothing happened", "2026-01-01"]),
        ({"train": "[2026-01-01, 2026-02-01]"}, ["cutoffs.train is 2026-01-01", "before which nothing happened"]),
        ({"test": "2026-06-15", "score": "2026-07-01"}, ["cutoffs.test is 2026-06-15", "after which nothing"]),
        ({"test": "2026-05-25"}, ["cutoffs.test is 2026-05-25", "its label is known on 2026-06-08 only"]),
        ({"event": "\"kind = 'refund'\""}, ["goal.event", "kind = 'refund'", "nobody ever reaches the goal"]),
    ],
    ids=["train before the data", "train at the first day", "test after the data", "label unknown", "no goal"],
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
    ],
    ids=["nobody", "everybody", "nobody eligible"],
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


def test_the_statement_is_one_that_query_service_takes(folder: Path) -> None:
    text = featurize.statement(define(folder), {"shop events": "e", "shop people": "p"}, "acme", "score", "k9")
    assert text.startswith('CREATE TABLE "shop_score_k9" AS\nWITH cutoffs AS')
    assert "TIMESTAMP '2026-05-31 00:00:00'" in text
    assert "label" not in text.replace("label_end", "")
