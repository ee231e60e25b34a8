"""Whom the planner chooses, what that promises, and whom the rule then finds: compared with slow references."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from limbeck.audience.pql import compile_rule, condition
from limbeck.clock import from_millis
from limbeck.errors import InvalidInput
from limbeck.propensity import planner
from limbeck.propensity.evaluate import by_share
from limbeck.propensity.money import Choice, Money
from limbeck.propensity.planner import SHARES, Planner, Reach
from limbeck.workflow.ingest import CONTROL, TREATMENT, groups
from tests.pql_interpreter import leaf, relation, union

SOME = settings(max_examples=150, deadline=None)
FEW = settings(max_examples=25, deadline=None)

PARTS = ("value", "low", "high")
Curve = Sequence[Mapping[str, Any]]

RATES = st.floats(0, 1, allow_subnormal=False)
SCORES = st.lists(st.sampled_from([0.0, 1e-7, 0.1, 0.3, 0.1 + 0.2, 0.5, 0.75, 1.0]) | RATES, min_size=1, max_size=60)


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """A promise for each percent, which need not fall: small test sets go up and down."""
    values = [round(draw(RATES), 6) for _ in range(12)]
    return curve([(values[n % 12], values[n % 12] / 2, (values[n % 12] + 1) / 2) for n in range(1, 101)])


def curve(rates: Sequence[tuple[float, float, float]]) -> Curve:
    """A promise for each percent, of these rates and their ranges."""
    base = rates[-1][0] or 1.0
    return [
        {"share": n / 100, **dict(zip(PARTS, rate, strict=True)), "gain": {p: n / 100 * r / base for p, r in pairs}}
        for n, rate in enumerate(rates, 1)
        for pairs in [list(zip(PARTS, rate, strict=True))]
    ]


# -- the reference ------------------------------------------------------------------------------------------------


def promised(curve: Curve, share: float, name: str) -> float:
    """The rate at a share: on the straight line between two percents, before the first one like that."""
    if share <= curve[0]["share"]:
        return curve[0][name]
    for left, right in pairwise(curve):
        if share <= right["share"]:
            way = (share - left["share"]) / (right["share"] - left["share"])
            return left[name] + way * (right[name] - left[name])
    return curve[-1][name]


def reached(scores: Sequence[float], curve: Curve, threshold: float) -> dict[str, Any]:
    """What everybody from a threshold on brings, counted one by one."""
    people = sum(1 for score in scores if score >= threshold)
    precision = {name: promised(curve, people / len(scores), name) for name in ("value", "low", "high")}
    return {
        "threshold": threshold,
        "people": people,
        "share": people / len(scores),
        "precision": precision,
        "conversions": counted(people, precision),
        "recall": held(curve, people / len(scores)),
        "forecast": sum(score for score in scores if score >= threshold),
        "contacted": people,
        "by": "score",
    }


def held(curve: Curve, share: float) -> dict[str, float] | None:
    """The share of all conversions: as many times its part as the lift says, which is told as the rate is."""
    if not curve[-1]["value"]:
        return None
    lifts = {end: [{"share": r["share"], end: r["gain"][end] / r["share"]} for r in curve] for end in PARTS}
    return {end: min(1.0, share * promised(lifts[end], share, end)) for end in PARTS}


def counted(people: int, precision: Mapping[str, float]) -> dict[str, float]:
    """The range of the number: the rate's own, and two standard deviations of a count at that rate, crosswise."""
    middle = people * precision["value"]
    chance = 1.96 * (middle * (1 - precision["value"])) ** 0.5
    below, above = (((people * precision[end] - middle) ** 2 + chance**2) ** 0.5 for end in ("low", "high"))
    return {"value": middle, "low": max(0.0, middle - below), "high": min(float(people), middle + above)}


def best(scores: Sequence[float], share: float) -> float:
    """The score of the last of the best *share*, which is at least one person."""
    return sorted(scores, reverse=True)[max(1, round(share * len(scores))) - 1]


