"""Honest people of any kind are not accused, whatever is known of them; the same evidence gives the same findings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from limbeck.errors import InvalidInput
from limbeck.propensity.leaks import Evidence, Finding, find, refuse
from tests.leaks.held_back import standing_orders
from tests.leaks.made import PANEL, People, Show, State, above, counted, gone_below, noisy, plain

SHOWN: tuple[Callable[[], Show], ...] = (
    lambda: plain,
    lambda: noisy(0.5),
    lambda: counted(2),
    lambda: counted(0.3),
    lambda: above(0.5),
    lambda: above(1.2, "yes", "no"),
    lambda: gone_below(-0.3),
    lambda: gone_below(0.8),
)
WEIGHTS = (0.0, 0.0, 0.3, 0.6, 1.0, 2.0, -0.5, -1.5)
PERSISTS = (0.0, 0.3, 0.7, 0.9, 1.0)


def population(seed: int) -> People:
    """Some people, of whom some things are known, of which some matter; a rare goal or a frequent one; seasons."""
    draw = np.random.default_rng(seed)
    states = {
        f"state_{n}": State(float(draw.choice(WEIGHTS)), float(draw.choice(PERSISTS)), SHOWN[draw.integers(8)]())
        for n in range(draw.integers(2, 10))
    }
    seasons = draw.normal(0, draw.choice([0, 0.3, 0.8]), 7)
    count, base = int(np.exp(draw.uniform(np.log(80), np.log(1500)))), float(draw.uniform(-4, 2))
    return People(count, base, states, tuple(seasons), leave=bool(draw.random() < 0.2))


def found(people: People, seed: int) -> list[Finding]:
    """What the probes say of them."""
    frames = people.frames(seed)
    return find(Evidence(frames.known, frames.later, frames.asked, lambda: frames.aged, seed=seed))


@pytest.mark.parametrize("seed", range(12))
def test_honest_people_are_not_accused(seed: int) -> None:
    assert found(population(seed), seed) == []


def test_the_same_evidence_gives_the_same_findings_whatever_the_order_of_features() -> None:
    frames = PANEL.frames()
    draw = np.random.default_rng(2)
    known, later = (f.assign(told=f["label"] * 2 + draw.normal(size=len(f))) for f in (frames.known, frames.later))
    asked = frames.scoring.assign(told=draw.normal(size=len(frames.scoring)))
    first = find(Evidence(known, later, asked))
    assert [(one.kind, one.features) for one in first] == [("vanishes", ("told",))]
    assert find(Evidence(known, later, asked)) == first
    turned = [frame[frame.columns[::-1]] for frame in (known, later, asked)]
    assert find(Evidence(*turned)) == first


def test_a_value_that_decides_is_no_leak_where_those_who_are_asked_have_it_and_the_data_end_then() -> None:
    frames = standing_orders()
    asked = frames.scoring
    nobody = asked.assign(standing="none")
    for scoring, last, accused in ((asked, True, False), (asked, False, True), (nobody, True, True)):
        found = find(Evidence(frames.known, frames.later, scoring, last=lambda last=last: last))
        assert [(one.kind, one.features) for one in found] == [("pure", ("standing",))] * accused


def test_a_refusal_names_all_that_was_found() -> None:
    refuse([])
    one = Finding("alone", ("a",), {"roc_auc": 1.0}, "a alone tells it", "Take it out")
    other = Finding("sides", (), {"share": 0.5}, "the same people are there twice", "Split by time")
    with pytest.raises(
        InvalidInput, match=r"in a: a leak\. \(1\) a alone tells it\. Take it out\. \(2\) the same"
    ) as it:
        refuse([one, other])
    assert [shown["kind"] for shown in it.value.details["findings"]] == ["alone", "sides"]
