"""Synthetic customers: the same seed gives the same bytes, the rates are as said, and the truth is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from limbeck.workflow import newsletter, synthetic
from limbeck.workflow.newsletter import People, State
from limbeck.workflow.world import Generator
from tests.synthetic import START, Numbers, ask, day, outcomes, roc_auc, spans

PEOPLE, DAYS = 45_000, 85
CUTOFFS = [day(21), day(42), day(63)]
SIGMAS = 4.0
"""How far a mean may lie from where it should be, in standard errors: a test in 16,000 fails by chance."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two full blocks of people, and a part of one."""
    folder = tmp_path_factory.mktemp("made")
    synthetic.generate(Generator(PEOPLE, DAYS, START, 3), folder, spans(CUTOFFS))
    return folder


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "BLOCK", 300)


def generate(folder: Path, people: int = 700, days: int = 30, seed: int = 3) -> dict[str, bytes]:
    """The files that come of these settings, by name."""
    synthetic.generate(Generator(people, days, START, seed), folder, spans([day(10), day(25)], 5))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# -- files --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_blocks")
def test_the_same_settings_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = generate(tmp_path / "first")
    assert generate(tmp_path / "second") == first
    other = generate(tmp_path / "other", seed=4)
    assert not [name for name in first if first[name] == other[name]]


@pytest.mark.usefixtures("small_blocks")
def test_a_part_holds_one_block_so_that_more_people_change_no_full_one(tmp_path: Path) -> None:
    few, many = generate(tmp_path / "few", 700), generate(tmp_path / "many", 1000)

    assert list(few) == [
        *(f"events-0000{n}.parquet" for n in range(3)),
        *(f"profiles-0000{n}.parquet" for n in range(3)),
        "truth.parquet",
    ]
    for name in ("events-00000", "events-00001", "profiles-00000", "profiles-00001"):
        assert few[f"{name}.parquet"] == many[f"{name}.parquet"]
    people = [len(pq.read_table(f)["userid"].unique()) for f in sorted((tmp_path / "many").glob("events-*"))]
    assert all(count <= 300 for count in people), people
    first, _ = (pq.read_table(tmp_path / name / "truth.parquet") for name in ("few", "many"))
    assert first.slice(0, 1200).equals(pq.read_table(tmp_path / "many" / "truth.parquet").slice(0, 1200))


def test_more_days_change_nothing_that_was(tmp_path: Path) -> None:
    generate(tmp_path / "short", days=30)
    generate(tmp_path / "long", days=40)

    short, longer = (pq.read_table(tmp_path / name / "events-00000.parquet") for name in ("short", "long"))
    assert len(longer) > len(short)
    assert longer.slice(0, len(short)).equals(short)
    short, longer = (pq.read_table(tmp_path / name / "truth.parquet") for name in ("short", "long"))
    assert longer.equals(short)


def test_what_is_in_memory_is_written_after_some_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate(tmp_path / "at once")
    monkeypatch.setattr(synthetic, "FLUSH", 1000)
    generate(tmp_path / "in parts")

    whole, parts = (pq.ParquetFile(tmp_path / name / "events-00000.parquet") for name in ("at once", "in parts"))
    sizes = [parts.metadata.row_group(n).num_rows for n in range(parts.num_row_groups)]
    busiest = ask(
        tmp_path / "at once", "select max(n) from (select count(*) n from events group by date_trunc('day', timestamp))"
    )
    assert whole.num_row_groups == 1
    assert len(sizes) > 5
    assert max(sizes) < 1000 + busiest[0][0]
    assert parts.read().equals(whole.read())


def test_no_two_random_streams_are_the_same() -> None:
    streams = [synthetic.stream(1, block, number) for block in range(3) for number in range(10)]
    streams += [np.random.default_rng([1, block]) for block in range(3)]  # of the people
    assert len({stream.random() for stream in streams}) == len(streams)


def test_events_are_in_order_and_theirs_alone(made: Path) -> None:
    files = sorted(made.glob("events-*"))
    assert [pq.read_schema(f).names for f in files] == [synthetic.EVENT_SCHEMA.names] * 3
    for file in files:
        times = pq.read_table(file, columns=["timestamp"])["timestamp"].to_numpy()
        assert (np.diff(times.astype(np.int64)) >= 0).all()
    (found,) = ask(
        made,
        "select count(*), count(distinct id), count(distinct userid), min(timestamp), max(timestamp) from events",
    )
    assert found[0] == found[1]
    assert PEOPLE * 0.99 < found[2] <= PEOPLE
    assert day(0) <= found[3] < day(1)
    assert day(DAYS - 1) <= found[4] < day(DAYS)


