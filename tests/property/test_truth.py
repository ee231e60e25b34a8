"""What scores are worth beside true probabilities, against slow and obvious references."""

from __future__ import annotations

from datetime import datetime
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from limbeck.cli.truth import _parts
from limbeck.errors import InvalidInput
from limbeck.workflow import synthetic, truth
from tests.synthetic import Numbers

People = tuple[Numbers, Numbers]
SHARES = st.integers(0, 20).map(lambda n: n / 20)
CHANCES = st.floats(0, 1, allow_subnormal=False)


@st.composite
def people(draw: st.DrawFn, least: int = 1, chances: st.SearchStrategy[float] = CHANCES) -> People:
    """Scores, of which some are equal, and true probabilities."""
    rows = draw(st.lists(st.tuples(SHARES, chances), min_size=least, max_size=30))
    scores, true = np.array(rows, float).T
    return scores, true


@given(people())
def test_the_expected_area_is_that_over_all_pairs(both: People) -> None:
    scores, chances = both
    right = every = 0.0
    for first, second in product(range(len(scores)), repeat=2):
        if first != second:
            weight = chances[first] * (1 - chances[second])
            every += weight
            right += weight * (1.0 if scores[first] > scores[second] else 0.5 * (scores[first] == scores[second]))
    found = truth.expected_auc(scores, chances)
    if every > 1e-6:
        assert found == pytest.approx(right / every, abs=1e-7)
        assert found <= truth.expected_auc(chances, chances) + 1e-7


@given(people(2, st.sampled_from([0.0, 1.0])))
def test_of_outcomes_it_is_the_usual_area(both: People) -> None:
    scores, outcomes = both
    found = truth.expected_auc(scores, outcomes)
    if 0 < outcomes.sum() < len(outcomes):
        assert found == pytest.approx(roc_auc_score(outcomes, scores))
    else:
        assert np.isnan(found)


def test_it_is_what_outcomes_show_on_the_average() -> None:
    random = np.random.default_rng(4)
    chances = random.beta(1, 6, 400)
    scores = chances + random.normal(0, 0.1, 400)
    drawn = [roc_auc_score(random.random(400) < chances, scores) for _ in range(300)]
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(truth.expected_auc(scores, chances) - np.mean(drawn)) < 4 * error


def test_the_share_lies_within_its_interval_which_is_narrower_for_more_people() -> None:
    random, widths = np.random.default_rng(5), []
    for size in (300, 3000):
        chances = random.beta(1, 6, size)
        found = truth.areas(chances + random.normal(0, 0.1, size), chances)
        assert found["share"] == pytest.approx((found["model"] - 0.5) / (found["oracle"] - 0.5))
        assert found["low"] < found["share"] < found["high"] < 1
        widths.append(found["high"] - found["low"])
    assert widths[1] < 0.6 * widths[0]
    assert np.isnan(truth.areas(np.ones(3), np.ones(3))["share"])


@given(people())
def test_tenths_are_equal_parts_in_the_order_of_the_scores(both: People) -> None:
    scores, chances = both
    found = truth.calibration(scores, chances)
    tenths, ordered = found["tenths"], sorted(zip(scores, chances, strict=True), key=lambda row: row[0])
    begin, errors = 0, []
    for tenth in tenths:
        part = ordered[begin : begin + tenth["people"]]
        begin += tenth["people"]
        score, true = (sum(column) / len(part) for column in zip(*part, strict=True))
        assert (tenth["score"], tenth["true"]) == (pytest.approx(score), pytest.approx(true))
        errors += [abs(score - true)] * len(part)
    assert begin == len(scores)
    assert max(t["people"] for t in tenths) - min(t["people"] for t in tenths) <= 1
    assert found["error"] == pytest.approx(np.mean(errors))


@given(people(), st.data())
def test_the_oracle_chooses_as_many_and_never_worse(both: People, data: st.DataObject) -> None:
    scores, chances = both
    threshold = data.draw(st.sampled_from(sorted(set(scores.tolist()))))
    chosen = [true for score, true in zip(scores, chances, strict=True) if score >= threshold]
    found = truth.chosen(scores, chances, threshold)
    assert found["true"] == pytest.approx(np.mean(chosen))
    assert found["oracle"] == pytest.approx(np.mean(sorted(chances)[-len(chosen) :]))
    assert found["oracle"] >= found["true"] - 1e-12


def test_what_is_told_of_strange_outcomes_and_of_uplift() -> None:
    area = {"model": 0.7, "oracle": 0.8, "share": 2 / 3}
    test = {**area, "cutoff": "2026-04-09", "people": 10, "converted": 0.5, "expected": 0.1, "sigmas": 9.0}
    found = {"title": "t", "people": 10, "cutoff": "2026-05-01", "roc_auc": area, "test": test}
    found["calibration"] = truth.calibration(np.linspace(0, 1, 10), np.full(10, 0.1))
    rates = {"planned": {"value": 0.3, "low": 0.2, "high": 0.4}, "true": 0.31, "oracle": 0.5}
    found["audience"] = {"name": "a", "by": "score", "people": 2, "share": 0.2, **rates, "uplift": None}

    def told() -> str:
        return "\n".join(part for part in _parts(found) if isinstance(part, str))

    assert "+9.0 standard errors: goal.event is not" in told()
    assert "uplift" not in told()
    test["sigmas"] = -1.0
    found["audience"] |= {"uplift": {"planned": None, "true": 0.02, "oracle": 0.1, "all": -0.01}}
    assert "goal.event" not in told()
    assert "uplift by a treatment: true +2.0%, -1.0% of all, +10.0% if uplift were known" in told()


def test_people_who_are_not_synthetic_are_counted_and_refused(tmp_path: Path) -> None:
    moments = [datetime(2026, 5, 1), datetime(2026, 4, 1)]
    known = {"entity_id": ["a", "b", "a", "b"], "cutoff": [m for m in moments for _ in "ab"]}
    table = pa.table({**known, "probability": [0.1, 0.2, 0.3, 0.4]}, synthetic.TRUTH_SCHEMA)
    pq.write_table(table, tmp_path / "truth.parquet")

    rows = pa.table({"entity_id": ["b", "a"], "cutoff": pa.array([moments[1]] * 2, pa.timestamp("us", "UTC"))})
    found = truth.joined(rows, tmp_path / "truth.parquet").to_pylist()
    assert {row["entity_id"]: row["probability"] for row in found} == {"a": 0.3, "b": 0.4}

    treated = table.append_column("uplift", pa.array([0.0, 0.1, 0.2, 0.3]))
    pq.write_table(treated, tmp_path / "treated.parquet")
    found = truth.joined(rows, tmp_path / "treated.parquet").to_pylist()
    assert {row["entity_id"]: row["uplift"] for row in found} == {"a": 0.2, "b": 0.3}

    rows = pa.table({"entity_id": ["b", "x"], "cutoff": [moments[0]] * 2})
    with pytest.raises(InvalidInput, match="1 of 2 people are not synthetic"):
        truth.joined(rows, tmp_path / "truth.parquet")
