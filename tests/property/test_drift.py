"""What drift and outcomes are called: seldom anything where nothing has changed, and what was planted where it has."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from limbeck.propensity import drift, outcomes

NUMBERS, TEXTS = [f"n{n}" for n in range(8)], ["city", "plan"]
NOTHING = {"scores": {"shift": "none"}, "features": []}


def world(seed: int, count: int = 1500, cutoffs: int = 1) -> pd.DataFrame:
    """People as features have them: skewed, tied, with gaps, texts with rare values; the same at several cutoffs."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"entity_id": [f"p{n}" for n in range(count)]})
    for place, name in enumerate(NUMBERS):
        values = (np.exp(draw.normal(size=count)), draw.poisson(1.0, count).astype(float))[place % 2]
        frame[name] = np.where(draw.random(count) < 0.05 * place, np.nan, values)
    frame["city"] = draw.choice(["Oslo", "Rome", "Riga", "Bern"], count, p=[0.6, 0.3, 0.09, 0.01])
    frame["plan"] = pd.Series(draw.choice(["a", "b"], count), dtype="str").where(draw.random(count) < 0.9)
    return pd.concat([frame] * cutoffs, ignore_index=True)


def scores(frame: pd.DataFrame) -> np.ndarray:
    return 1 / (1 + np.exp(2 - frame["n0"].fillna(0).to_numpy(float) / 2))


def compared(before: pd.DataFrame, now: pd.DataFrame) -> dict[str, Any]:
    kept = json.loads(json.dumps(drift.reference(before, scores(before))))
    return drift.compare(kept, now, scores(now))


def shifts(found: dict[str, Any]) -> dict[str, str]:
    return {one["feature"]: one["shift"] for one in found["features"] if one["shift"] != "none"}


# -- drift --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [60, 400, 3000])
def test_where_nothing_has_changed_hardly_anything_is_called_a_shift(count: int) -> None:
    """Of 30 comparisons of ten features each at most 1 % may name any; four would come once in a thousand times."""
    found = [compared(world(n, 1500, cutoffs=2), world(1000 + n, count)) for n in range(30)]
    assert sum(bool(shifts(one)) for one in found) <= 3
    assert sum(one["scores"]["shift"] != "none" for one in found) <= 3
    assert all("strong" not in shifts(one).values() for one in found)


def test_the_index_without_chance_is_about_zero_however_small_the_samples() -> None:
    draw, found, expected = np.random.default_rng(1), [], 9 * (1 / 400 + 1 / 150)
    for _ in range(300):
        old, new = (np.bincount(draw.integers(0, 10, size), minlength=10).astype(float) for size in (400, 150))
        shares = [(counts + 0.5) / (counts.sum() + 5) for counts in (old, new)]
        found.append(float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0]))) - expected)
        assert drift.distance(old, new)[0] == pytest.approx(max(0.0, found[-1]))
    assert np.mean(found) == pytest.approx(0, abs=0.1 * expected)


PLANTED = {
    "scale": lambda f: f.assign(n2=f["n2"] * 3),
    "counts": lambda f: f.assign(n3=f["n3"] + 2),
    "gaps": lambda f: f.assign(n2=f["n2"].where(np.arange(len(f)) % 2 == 0)),
    "gone": lambda f: f.drop(columns="n2"),
    "category": lambda f: f.assign(city=f["city"].where(np.arange(len(f)) % 3 > 0, "Lima")),
    "mixture": lambda f: f.assign(city=np.where(np.arange(len(f)) % 2, "Riga", f["city"])),
}


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("seed", [1, 2])
def test_planted_drift_is_found_where_it_is(what: str, seed: int) -> None:
    found = compared(world(seed), PLANTED[what](world(100 + seed)))
    feature = {"counts": "n3", "category": "city", "mixture": "city"}.get(what, "n2")
    assert shifts(found) == {feature: "strong"}
    first = found["features"][0]
    assert (first["feature"], first["p"] < 0.001) == (feature, True)
    if what in ("gaps", "gone"):
        assert first["missing"]["now"] > first["missing"]["before"] + 0.3
    if what == "category":
        assert first["new"] == ["Lima"]


def test_a_value_that_vanished_is_named_and_a_rare_one_is_not() -> None:
    before, now = world(3), world(4)
    now = now[~now["city"].isin(["Rome", "Bern"])].head(400)
    (city,) = (one for one in compared(before, now)["features"] if one["feature"] == "city")
    assert (city["vanished"], city["new"]) == (["Rome"], [])