def test_identities_are_texts_of_38_digits_and_each_is_one_person(made: Path) -> None:
    people = [row[0] for row in ask(made, "select entity_id from truth where cutoff = (select min(cutoff) from truth)")]
    assert len(people) == len(set(people)) == PEOPLE
    assert all(re.fullmatch(r"[1-9]\d{37}", person) for person in people)
    for table in ("events", "profiles"):
        assert ask(made, f"select count(*) from {table} where userid not in (select entity_id from truth)") == [(0,)]
    assert ask(made, "select count(*) = count(distinct userid), count(*) = count(distinct email) from profiles") == [
        (True, True)
    ]


def test_an_event_carries_what_belongs_to_its_kind(made: Path) -> None:
    names = ("page_views", "link_clicks", "product_views", "sends", "opens", "clicks")
    measures = ", ".join(f"coalesce({name}, 0)" for name in names)
    found = {
        row[0]: row[1:]
        for row in ask(
            made,
            f"select type, [{measures}], page is not null, url is not null, link is not null, message is not null "
            "from events group by all",
        )
    }
    assert set(found) == set(newsletter.KINDS)
    assert found == {
        "advertising.impressions": ([0, 0, 0, 0, 0, 0], False, False, False, False),
        "decisioning.propositionDisplay": ([0, 0, 0, 0, 0, 0], False, False, False, False),
        "decisioning.propositionInteract": ([0, 0, 0, 0, 0, 0], False, False, False, False),
        "decisioning.propositionDismiss": ([0, 0, 0, 0, 0, 0], False, False, False, False),
        "web.webpagedetails.pageViews": ([1, 0, 0, 0, 0, 0], True, True, False, False),
        "web.webinteraction.linkClicks": ([0, 1, 0, 0, 0, 0], False, False, True, False),
        "commerce.productViews": ([0, 0, 1, 0, 0, 0], True, True, False, False),
        "directMarketing.emailSent": ([0, 0, 0, 1, 0, 0], False, False, False, True),
        "directMarketing.emailOpened": ([0, 0, 0, 0, 1, 0], False, False, False, True),
        "directMarketing.emailClicked": ([0, 0, 0, 0, 0, 1], False, False, False, True),
        "web.formFilledOut": ([0, 0, 0, 0, 0, 0], True, True, False, False),
    }


@pytest.mark.parametrize(
    ("kind", "before"),
    [
        ("directMarketing.emailOpened", "directMarketing.emailSent"),
        ("directMarketing.emailClicked", "directMarketing.emailOpened"),
        ("web.formFilledOut", "web.webpagedetails.pageViews"),
        ("commerce.productViews", "web.webpagedetails.pageViews"),
        ("decisioning.propositionInteract", "decisioning.propositionDisplay"),
        ("decisioning.propositionDismiss", "decisioning.propositionDisplay"),
    ],
)
def test_things_come_in_their_order_on_the_same_day(made: Path, kind: str, before: str) -> None:
    first, later = (
        f"""select userid, date_trunc('day', timestamp) as today, min(timestamp) as moment
        from events where type = '{one}' group by all"""
        for one in (before, kind)
    )
    both = f"({later}) l left join ({first}) f using (userid, today)"
    asked = f"select count(*), count(*) filter (where f.moment < l.moment) from {both}"
    ((all_of_them, in_order),) = ask(made, asked)
    assert all_of_them == in_order > 0


# -- people and rates ---------------------------------------------------------------------------------------------


def assert_share(part: int, whole: int, expected: float) -> None:
    assert abs(part / whole - expected) < SIGMAS * np.sqrt(expected * (1 - expected) / whole), part / whole


