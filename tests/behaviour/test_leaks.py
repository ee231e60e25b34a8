"""The search for leaks on a platform: what its SQL adds, and that the train step stops at what is found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.client import Client
from limbeck.errors import InvalidInput
from limbeck.propensity import frames
from limbeck.workflow import leaks
from limbeck.workflow.run import Run
from limbeck.workflow.train import look_for_leaks
from tests.platforms import embedded

BEGIN, DAYS, PEOPLE = datetime(2026, 1, 1), 241, 500

DEFINITION = """\
name = "offers"
seed = 3

[[sources]]
dataset = "sales"
files.log = "sales.parquet"

[sources.columns]
customer = { path = "{tenant}.customer", identity = "CRMID" }
at = "timestamp"
kind = "eventType"
entered = "{tenant}.entered"

[goal]
event = "kind = 'order'"
within = "30 days"

[cutoffs]
train = [2026-04-01, 2026-05-01, 2026-06-01]
test = 2026-07-15
score = 2026-08-30

[features]
orders = { count = true, where = "kind = 'order'", windows = ["ever", "60 days"] }
recency = { days_since_last = true, where = "kind = 'order'" }
offers = { count = true, where = "kind = 'offer'", windows = ["30 days"] }
since_offer = { days_since_last = true, where = "kind = 'offer'" }

[model]
candidates = ["logistic"]
resamples = 100
"""
HONEST = {'dataset = "sales"\n': 'dataset = "sales"\narrival = "entered"\n', 'name = "offers"': 'name = "punctual"'}


def write(folder: Path) -> None:
    """Write orders, and offers that are entered with their order, under an earlier date; some come to nothing."""
    draw, rows = random.Random(4), []
    for n in range(PEOPLE):
        keen = draw.random() ** 2
        rows.append((f"c{n:03d}", BEGIN, "visit", BEGIN))
        for day in range(DAYS):
            at = BEGIN + timedelta(days=day, seconds=draw.randrange(86_400))
            if draw.random() < 0.003 + 0.02 * keen:
                rows.append((f"c{n:03d}", at, "order", at))
                if draw.random() < 0.7:
                    rows.append((f"c{n:03d}", at - timedelta(days=draw.randint(5, 25)), "offer", at))
            if draw.random() < 0.003:
                rows.append((f"c{n:03d}", at, "offer", at))
    rows = sorted(row for row in rows if row[1] >= BEGIN)
    columns = ("customer", "at", "kind", "entered")
    pq.write_table(pa.Table.from_pandas(pd.DataFrame(rows, columns=columns)), folder / "sales.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("offers")
    write(found)
    (found / "offers.toml").write_text(DEFINITION)
    text = DEFINITION
    for old, new in HONEST.items():
        assert old in text
        text = text.replace(old, new)
    (found / "punctual.toml").write_text(text)
    return found


@pytest.fixture(scope="module")
def aep(folder: Path) -> Iterator[Client]:
    with embedded(folder / "home") as client:
        yield client


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")  # MLflow's
def test_rows_that_arrive_after_the_cutoff_stop_the_run_until_their_arrival_is_told(aep: Client, folder: Path) -> None:
    with limbeck.steps(folder / "offers.toml", aep, folder / "home") as steps:
        with pytest.raises(
            InvalidInput, match=r"entered of sales lies after the cutoff.*arrival = 'entered'"
        ) as caught:
            steps.model
        assert [one["kind"] for one in caught.value.details["findings"]] == ["arrival"]
    with limbeck.steps(folder / "punctual.toml", aep, folder / "home") as steps:
        known, later, witnesses = _sets(steps, aep)
        assert witnesses.last()
        before = replace(steps.definition.cutoffs, score=datetime(2026, 8, 1))
        assert not leaks.last(aep, replace(steps.definition, cutoffs=before), steps.tables)
        told: list[str] = []
        assert look_for_leaks(known, later, steps.definition.model, 3, told.append, witnesses) == []
        assert told == []


def _sets(steps: Run, aep: Client) -> tuple[pd.DataFrame, pd.DataFrame, leaks.Witnesses]:
    sets = steps.features
    known, later = (frames.read(sets[name].files) for name in ("train", "test"))
    return known, later, leaks.witnesses(aep, steps.definition, steps.tables, sets["score"].files)


@pytest.mark.parametrize("most", [leaks.ROWS, 700])
def test_aged_features_are_those_of_an_earlier_cutoff(
    aep: Client, folder: Path, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first cutoff's features, one horizon later, are those that the second has now, for both are 30 days apart."""
    monkeypatch.setattr(leaks, "ROWS", most)
    with limbeck.steps(folder / "offers.toml", aep, folder / "home") as steps:
        known, _, witnesses = _sets(steps, aep)
    once, twice = witnesses.aged(known)
    keys, features = ["entity_id", "cutoff"], frames.features_of(known)
    assert len(once) == len(twice)
    assert (len(once) == len(known)) == (most > len(known))
    for found in (once, twice):
        labelled = found[[*keys, "label"]].merge(known, on=keys, how="left", suffixes=("", "_known"))
        assert (labelled["label"] == labelled["label_known"]).all()
    first, second = pd.Timestamp(2026, 4, 1), pd.Timestamp(2026, 5, 1)
    then = once[once["cutoff"] == second].set_index("entity_id")[features]
    now = known[known["cutoff"] == first].set_index("entity_id")[features].loc[then.index]
    assert len(then) > 100
    pd.testing.assert_frame_equal(then, now)
