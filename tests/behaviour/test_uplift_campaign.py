"""A campaign that chance decided, among synthetic customers whose true uplift is known: up to the plan."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.cli.output import Rows
from limbeck.cli.steps import SHOWN, TOLD
from limbeck.client import Client
from limbeck.errors import InvalidInput, LimbeckError, NotFound
from limbeck.propensity.experiment import GROUPS, doubts
from limbeck.propensity.money import Choice
from limbeck.propensity.uplift import Learning
from limbeck.workflow.definition import Definition
from limbeck.workflow.ingest import CONTROL, groups, ingest
from limbeck.workflow.planning import Planned, told
from limbeck.workflow.run import Run
from limbeck.workflow.trial import UpliftPart
from limbeck.workflow.uplift import effects
from tests.platforms import embedded
from tests.synthetic import ask

pytestmark = [  # MLflow's own
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning"),
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "newsletter_campaign.toml"
SMALL = {
    "people = 20_000": "people = 1000",
    "resamples = 300": "resamples = 100",
    'candidates = ["logistic", "lightgbm"]': 'candidates = ["logistic"]',
    "chance = 0.5": "chance = 0.5\nfolds = 2\nresamples = 100",
}


class Campaign:
    """The example at a small size, as far as the plan."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client, self.home, self.path = client, folder / "home", folder / "campaign.toml"
        text = EXAMPLE.read_text()
        for old, new in SMALL.items():
            assert old in text
            text = text.replace(old, new)
        self.path.write_text(text)
        self.definition = Definition.load(self.path)
        self.before = self.steps().planned("uplift")
        self.run = self.steps()
        with self.run.working():
            self.found = SHOWN["uplift"](self.run)
            self.planned = self.run.planned_audience

    def steps(self, **changes: Any) -> Run:
        return Run(replace(self.definition, **changes), self.client, self.home)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the synthetic data and their truth."""
        assert self.run.generated is not None
        return ask(self.run.generated, sql)


class ByUplift:
    """The same, its audience chosen by uplift: up to the report and the delivery."""

    def __init__(self, campaign: Campaign) -> None:
        text = campaign.path.read_text()
        assert "max_profit = true" in text
        path = campaign.path.with_name("by_uplift.toml")
        path.write_text(text.replace("max_profit = true", 'by = "uplift"\ntop = 0.3'))
        self.definition = Definition.load(path)
        self.before = self.steps(campaign).planned("activate")
        self.run = self.steps(campaign)
        with self.run.working():
            self.summary = SHOWN["run"](self.run)
        planned = self.run.planned_audience
        assert planned is not None
        self.planned = planned
        self.again = self.steps(campaign).planned("activate")
        self.changed = self.steps(campaign, uplift=self.other_estimator).planned("activate")
        self.uplift = {row["entity_id"]: row for row in pq.read_table(self.run.output / "uplift.parquet").to_pylist()}
        """What is forecast of each."""

    @property
    def other_estimator(self) -> UpliftPart:
        part = self.definition.uplift
        assert part is not None
        return replace(part, learning=replace(part.learning, estimator="transformed_outcome"))

    def steps(self, campaign: Campaign, **changes: Any) -> Run:
        return Run(replace(self.definition, **changes), campaign.client, campaign.home)

    def chosen(self, campaign: Campaign, choice: Choice) -> Planned:
        """Whom another choice would choose."""
        assert self.definition.audience is not None
        steps = self.steps(campaign, audience=replace(self.definition.audience, choice=choice))
        with steps.working():
            found = steps.planned_audience
        assert found is not None
        return found


@pytest.fixture(scope="module")
def by_uplift(campaign: Campaign) -> ByUplift:
    return ByUplift(campaign)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    folder = tmp_path_factory.mktemp("campaign")
    with embedded(folder / "home") as client:
        yield Campaign(client, folder)


def test_the_people_are_those_of_the_cutoff_and_the_treated_those_with_the_event(campaign: Campaign) -> None:
    counted = campaign.ask(
        """with eligible as (select distinct userid from events where timestamp < '2026-04-09'),
        treated as (select distinct userid from events where type = 'treatment'),
        formed as (select distinct userid from events where type = 'web.formFilledOut'
            and timestamp >= '2026-04-09' and timestamp < '2026-04-30')
        select treated.userid is not null as arm, count(*), count(formed.userid) from eligible
        left join treated using (userid) left join formed using (userid) group by arm order by arm"""
    )
    arms = [campaign.found["arms"][name] for name in ("control", "treated")]
    assert [(arm["people"], arm["converters"]) for arm in arms] == [(n, hits) for _, n, hits in counted]
    assert campaign.found["balance"]["by_chance"]


def test_the_true_uplift_is_in_the_range(campaign: Campaign) -> None:
    ((true,),) = campaign.ask("select avg(uplift) from truth where cutoff = '2026-04-09'")
    average = campaign.found["average"]
    spread = average["high"] - average["low"]
    assert average["low"] - spread / 4 < true < average["high"] + spread / 4


def test_the_plan_reckons_with_what_the_contact_adds(campaign: Campaign) -> None:
    planned = campaign.planned
    assert planned is not None
    known = campaign.found["rankings"]["score"]["by_share"]
    whole = planned.planner.at(0.0)
    assert whole.incremental is not None
    assert whole.incremental["value"] == pytest.approx(whole.contacted * known[-1]["value"])
    best = planned.chosen.incremental_profit
    assert best is not None
    for reach in planned.planner.curve():
        assert reach.incremental_profit is not None
        assert reach.incremental_profit["value"] <= best["value"] + 1e-9
    found = limbeck.plan(campaign.client, campaign.path, campaign.home)
    assert found["chosen"] == planned.chosen.shown()
    assert any(line.startswith("By the experiment, contacting them adds") for line in found["told"])


def test_a_page_and_a_file_tell_it(campaign: Campaign) -> None:
    output = campaign.run.output
    page = (output / "uplift.html").read_text()
    for line in campaign.found["told"]:
        assert line.split("(")[0] in page
    written = json.loads((output / "uplift.json").read_text())
    assert written | {"page": campaign.found["page"]} == campaign.found
    first, *_, page = parts = TOLD["uplift"](campaign.found)
    assert (first, page) == (campaign.found["told"][0], f"pictures in {output / 'uplift.html'}")
    (table,) = (part for part in parts if isinstance(part, Rows))
    assert table.columns == ("share", "people", "uplift", "conversions added", "profit of these")
    assert [row[1] for row in table.rows] == [f"{row['people']:,}" for row in campaign.found["now"]]


def test_everybody_who_can_be_chosen_has_an_uplift_and_a_group(campaign: Campaign) -> None:
    rows = pq.read_table(campaign.run.output / "uplift.parquet").to_pylist()
    scored = pq.read_table(campaign.run.scores).to_pylist()
    assert {row["entity_id"] for row in rows} == {row["entity_id"] for row in scored}
    assert {row["group"] for row in rows} <= set(GROUPS)
    for row in rows:
        assert row["uplift"] == pytest.approx(row["treated"] - row["control"])
        if row["group"] == "persuadable":
            assert row["uplift"] >= campaign.found["least"] - 1e-12
    whole = campaign.found["now"][-1]
    assert whole["people"] == len(rows)
    assert whole["forecast"] == pytest.approx(sum(row["uplift"] for row in rows))
    assert whole["incremental"]["value"] == pytest.approx(len(rows) * campaign.found["average"]["value"])


def test_what_is_done_is_not_done_again(campaign: Campaign) -> None:
    assert any("of the experiment as of 2026-04-09" in line for line in campaign.before)
    assert any(line.endswith("uplift.html") for line in campaign.before)
    again = campaign.steps()
    assert [line.split(" ")[0] for line in again.planned("uplift")] == ["file"] * 3
    assert again.uplift_kept() == {k: v for k, v in campaign.found.items() if k != "page"}


def test_our_own_control_group_is_an_experiment(campaign: Campaign) -> None:
    """Scores came home as of the campaign's day; nothing was sent, so that there is nothing to be found."""
    cutoff = datetime(2026, 4, 9)
    own = UpliftPart(cutoff, least=0.05, learning=Learning(folds=2, resamples=100))
    steps = campaign.steps(cutoffs=replace(campaign.definition.cutoffs, score=cutoff), uplift=own)
    with (
        steps.working(),
        pytest.raises(NotFound, match="nobody's score as of 2026-04-09 00:00:00 came onto profiles"),
    ):
        steps.uplift
    earlier = campaign.steps(cutoffs=steps.definition.cutoffs)
    with earlier.working():
        earlier.ingested
        found = steps.uplift
    assert found is not None
    assert found["now"] is None
    rows = pq.read_table(steps.scores).to_pylist()
    chosen = [row["entity_id"] for row in rows if row["score"] >= 0.05]
    assert 0 < len(chosen) < len(rows)
    held = groups(chosen, campaign.definition.seed, 0.1).count(CONTROL)
    assert [found["arms"][name]["people"] for name in ("control", "treated")] == [held, len(chosen) - held]
    assert found["reached"] == len(chosen) / len(rows)
    known = effects(found)
    assert known is not None
    assert known[-1]["share"] == pytest.approx(found["reached"])
    _check_own_by_uplift(campaign, earlier, replace(own, least=0.02, by="uplift"))