def test_who_people_are(made: Path) -> None:
    ((profiles, opted_out, silent, tiers, youngest, oldest),) = ask(
        made,
        """select count(*), count(*) filter (where opted_out), count(*) filter (where consent is null),
            count(tier), 2026 - max(birth_year), 2026 - min(birth_year) from profiles""",
    )
    assert_share(profiles, PEOPLE, 0.94)
    assert_share(opted_out, profiles, 0.03)
    assert_share(silent, profiles, 0.15)
    assert 0.3 < tiers / profiles < 0.5
    assert 18 == youngest < oldest <= 95
    assert {row[0] for row in ask(made, "select distinct consent from profiles")} == {"y", "n", None}
    assert {row[0] for row in ask(made, "select distinct tier from profiles")} == {*synthetic.TIERS, None}
    assert ask(made, "select count(*) from profiles where (tier is null) != (points is null)") == [(0,)]
    emails = [row[0] for row in ask(made, "select email from profiles limit 100")]
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\.\d+@example\.(com|org)", email) for email in emails), emails


def test_mail_goes_to_whom_consent_allows_it(made: Path) -> None:
    mails = "(select userid, count(*) as n from events where type = 'directMarketing.emailSent' group by 1)"
    found = ask(
        made,
        f"""select opted_out or coalesce(consent = 'n', false), consent, count(*), sum(coalesce(n, 0))
        from profiles left join {mails} using (userid) group by all""",
    )
    for refused, consent, people, sent in found:
        if refused:
            assert sent == 0
        else:
            assert_share(int(sent), people * DAYS, 0.18 if consent == "y" else 0.08)


def test_the_form_is_as_rare_and_as_hard_to_foresee_as_is_said(made: Path) -> None:
    for chances, outcome in outcomes(made).values():
        assert 0.08 < outcome.mean() < 0.15
        assert 0.70 < roc_auc(chances, outcome) < 0.80
        assert abs(roc_auc(chances, outcome) - roc_auc(chances, chances)) < 0.015


def test_some_fill_it_in_several_times_but_once_a_day(made: Path) -> None:
    ((days, forms, most),) = ask(
        made,
        """select count(distinct (userid, date_trunc('day', timestamp))), count(*), max(n) from (
            select userid, timestamp, count(*) over (partition by userid) as n
            from events where type = 'web.formFilledOut')""",
    )
    assert days == forms
    assert most > 5


# -- truth --------------------------------------------------------------------------------------------------------


def test_everybody_has_a_probability_at_every_cutoff(made: Path) -> None:
    rows = "select count(*), count(distinct (entity_id, cutoff)), min(probability), max(probability) from truth"
    ((count, distinct, low, high),) = ask(made, rows)
    assert count == distinct == PEOPLE * len(CUTOFFS)
    assert 0 < low < high < 1
    assert [row[0] for row in ask(made, "select distinct cutoff from truth order by 1")] == CUTOFFS


def sigmas(chances: Numbers, outcome: Numbers) -> float:
    return float((outcome - chances).sum() / np.sqrt((chances * (1 - chances)).sum()))


def test_probabilities_come_true_on_the_whole_and_among_the_likely_and_the_unlikely(made: Path) -> None:
    for chances, outcome in outcomes(made).values():
        assert abs(sigmas(chances, outcome)) < SIGMAS
        bins = np.array_split(np.argsort(chances), 20)
        found = np.array([sigmas(chances[part], outcome[part]) for part in bins])
        assert np.abs(found).max() < SIGMAS, found
        assert (found**2).mean() < 2.2, found  # the mean of 20 squares of normal numbers: 1 in 1,000 is above


def test_they_come_true_on_the_next_day_whatever_the_last_one_brought(tmp_path: Path) -> None:
    """One day more or less in the truth's state or in its horizon would show here."""
    cutoffs = [day(n) for n in range(4, 25, 2)]
    synthetic.generate(Generator(20_000, 26, START, 6), tmp_path, spans(cutoffs, 1))
    yesterday = "userid = entity_id and timestamp >= cutoff - interval 1 day and timestamp < cutoff"
    today = "userid = entity_id and timestamp >= cutoff and timestamp < cutoff + interval 1 day"
    rows = ask(
        tmp_path,
        f"""with before as (select entity_id, cutoff, probability, coalesce(max(case type
                when 'directMarketing.emailClicked' then 2 when 'web.webpagedetails.pageViews' then 1 end), 0) as last
                from truth left join events on {yesterday} group by all),
            after as (select entity_id, cutoff, 1.0::double as outcome
                from truth join events on {today} and type = 'web.formFilledOut' group by all)
        select last, probability, coalesce(outcome, 0) from before left join after using (entity_id, cutoff)""",
    )
    found = np.array(rows, float)
    for last in range(3):
        chances, outcome = found[found[:, 0] == last, 1:].T
        assert len(chances) > 1000
        assert abs(sigmas(chances, outcome)) < SIGMAS, last


