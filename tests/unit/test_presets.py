"""What the presets promise: as many events and converters as is said, a truth that is true, and hard to foresee."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from limbeck.workflow import newsletter, synthetic
from limbeck.workflow.definition import PRESETS, Generator
from tests.synthetic import START, WITHIN, ask, day, outcomes, roc_auc

PEOPLE = 40_000
CUTOFF = 35
SIGMAS = 4.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial's days, with fewer people."""
    folder = tmp_path_factory.mktemp("tutorial")
    asked = Generator(PEOPLE, int(PRESETS["tutorial"]["days"]), START, 1, preset="tutorial")
    synthetic.generate(asked, folder, [day(CUTOFF)], WITHIN)
    return folder


def test_every_preset_has_its_process() -> None:
    assert set(PRESETS) == set(newsletter.PROCESSES)
    assert PRESETS["tutorial"]["people"] == 100_000


def test_the_tutorial_is_as_large_as_published(made: Path) -> None:
    """1.06 to 1.1 million events of 100,000 people, of whom 15 % reach the form, some of them several times."""
    people, kinds = "count(distinct userid)", "count(distinct type)"
    form = "filter (where type = 'web.formFilledOut')"
    ((events, active, converters, forms, types),) = ask(
        made, f"select count(*), {people}, {people} {form}, count(*) {form}, {kinds} from events"
    )
    assert 10.6 < events / PEOPLE < 11.0
    assert abs(converters / PEOPLE - 0.149) < SIGMAS * np.sqrt(0.149 * 0.851 / PEOPLE)
    assert forms > converters
    assert 0.9 < (active - converters + forms) / PEOPLE < 1.01  # rows of the tutorial's features
    assert types == len(newsletter.KINDS)


def test_its_truth_is_true_and_hard_to_foresee(made: Path) -> None:
    ((chances, outcome),) = outcomes(made).values()
    for tenth in (np.arange(PEOPLE), *np.array_split(np.argsort(chances), 10)):
        spread = np.sqrt((chances[tenth] * (1 - chances[tenth])).sum())
        assert abs((outcome[tenth] - chances[tenth]).sum()) < SIGMAS * spread
    assert 0.70 < roc_auc(chances, chances) < 0.80
    assert abs(roc_auc(chances, outcome) - roc_auc(chances, chances)) < 0.03