def _check_own_by_uplift(campaign: Campaign, earlier: Run, own: UpliftPart) -> None:
    """Those of an audience that was chosen by uplift took part; by share of the score nothing is known then."""
    steps = campaign.steps(cutoffs=earlier.definition.cutoffs, uplift=own)
    with steps.working():
        found = steps.uplift
    assert found is not None
    rows = pq.read_table(earlier.output / "uplift.parquet").to_pylist()
    chosen = [row["entity_id"] for row in rows if row["uplift"] >= 0.02]
    assert 0 < len(chosen) < len(rows)
    held = groups(chosen, campaign.definition.seed, 0.1).count(CONTROL)
    assert [found["arms"][name]["people"] for name in ("control", "treated")] == [held, len(chosen) - held]
    assert (found["reached"], effects(found)) == (None, None)


# -- chosen by uplift ---------------------------------------------------------------------------------------------


def test_delivered_are_those_with_the_highest_uplift(campaign: Campaign, by_uplift: ByUplift) -> None:
    """But for the control group, and for who has opted out."""
    chosen, least = by_uplift.planned.chosen, by_uplift.planned.chosen.threshold
    ours = f"_{campaign.client.tenant}.propensity.newsletter_campaign"
    assert by_uplift.summary["audience"]["rule"] == by_uplift.planned.rule
    path, _, number, *group = by_uplift.planned.rule.split()
    assert (path, float(number), " ".join(group)) == (f"{ours}.uplift", least, f'and {ours}.group = "treatment"')
    ranked = sorted((row["uplift"] for row in by_uplift.uplift.values()), reverse=True)
    assert least == ranked[round(0.3 * len(ranked)) - 1]
    best = [person for person, row in by_uplift.uplift.items() if row["uplift"] >= least]
    held = {p for p, group in zip(best, groups(best, by_uplift.definition.seed, 0.1), strict=True) if group == CONTROL}
    out = {person for (person,) in campaign.ask("select userid from profiles where opted_out")}
    assert (chosen.people, chosen.contacted) == (len(best), len(best) - len(held))
    delivered = by_uplift.summary["activation"]
    assert {row["userid"] for row in _rows(campaign.client, delivered)} == set(best) - held - out
    assert held
    assert delivered["control"] == len(held)


