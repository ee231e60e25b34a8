"""The newsletter's example at a small size, from nothing to scores that are compared with the truth."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.cli import output
from limbeck.cli.truth import truth as show_truth
from limbeck.client import Client
from limbeck.errors import InvalidInput, NotFound
from limbeck.propensity import fit, frames
from limbeck.propensity.money import Choice, Money
from limbeck.workflow import synthetic, train, truth
from limbeck.workflow.definition import Definition
from limbeck.workflow.ingest import CONTROL, groups
from limbeck.workflow.question import Entity
from limbeck.workflow.run import Run
from tests.crash import run
from tests.platforms import embedded
from tests.synthetic import ask, roc_auc

pytestmark = [  # MLflow's own
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "newsletter.toml"
YEAR = EXAMPLE.with_name("newsletter_year.toml")
PEOPLE = 2000


def example(folder: Path, people: int = PEOPLE, of: Path = EXAMPLE, **changes: str) -> Path:
    """Write an example with fewer people and one candidate, and with other settings as *changes* has them."""
    settings = {"people": str(people), "resamples": "100", "candidates": '["logistic"]', **changes}
    lines = of.read_text().splitlines()
    for key, value in settings.items():
        (place,) = (n for n, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[place] = f"{key} = {value}"
    path = folder / of.name
    path.write_text("\n".join(lines))
    return path


class Story:
    """What the example's run left in a home."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client, self.home, self.path = client, folder / "home", example(folder)
        self.run = self.steps(self.path)
        with self.run.working():
            self.summary = self.run.report()

    def steps(self, path: Path) -> Run:
        return Run(Definition.load(path), self.client, self.home)

    @property
    def made(self) -> list[Path]:
        """The folders of synthetic data."""
        return sorted((self.home / "workflow" / "newsletter").glob("synthetic-*"))

    def truth(self) -> dict[str, float]:
        """The true probabilities at the scoring cutoff."""
        asked = "select entity_id, probability from truth where cutoff = timestamp '2026-05-01'"
        return {str(person): float(chance) for person, chance in ask(self.made[0], asked)}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("newsletter")
    with embedded(folder / "home") as client:
        yield Story(client, folder)


# -- what comes out -----------------------------------------------------------------------------------------------


def test_everybody_with_events_is_scored(story: Story) -> None:
    asked = "select distinct userid from events where timestamp < '2026-05-01'"
    eligible = {person for (person,) in ask(story.made[0], asked)}
    scores = pq.read_table(story.home / "output" / "newsletter" / "scores.parquet")
    assert len(scores) == len(eligible) == story.summary["rows"]["scored"]
    assert set(scores["entity_id"].to_pylist()) == eligible


def test_the_platform_has_the_rows_that_were_made(story: Story) -> None:
    ((events, forms),) = ask(
        story.made[0], "select count(*), count(*) filter (where type = 'web.formFilledOut') from events"
    )
    ((profiles,),) = ask(story.made[0], "select count(*) from profiles")
    assert {name: found["rows"] for name, found in story.summary["snapshots"].items()} == {
        "newsletter events": events,
        "newsletter profiles": profiles,
    }
    table, tenant = story.run.tables["newsletter events"], story.client.tenant
    filled = "\"eventType\" = 'web.formFilledOut' and web.webPageDetails.name = 'subscribe'"
    assert story.client.sql(f"select count(*) from {table} where {filled}").scalar() == forms
    who = f"select count(distinct _{tenant}.userid) from {table} where length(_{tenant}.userid) = 38"
    assert story.client.sql(who).scalar() == story.summary["rows"]["scored"]
    chosen = 'select count(*) from {} where consents.marketing.email.val = \'y\' and "optInOut"."globalOptout"'
    found = ask(story.made[0], "select count(*) from profiles where consent = 'y' and opted_out")
    assert story.client.sql(chosen.format(story.run.tables["newsletter profiles"])).scalar() == found[0][0] > 0