def assert_same(found: Reach, expected: Mapping[str, Any]) -> None:
    shown = {key: value for key, value in found.shown().items() if value is not None or key in expected}
    assert shown.keys() - {"cost"} == expected.keys()
    for key, value in expected.items():
        assert shown[key] == (value if value is None else pytest.approx(value, abs=1e-9)), key


def choose(scores: Sequence[float], curve: Curve, by: Any, value: float, cost: float | None = None) -> Reach:
    return Planner(np.array(scores), curve, None if cost is None else Money(cost)).choose(Choice(by, value))


# -- reach --------------------------------------------------------------------------------------------------------


@SOME
@given(SCORES, curves(), RATES)
@example([0.5], curve([(0.5, 0.4, 0.6)] * 100), 0.5)
def test_reach_is_counted_and_its_promise_read_off_the_curve(scores: list[float], curve: Curve, other: float) -> None:
    found = Planner(np.array(scores), curve)
    for threshold in {*scores, other, 0.0, 2.0}:
        assert_same(found.at(threshold), reached(scores, curve, threshold))


@SOME
@given(SCORES, curves())
def test_the_table_has_the_usual_shares(scores: list[float], curve: Curve) -> None:
    table = Planner(np.array(scores), curve).table()
    assert len(table) == len(SHARES)
    for found, share in zip(table, SHARES, strict=True):
        assert_same(found, reached(scores, curve, best(scores, share)))
    assert [r.people for r in table] == sorted(r.people for r in table)
    assert table[-1].people == len(scores)


def test_nobody_scored_is_said() -> None:
    with pytest.raises(InvalidInput, match="nobody was scored"):
        Planner(np.array([]), [])


# -- choices ------------------------------------------------------------------------------------------------------


@SOME
@given(SCORES, curves(), st.floats(0.001, 1))
def test_the_top_are_the_best_and_those_who_tie_with_the_last(scores: list[float], curve: Curve, share: float) -> None:
    found = choose(scores, curve, "top", share)
    assert_same(found, reached(scores, curve, best(scores, share)))
    count = max(1, round(share * len(scores)))
    assert found.people >= count
    assert sum(1 for s in scores if s > found.threshold) < count


@SOME
@given(st.permutations(range(100)), curves(), RATES)
def test_the_precise_are_the_most_with_at_least_that_rate(order: list[int], curve: Curve, wanted: float) -> None:
    scores = [n / 128 for n in order]
    enough = [round(row["share"] * 100) for row in curve if row["value"] >= wanted]
    if not enough:
        with pytest.raises(InvalidInput, match=r"audience\.precision is .* ask for less"):
            choose(scores, curve, "precision", wanted)
        return
    found = choose(scores, curve, "precision", wanted)
    assert found.people == max(enough)
    assert found.precision["value"] >= wanted - 1e-12
    assert_same(found, reached(scores, curve, found.threshold))


FALLING = curve([(1 - n / 100, 0.0, 1.0) for n in range(1, 101)])


@pytest.mark.parametrize("scores", [[0.5] * 10, [0.9] * 3 + [0.5] * 97, [n / 16 for n in range(10)]])
def test_ties_never_spoil_the_precision_that_was_asked_for(scores: list[float]) -> None:
    wanted = 0.95
    enough = [t for t in set(scores) if reached(scores, FALLING, t)["precision"]["value"] >= wanted]
    if not enough:
        with pytest.raises(InvalidInput):
            choose(scores, FALLING, "precision", wanted)
        return
    assert choose(scores, FALLING, "precision", wanted).threshold == min(enough)


def affordable(scores: Sequence[float], budget: float, cost: float) -> int:
    """The most people from some threshold on that the budget pays for, in decimal money."""
    counts = {sum(1 for s in scores if s >= threshold) for threshold in scores}
    return max((n for n in counts if n * Decimal(repr(cost)) <= Decimal(repr(budget))), default=0)


@SOME
@given(SCORES, curves(), st.integers(1, 400).map(lambda n: n / 4), st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.5]))
def test_the_budget_pays_for_all_and_for_as_many_as_it_can(
    scores: list[float], curve: Curve, budget: float, cost: float
) -> None:
    most = affordable(scores, budget, cost)
    if not most:
        with pytest.raises(InvalidInput, match="budget"):
            choose(scores, curve, "budget", budget, cost)
        return
    found = choose(scores, curve, "budget", budget, cost)
    assert found.people == most
    assert_same(found, reached(scores, curve, found.threshold))