def _rows(client: Client, delivered: dict[str, Any]) -> Iterator[dict[str, str]]:
    zone = client.landing_zone("export")
    for name in delivered["files"]:
        yield from csv.DictReader(io.StringIO(zone.read(f"{delivered['path']}/{name}").decode()))


def test_profiles_keep_uplift_and_group_beside_the_score(campaign: Campaign, by_uplift: ByUplift) -> None:
    shown = set()
    for person in sorted(by_uplift.uplift)[::120]:
        row, found = by_uplift.uplift[person], campaign.client.people.find("ECID", person)
        assert found is not None
        kept = found.entity[f"_{campaign.client.tenant}"]["propensity"]["newsletter_campaign"]
        assert (kept["uplift"], kept["upliftGroup"]) == (row["uplift"], row["group"])
        assert kept["group"] in ("treatment", "control")
        shown.add(kept["upliftGroup"])
    assert len(shown) > 1


def test_what_the_choice_brings_is_what_the_experiment_measured(campaign: Campaign, by_uplift: ByUplift) -> None:
    found, planned = campaign.found, by_uplift.planned
    known = found["rankings"]["two_model"]["by_share"][29]
    chosen = planned.chosen
    assert chosen.incremental is not None
    assert chosen.incremental["value"] == pytest.approx(chosen.contacted * known["value"], rel=0.02)
    whole = planned.planner.at(-1.0)
    assert whole.precision | {"share": 1.0} == found["if_treated"][-1]
    assert whole.precision["value"] == pytest.approx(found["arms"]["treated"]["rate"], abs=0.03)
    places = [(reach.people, reach.threshold) for reach in planned.table]
    assert places == [(row["people"], row["threshold"]) for row in found["now"]]
    plan = limbeck.plan(campaign.client, by_uplift.definition, campaign.home)
    assert plan["chosen"] == chosen.shown() == by_uplift.summary["audience"]["planned"]
    assert "of at least" in plan["told"][0]
    assert "a predicted uplift" in plan["told"][0]


