"""What the presets promise: as many events and converters as is said, a truth that is true, and hard to foresee."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from limbeck.errors import InvalidInput
from limbeck.workflow import newsletter, synthetic
from limbeck.workflow.oracle import busy
from limbeck.workflow.world import PRESETS, Generator
from tests.synthetic import START, ask, day, outcomes, roc_auc, spans

PEOPLE = 40_000
CUTOFF = 35
SIGMAS = 4.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial's days, with fewer people."""
    folder = tmp_path_factory.mktemp("tutorial")
    asked = Generator(PEOPLE, int(PRESETS["tutorial"]["days"]), START, 1, preset="tutorial")
    synthetic.generate(asked, folder, spans([day(CUTOFF)]))
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


# -- seasons ------------------------------------------------------------------------------------------------------


def test_the_realistic_preset_has_seasons_in_which_the_truth_stays_true(tmp_path: Path) -> None:
    seasons = {name: share for name, share in PRESETS["realistic"].items() if share is not None}
    asked = Generator(10_000, 45, date(2026, 11, 10), 3, preset="realistic", **seasons)
    begin = datetime.combine(asked.start, time())
    cutoff = begin + timedelta(days=20)
    synthetic.generate(asked, tmp_path, spans([cutoff]))

    ((chances, outcome),) = outcomes(tmp_path).values()
    for tenth in (np.arange(len(chances)), *np.array_split(np.argsort(chances), 10)):
        spread = np.sqrt((chances[tenth] * (1 - chances[tenth])).sum())
        assert abs((outcome[tenth] - chances[tenth]).sum()) < SIGMAS * spread
    assert 0.70 < roc_auc(chances, chances) < 0.80
    pages = "from events where type = 'web.webpagedetails.pageViews'"
    ((evening,),) = ask(tmp_path, f"select avg((hour(timestamp) between 17 and 21)::int) {pages}")
    assert 0.35 < evening < 0.6  # 5 of 24 hours are 0.21

    (again,) = synthetic.truth(asked, spans([cutoff]))
    assert again.equals(pq.read_table(tmp_path / "truth.parquet"))
    (earlier,) = synthetic.truth(asked, spans([begin, begin + timedelta(days=7)]))
    assert len(earlier) == 2 * asked.people
    with pytest.raises(InvalidInput, match="a time from 2026-11-10 to 2026-12-25"):
        list(synthetic.truth(asked, spans([asked.end + timedelta(hours=1)])))


def test_seasons_even_out() -> None:
    for name, days in (("yearly", 365), ("monthly", 31), ("weekend", 7)):
        asked = Generator(1, days, date(2027, 1, 1), 1, preset="newsletter", **{name: 0.4})
        factors = [busy(asked, number) for number in range(days)]
        assert np.mean(factors) == pytest.approx(1, abs=0.002)
        assert max(factors) - min(factors) > 0.5
    winter, summer = (busy(Generator(1, 9, date(2027, m, 15), 1, yearly=0.4), 0) for m in (12, 6))
    assert winter == pytest.approx(1.4)
    assert summer == pytest.approx(0.6, abs=0.001)