def test_the_model_ranks_by_the_truth_better_than_its_rules(story: Story) -> None:
    """Against true probabilities: nobody's luck blurs the comparison."""
    (file,) = story.run.features["score"].files
    rows = pq.read_table(file).to_pylist()
    scores = {row["entity_id"]: row["score"] for row in pq.read_table(story.run.scores).to_pylist()}
    truth = story.truth()
    chances = np.array([truth[row["entity_id"]] for row in rows])
    areas = {
        "model": roc_auc([scores[row["entity_id"]] for row in rows], chances),
        "rule": roc_auc([row[story.run.definition.model.rule] for row in rows], chances),
        "views": roc_auc([row["page_views_28d"] for row in rows], chances),
        "truth": roc_auc(chances, chances),
    }
    assert areas["rule"] + 0.03 < areas["model"] < areas["truth"] < 0.8, areas
    assert areas["views"] < areas["model"], areas
    mean = np.mean(list(scores.values()))
    assert abs(mean - chances.mean()) < 0.03, (mean, chances.mean())


def test_a_year_with_seasons_is_forecast_nearly_as_well_as_the_truth_knows_it(tmp_path: Path) -> None:
    """Of the way to the truth, an observer who knows the process goes 96 % (benchmarks/achievable.py)."""
    definition = Definition.load(example(tmp_path, 5000, YEAR))
    with embedded(tmp_path / "home") as client:
        run = Run(definition, client, tmp_path / "home")
        with run.working():
            known, later = (frames.read(run.features[name].files) for name in ("train", "test"))
    (made,) = (tmp_path / "home" / "workflow" / "newsletter_year").glob("synthetic-*")
    truths = dict(ask(made, f"select entity_id, probability from truth where cutoff = '{definition.cutoffs.test[0]}'"))
    fitted = fit.fit(known, definition.model, definition.seed, print)
    scores = fitted.model.predict_proba(fit.inputs_of(later))[:, 1]
    chances = np.array([truths[person] for person in later["entity_id"]])
    areas = truth.areas(scores, chances)
    assert 0.9 <= areas["share"] <= 0.96, areas
    assert truth.calibration(scores, chances)["error"] <= 0.02


def test_the_labels_are_as_frequent_as_the_truth_says(story: Story) -> None:
    measures = "avg(probability), sqrt(sum(probability * (1 - probability))) / count(*)"
    ((expected, error),) = ask(story.made[0], f"select {measures} from truth where cutoff = '2026-04-09'")
    assert abs(story.summary["base_rate"] - expected) < 4 * error


def test_truth_tells_what_the_truth_beside_the_data_says(story: Story) -> None:
    found = limbeck.truth(story.client, story.path, story.home)

    truth, scored = story.truth(), pq.read_table(story.run.scores).to_pylist()
    scores = np.array([row["score"] for row in scored])
    chances = np.array([truth[row["entity_id"]] for row in scored])
    areas = found["roc_auc"]
    assert areas["model"] == pytest.approx(roc_auc(scores, chances), abs=1e-3)  # which compares people with themselves
    assert areas["oracle"] == pytest.approx(roc_auc(chances, chances), abs=1e-3)
    assert areas["share"] == pytest.approx((areas["model"] - 0.5) / (areas["oracle"] - 0.5))
    assert 0.5 < areas["share"] < 1

    best = np.sort(scores)[-round(0.1 * len(scores))]
    planned, audience = story.summary["audience"]["planned"], found["audience"]
    assert (audience["people"], audience["threshold"]) == (planned["people"], planned["threshold"])
    assert audience["planned"] == planned["precision"]
    assert audience["true"] == pytest.approx(chances[scores >= best].mean())
    assert audience["oracle"] == pytest.approx(np.sort(chances)[-planned["people"] :].mean())
    assert found["calibration"]["true"] == pytest.approx(chances.mean())
    assert sum(tenth["people"] for tenth in found["calibration"]["tenths"]) == found["people"] == len(scored)


