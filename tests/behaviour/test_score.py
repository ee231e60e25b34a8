"""Scores: one row for each person, ordered and ranked, the model's probabilities with their reasons, in a file that
appears whole."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.pipeline import Pipeline

from limbeck.errors import InvalidInput
from limbeck.propensity import candidates, frames, shapley
from limbeck.propensity.scoring import Scoring
from limbeck.workflow import score as step
from limbeck.workflow.score import score

CUTOFF = datetime(2026, 5, 31, 6)
TIME = datetime(2026, 6, 1, 12, 30)
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


def scoring(model: Pipeline, **other: Any) -> Scoring:
    """What the model scores with."""
    plain = {"name": "shop", "version": "3", "base_rate": 0.2, "snapshot": "visits 1.2", "time": TIME}
    return Scoring(model, **{**plain, **other})


def scored(
    folder: Path, tables: Sequence[pa.Table], model: Pipeline, told: list[str] | None = None, **other: Any
) -> list[dict[str, Any]]:
    """Score feature sets of files, and return the rows of the file; unless asked for, nobody must be told anything."""
    path, heard = folder / "out" / "scores.parquet", [] if told is None else told
    count = score(files(folder, *tables), scoring(model, **other), path, heard.append)
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    assert count == len(rows)
    assert told is not None or heard == []
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
        assert row["percentile"] == 100 * sum(other["score"] < row["score"] for other in rows) / len(rows)
    names = ("cutoff", "model", "version", "snapshot", "time")
    assert {tuple(row[name] for name in names) for row in rows} == {(CUTOFF, "shop", "3", "visits 1.2", TIME)}


def test_points_double_the_odds_by_tens_and_buckets_are_ranges_of_them(
    tmp_path: Path, trained: dict[str, Pipeline]
) -> None:
    rows = scored(tmp_path, [people(2)], trained["lightgbm"], base_rate=0.2)
    for row in rows:
        odds = row["score"] / (1 - row["score"]) / (0.2 / 0.8)
        assert row["points"] == min(100, max(0, round(50 + 10 * math.log2(odds))))
        ranges = {"very high": 70, "high": 60, "medium": 40, "low": 30, "very low": 0}
        assert row["bucket"] == next(name for name, least in ranges.items() if row["points"] >= least)
    assert len({row["bucket"] for row in rows}) >= 3


def test_columns_have_the_types_that_are_promised(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    scored(tmp_path, [people(2)], trained["logistic"])
    assert pq.read_schema(tmp_path / "out" / "scores.parquet").remove_metadata() == pa.schema(
        {
            "entity_id": pa.string(),
            "score": pa.float64(),
            "percentile": pa.float64(),
            "points": pa.int64(),
            "bucket": pa.string(),
            "rank": pa.int64(),
            "reasons": pa.string(),
            "cutoff": pa.timestamp("ms"),
            "model": pa.string(),
            "version": pa.string(),
            "snapshot": pa.string(),
            "time": pa.timestamp("ms"),
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


@pytest.mark.parametrize("gap", [pa.int64(), pa.null()])
def test_texts_and_gaps_that_training_did_not_see_are_scored_and_told(
    tmp_path: Path, trained: dict[str, Pipeline], gap: pa.DataType
) -> None:
    asked = people(2)
    odd = {"visits": pa.nulls(120, gap), "spend": asked["spend"], "city": pa.array(["Riga"] * 50 + ["Oslo"] * 70)}
    for model in trained.values():
        told: list[str] = []
        rows = scored(tmp_path, [pa.table({**{n: asked[n] for n in ("entity_id", "cutoff")}, **odd})], model, told)
        assert len(rows) == 120
        assert all(0 <= row["score"] <= 1 for row in rows)
        assert told == ["50 rows have a city that training did not see (Riga, …); it counts as a rare one"]


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_what_is_infinite_is_scored_as_missing(tmp_path: Path, trained: dict[str, Pipeline], kind: str) -> None:
    asked, odd = people(2), np.arange(120) % 7 == 0
    place = asked.schema.names.index("visits")
    visits = [
        asked.set_column(place, "visits", pa.array(np.where(odd, number, asked["visits"].to_numpy())))
        for number in (np.inf, -np.inf, np.nan)
    ]
    high, low, missing = ([row["score"] for row in scored(tmp_path, [table], trained[kind])] for table in visits)
    assert high == low == missing


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


@pytest.mark.parametrize("rows", [7, 1000])
def test_a_failure_halfway_leaves_the_file_of_before(
    tmp_path: Path, trained: dict[str, Pipeline], monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Whether or not the engine that puts rows in order has some already."""
    monkeypatch.setattr(step, "ROWS", rows)
    path = tmp_path / "out" / "scores.parquet"
    sets = files(tmp_path, people(2), people(3).drop_columns("city"))
    score(sets[:1], scoring(trained["logistic"]), path, str)
    before = path.read_bytes()

    with pytest.raises(InvalidInput, match="has no feature city, which the model shop version 3"):
        score(sets, scoring(trained["logistic"]), path, str)
    assert path.read_bytes() == before
    sets[1].write_bytes(sets[1].read_bytes()[:-20])
    with pytest.raises(pa.ArrowInvalid):
        score(sets, scoring(trained["logistic"]), path, str)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_who_reads_the_file_of_before_reads_it_to_its_end(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    path = tmp_path / "out" / "scores.parquet"
    score(files(tmp_path, people(2)), scoring(trained["logistic"]), path, str)
    before = path.read_bytes()
    with path.open("rb") as reader:
        score(files(tmp_path, people(3, 50)), scoring(trained["logistic"], version="2"), path, str)
        assert reader.read() == before
    assert pq.read_table(path)["version"].to_pylist() == ["2"] * 50
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("tables", [[], [people(2)[:0]], [people(2)[:0], people(3)[:0]]], ids=["none", "one", "two"])
def test_an_empty_set_is_refused(tmp_path: Path, trained: dict[str, Pipeline], tables: list[pa.Table]) -> None:
    with pytest.raises(InvalidInput, match=r"nobody is eligible at cutoffs\.score"):
        scored(tmp_path, tables, trained["logistic"])
    assert not (tmp_path / "out" / "scores.parquet").exists()


# -- what the model does not fit ----------------------------------------------------------------------------------


def refused(folder: Path, table: pa.Table, model: Pipeline) -> str:
    """What is said of a set that cannot be scored, over a file that is as it was before."""
    path = folder / "out" / "scores.parquet"
    score(files(folder, people(2)), scoring(model), path, str)
    before = path.read_bytes()
    with pytest.raises(InvalidInput) as raised:
        score(files(folder, table), scoring(model), path, str)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    return str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_that_is_missing_is_named(tmp_path: Path, trained: dict[str, Pipeline], kind: str) -> None:
    assert refused(tmp_path, people(2).drop_columns(["spend", "city"]), trained[kind]) == (
        "the set to be scored has no feature spend, city, which the model shop version 3 was trained with; make the "
        "set by the definition that the model was trained with, or train a model of what there is"
    )


@pytest.mark.parametrize(("name", "found", "wanted"), [("spend", "a text", "a number"), ("city", "a number", "a text")])
def test_a_feature_of_another_kind_is_named(
    tmp_path: Path, trained: dict[str, Pipeline], name: str, found: str, wanted: str
) -> None:
    values = pa.array(["2.5"] * 120) if found == "a text" else pa.array([2.5] * 120)
    table = people(2).drop_columns(name).append_column(name, values)
    told = refused(tmp_path, table, trained["lightgbm"])
    assert told.startswith(f"the feature {name} is {found} in the set to be scored, and {wanted} to the model shop ")


def test_a_feature_more_does_not_matter(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    asked = people(2)
    more = asked.append_column("shoes", pa.array(["red"] * 120))
    assert scored(tmp_path, [more], trained["lightgbm"]) == scored(tmp_path, [asked], trained["lightgbm"])


@pytest.mark.parametrize("rows", [7, 32, 1000])
def test_a_person_twice_is_named(
    tmp_path: Path, trained: dict[str, Pipeline], monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Also where the two stand in different batches, before and after they are put in order."""
    monkeypatch.setattr(step, "ROWS", rows)
    asked = people(2)
    twice = pa.concat_tables([asked, asked.filter(pc.equal(asked["entity_id"], "p0031"))])
    told = refused(tmp_path, twice, trained["logistic"])
    assert told.startswith("the scoring set has the person p0031 more than once; a score is one for each.")


def test_a_person_may_be_in_several_pairs_but_a_pair_only_once(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    asked = people(2, 40)
    pairs = pa.concat_tables([asked.append_column("object_id", pa.array([name] * 40)) for name in ("b", "a")])
    rows = scored(tmp_path, [pairs], trained["logistic"])
    wanted = sorted((person, name) for person in asked["entity_id"].to_pylist() for name in "ab")
    assert [(row["entity_id"], row["object_id"]) for row in rows] == wanted
    told = refused(tmp_path, pa.concat_tables([pairs, pairs[:1]]), trained["logistic"])
    assert f"the pair {asked['entity_id'][0]} and b more than once" in told


# -- batches ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [7, 50])
def test_the_size_of_batches_does_not_show(
    tmp_path: Path, trained: dict[str, Pipeline], monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    whole = scored(tmp_path, [people(2)], trained["lightgbm"], most=2)
    monkeypatch.setattr(step, "ROWS", rows)
    assert scored(tmp_path, [people(2)], trained["lightgbm"], most=2) == whole


# -- reasons ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_are_the_strongest_effects_with_the_values_of_the_set(
    tmp_path: Path, trained: dict[str, Pipeline], kind: str
) -> None:
    asked, frame = people(2), people(1, 300).to_pandas()
    usual = shapley.typical(trained[kind], frame[FEATURES])
    rows = scored(tmp_path, [asked], trained[kind], most=2, typical=usual)
    effects = shapley.explainer(trained[kind], usual).effects(frames.of(asked)).round(4)
    values = {row["entity_id"]: row for row in asked.to_pylist()}
    wanted = {row["entity_id"]: mine for row, mine in zip(asked.to_pylist(), effects.tolist(), strict=True)}
    for row in rows:
        mine = dict(zip(FEATURES, wanted[row["entity_id"]], strict=True))
        best = sorted((name for name in FEATURES if mine[name]), key=lambda name: -abs(mine[name]))[:2]
        assert json.loads(row["reasons"]) == [
            {"feature": name, "value": values[row["entity_id"]][name], "effect": mine[name]} for name in best
        ]


def test_without_reasons_there_are_none(tmp_path: Path, trained: dict[str, Pipeline]) -> None:
    assert {row["reasons"] for row in scored(tmp_path, [people(2)], trained["logistic"], most=0)} == {None}


def test_a_model_without_reasons_scores_and_says_so(tmp_path: Path) -> None:
    (candidate,) = candidates.candidates([f"{__name__}:neighbours"], 5, str)
    frame = people(1, 300).to_pandas()
    model = candidate.build(frame).fit(frame[FEATURES], frame["visits"] > 1)
    told: list[str] = []
    rows = scored(tmp_path, [people(2)], model, told, most=3)
    assert {row["reasons"] for row in rows} == {None}
    (said,) = told
    assert said.startswith("scores come without reasons: ")
    assert "no exact reasons are known for KNeighborsClassifier" in said


def neighbours() -> Any:
    """An estimator of which no reasons are known."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier()
