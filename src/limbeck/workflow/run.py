"""A definition's steps on one platform, each done once for what it depends on.

A step asks for what it needs, so running a late one runs the earlier ones that are not done. Done means that its result
exists under its key: the hash of the definition's part, of the data it starts from, and of the code that runs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from limbeck import crash
from limbeck.client import Client
from limbeck.errors import InvalidInput
from limbeck.propensity import frames
from limbeck.workflow import (
    activate,
    featurize,
    generate,
    ingest,
    planning,
)
from limbeck.workflow.campaign import ActivationPart, AudiencePart
from limbeck.workflow.definition import Definition
from limbeck.workflow.featurize import SETS
from limbeck.workflow.generate import Loaded
from limbeck.workflow.ingest import Ingested
from limbeck.workflow.keys import key
from limbeck.workflow.learned import Learned
from limbeck.workflow.planning import Known, Planned
from limbeck.workflow.prepared import TRUTH
from limbeck.workflow.tracking import Kept
from limbeck.workflow.workspace import REPORT, SUMMARY, Progress, write


@dataclass(frozen=True, slots=True)
class Done:
    """What the steps of a definition have left, as far as they are done."""

    datasets: Mapping[str, Loaded]
    """By the definition's names; empty before `generate`."""
    features: tuple[Path, ...] = ()
    """Files of the scoring set; none before `export`."""
    model: Kept | None = None
    scores: Path | None = None
    test: tuple[Path, ...] = ()
    """Files of the test set; none before `export`."""
    truth: Path | None = None
    """What is true of synthetic people; None where that is not known."""
    uplift: Mapping[str, Any] | None = None
    """What the experiment told; None where there is none, or it was not asked."""
    uplift_people: Path | None = None
    """Everybody's uplift; None where nobody's is forecast."""

    @property
    def known(self) -> Known | None:
        """What there is to plan with; None before people are scored."""
        if self.model is None or self.scores is None:
            return None
        return Known(self.scores, self.model.evaluation, self.uplift, self.uplift_people)


def run(
    definition: Definition | Path | str,
    client: Client,
    home: Path | str | None = None,
    output: Path | str | None = None,
    *,
    progress: Progress | None = None,
    yes_production: bool = False,
) -> dict[str, Any]:
    """Run all steps of a definition on the platform of *client* and return the summary.

    Working files and models are kept in *home* (`./.limbeck`); `summary.json`, `report.html` and `scores.parquet` are
    written to *output* (a folder in the home). Raise `Forbidden` for a production sandbox without *yes_production*,
    `DefinitionError` and `InvalidInput` for what cannot be used: nothing is half-written, and the next run goes on.
    """
    with steps(definition, client, home, output, progress=progress, yes_production=yes_production) as found:
        return found.report()


@contextmanager
def steps(
    definition: Definition | Path | str,
    client: Client,
    home: Path | str | None = None,
    output: Path | str | None = None,
    *,
    progress: Progress | None = None,
    yes_production: bool = False,
) -> Iterator[Run]:
    """Give the steps of a definition one by one, as a notebook takes them; arguments and errors are those of `run`.

    What was read within the block is at hand after it. Another run of the same definition waits for its end.

    >>> with limbeck.steps("newsletter.toml", aep) as steps:   # doctest: +SKIP
    ...     model = steps.model
    """
    loaded = definition if isinstance(definition, Definition) else Definition.load(definition)
    found = Run(loaded, client, home, output, progress=progress)
    with found.working(yes_production=yes_production):
        yield found