def test_the_plan_is_told_for_every_threshold_without_a_step(story: Story) -> None:
    money = Money(cost=0.5, fixed_cost=20, value=4, currency="EUR")
    definition = Definition.load(story.path)
    assert definition.audience is not None
    priced = replace(definition, audience=replace(definition.audience, choice=Choice("break_even"), money=money))
    found = limbeck.plan(story.client, priced, story.home, "tier")

    scores = np.array([row["score"] for row in pq.read_table(story.run.scores).to_pylist()])
    chosen = found["chosen"]
    assert chosen["people"] == (scores >= 0.125).sum()
    assert chosen["cost"] == 20 + 0.5 * (chosen["people"] - found["control"])
    assert found["rule"].startswith(f"_{story.client.tenant}.propensity.newsletter.score >= 0.125 and ")
    assert "some would come without it" in found["told"][-1]
    assert [reach["people"] for reach in found["curve"]] == sorted(reach["people"] for reach in found["curve"])
    tiers = {tier for (tier,) in ask(story.made[0], "select distinct tier from profiles where tier is not null")}
    assert {cell["group"] for cell in found["surface"]} == {*tiers, "missing"}
    for reach in found["table"]:
        cells = [cell for cell in found["surface"] if cell["threshold"] == reach["threshold"]]
        assert sum(cell["people"] for cell in cells) == reach["people"]
    plain = limbeck.plan(story.client, story.path, story.home)
    assert plain["chosen"] == story.summary["audience"]["planned"]
    assert "surface" not in plain


def test_a_plan_of_what_is_not_there_is_refused(story: Story, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"there is no feature 'teir'.*did you mean \"tier\""):
        limbeck.plan(story.client, story.path, story.home, "teir")
    with pytest.raises(InvalidInput, match=r"chooses nobody; give it a section \[audience\]"):
        limbeck.plan(story.client, replace(Definition.load(story.path), audience=None), story.home)
    with pytest.raises(NotFound, match=r"nobody is scored by newsletter yet; run: limbeck score"):
        limbeck.plan(story.client, example(tmp_path, folds="3"), story.home)


def test_truth_compares_with_the_outcomes_of_the_test(story: Story) -> None:
    found = limbeck.truth(story.client, story.path, story.home)["test"]

    rows = ask(
        story.made[0],
        """with forms as (select userid, timestamp as moment from events where type = 'web.formFilledOut'),
        eligible as (select distinct userid from events where timestamp < '2026-04-09')
        select probability, count(moment) > 0 from truth join eligible on eligible.userid = entity_id
        left join forms on forms.userid = entity_id and moment >= cutoff and moment < cutoff + interval 21 day
        where cutoff = '2026-04-09' group by entity_id, probability""",
    )
    chances, outcomes = np.array(rows, float).T
    assert found["people"] == len(rows)
    assert found["oracle"] == pytest.approx(roc_auc(chances, outcomes))
    assert found["model"] == story.summary["test"]["roc_auc"]["value"]
    assert found["converted"] == pytest.approx(outcomes.mean())
    assert found["expected"] == pytest.approx(chances.mean())
    assert abs(found["sigmas"]) < 4


def test_truth_compares_with_the_outcomes_at_each_cutoff_of_a_test(story: Story) -> None:
    """The cutoffs of the training stand in for earlier ones of the test."""
    run, done = story.run, story.run.look()
    assert done.model is not None
    files, cutoffs = (*run.features["train"].files, *done.test), run.definition.cutoffs
    moments = (*cutoffs.train, *cutoffs.test)
    several = replace(run.definition, audience=None, cutoffs=replace(cutoffs, test=moments))
    again = train.again(train.Before(run.pipeline, done.model.evaluation), files, files, several.model, 1)
    judged = replace(done, model=replace(done.model, evaluation=again), test=files)
    found, one = (truth.told(story.client, *asked)["test"] for asked in ((several, judged), (run.definition, done)))

    assert found["cutoff"] == [moment.isoformat() for moment in moments]
    assert {**found["cutoffs"][-1], "low": 0, "high": 0} == {**one, "low": 0, "high": 0}  # of fewer draws
    assert [each["cutoff"] for each in found["cutoffs"]] == found["cutoff"]
    assert found["people"] == sum(each["people"] for each in found["cutoffs"])
    assert found["sigmas"] == max((each["sigmas"] for each in found["cutoffs"]), key=abs)
    assert found["model"] == again["test"]["roc_auc"]["value"]
    assert all(each["low"] < each["share"] < each["high"] for each in (found, *found["cutoffs"]))
    assert all(each["model"] < each["oracle"] for each in found["cutoffs"])


