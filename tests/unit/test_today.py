"""The truth at any time of a day: it comes true for everybody, whatever they have been seen to do that day."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from limbeck.errors import InvalidInput
from limbeck.workflow import newsletter, synthetic, truth
from limbeck.workflow.definition import Definition
from limbeck.workflow.question import Span
from limbeck.workflow.today import after_click, below, without_click
from limbeck.workflow.world import PRESETS, Generator
from tests.synthetic import START, Numbers, day

PEOPLE, DAYS, TREATED = 30_000, 17, 12
SIGMAS = 4.0
SEASONS = {name: share for name, share in PRESETS["realistic"].items() if share is not None}
ASKED = Generator(
    PEOPLE,
    DAYS,
    START,
    5,
    **{**SEASONS, "duplicates": 0.05, "bots": 0.01, "identities": 0.3, "treated": 0.5},
    treatment=START + timedelta(days=TREATED),
    preset="realistic",
)
TIMES = [
    *((2, "06:20", "3 hours"), (3, "09:00", "15 hours"), (4, "11:10", "2 days"), (5, "12:30", "5 hours")),
    *((6, "15:00", "1 day"), (7, "17:40", "90 minutes"), (8, "18:15", "6 hours"), (9, "20:45", "27 hours")),
    *((10, "22:20", "1 hour"), (11, "00:00", "19 hours"), (TREATED, "00:07", "20 hours"), (13, "23:50", "3 days")),
    *((TREATED, "19:30", "1 day"), (3, "19:30", "4 hours")),
]
"""Day, time of the cutoff, and time of the goal: within the day, over midnights, and until within another day."""
SEEN = ("emailSent", "emailOpened", "emailClicked", "pageViews", "formFilledOut")


def spans() -> list[Span]:
    found = []
    for number, text, within in TIMES:
        hour, minute = map(int, text.split(":"))
        count, unit = within.split()
        first = day(number) + timedelta(hours=hour, minutes=minute)
        found.append(Span(first, first + timedelta(**{f"{unit.rstrip('s')}s": int(count)})))
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """Truth and outcome of every account at every cutoff, and how far it was seen to come on that day."""
    folder = tmp_path_factory.mktemp("made")
    synthetic.generate(ASKED, folder, spans())
    asked = pa.table({"first": [s.first for s in spans()], "until": [s.until for s in spans()]})
    stage = " ".join(f"when type like '%{kind}' then {n}" for n, kind in enumerate(SEEN, 1))
    with duckdb.connect() as connection:
        connection.register("asked", asked)
        return connection.sql(
            f"""with events as (
                select distinct userid, timestamp as moment, type from read_parquet('{folder}/events-*')),
            seen as (select first, userid, max(case {stage} else 0 end) as stage, bool_or(type = 'treatment') as treated
                from asked join events on moment >= date_trunc('day', first) and moment < first group by all),
            reached as (select distinct first, userid from asked join events
                on moment >= first and moment < until and type = 'web.formFilledOut')
            select truth.*, coalesce(stage, 0) as stage, entity_id != person as second, s.userid is not null as seen,
                coalesce(treated, false) as treated, (r.userid is not null)::double as outcome
            from read_parquet('{folder}/truth.parquet') truth
            left join seen s on s.first = cutoff and s.userid = entity_id
            left join reached r on r.first = cutoff and r.userid = entity_id
            where person is not null order by cutoff, entity_id"""
        ).to_arrow_table()


def column(table: pa.Table, name: str) -> Numbers:
    return table[name].to_numpy().astype(np.float64)


def sigmas(chances: Numbers, outcome: Numbers) -> float:
    """By how many standard errors outcomes lie beside their chances; 0 where too few are to be expected."""
    spread = float((chances * (1 - chances)).sum())
    return float((outcome - chances).sum() / np.sqrt(spread)) if spread > 4 else 0.0


def test_it_comes_true_whatever_was_seen_on_the_day(found: pa.Table) -> None:
    second = column(found, "second") == 1
    stage, chances, outcome = (column(found, name) for name in ("stage", "probability", "outcome"))
    treated, seen = column(found, "treated"), column(found, "seen")
    cutoffs = found["cutoff"].to_numpy()
    squares = []
    for cutoff in np.unique(cutoffs):
        for part in (second, ~second):
            for group in (*(stage == n for n in range(len(SEEN) + 1)), treated == 1, seen == 0, seen == 1):
                mine = (cutoffs == cutoff) & part & group
                for half in np.array_split(np.flatnonzero(mine)[np.argsort(chances[mine], kind="stable")], 2):
                    squares.append(sigmas(chances[half], outcome[half]) ** 2)
                    assert squares[-1] < SIGMAS**2, (cutoff, squares[-1])
    squares = [square for square in squares if square]
    assert len(squares) > 100
    assert 0.7 < np.mean(squares) < 1.4


def test_who_has_filled_in_the_form_does_not_do_so_again_that_day(found: pa.Table) -> None:
    evening = next(span.first for span in spans() if span.first.hour == 22)  # and the span ends that day
    done = (found["cutoff"].to_numpy() == np.datetime64(evening)) & (column(found, "stage") == len(SEEN))
    assert done.sum() > 50
    assert (column(found, "probability")[done] == 0).all()
    assert column(found, "outcome")[done].sum() == 0


def test_at_the_end_of_a_day_it_is_that_of_midnight() -> None:
    people, midnight = Generator(3000, 9, START, 2, identities=0.2, evening=0.4), day(4)
    ends = [midnight + timedelta(hours=hours) for hours in (7, 11, 19.5, 24, 55)]
    before, at, after = (
        pa.concat_tables(synthetic.truth(people, [Span(midnight + timedelta(milliseconds=ms), end) for end in ends]))
        for ms in (-1, 0, 1)
    )
    chances = [found["probability"].to_numpy() for found in (before, at, after)]
    assert chances[0] == pytest.approx(chances[1], abs=1e-9)
    assert chances[2] == pytest.approx(chances[1], abs=1e-6)


def test_forms_are_filled_in_as_early_and_as_late_as_is_said() -> None:
    people = newsletter.People.draw(60_000, np.random.default_rng(8))
    clicked, times = [], []
    for today in newsletter.live(people, 12, lambda n: np.random.default_rng([9, n]), evening=0.4):
        form = today.kind == newsletter.FORM
        clicked.append(np.isin(today.person[form], today.person[today.kind == newsletter.CLICKED]))
        times.append(today.time[form])
    after, time = np.concatenate(clicked), np.concatenate(times)
    for hours in (1, 6, 11, 13, 17, 18.5, 21, 22.4):
        until = int(hours * newsletter.HOUR)
        for part, chance in ((after, after_click(0, until)), (~after, without_click(0, until, 0.4))):
            assert part.sum() > 500
            error = np.sqrt(max(chance * (1 - chance), 1e-6) / part.sum())
            assert abs((time[part] < until).mean() - chance) < SIGMAS * error, (hours, chance)


def test_sums_of_even_times_are_as_often_below_a_bound_as_is_said() -> None:
    random = np.random.default_rng(3)
    for lengths in ([9.0], [5.0, 2.0], [7.0, 10.0, 0.5], [7.0, 10.0, 0.2, 0.3]):
        times = 3 + (random.random((len(lengths), 20_000)) * np.array(lengths)[:, None]).sum(axis=0)
        for bound in np.quantile(times, [0.02, 0.3, 0.8, 0.99]):
            chance = float(below(int(bound * 1e6), 3e6, *(length * 1e6 for length in lengths)))
            assert abs(chance - (times < bound).mean()) < SIGMAS * np.sqrt(chance * (1 - chance) / len(times))
    assert (below(7, np.array([0.0, 7.0, 9.0]), 0.0) == [1, 0, 0]).all()


def test_forms_of_a_day_are_over_before_its_end() -> None:
    late = newsletter.DAY - newsletter.MINUTE
    assert after_click(0, late) == without_click(0, late, 0.3) == 1
    assert after_click(0, newsletter.MAILED[0]) == without_click(0, newsletter.FILLING[0], 0.3) == 0
    assert without_click(late, newsletter.DAY, 0.3) == 1


def test_it_is_asked_at_any_time_of_any_zone(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "examples" / "newsletter.toml").read_text().replace("20_000", "40")
    path = tmp_path / "newsletter.toml"
    path.write_text(text.replace("[cutoffs]", '[cutoffs]\nzone = "Europe/Berlin"'))
    definition = Definition.load(path)

    assert definition.spans[1] == Span(datetime(2026, 3, 18, 23), datetime(2026, 4, 8, 22))  # clocks were changed
    noon = datetime(2026, 3, 19, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    found = truth.at(definition, noon)
    assert found.equals(truth.at(definition, datetime(2026, 3, 19, 11)))
    assert set(found["cutoff"].to_pylist()) == {datetime(2026, 3, 19, 11)}
    shorter = truth.at(definition, noon, "12 hours")
    assert (shorter["probability"].to_numpy() < found["probability"].to_numpy()).all()
    with pytest.raises(InvalidInput, match="within 'soon'; wanted is a time such as '28 days'"):
        truth.at(definition, noon, "soon")
    with pytest.raises(InvalidInput, match="asked for at 2026-05-01 00:01; wanted is a time from 2026-01-01 to"):
        truth.at(definition, datetime(2026, 5, 1, 0, 1))