class Run(Learned):
    """The steps of one definition. Each is a property that does what is to be done when it is first read."""

    def look(self) -> Done:
        """Return what is done. Nothing is done for it, nor written."""
        found = {s.dataset: generate.find(self.client, s, self.source_keys[s.dataset]) for s in self.definition.sources}
        datasets = {name: loaded for name, loaded in found.items() if loaded is not None}
        if len(datasets) < len(found):
            return Done({})
        self.datasets = datasets  # step 1 is done; the keys of the others depend on it
        features, test = (
            tuple(sorted(self._result(f"{name}-{self.feature_key}").glob("*.parquet"))) for name in ("score", "test")
        )
        truth = self.generated_folder / TRUTH if self.definition.generator is not None else None
        kept = self.standing()
        scores = self.scores_of(kept) if kept else None
        people = self.uplift_people(kept) if kept and self.definition.uplift else None
        return Done(datasets, features, kept, _existing(scores), test, _existing(truth), self.uplift_kept(), people)

    # -- steps 6 and 7 --------------------------------------------------------------------------------------------

    @property
    def score_key(self) -> str:
        """The key of the scores, and of what is done with them."""
        return self.score_key_of(self.model)

    def score_key_of(self, kept: Kept) -> str:
        """Return the key of a version's scores on profiles, with the uplifts beside them."""
        control = self.definition.audience.control if self.definition.audience else 0.0
        uplifts = self.uplift_path(kept).name if self._forecasts else None
        return key("ingest", ("ingest",), self._file_key(kept), control, uplifts)

    @property
    def _forecasts(self) -> bool:
        """Whether the definition's experiment may forecast everybody's uplift."""
        return self.definition.uplift is not None and self.definition.uplift.forecasts

    @cached_property
    def ingested(self) -> Ingested:
        """The dataset that brings the scores onto profiles, and the uplifts where an experiment tells them."""
        if self.definition.entity is not None:
            raise InvalidInput("a profile has one score a person, and these are of pairs; they are in scores.parquet")
        scores = self.scores
        uplifts = self.uplift_people(self.model) if self._forecasts and self.uplift else None
        with self._step("ingest"):
            found = ingest.ingest(self.client, self.definition, scores, self.score_key, self.folder, uplifts)
            crash.point("workflow.scores-ingested")
            return found

    @cached_property
    def planned_audience(self) -> Planned | None:
        """Whom the definition chooses; None if it chooses nobody."""
        part = self.definition.audience
        if part is None:
            return None
        told = self.uplift
        known = Known(self.scores, self.model.evaluation, told, self.uplift_people(self.model) if told else None)
        return planning.plan(self.definition, part, known, self.client.tenant)

    @cached_property
    def campaign(self) -> dict[str, Any]:
        """The audience and what was delivered of it: `audience` and `activation`, as far as they are defined."""
        part, planned = self.definition.audience, self.planned_audience
        if part is None or planned is None:
            return {}
        self.ingested  # noqa: B018
        with self._step("activate"):
            made = self._audience(part, planned)
            crash.point("workflow.audience-made")
            opted_out = planned.chosen.people - planned.control - made["size"]
            told = {**made, "planned": planned.chosen.shown(), "opted_out": opted_out, "doubts": [*planned.doubts]}
            return {"audience": told, **self._activation(made, planned)}

    def _audience(self, part: AudiencePart, planned: Planned) -> dict[str, Any]:
        path = self._result(audience_name(part, planned, self.score_key))
        if path.is_file() and activate.is_current(self.client, made := json.loads(path.read_text())):
            return dict(made)
        made = activate.audience(self.client, part.name, planned)
        write(path, json.dumps(made))
        return made

    def _activation(self, made: Mapping[str, Any], planned: Planned) -> dict[str, Any]:
        part = self.definition.activation
        if part is None:
            return {}
        found = activate.activate(self.client, self.definition, part, made, delivery_key(part, made))
        return {"activation": {**found, "control": planned.control}}

    # -- what comes out -------------------------------------------------------------------------------------------

    def report(self) -> dict[str, Any]:
        """Write `summary.json` and `report.html`, and return the summary."""
        from limbeck.workflow import report, truth

        exploration, kept = self.exploration, self.model
        planned = self.planned_audience  # nobody is to be chosen? Then nothing comes onto profiles
        if self.definition.entity is None:
            self.ingested  # noqa: B018
        else:
            self.scores  # noqa: B018
        summary = self.summary()
        with self._step("report"):
            done = self.look()
            known = truth.told(self.client, self.definition, done) if truth.is_known(self.definition, done) else None
            chosen = self._chosen_groups()
            report.write(
                summary, kept.evaluation, exploration, planned, self.output / REPORT, truth=known, chosen=chosen
            )
        summary["seconds"] = {name: round(taken, 2) for name, taken in self.seconds.items()}
        self._remember(whole_run=True)
        write(self.output / SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
        return summary

    def _chosen_groups(self) -> list[dict[str, Any]]:
        """Return forecast and outcome, at the test cutoff, by the groups that the definition names."""
        from limbeck.propensity import assess

        names = self.definition.groups
        if not names:
            return []
        found = assess.by_group(self.pipeline, frames.read(self.features["test"].files), names)
        return [group for group in found if group["feature"] in names]

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` says (`limbeck.workflow.summary`)."""
        from limbeck.workflow.summary import summary

        return summary(self)

    def planned(self, step: str = "run") -> list[str]:
        """Return each write that *step*, and those before it that are not done, would make now."""
        from limbeck.workflow.dry_run import writes

        return writes(self, step)

    def statements(self) -> dict[str, str]:
        """Return the SQL of each set, with comments. A source that is not loaded has the name of its dataset."""
        tables = {s.dataset: s.dataset for s in self.definition.sources} | {
            name: loaded.dataset.table for name, loaded in self.look().datasets.items()
        }
        return {
            name: featurize.statement(self.definition, tables, self.client.tenant, name, "explained", told=True)
            for name in SETS
        }


def audience_name(part: AudiencePart, planned: Planned, score_key: str) -> str:
    return f"audience-{key('audience', ('activate', 'propensity.planner'), part.name, planned.rule, score_key)}.json"


def delivery_key(part: ActivationPart, made: Mapping[str, Any]) -> str:
    return key("activate", ("activate",), asdict(part), made["id"], made["rule"], made["evaluated"])


def _existing(path: Path | None) -> Path | None:
    return path if path is not None and path.is_file() else None