def test_each_probability_is_the_share_of_futures_in_which_it_happens() -> None:
    """For single people, whose future is drawn again and again from where they stand."""
    times, days = 4000, 21
    people = People.draw(12, np.random.default_rng(1))
    many = State(np.repeat(people.begin.click, times), np.repeat(people.begin.warmth, times))
    crowd = People(*(np.repeat(getattr(people, name), times) for name in PEOPLE_FIELDS), begin=many)
    filled = np.zeros(len(crowd.kind), bool)
    for today in newsletter.live(crowd, days, lambda number: np.random.default_rng([2, number])):
        filled[today.person[today.kind == newsletter.FORM]] = True
    chances = newsletter.probability(days)[people.kind, people.begin.click, people.begin.warmth]
    for chance, outcome in zip(chances, filled.reshape(12, times), strict=True):
        assert abs(sigmas(np.full(times, chance), outcome.astype(float))) < SIGMAS


PEOPLE_FIELDS = ("kind", "interest", "age", "consent", "opted_out", "tier", "has_profile")


def test_the_probability_of_one_day_by_hand() -> None:
    r, found = newsletter.rates(), newsletter.probability(1)
    kind = int(newsletter.class_of(np.array([7]), np.array([5]), np.array([newsletter.OFTEN]))[0])
    click = 0.18 * r.opened[kind] * r.clicked[kind]
    for days, warmth, later, warmer in [(0, 0, 1, 5), (14, 14, 14, 14), (13, 3, 14, 7), (5, 11, 6, 14)]:
        by_click = click * r.form[newsletter.NOTHING, kind, 0, warmer]
        by_itself = (1 - click) * r.visit[kind, warmth] * r.form[newsletter.NOTHING, kind, later, warmer]
        assert found[kind, days, warmth] == pytest.approx(by_click + by_itself, rel=1e-12)


def test_more_time_makes_it_more_probable() -> None:
    found = [newsletter.probability(days) for days in (0, 1, 2, 7, 21, 200)]
    assert (found[0] == 0).all()
    assert all((later > earlier).all() for earlier, later in pairwise(found))
    assert (found[-1] < 1).all()


def test_recent_clicks_and_visits_make_it_more_probable() -> None:
    found = newsletter.probability(21)
    assert (np.diff(found, axis=1) <= 1e-15).all()  # days since the click
    assert (np.diff(found, axis=2) >= -1e-15).all()  # warmth


def test_a_probability_knows_nothing_of_what_comes_after_its_cutoff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: Callable[[int, int, int], np.random.Generator] = synthetic.stream
    generate(tmp_path / "one", 3000)
    monkeypatch.setattr(synthetic, "stream", lambda seed, block, day: drawn(seed + (day >= 25), block, day))
    generate(tmp_path / "other", 3000)

    truth = [(tmp_path / name / "truth.parquet").read_bytes() for name in ("one", "other")]
    assert truth[0] == truth[1]
    asked = "select {} from events where timestamp {} timestamp '2026-01-26' order by id"
    for columns, where, same in (("*", "<", True), ("userid, timestamp, type", ">=", False)):
        one, other = (
            ask(tmp_path / name, asked.format(columns, where).replace("*", "* exclude filename"))
            for name in ("one", "other")
        )
        assert (one == other) == same


# -- no day differs from another ----------------------------------------------------------------------------------


def test_probabilities_do_not_drift_from_cutoff_to_cutoff(made: Path) -> None:
    wide = ask(made, "select list(probability order by cutoff) from truth group by entity_id")
    chances = np.array([row[0] for row in wide])
    for later in (1, 2):
        change = chances[:, later] - chances[:, 0]
        assert abs(change.mean()) < SIGMAS * change.std() / np.sqrt(PEOPLE)


@pytest.mark.parametrize("kind", newsletter.KINDS)
def test_events_do_not_become_more_or_fewer(made: Path, kind: str) -> None:
    early, late = (f"count(*) filter (where timestamp {at})" for at in (f"< '{day(20)}'", f">= '{day(DAYS - 20)}'"))
    rows = ask(made, f"select {late} - {early} from events where type = '{kind}' group by userid")
    change = np.zeros(PEOPLE)
    change[: len(rows)] = [row[0] for row in rows]
    assert abs(change.mean()) < SIGMAS * change.std() / np.sqrt(PEOPLE)