def test_what_the_experiment_does_not_show_is_said_wherever_people_are_chosen(
    campaign: Campaign, by_uplift: ByUplift
) -> None:
    """A thousand people are too few to show whom a treatment changes more."""
    doubted = list(doubts(campaign.found))
    assert doubted
    assert by_uplift.summary["audience"]["doubts"] == doubted
    page = (by_uplift.run.output / "report.html").read_text()
    shown = TOLD["run"](by_uplift.summary)
    table, *lines = TOLD["activate"](SHOWN["activate"](by_uplift.run))
    assert isinstance(table, Rows)
    assert table.columns[:5] == ("share", "people", "uplift", "precision", "recall")
    activated = "\n".join(map(str, lines))
    for line in doubted:
        assert line.startswith("No evidence that choosing by uplift is better than choosing ")
        assert page.count(line) == 2
        assert line in shown
        assert activated.count(line) == 1
        assert line in limbeck.plan(campaign.client, by_uplift.definition, campaign.home)["told"]


@pytest.mark.parametrize("choice", [Choice("break_even"), Choice("budget", 60.0), Choice("max_profit")])
def test_the_other_choices_go_by_uplift_too(campaign: Campaign, by_uplift: ByUplift, choice: Choice) -> None:
    """At 0.10 a contact, 50 for all, and 4 a conversion."""
    planned = by_uplift.chosen(campaign, choice)
    people = sum(row["uplift"] >= planned.chosen.threshold for row in by_uplift.uplift.values())
    assert planned.chosen.people == people > 0
    match choice.by:
        case "break_even":
            assert planned.chosen.threshold == 0.1 / 4
            assert any("A contact pays from an uplift of 0.0250 on" in line for line in told(planned))
        case "budget":
            assert planned.chosen.contacted == 100
        case _:
            profits = [reach.incremental_profit["value"] for reach in planned.planner.curve()]
            assert planned.chosen.incremental_profit["value"] >= max(profits) - 1e-9


def test_another_uplift_is_another_audience(by_uplift: ByUplift) -> None:
    fresh = ["scores in the landing zone", "audience Worth a letter", "delivery to the landing zone"]
    for planned in (by_uplift.before, by_uplift.changed):
        assert [any(line.startswith(text) for line in planned) for text in fresh] == [True] * 3
    assert {line.split(" ")[0] for line in by_uplift.again} == {"file"}
    assert any("of the experiment as of" in line for line in by_uplift.changed)