def test_the_report_tells_the_truth_and_the_groups(story: Story) -> None:
    found, page = limbeck.truth(story.client, story.path, story.home), (story.run.output / "report.html").read_text()
    area = found["roc_auc"]
    assert area["low"] < area["share"] < area["high"]
    assert f"It goes {area['share']:.0%} of the way from guessing to what is possible" in page
    for text in ("consent: ", "tier: gold", "birth_year: below "):
        assert text in page


def test_truth_is_shown_to_people_and_to_programs(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    found, shown = limbeck.truth(story.client, story.path, story.home), []
    for as_json in (False, True):
        output.choose(json=as_json)
        show_truth(story.client, story.path, story.home)
        shown.append(capsys.readouterr().out)
    assert f"true {found['audience']['true']:.1%}" in shown[0]
    assert "goal.event" not in shown[0]
    assert json.loads(shown[1]) == found


def test_truth_says_what_is_to_be_done_where_nothing_is_scored(story: Story, tmp_path: Path) -> None:
    path = example(tmp_path, folds="3")
    with pytest.raises(NotFound, match=f"nobody is scored by newsletter yet; run: limbeck score {path}"):
        limbeck.truth(story.client, path, story.home)


def test_only_synthetic_persons_have_a_known_truth(story: Story) -> None:
    with pytest.raises(InvalidInput, match=r"complete_journey.toml is not known.*section \[generator\]"):
        limbeck.truth(story.client, EXAMPLE.parent / "complete_journey.toml", story.home)
    pairs = replace(Definition.load(story.path), entity=Entity("message", "true"))
    with pytest.raises(InvalidInput, match=r"newsletter.toml is not known.*\[entity\] asks about pairs"):
        limbeck.truth(story.client, pairs, story.home)


# -- what is delivered --------------------------------------------------------------------------------------------


def delivered(story: Story) -> list[str]:
    """The people in the file that the summary names."""
    found = story.summary["activation"]
    (name,) = found["files"]
    path = story.home / "landing-zone" / "dlz-destination" / found["path"] / name
    with path.open(newline="") as handle:
        return [row["userid"] for row in csv.DictReader(handle)]


def test_the_delivered_convert_as_often_as_planned(story: Story) -> None:
    """By their true probabilities, against the range that the plan gave; everybody would be far below it."""
    truth, planned = story.truth(), story.summary["audience"]["planned"]
    rate = planned["precision"]
    found = float(np.mean([truth[person] for person in delivered(story)]))
    assert rate["low"] <= found <= rate["high"], (found, rate)
    assert float(np.mean(list(truth.values()))) < rate["low"] / 2
    assert rate["high"] - rate["low"] < 0.2


def test_the_plan_the_audience_and_the_file_agree_to_the_person(story: Story) -> None:
    scores = pq.read_table(story.run.scores).to_pylist()
    planned, audience = story.summary["audience"]["planned"], story.summary["audience"]
    chosen = {row["entity_id"] for row in scores if row["score"] >= planned["threshold"]}
    best = sorted((row["score"] for row in scores), reverse=True)[round(0.1 * len(scores)) - 1]
    assert chosen == {row["entity_id"] for row in scores if row["score"] >= best}
    rows = delivered(story)
    held = {p for p, group in zip(sorted(chosen), groups(sorted(chosen), 11, 0.1), strict=True) if group == CONTROL}

    gone = {person for (person,) in ask(story.made[0], "select userid from profiles where opted_out")} & chosen - held

    assert set(rows) == chosen - held - gone
    assert held
    assert gone
    told = [planned["people"], audience["size"], story.summary["activation"]["control"], audience["opted_out"]]
    assert told == [len(chosen), len(rows), len(held), len(gone)]

    some = {*sorted(chosen)[::15], *sorted(held)[:5], *sorted(gone)[:5]}  # a look-up takes its time
    status = {person: people_status(story, person) for person in some}
    assert {person for person, found in status.items() if found == "realized"} == set(rows) & some
    others = sorted({row["entity_id"] for row in scores} - chosen)[::400]
    assert {people_status(story, person) for person in others} == {None}


def people_status(story: Story, person: str) -> str | None:
    """What a profile says of the audience."""
    found = story.client.people.find("ECID", person)
    assert found is not None
    return found.audiences.get(story.summary["audience"]["id"])


# -- what is done once --------------------------------------------------------------------------------------------


def test_nothing_is_made_twice_and_a_model_of_other_folds_is_made_of_the_same_data(story: Story) -> None:
    before = {path: path.stat().st_mtime_ns for path in story.made[0].iterdir()}
    for changes in ({}, {"folds": "4"}):
        steps = story.steps(example(story.home, **changes))
        with steps.working():
            assert {name: loaded.dataset.id for name, loaded in steps.datasets.items()} == {
                name: loaded.dataset.id for name, loaded in story.run.datasets.items()
            }
    assert {path: path.stat().st_mtime_ns for path in story.made[0].iterdir()} == before
    assert len(story.made) == 1


@pytest.mark.parametrize(
    "changes", [{"people": "2001"}, {"days": "121"}, {"test": "2026-04-08", "train": "[2026-02-26]"}], ids=str
)
def test_other_data_have_another_key_and_a_dry_run_makes_none(story: Story, changes: dict[str, Any]) -> None:
    steps = story.steps(example(story.home, **changes))
    planned = steps.planned()
    assert not set(steps.source_keys.values()) & set(story.run.source_keys.values())
    assert (
        planned[0] == f"folder {story.home}/workflow/newsletter/synthetic-{steps.generated_key} with the synthetic data"
    )
    assert "batch of newsletter events with the rows of generator:events" in planned
    assert len(story.made) == 1


# -- imperfect data -----------------------------------------------------------------------------------------------


def test_duplicates_are_taken_once_and_late_events_have_an_arrival(tmp_path: Path) -> None:
    """As docs/definition.md says it is done."""
    path = example(tmp_path, 50)
    once = "SELECT * FROM events QUALIFY row_number() OVER (PARTITION BY id ORDER BY received) = 1"
    changes = {
        "seed = 5\n": "seed = 5\nduplicates = 0.1\nlate = 0.2\nbots = 0.04\nidentities = 0.2\n",
        'key = "id"\n': f'key = "id"\narrival = "received"\nsql = "{once} ORDER BY timestamp, id"\n',
        'timestamp = "timestamp"\n': 'timestamp = "timestamp"\nreceived = "{tenant}.received"\n',
    }
    text = path.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)

    with embedded(tmp_path / "home") as client:
        steps = Run(Definition.load(path), client, tmp_path / "home")
        with steps.working():
            table = steps.tables["newsletter events"]
        late = f"select count(*), count(*) filter (where _{client.tenant}.received > timestamp) from {table}"
        found = client.sql(late).table().to_pylist()
    (folder,) = (tmp_path / "home" / "workflow" / "newsletter").glob("synthetic-*")
    first = "(select id, timestamp, min(received) as received from events group by all)"
    expected = ask(folder, f"select count(*), count(*) filter (where received > timestamp) from {first}")
    assert [tuple(row.values()) for row in found] == expected
    assert 0 < expected[0][1] < expected[0][0]


# -- what a killed run leaves -------------------------------------------------------------------------------------


def test_a_killed_run_leaves_no_half_made_data(tmp_path: Path) -> None:
    path, home = example(tmp_path, 50), tmp_path / "home"
    folder = home / "workflow" / "newsletter"

    run("-m", "limbeck", "generate", str(path), "--home", str(home), crash_at="workflow.data-generated")
    assert not list(folder.glob("synthetic-*"))
    with embedded(home) as client:
        again = Run(Definition.load(path), client, home)
        with again.working():
            assert again.datasets

    (made,) = folder.glob("*synthetic-*")
    assert not [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]
    definition = Definition.load(path)
    assert definition.generator is not None
    synthetic.generate(definition.generator, tmp_path / "again", definition.spans)
    assert {f.name: f.read_bytes() for f in made.iterdir()} == {
        f.name: f.read_bytes() for f in (tmp_path / "again").iterdir()
    }
