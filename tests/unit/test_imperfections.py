"""Imperfect synthetic data: only what was asked for changes, as often as was asked, and the truth stays true."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from limbeck.workflow import imperfections, synthetic
from limbeck.workflow.oracle import busy
from limbeck.workflow.treatment import EFFECTS
from limbeck.workflow.world import Generator
from tests.synthetic import START, WITHIN, Numbers, ask, day, spans

PEOPLE, DAYS, CUTOFF = 40_000, 50, 26
SIGMAS = 4.0
EVERYTHING = {"duplicates": 0.05, "late": 0.1, "bots": 0.01, "identities": 0.2, "weekend": 0.3, "treated": 0.5}
TREATMENT = START + timedelta(days=CUTOFF)
COLUMNS = ["timestamp", "userid", "type", "page", "link", "message"]


def settings(people: int = 700, days: int = 30, **asked: float) -> Generator:
    given = START + timedelta(days=15) if asked.get("treated") else None
    return Generator(people, days, START, 3, **asked, treatment=given)


def events(folder: Path, asked: Generator) -> pa.Table:
    """All events that come of these settings, in the order of the parts."""
    synthetic.generate(asked, folder, spans([day(10), day(25)], 5))
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("events-*"))])


@pytest.fixture(scope="module")
def tidy(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    return events(tmp_path_factory.mktemp("tidy"), settings())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything at once, of people enough to compare rates; the treatment is given on the day of the first cutoff."""
    folder = tmp_path_factory.mktemp("made")
    asked = Generator(PEOPLE, DAYS, START, 7, **EVERYTHING, treatment=TREATMENT)
    synthetic.generate(asked, folder, spans([day(CUTOFF), day(CUTOFF + 2)]))
    return folder


def share(part: float, whole: float, expected: float) -> None:
    assert abs(part / whole - expected) < SIGMAS * np.sqrt(expected * (1 - expected) / whole), part / whole


# -- what stays ---------------------------------------------------------------------------------------------------


def test_duplicates_and_delays_change_nothing_else(tmp_path: Path, tidy: pa.Table) -> None:
    found = events(tmp_path, settings(duplicates=0.1, late=0.2))
    assert found.column_names == [*synthetic.EVENT_SCHEMA.names, "received"]
    ids = found["id"].to_pylist()
    first = [n == 0 or ids[n] != ids[n - 1] for n in range(len(ids))]
    assert len(set(ids)) == sum(first)  # copies stand beside each other
    assert found.filter(pa.array(first)).drop_columns("received").equals(tidy)


def test_bots_and_second_identities_change_nothing_else(tmp_path: Path, tidy: pa.Table) -> None:
    found = events(tmp_path, settings(bots=0.05, identities=0.3))
    links = dict(zip(*pq.read_table(tmp_path / "links.parquet").to_pydict().values(), strict=True))
    people = set(pq.read_table(tmp_path / "truth.parquet")["person"].drop_null().to_pylist())
    rows = [row | {"userid": links.get(row["userid"], row["userid"])} for row in found.select(COLUMNS).to_pylist()]
    assert [row for row in rows if row["userid"] in people] == tidy.select(COLUMNS).to_pylist()
    assert len(rows) > len(tidy)


def test_a_treatment_changes_nothing_before_it(tmp_path: Path, tidy: pa.Table) -> None:
    found = events(tmp_path, settings(treated=0.5)).to_pylist()
    before = tidy.to_pylist()
    first = next(n for n, row in enumerate(found) if row["type"] == "treatment")
    assert found[:first] == before[:first]
    visits = [
        {(row["userid"], row["timestamp"].date()) for row in rows if row["type"] == "web.webpagedetails.pageViews"}
        for rows in (found, before)
    ]
    assert visits[0] == visits[1]  # it acts on the form alone
    forms = [sum(row["type"] == "web.formFilledOut" for row in rows) for rows in (found, before)]
    assert forms[0] != forms[1]


def test_the_same_settings_give_the_same_bytes_and_larger_ones_keep_what_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "BLOCK", 300)
    first, again, more = (tmp_path / name for name in ("first", "again", "more"))
    for folder, people, days in ((first, 600, 30), (again, 600, 30), (more, 900, 33)):
        events(folder, settings(people, days, **EVERYTHING))
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in again.iterdir()}
    for path in first.iterdir():
        small, large = pq.read_table(path), pq.read_table(more / path.name)
        assert large.slice(0, len(small)).equals(small)


# -- how much -----------------------------------------------------------------------------------------------------


def test_duplicates_and_delays_are_as_often_and_as_long_as_said(made: Path) -> None:
    ((rows, distinct, late, soonest, latest, copies),) = ask(
        made,
        """select count(*), count(distinct id), count(*) filter (where received >= timestamp + interval 1 hour),
            min(received - timestamp), max(received - timestamp), count(distinct id) filter (where n = 2)
        from (select *, count(*) over (partition by id) as n from events)""",
    )
    share(rows - distinct, distinct, EVERYTHING["duplicates"])
    assert copies == rows - distinct
    share(late, rows, EVERYTHING["late"])
    assert soonest == timedelta(0)
    assert timedelta(days=3) < latest <= timedelta(milliseconds=imperfections.LATEST + imperfections.RETRY)


def test_bots_are_regular_day_and_night_and_never_convert(made: Path) -> None:
    bots = "(select entity_id from truth where person is null)"
    rows = ask(
        made,
        f"""select userid, count(*), count(distinct gap), list(distinct type) from (
            select userid, type, epoch_ms(timestamp) - lag(epoch_ms(timestamp)) over (partition by userid
                order by timestamp) as gap from (select distinct id, userid, timestamp, type from events)
            where userid in {bots}) group by userid""",
    )
    assert len(rows) == EVERYTHING["bots"] * PEOPLE
    assert {(gaps, *kinds) for _, _, gaps, kinds in rows} == {(1, "web.webpagedetails.pageViews")}
    assert min(count for _, count, _, _ in rows) >= DAYS * 4
    assert ask(made, "select distinct probability, uplift from truth where person is null") == [(0.0, 0.0)]
    assert ask(made, f"select count(*) from profiles where userid in {bots}") == [(0,)]