@SOME
@given(SCORES, st.decimals("0.01", "99", places=2), st.decimals("0.01", "9", places=2))
def test_the_budget_is_never_overdrawn(scores: list[float], budget: Decimal, cost: Decimal) -> None:
    try:
        found = choose(scores, FALLING, "budget", float(budget), float(cost))
    except InvalidInput:
        return
    assert 0 < found.people * cost <= budget


@pytest.mark.parametrize(("budget", "cost", "count"), [(4.35, 0.05, 87), (0.6, 0.2, 3)])
def test_money_is_counted_as_it_is_written(budget: float, cost: float, count: int) -> None:
    assert choose([n / 128 for n in range(100)], FALLING, "budget", budget, cost).people == count


def test_a_budget_for_nobody_says_why() -> None:
    with pytest.raises(InvalidInput, match=r"audience\.budget is 1, which pays for nobody at 2 each"):
        choose([0.1, 0.2], FALLING, "budget", 1, 2)
    with pytest.raises(InvalidInput, match="2 people, but more than these have the highest score; give more"):
        choose([0.2, 0.2, 0.2, 0.1], FALLING, "budget", 2, 1)


# -- the rule -----------------------------------------------------------------------------------------------------

SCORE, GROUP = "_acme.propensity.shop.score", "_acme.propensity.shop.group"
UNION = union({SCORE: leaf("number"), GROUP: leaf("string")})
COLUMNS = {"person": pa.string(), SCORE: pa.float64(), GROUP: pa.string()}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


