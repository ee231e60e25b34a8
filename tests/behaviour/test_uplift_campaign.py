"""A campaign that chance decided, among synthetic customers whose true uplift is known: up to the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import limbeck
from limbeck.cli.steps import SHOWN, TEXTS
from limbeck.client import Client
from limbeck.errors import InvalidInput, LimbeckError, NotFound
from limbeck.propensity.experiment import GROUPS
from limbeck.propensity.uplift import Learning
from limbeck.workflow.definition import Definition
from limbeck.workflow.ingest import CONTROL, groups
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
    assert TEXTS["uplift"](campaign.found).startswith(campaign.found["told"][0])


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
    with steps.working():
        with pytest.raises(NotFound, match="nobody's score as of 2026-04-09 00:00:00 came onto profiles"):
            steps.uplift
        steps.ingested
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