def test_second_identities_have_their_share_of_people_and_days(made: Path) -> None:
    links = pq.read_table(made / "links.parquet").to_pylist()
    share(len(links), PEOPLE, EVERYTHING["identities"])
    assert len({row["person"] for row in links}) == len({row["entity_id"] for row in links}) == len(links)
    seconds = {row["entity_id"]: row["person"] for row in links}
    split = seconds.keys() | set(seconds.values())
    days: dict[tuple[str, object], set[str]] = {}
    for user, when in ask(made, "select distinct userid, timestamp::date from events"):
        if user in split:
            days.setdefault((seconds.get(user, user), when), set()).add(user)
    assert {len(found) for found in days.values()} == {1}
    share(sum(found <= seconds.keys() for found in days.values()), len(days), imperfections.SECOND)


def test_weekends_are_quieter_and_weeks_as_busy_as_before(made: Path) -> None:
    asked = settings(weekend=0.3)
    week = [busy(asked, n) for n in range(7)]
    assert np.mean(week) == pytest.approx(1)
    assert [n for n in range(7) if week[n] < 1] == [2, 3]  # 2026-01-01 is a Thursday
    visits = dict(
        ask(
            made,
            """select isodow(day) > 5, count(*) / count(distinct day) from (
            select distinct userid, timestamp::date as day from events
            where type = 'web.webpagedetails.pageViews' and userid in (
                select entity_id from truth where person is not null)) group by 1""",
        )
    )
    assert 0.6 < visits[True] / visits[False] < 0.75  # 0.7 / 1.12, and visits by a click, which all days have


# -- the truth ----------------------------------------------------------------------------------------------------


def converted(folder: Path, cutoff: int, of: str = "truth.entity_id") -> dict[str, Numbers]:
    """Truth and outcomes of people at a cutoff: of each account, or of each person by `person`."""
    owner = "coalesce((select max(l.person) from links l where l.entity_id = userid), userid)"
    who = "userid" if of == "truth.entity_id" else owner
    rows = ask(
        folder,
        f"""with links as (select * from read_parquet('{folder}/links.parquet')),
        forms as (select distinct {who} as who from events where type = 'web.formFilledOut'
            and timestamp >= '{day(cutoff)}' and timestamp < '{day(cutoff + WITHIN)}'),
        treated as (select distinct {owner} as who from events where type = 'treatment')
        select probability, person_probability, uplift, (f.who is not null)::double, (t.who is not null)::double,
            (entity_id != person)::double, (person in (select person from links))::double, effect
        from truth left join forms f on f.who = {of} left join treated t on t.who = person
        where cutoff = '{day(cutoff)}' and person is not null""",
    )
    names = ("probability", "whole", "uplift", "outcome", "treated", "second", "split", "effect")
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def assert_true(chances: Numbers, outcome: Numbers) -> None:
    found = float((outcome - chances).sum() / np.sqrt((chances * (1 - chances)).sum()))
    assert abs(found) < SIGMAS, found


@pytest.mark.parametrize("cutoff", [CUTOFF, CUTOFF + 2])
def test_probabilities_come_true_for_every_account(made: Path, cutoff: int) -> None:
    known = converted(made, cutoff)
    parts = {"first": (known["second"] == 0) & (known["split"] == 1), "second": known["second"] == 1}
    parts |= {"one": known["split"] == 0}
    parts |= {effect: known["effect"] == effect for effect in EFFECTS}
    if cutoff > CUTOFF:  # then it is known who is treated
        parts |= {f"{e} {t}": (known["effect"] == e) & (known["treated"] == t) for e in EFFECTS for t in (0, 1)}
    for part in parts.values():
        chances, outcome = known["probability"][part], known["outcome"][part]
        for tenth in (np.arange(len(chances)), *np.array_split(np.argsort(chances), 5)):
            assert_true(chances[tenth], outcome[tenth])


def test_the_probability_of_a_person_is_that_of_both_identities_together(made: Path) -> None:
    known = converted(made, CUTOFF, "truth.person")
    first = known["second"] == 0
    assert_true(known["whole"][first], known["outcome"][first])
    split = first & (known["split"] == 1)
    assert_true(known["whole"][split], known["outcome"][split])
    assert (known["whole"][split] > known["probability"][split]).all()
    assert (known["whole"][first & ~split] == known["probability"][first & ~split]).all()


@pytest.mark.parametrize("effect", EFFECTS)
def test_the_uplift_is_what_the_experiment_shows(made: Path, effect: str) -> None:
    """At the cutoff of the treatment, the treated against the others."""
    known = converted(made, CUTOFF)
    mine = known["effect"] == effect
    rates, errors = [], []
    for treated in (0, 1):
        outcome = known["outcome"][mine & (known["treated"] == treated)]
        rates.append(outcome.mean())
        errors.append(outcome.var() / len(outcome))
    uplift = known["uplift"][mine]
    assert abs(rates[1] - rates[0] - uplift.mean()) < SIGMAS * np.sqrt(sum(errors) + uplift.var() / len(uplift))
    sign = {"persuadable": 1, "sleeping dog": -1}.get(effect, 0)
    assert (np.sign(uplift) == sign).all()
    assert len(uplift) > PEOPLE * 0.08
    if sign:
        assert abs(uplift.mean()) > 4 * np.sqrt(sum(errors))
