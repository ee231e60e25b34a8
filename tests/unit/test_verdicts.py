"""The sentences at the top of the report say what the numbers do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from limbeck.propensity.money import Choice, Money
from limbeck.propensity.planner import Planner, Reach
from limbeck.workflow import tiles, verdicts
from limbeck.workflow.planning import Planned


def measure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def evaluation(**other: Any) -> dict[str, Any]:
    """A good model, its probabilities right, of enough people."""
    test = {
        "roc_auc": measure(0.8, 0.75, 0.85),
        "lift_at_10": measure(4, 3, 5),
        "calibration_error": measure(0.01, 0.0, 0.02),
        "observed_to_expected": measure(1.02, 0.9, 1.1),
    }
    found = {
        "test": test | {name: other.pop(name) for name in list(other) if name in test},
        "beyond": {"rule": {"roc_auc": measure(0.1, 0.05, 0.15)}},
        "compared_with": {"rule": ["visits"]},
        "chance": measure(0.01, 0.005, 0.02),
        "tenths": [{"gain": measure(0.4, 0.35, 0.45)}],
        "groups": [],
        "moments": [],
        "base_rate": 0.1,
        "small": {"converters": 204, "half": 0.03, "wanted": 0.05, "further": 0},
    }
    return found | other


def group(expected: float, observed: dict[str, float], *, small: bool = False) -> dict[str, Any]:
    return {"feature": "tier", "value": "gold", "rows": 100, "expected": expected, "observed": observed, "small": small}


def moment(area: dict[str, float], ratio: float = 1.0, name: str = "validation") -> dict[str, Any]:
    ratios = measure(ratio, ratio - 0.1, ratio + 0.1)
    return {"set": name, "since": "2026-01-01T00:00:00", "measures": {"roc_auc": area, "observed_to_expected": ratios}}


def marks(found: dict[str, Any]) -> list[str]:
    return [verdict.mark for verdict in verdicts.verdicts(found, None, None)]


def test_a_good_model_is_called_good_and_its_numbers_are_told() -> None:
    found = evaluation()
    assert marks(found) == ["good"] * 4 + ["todo"]
    told = " ".join(v.told for v in verdicts.verdicts(found, None, None))
    for number in (
        "40% (35% to 45%)",
        "4.0 times",
        "80 (75 to 85) times in 100",
        "10.0 times in 100 more often than visits alone (+5.0 to +15.0)",
        "204 came",
    ):
        assert number in told
    assert "200 conversions were forecast" in told


@pytest.mark.parametrize(
    ("area", "mark", "head"),
    [
        (measure(0.65, 0.6, 0.7), "fair", "not well"),
        (measure(0.6, 0.49, 0.7), "bad", "cannot be told from guessing"),
        (measure(0.9, 0.88, 0.92), "good", "finds who will"),
    ],
)
def test_ranking(area: dict[str, float], mark: str, head: str) -> None:
    found = verdicts.ranking(evaluation(roc_auc=area))
    assert (found.mark, head in found.head) == (mark, True)
    assert ("Do not choose" in verdicts.advice(evaluation(roc_auc=area), None).head) == (mark == "bad")


@pytest.mark.parametrize(
    ("beyond", "mark"), [((0.1, 0.05, 0.2), "good"), ((0.1, -0.05, 0.2), "fair"), ((-0.1, -0.2, -0.05), "bad")]
)
def test_a_model_is_worth_it_if_it_is_surely_better(beyond: tuple[float, float, float], mark: str) -> None:
    assert verdicts.compared(evaluation(beyond={"rule": {"roc_auc": measure(*beyond)}})).mark == mark


@pytest.mark.parametrize(
    ("ratio", "error", "mark", "head"),
    [
        (measure(1.3, 1.1, 1.5), measure(0.03, 0.02, 0.05), "bad", "too low"),
        (measure(0.6, 0.5, 0.7), measure(0.03, 0.02, 0.05), "bad", "too high"),
        (measure(1.3, 0.8, 1.9), measure(0.015, 0.0, 0.05), "good", "can be trusted"),  # few people say nothing else
        (measure(1.05, 1.01, 1.09), measure(0.005, 0.004, 0.006), "good", "can be trusted"),  # surely off, by little
        (measure(1.0, 0.95, 1.05), measure(0.05, 0.04, 0.06), "fair", "not at every height"),
    ],
)
def test_probabilities(ratio: dict[str, float], error: dict[str, float], mark: str, head: str) -> None:
    found = verdicts.trusted(evaluation(observed_to_expected=ratio, calibration_error=error))
    assert (found.mark, head in found.head) == (mark, True), found


def test_what_was_right_before_has_moved() -> None:
    off = measure(0.6, 0.5, 0.7)
    for ratio, moved in ((1.05, True), (0.6, False)):
        moments = [moment(off, ratio), moment(off, 0.6, "test")]
        told = verdicts.trusted(evaluation(observed_to_expected=off, moments=moments)).told
        assert ("something has moved" in told) == moved


def test_few_people_are_said_to_be_few() -> None:
    few = {"converters": 20, "half": 0.12, "wanted": 0.05, "further": 90}
    found = verdicts.sure(evaluation(small=few))
    assert found.mark == "fair"
    assert "90 more would be needed" in found.told


def test_times_differ_if_their_intervals_do() -> None:
    near = [moment(measure(0.8, 0.75, 0.85)), moment(measure(0.78, 0.7, 0.86))]
    far = [*near, moment(measure(0.6, 0.55, 0.65))]
    assert [found.mark for moments in (near, far) if (found := verdicts.stable(moments))] == ["good", "fair"]
    assert verdicts.stable(near[:1]) is None


def test_a_cutoff_of_the_test_is_worse_only_beyond_chance_and_trifles() -> None:
    level = measure(1.0, 0.9, 1.1)

    def tested(*compared: tuple[dict[str, float], dict[str, float]]) -> verdicts.Verdict:
        every = [moment(measure(0.8, 0.7, 0.9), name="test") for _ in compared]
        for one, (area, ratio) in zip(every, compared, strict=True):
            one["beside"] = {"roc_auc": area, "observed_to_expected": ratio}
        found = verdicts.stable(every)
        assert found is not None
        return found

    near, low, trifle = measure(-0.05, -0.2, 0.1), measure(-0.1, -0.15, -0.05), measure(-0.01, -0.015, -0.005)
    high, much = measure(1.3, 1.1, 1.5), measure(0.6, 0.5, 0.7)
    good = tested((near, level), (trifle, level))
    assert (good.mark, "None of the 2 cutoffs of the test is worse" in good.told) == ("good", True)
    worse = tested((near, level), (low, level))
    assert worse.mark == "fair"
    assert "ROC-AUC is lower by 0.100 (0.050 to 0.150)" in worse.told
    off = tested((near, level), (near, high))
    assert (off.mark, off.head) == ("fair", "Its probabilities are right at some times, and wrong at others")
    assert "1.30 came per forecast conversion (1.10 to 1.50)" in off.told
    assert tested((near, high), (near, high)).mark == "good"  # at every time: that is no matter of times
    assert tested((near, high), (near, much)).mark == "fair"


def test_groups_may_be_wrong_by_chance_and_small_ones_are_not_asked() -> None:
    right, wrong = group(0.1, measure(0.11, 0.05, 0.2)), group(0.3, measure(0.11, 0.05, 0.2))
    assert verdicts.among_groups([group(0.3, measure(0.0, 0.0, 0.2), small=True)]) is None
    near = group(0.1, measure(0.105, 0.102, 0.108))  # which is beyond chance, and matters to nobody
    cases = [
        ([right, wrong, near, near], "good"),
        ([right, wrong, wrong], "fair"),
        ([right] * 40 + [wrong] * 4, "good"),
    ]
    for groups, mark in cases:
        found = verdicts.among_groups(groups)
        assert found is not None
        assert found.mark == mark
        assert "tier gold: 30.0% forecast, 11.0% came" in found.told
    assert "2 would by chance alone" in found.told


def test_the_audience_is_what_is_to_be_done() -> None:
    chosen = Reach(0.5, 120, 0.1, measure(0.4, 0.3, 0.5), measure(0.4, 0.3, 0.5), measure(48, 36, 60), 50.0, 110)
    found = verdicts.verdicts(evaluation(), chosen, None)[-1]
    assert found.head == "Address 110 of the 120 people who are chosen"
    assert "48 of them" in found.told
    assert "(36 to 60); of as many taken at random, about 12" in found.told
    assert "The other 10 are held out" in found.told


def test_the_largest_numbers_are_what_the_choice_brings() -> None:
    rate, profit = measure(0.4, 0.3, 0.5), measure(500, 400, 600)
    chosen = Reach(0.5, 120, 0.1, rate, 0.4, measure(48, 36, 60), 50.0, 110, cost=55.0, profit=profit)
    planner = Planner(np.array([0.5]), [{"share": 1.0, **measure(0.4, 0.3, 0.5)}])
    planned = Planned(planner, chosen, Choice("top", 0.1), 10, "score >= 0.5", Money(cost=0.5, currency="EUR"))

    def told(found: dict[str, Any]) -> str:
        page = tiles.tiles(found, planned, {"audience": {"opted_out": 3}})
        return " ".join(re.sub("<[^>]*>", " ", page).split())

    text = told(evaluation())
    for number in (
        "people to contact 110 of 120 chosen, 10 held out; 3 have opted out",
        "expected to reach the goal 48 (36 to 60) of the 120 chosen",
        "times as many as at random 4.0 (3.0 to 5.0)",
        "cost 55 EUR for 110 contacts",
        "500 EUR (400 to 600)",
    ):
        assert number in text
    guessing = told(evaluation(roc_auc=measure(0.52, 0.48, 0.56)))
    assert "people to contact" not in guessing  # whom such scores choose is nobody's business
    assert "times in 100 the right one first 52 (48 to 56); 50 is guessing" in guessing


def test_the_audience_is_contacted_for_what_that_changes() -> None:
    """A model that ranks no better than chance says nothing of those who are chosen by uplift."""
    rate, added = measure(0.4, 0.3, 0.5), measure(6, -1, 13)
    chosen = Reach(0.025, 120, 0.1, rate, 0.4, measure(48, 36, 60), 50.0, 110, incremental=added, by="uplift")
    found = verdicts.advice(evaluation(roc_auc=measure(0.5, 0.4, 0.6)), chosen, ["No evidence."])
    assert found.head == "Address 110 of the 120 people who are chosen by uplift"
    assert "2.5 points or more. Contacting them adds 6 conversions (-1 to 13), by the experiment. No" in found.told


def test_what_is_possible_is_told_where_it_is_known() -> None:
    for share, mark in ((0.93, "good"), (0.6, "fair")):
        found = verdicts.achieved({"roc_auc": {"model": 0.7, "oracle": 0.72, "share": share}})
        assert found.mark == mark
        assert f"{share:.0%} of the way" in found.head