def test_the_truth_tells_the_uplift_of_the_chosen(campaign: Campaign, by_uplift: ByUplift) -> None:
    found = limbeck.truth(campaign.client, by_uplift.definition, campaign.home)["audience"]
    chosen = by_uplift.planned.chosen
    rows = campaign.ask("select entity_id, uplift from truth where cutoff = '2026-05-01'")
    best = [true for person, true in rows if by_uplift.uplift.get(person, {"uplift": -1})["uplift"] >= chosen.threshold]
    assert (found["by"], found["people"]) == ("uplift", len(best))
    assert found["uplift"]["true"] == pytest.approx(sum(best) / len(best))
    assert chosen.incremental is not None
    assert found["uplift"]["planned"]["value"] == pytest.approx(chosen.incremental["value"] / chosen.contacted)


def test_nobody_is_chosen_by_an_uplift_that_is_not_known(campaign: Campaign, by_uplift: ByUplift) -> None:
    assert by_uplift.definition.uplift is not None
    few = replace(by_uplift.definition.uplift, treated="type = 'treatment' and userid like '%7'")
    steps, before = by_uplift.steps(campaign, uplift=few), _tags(campaign.client)
    with (
        steps.working(),
        pytest.raises(InvalidInput, match=r"audience\.by is 'uplift', but nobody's uplift is forecast\. Too few to"),
    ):
        SHOWN["run"](steps)
    assert _tags(campaign.client) == before
    other = replace(by_uplift.definition, uplift=by_uplift.other_estimator)
    with pytest.raises(NotFound, match=r"the experiment of newsletter_campaign was not asked yet; run: limbeck uplift"):
        limbeck.plan(campaign.client, other, campaign.home)
    with pytest.raises(InvalidInput, match="the surface has the rates of the test by score"):
        limbeck.plan(campaign.client, by_uplift.definition, campaign.home, "recency")


def _tags(client: Client) -> list[Any]:
    """Which scores came onto profiles last."""
    return [dataset.tags for dataset in client.datasets()]


# -- what cannot be meant -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("treated", "said"),
    [
        ("type = 'letter'", r"nobody was treated: no event from 2026-04-09 00:00:00 on satisfies uplift\.treated"),
        ("typ = 'treatment'", r"uplift\.treated"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_named(campaign: Campaign, treated: str, said: str) -> None:
    path = campaign.path.with_name("other.toml")
    path.write_text(campaign.path.read_text().replace("\"type = 'treatment'\"", f'"{treated}"'))
    steps = Run(Definition.load(path), campaign.client, campaign.home)
    with steps.working(), pytest.raises(LimbeckError, match=said):
        steps.uplift


def test_a_definition_without_an_experiment_says_so(campaign: Campaign) -> None:
    with pytest.raises(InvalidInput, match=r"names no experiment; give it a section \[uplift\]"):
        SHOWN["uplift"](campaign.steps(uplift=None))


def test_an_uplift_is_that_of_its_person_in_whatever_order_they_lie(
    campaign: Campaign, by_uplift: ByUplift, tmp_path: Path
) -> None:
    people = pq.read_table(by_uplift.run.output / "uplift.parquet")
    backwards = tmp_path / "uplift.parquet"
    pq.write_table(people[::-1], backwards)
    ingest(campaign.client, by_uplift.definition, by_uplift.run.scores, "backwards", tmp_path, backwards)
    first, last = people.to_pylist()[0], people.to_pylist()[-1]
    assert first["uplift"] != last["uplift"]
    for row in (first, last):
        found = campaign.client.people.find("ECID", row["entity_id"])
        assert found is not None
        kept = found.entity[f"_{campaign.client.tenant}"]["propensity"]["newsletter_campaign"]
        assert (kept["uplift"], kept["upliftGroup"]) == (row["uplift"], row["group"])
