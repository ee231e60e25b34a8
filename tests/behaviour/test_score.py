"""Scores: one row for each person, ordered and ranked, the model's probabilities, in a file that appears whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.pipeline import Pipeline

from limbeck.errors import InvalidInput
from limbeck.propensity import candidates, frames
from limbeck.workflow.score import score

CUTOFF = datetime(2026, 5, 31, 6)
FEATURES = ["visits", "spend", "city"]
KINDS = ["logistic", "lightgbm"]


def people(seed: int, count: int = 120) -> pa.Table:
    """A scoring set in no order: few differing people, so that many have the same score."""
    draw = np.random.default_rng(seed)
    columns = {
        "entity_id": pa.array([f"p{n:04d}" for n in draw.permutation(count)]),
        "cutoff": pa.array([CUTOFF] * count, pa.timestamp("ms")),
        "visits": pa.array(draw.integers(0, 4, count)),
        "spend": pa.array(draw.integers(0, 3, count) * 2.5, mask=draw.random(count) < 0.2),
        "city": pa.array(draw.choice(["Oslo", "Rome"], count), mask=draw.random(count) < 0.1),
    }
    return pa.table(columns)


def files(folder: Path, *tables: pa.Table) -> list[Path]:
    """Write a feature set, one file for each table."""
    paths = [folder / f"set-{n}.parquet" for n, _ in enumerate(tables)]
    for table, path in zip(tables, paths, strict=True):
        pq.write_table(table, path)
    return paths


def fitted(kind: str, table: pa.Table) -> Pipeline:
    """A model of those who visit more often than others."""
    (candidate,) = candidates.candidates([kind], 5, str)
    frame = table.to_pandas()
    labels = (frame["visits"] + np.random.default_rng(1).normal(size=len(frame)) > 2).astype(int)
    return candidate.build(frame, **candidate.settings[0]).fit(frame[frames.features_of(frame)], labels)


@pytest.fixture(scope="module")
def trained() -> dict[str, Pipeline]:
    return {kind: fitted(kind, people(1, 300)) for kind in KINDS}


def scored(folder: Path, tables: Sequence[pa.Table], model: Pipeline) -> list[dict[str, Any]]:
    """Score feature sets of files, and return the rows of the file."""
    path = folder / "out" / "scores.parquet"
    count = score(files(folder, *tables), model, "shop", "3", path)
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    assert count == len(rows)
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_has_the_models_probability_and_a_rank(
    tmp_path: Path, trained: dict[str, Pipeline], kind: str
) -> None:
    asked = people(2)
    rows = scored(tmp_path, [asked], trained[kind])

    frame: pd.DataFrame = asked.to_pandas()
    wanted = dict(zip(frame["entity_id"], trained[kind].predict_proba(frame[FEATURES])[:, 1], strict=True))
    assert [row["entity_id"] for row in rows] == sorted(wanted)
    assert {row["entity_id"]: row["score"] for row in rows} == pytest.approx(wanted, abs=1e-12)
    assert len({row["score"] for row in rows}) < len(rows)
    for row in rows:
        assert row["rank"] == 1 + sum(other["score"] > row["score"] for other in rows)
    assert {(row["cutoff"], row["model"], row["version"]) for row in rows} == {(CUTOFF, "shop", "3")}


def test_columns_have_the_types_that_are_promised(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    scored(tmp_path, [people(2)], trained["logistic"])
    assert pq.read_schema(tmp_path / "out" / "scores.parquet").remove_metadata() == pa.schema(
        {
            "entity_id": pa.string(),
            "score": pa.float64(),
            "rank": pa.int64(),
            "cutoff": pa.timestamp("ms"),
            "model": pa.string(),
            "version": pa.string(),
        }
    )


def halves(table: pa.Table) -> list[pa.Table]:
    """The same people in four files, one of them empty and one with one person."""
    return [table[70:], table[:0], table[:1], table[1:70]]


@pytest.mark.parametrize("kind", KINDS)
def test_many_files_are_scored_as_one(tmp_path: Path, trained: dict[str, Pipeline], kind: str) -> None:
    asked = people(2)
    whole = scored(tmp_path, [asked], trained[kind])
    for parts in (halves(asked), halves(asked)[::-1]):
        rows = scored(tmp_path, parts, trained[kind])
        assert [row["entity_id"] for row in rows] == [row["entity_id"] for row in whole]
        assert [row["score"] for row in rows] == pytest.approx([row["score"] for row in whole], abs=1e-12)


def crowd(seed: int, count: int) -> pa.Table:
    """Five kinds of people, of whom much is known; those of one kind differ in nothing."""
    draw = np.random.default_rng(seed)
    kinds = np.random.default_rng(3).normal(size=(5, 24))[draw.integers(0, 5, count)]
    names = pa.array([f"p{n:04d}" for n in range(count)])
    features = {f"f{n}": pa.array(kinds[:, n]) for n in range(24)}
    keys = {"entity_id": names, "cutoff": pa.array([CUTOFF] * count, pa.timestamp("ms"))}
    return pa.table(keys | features | {"visits": pa.array(np.abs(kinds[:, 0]))})


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_people_who_differ_in_nothing_share_a_rank_wherever_they_stand(tmp_path: Path, kind: str) -> None:
    model = fitted(kind, crowd(1, 300))
    for count in range(121, 129):
        asked = crowd(2, count)
        whole = scored(tmp_path, [asked], model)
        assert len({row["rank"] for row in whole}) == len({row["score"] for row in whole}) <= 5
        assert scored(tmp_path, halves(asked), model) == whole


def test_columns_may_come_in_another_order(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    asked = people(2)
    whole = scored(tmp_path, [asked], trained["lightgbm"])
    assert scored(tmp_path, [asked.select(asked.column_names[::-1])], trained["lightgbm"]) == whole


def test_texts_and_gaps_that_training_did_not_see_are_scored(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    asked = people(2)
    odd = {"visits": pa.nulls(120, pa.int64()), "spend": asked["spend"], "city": pa.array(["Riga"] * 120)}
    for model in trained.values():
        rows = scored(tmp_path, [pa.table({**{n: asked[n] for n in ("entity_id", "cutoff")}, **odd})], model)
        assert len(rows) == 120
        assert all(0 <= row["score"] <= 1 for row in rows)


@pytest.mark.parametrize("gaps", [True, False])
@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_a_gap_in_the_flags_of_one_file_does_not_matter(tmp_path: Path, kind: str, gaps: bool) -> None:
    """Whether or not there are gaps in training."""

    def with_flags(table: pa.Table, *values: bool | None) -> pa.Table:
        return table.append_column("member", pa.array([values[n % len(values)] for n in range(len(table))]))

    training = with_flags(people(1, 300), True, False, None) if gaps else with_flags(people(1, 300), True, False)
    frame = frames.read(files(tmp_path, training))
    (candidate,) = candidates.candidates([kind], 5, str)
    labels = frame["visits"] > 1
    model = candidate.build(frame, **candidate.settings[0]).fit(frame[[*FEATURES, "member"]], labels)
    asked = people(2)
    rows = scored(tmp_path, [with_flags(asked[:60], True, False), with_flags(asked[60:], True, None)], model)
    assert len(rows) == 120


# -- whole files --------------------------------------------------------------------------------------------------


def test_a_failure_halfway_leaves_the_file_of_before(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    path = tmp_path / "out" / "scores.parquet"
    sets = files(tmp_path, people(2), people(3))
    score(sets[:1], trained["logistic"], "shop", "1", path)
    before = path.read_bytes()

    sets[1].write_bytes(sets[1].read_bytes()[:-20])
    with pytest.raises(pa.ArrowInvalid):
        score(sets, trained["logistic"], "shop", "2", path)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_who_reads_the_file_of_before_reads_it_to_its_end(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    path = tmp_path / "out" / "scores.parquet"
    score(files(tmp_path, people(2)), trained["logistic"], "shop", "1", path)
    before = path.read_bytes()
    with path.open("rb") as reader:
        score(files(tmp_path, people(3, 50)), trained["logistic"], "shop", "2", path)
        assert reader.read() == before
    assert pq.read_table(path)["version"].to_pylist() == ["2"] * 50
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("tables", [[], [people(2)[:0]], [people(2)[:0], people(3)[:0]]], ids=["none", "one", "two"])
def test_an_empty_set_is_refused(tmp_path: Path, trained: dict[str, Pipeline], tables: list[pa.Table]) -> None:
    with pytest.raises(InvalidInput, match=r"nobody is eligible at cutoffs\.score"):
        scored(tmp_path, tables, trained["logistic"])
    assert not (tmp_path / "out" / "scores.parquet").exists()