def test_a_small_difference_among_very_many_is_a_slight_shift() -> None:
    draw = np.random.default_rng(5)
    people = [f"p{n}" for n in range(60_000)]
    before, now = (pd.DataFrame({"entity_id": people, "n0": draw.normal(m, 1, 60_000)}) for m in (0, 0.05))
    assert shifts(compared(before, now)) == {"n0": "slight"}


def test_scores_that_drift_are_told_of() -> None:
    now = world(6)
    found = compared(world(7), now.assign(n0=now["n0"] * 4))
    assert found["scores"]["shift"] == "strong"
    assert outcomes.verdict(found, None, [])["verdict"] == "retrain"


# -- outcomes -----------------------------------------------------------------------------------------------------

TEST = {"value": 0.78, "low": 0.76, "high": 0.80}


def became(seed: int, count: int = 3000, spoil: Any = lambda p: p, truth: Any = lambda p: p) -> dict[str, Any]:
    """What became of people whose true chances are *truth* of what *spoil* makes the scores of."""
    draw = np.random.default_rng(seed)
    chances = 1 / (1 + np.exp(-draw.normal(-1.5, 1.3, count)))
    labels = (draw.random(count) < truth(chances)).astype(float)
    people = np.arange(count).astype(str)
    return outcomes.compare(people, labels, spoil(chances), TEST)


def test_forecasts_that_come_true_are_seldom_complained_of() -> None:
    """Three tests at 1 % each: of 60 comparisons six complaints would come once in a thousand times."""
    found = [outcomes.verdict(NOTHING, became(seed), [])["verdict"] for seed in range(60)]
    assert found.count("fine") >= 55


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("spoil", "truth", "verdict"),
    [
        (lambda p: p, lambda p: np.minimum(p * 1.5, 1), "recalibrate"),
        (lambda p: p, lambda p: p * 0.6, "recalibrate"),
        (lambda p: 1 / (1 + ((1 - p) / p) ** 2.5), lambda p: p, "recalibrate"),
        (lambda p: np.random.default_rng(9).permutation(p), lambda p: p, "retrain"),
        (lambda p: p, lambda p: np.full(len(p), p.mean()), "retrain"),
    ],
    ids=["more", "fewer", "overconfident", "other people", "no pattern left"],
)
def test_what_is_wrong_with_forecasts_is_named(seed: int, spoil: Any, truth: Any, verdict: str) -> None:
    said = outcomes.verdict(NOTHING, became(seed, 4000, spoil, truth), [])
    assert said["verdict"] == verdict, said


def test_expected_and_actual_add_up_over_the_tenths() -> None:
    found = became(3)
    for name in ("expected", "actual"):
        assert sum(one[name] for one in found["tenths"]) == pytest.approx(found[name])
    assert sum(one["people"] for one in found["tenths"]) == found["people"] == 3000
    assert all(one["low"] <= one["expected"] <= one["high"] for one in found["tenths"])
    inside = [one["low"] <= one["actual"] <= one["high"] for n in range(20) for one in became(n)["tenths"]]
    assert 0.9 < np.mean(inside) < 0.99


def test_few_people_with_one_outcome_are_no_reason_for_anything() -> None:
    scores = np.full(12, 0.05)
    found = outcomes.compare(np.arange(12).astype(str), np.zeros(12), scores, TEST)
    assert (found["actual"], found["roc_auc"]["now"]) == (0.0, None)
    assert outcomes.verdict(NOTHING, found, [])["verdict"] == "fine"


def test_outcomes_decide_over_drift_where_they_are_of_the_same_people() -> None:
    shifted = compared(world(8), PLANTED["scale"](world(9)))
    fine, bad = became(1), became(1, truth=lambda p: p * 0.5)
    assert outcomes.verdict(shifted, None, [])["verdict"] == "retrain"
    assert outcomes.verdict(shifted, fine, [])["verdict"] == "fine"
    assert "n2" in outcomes.verdict(shifted, fine, [])["told"]
    assert outcomes.verdict(shifted, fine, [], same=False)["verdict"] == "retrain"
    assert outcomes.verdict(shifted, bad, [])["verdict"] == "recalibrate"


def test_drift_of_what_the_model_does_not_look_at_does_not_matter() -> None:
    shifted = compared(world(8), PLANTED["scale"](world(9)))
    looks = [{"feature": "n2", "value": 0.0, "low": -0.01, "high": 0.01}, {"feature": "n0", "value": 0.1, "low": 0.05}]
    assert outcomes.verdict(shifted, None, looks)["verdict"] == "fine"
    looks[0]["low"] = 0.001
    assert outcomes.verdict(shifted, None, looks)["verdict"] == "retrain"