def selected(connection: duckdb.DuckDBPyConnection, text: str, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Whom a rule finds."""
    relation(connection, "p", COLUMNS, rows)
    where = condition(compile_rule(text, UNION, None, lambda _: None), from_millis(0))
    return {person for (person,) in connection.execute(f"SELECT person FROM p WHERE {where}").fetchall()}


ODD = [0.0, 5e-324, 2.2250738585072014e-308, 1e-300, 1e-7, 1e-5, 0.1, 0.1 + 0.2, 1 / 3, 0.5, 1 - 2**-53, 1.0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(ODD) | st.floats(-1, 1), st.lists(st.floats(-1, 1), max_size=6))
@example(1.0, [])
@example(1e-05, [])
@example(-1e-05, [-1.0])
def test_the_rule_finds_exactly_those_with_the_score_or_uplift(
    connection: duckdb.DuckDBPyConnection, threshold: float, others: list[float]
) -> None:
    near = [threshold, math.nextafter(threshold, 2), math.nextafter(threshold, -1), None, *others, *ODD]
    rows = [
        {"person": f"{n}{group}", SCORE: score, GROUP: group}
        for n, score in enumerate(near)
        for group in (TREATMENT, CONTROL, None)
    ]
    chosen = [r for r in rows if r[SCORE] is not None and r[SCORE] >= threshold]
    text = planner.rule(SCORE, threshold)
    assert "e" not in text.partition(">=")[2]
    assert selected(connection, text, rows) == {r["person"] for r in chosen}
    treated = {r["person"] for r in chosen if r[GROUP] == TREATMENT}
    assert selected(connection, planner.rule(SCORE, threshold, GROUP), rows) == treated


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SCORES, st.floats(0.001, 1))
def test_the_rule_finds_as_many_as_the_plan_says(
    connection: duckdb.DuckDBPyConnection, scores: list[float], share: float
) -> None:
    found = choose(scores, FALLING, "top", share)
    rows = [{"person": str(n), SCORE: score} for n, score in enumerate(scores)]
    assert len(selected(connection, planner.rule(SCORE, found.threshold), rows)) == found.people


# -- what the test set promises -----------------------------------------------------------------------------------

ONE = st.tuples(
    st.integers(0, 9).map("p{}".format), st.booleans().map(float), st.sampled_from([0.1, 0.25, 0.5]) | RATES
)


def slow_rates(labels: Sequence[float], scores: Sequence[float]) -> list[Fraction]:
    """For each percent give its places away, group by group of equal scores; the last group shares what is left."""
    found = []
    for percent in range(1, 101):
        places = left = Fraction(len(labels) * percent, 100)
        hits = Fraction(0)
        for score in sorted(set(scores), reverse=True):
            group = [int(label) for label, s in zip(labels, scores, strict=True) if s == score]
            taken = min(left, Fraction(len(group)))
            hits += taken * sum(group) / len(group)
            left -= taken
        found.append(hits / places)
    return found


@FEW
@given(st.lists(ONE, max_size=25), RATES, RATES, st.integers(0, 9))
def test_the_curve_is_the_rate_of_each_percent(
    found: list[tuple[str, float, float]], high: float, low: float, seed: int
) -> None:
    rows = [*found, ("p1", 1.0, high), ("p2", 0.0, low)]
    people, labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    made = by_share(people, labels, scores, 3, seed)

    assert [row["share"] for row in made] == pytest.approx([n / 100 for n in range(1, 101)])
    assert [row["value"] for row in made] == pytest.approx([float(r) for r in slow_rates(labels, scores)], abs=1e-9)
    covered = [row["share"] * row["value"] for row in made]
    assert all(less <= more + 1e-9 for less, more in pairwise(covered))
    assert covered[-1] == pytest.approx(labels.mean())
    assert made == by_share(people, labels, scores, 3, seed)


@FEW
@given(st.lists(ONE, min_size=3, max_size=15), st.integers(0, 99))
def test_the_interval_is_that_of_draws_of_people(found: list[tuple[str, float, float]], seed: int) -> None:
    people, labels, scores = (np.array(column) for column in zip(*found, strict=True))
    names = sorted(set(people))
    assume(0 < labels.sum() < len(labels) and len(names) > 1)
    assume(len({tuple(sorted({label for p, label, _ in found if p == name})) for name in names}) > 1)
    draw = np.random.default_rng(seed)
    rates: list[list[float]] = []
    while len(rates) < 5:
        for taken in draw.integers(0, len(names), (5 - len(rates), len(names))):
            drawn = [row for number in taken for row in found if row[0] == names[number]]
            if 0 < sum(label for _, label, _ in drawn) < len(drawn):
                rates.append([float(r) for r in slow_rates([r[1] for r in drawn], [r[2] for r in drawn])])
    low, high = np.quantile(rates, [0.025, 0.975], axis=0)

    made = by_share(people, labels, scores, 5, seed)

    assert [row["low"] for row in made] == pytest.approx(low, abs=1e-9)
    assert [row["high"] for row in made] == pytest.approx(high, abs=1e-9)


# -- the control group --------------------------------------------------------------------------------------------

MANY = [f"c{n:05d}" for n in range(20_000)]


@pytest.mark.parametrize("control", [0.0, 0.01, 0.1, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", [0, 7])
def test_the_control_group_has_its_share(control: float, seed: int) -> None:
    made = groups(MANY, seed, control)
    assert set(made) <= {CONTROL, TREATMENT}
    spread = math.sqrt(len(MANY) * control * (1 - control))
    assert abs(made.count(CONTROL) - len(MANY) * control) <= 5 * spread


def test_a_person_stays_in_its_group_whoever_else_is_there() -> None:
    made = dict(zip(MANY, groups(MANY, 7, 0.3), strict=True))
    some = [*MANY[::-17], "someone else"]
    assert groups(some, 7, 0.3)[:-1] == [made[p] for p in some[:-1]]
    larger = dict(zip(MANY, groups(MANY, 7, 0.4), strict=True))
    assert all(larger[p] == CONTROL for p in MANY if made[p] == CONTROL)


def test_another_seed_gives_another_group_that_knows_nothing_of_the_first() -> None:
    one, other = groups(MANY, 7, 0.25), groups(MANY, 8, 0.25)
    both = sum(1 for a, b in zip(one, other, strict=True) if a == b == CONTROL)
    assert abs(both - len(MANY) / 16) <= 5 * math.sqrt(len(MANY) / 16 * 15 / 16)
