"""The examples ask what the descriptions of their data say: the same rows, and as many who reach the goal."""

from __future__ import annotations

import itertools
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from limbeck.workflow import sources
from limbeck.workflow.definition import Definition
from limbeck.workflow.features import training_set
from limbeck.workflow.featurize import when
from tests.behaviour.query_tables import Home

EXAMPLES = Path(__file__).parents[2] / "examples"
FLORAL = "FLORAL"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.make(tmp_path_factory.mktemp("examples"))


numbers = itertools.count()


def stored(home: Home, definition: Definition, folder: Path) -> dict[str, str]:
    """Store the sources of an example as they would be ingested; give the table of each."""
    found = {}
    for source in definition.sources:
        table = f"source_{next(numbers)}"
        prepared = sources.prepare(source, EXAMPLES, "acme", folder / table)
        home.add(table, [pq.read_table(file) for file in prepared.files])
        found[source.dataset] = table
    return found


def counted(home: Home, definition: Definition, tables: dict[str, str], name: str) -> tuple[int, int]:
    """How many rows a set has, and how many of them reach the goal."""
    text = training_set(definition, tables, "acme", when(definition, name))
    (row,) = home.sql(f"SELECT count(*) AS rows, sum(label) AS positives FROM ({text}) AS found").to_pylist()
    return row["rows"], row["positives"]


@pytest.mark.parametrize(
    ("example", "test", "train"),
    [
        ("online_retail", (3974, 1341), None),
        ("online_retail_90", (3317, 1864), None),
        ("complete_journey", (2404, 191), None),
        ("campaign_response", (1461, 213), (2196, 239)),
    ],
)
def test_base_rates_are_those_of_the_descriptions(
    home: Home, tmp_path: Path, example: str, test: tuple[int, int], train: tuple[int, int] | None
) -> None:
    definition = Definition.load(EXAMPLES / f"{example}.toml")
    tables = stored(home, definition, tmp_path)
    assert counted(home, definition, tables, "test") == test
    if train is not None:
        assert counted(home, definition, tables, "train") == train


def test_three_departments_have_the_rates_of_the_description(home: Home, tmp_path: Path) -> None:
    text = (EXAMPLES / "cross_sell.toml").read_text()
    tables: dict[str, str] = {}
    for department, rate in {"FLORAL": 0.055, "SEAFOOD-PCKGD": 0.123, "PASTRY": 0.309}.items():
        path = tmp_path / "cross_sell.toml"
        path.write_text(text.replace(FLORAL, department))
        definition = Definition.load(path)
        tables = tables or stored(home, definition, tmp_path)
        rows, positives = counted(home, definition, tables, "test")
        assert rows == 2430
        assert round(positives / rows, 3) == rate
