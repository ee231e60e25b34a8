"""A definition's steps on one platform, each done once for what it depends on.

A step asks for what it needs, so running a late one runs the earlier ones that are not done. Done means that its result
exists under its key: the hash of the definition's part, of the data it starts from, and of the code that runs it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from limbeck import clock, crash
from limbeck.client import Client, Dataset
from limbeck.errors import Forbidden, InvalidInput
from limbeck.lock import file_lock
from limbeck.propensity import frames
from limbeck.settings import Settings
from limbeck.workflow import (
    activate,
    champion,
    checks,
    explore,
    export,
    featurize,
    generate,
    ingest,
    latest,
    logged,
    overview,
    planning,
    sources,
    uplift,
)
from limbeck.workflow.campaign import ActivationPart, AudiencePart
from limbeck.workflow.definition import Definition, Source
from limbeck.workflow.explore import Exploration
from limbeck.workflow.features import Earlier
from limbeck.workflow.featurize import MONITOR, SETS, FeatureSet
from limbeck.workflow.generate import Loaded
from limbeck.workflow.ingest import Ingested
from limbeck.workflow.keys import key
from limbeck.workflow.overview import Overview
from limbeck.workflow.planning import Known, Planned
from limbeck.workflow.question import Span
from limbeck.workflow.tracking import Kept, Tracking
from limbeck.workflow.trial import UpliftPart
from limbeck.workflow.whole import PART, sweep, whole, whole_folder

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from limbeck.propensity.scoring import Scoring

FEATURIZE = ("aggregates", "attributes", "features", "featurize", "names", "relations", "times")
"""Modules whose code decides what a feature set holds."""

SUMMARY, REPORT, SCORES, OVERVIEW = "summary.json", "report.html", "scores.parquet", "explore.html"
UPLIFT, UPLIFT_PAGE, UPLIFT_PEOPLE = "uplift.json", "uplift.html", "uplift.parquet"
OUTPUTS = (SUMMARY, REPORT, SCORES, OVERVIEW, UPLIFT, UPLIFT_PAGE, UPLIFT_PEOPLE)
"""Files in the folder of the output."""
SYNTHETIC = ("newsletter", "treatment", "imperfections", "oracle", "synthetic")
"""The modules that make synthetic data."""
TRUTH = "truth.parquet"
"""In the folder of synthetic data."""


class Progress(Protocol):
    """Who is told how it goes."""

    def note(self, text: str) -> None:
        """Hear something in passing."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Hear that a step begins, and with the context's end that it is over."""


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


class Silent:
    """Nobody is told."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Show nothing."""
        return nullcontext()


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


class Run:
    """The steps of one definition. Each is a property that does what is to be done when it is first read."""

    def __init__(
        self,
        definition: Definition,
        client: Client,
        home: Path | str | None = None,
        output: Path | str | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        self.definition = definition
        self.seconds: dict[str, float] = {}
        self.client = client
        """The platform."""
        self._progress = progress or Silent()
        settings = Settings.load(home)
        self.home = settings.home
        """Where working files and models are kept."""
        self.folder = self.home / latest.WORKFLOW / definition.name
        """Where results are kept, each under the key of what it depends on."""
        self.output = Path(output) if output else self.home / "output" / definition.name
        """The folder of what a run leaves for its reader."""
        self.tracking = Tracking(self.home, settings.mlflow_tracking_uri)
        """Where models are kept."""
        self._uses: set[str] = set()

    @contextmanager
    def working(self, *, yes_production: bool = False) -> Iterator[None]:
        """Hold what only one run of a definition may have; a second one waits, and finds the work done."""
        if self.client.sandbox_type == "production" and not yes_production:
            raise Forbidden(f"sandbox {self.client.sandbox} is of type production; to write there say --yes-production")
        _writable(self.folder)
        _writable(self.output)
        with file_lock(self.folder / latest.LOCK):
            sweep(self.folder)
            for name in OUTPUTS:  # the user may keep other things in that folder
                sweep(self.output, f"{name}.*")
            try:
                yield
            finally:
                self._remember()

    def _remember(self, *, whole_run: bool = False) -> None:
        latest.write(self.folder, self.definition.path, self.output, self._uses, whole_run=whole_run)

    def _result(self, name: str) -> Path:
        """Return where the result called *name* is kept, and note that it is in use."""
        self._uses.add(name)
        return self.folder / name

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

    # -- step 1 ---------------------------------------------------------------------------------------------------

    @cached_property
    def datasets(self) -> dict[str, Loaded]:
        """The sources' datasets, by the definition's names."""
        with self._step("generate"):
            self.generated  # noqa: B018
            return {source.dataset: self._load(source) for source in self.definition.sources}

    def _load(self, source: Source) -> Loaded:
        key_ = self.source_keys[source.dataset]
        found = generate.find(self.client, source, key_)
        if found is None:
            self._progress.note(f"loading {source.dataset}")
            found = generate.load(
                self.client,
                self.definition,
                source,
                key_,
                self.folder / f".{source.dataset}{PART}",
                self.generated,
            )
            crash.point("workflow.source-loaded")
        return found

    @cached_property
    def generated(self) -> Path | None:
        """The folder of the synthetic data, made now if it is not there; None for a definition without any."""
        part = self.definition.generator
        if part is None:
            return None
        folder = self.generated_folder
        if not folder.is_dir():
            from limbeck.workflow import synthetic

            self._progress.note(f"generating {part.people:,} people and their {part.days} days")
            with whole_folder(folder) as beside:
                synthetic.generate(part, beside, self.definition.cutoffs.all, self.definition.goal.days)
                crash.point("workflow.data-generated")
        return folder

    @property
    def generated_folder(self) -> Path:
        """Where synthetic data are kept, whether or not they are there."""
        return self._result(f"synthetic-{self.generated_key}")

    @cached_property
    def generated_key(self) -> str:
        """The key of the synthetic data; the same text for all definitions without any."""
        definition = self.definition
        if definition.generator is None:
            return ""
        asked = [*map(str, definition.cutoffs.all), definition.goal.days]
        return key("synthetic", SYNTHETIC, asdict(definition.generator), asked)

    @cached_property
    def source_keys(self) -> dict[str, str]:
        """The key of each source's dataset."""
        base = self.definition.path.parent
        return {
            s.dataset: key("generate", ("sources", "generate"), s.dataset, sources.digest(s, base, self.generated_key))
            for s in self.definition.sources
        }

    @property
    def tables(self) -> dict[str, str]:
        """The SQL tables of the datasets."""
        return {name: loaded.dataset.table for name, loaded in self.datasets.items()}

    @property
    def _inputs(self) -> list[list[str]]:
        """What later steps start from: for our own datasets their key, for others their id, and the version."""
        own = {s.dataset for s in self.definition.sources if s.files}
        return [
            [name, self.source_keys[name] if name in own else loaded.dataset.id, loaded.dataset.version]
            for name, loaded in self.datasets.items()
        ]

    # -- step 2 ---------------------------------------------------------------------------------------------------

    @cached_property
    def exploration(self) -> Exploration:
        """Counts of the events and the funnel."""
        stages = [asdict(stage) for stage in explore.stages(self.definition)]
        modules = ("relations", "explore")
        path = self._result(f"explore-{key('explore', modules, self.definition.rules, stages, self._inputs)}.json")
        with self._step("explore"):
            if not path.is_file():
                with checks.conditions_named(self.client, self.definition, self.tables):
                    found = explore.explore(self.client, self.definition, self.tables)
                _write(path, json.dumps(found))
            loaded: Exploration = json.loads(path.read_text())
            return loaded

    @cached_property
    def overview(self) -> Overview:
        """A close look at the events; its page, `explore.html`, is written to the output."""
        exploration, modules = self.exploration, ("relations", "overview", "quality")
        path = self._result(f"overview-{key('overview', modules, self.definition.rules, self._inputs)}.json")
        with self._step("explore"):
            if not path.is_file():
                found = overview.overview(self.client, self.definition, self.tables, exploration)
                _write(path, json.dumps(found))
            loaded: Overview = json.loads(path.read_text())
            overview.write(self.definition, exploration, loaded, self.output / OVERVIEW)
            return loaded

    @cached_property
    def feature_key(self) -> str:
        """The key of the feature sets."""
        return key("featurize", FEATURIZE, self.definition.rules, self._inputs)

    @cached_property
    def feature_tables(self) -> dict[str, Dataset]:
        """The datasets of the training, the test and the scoring set."""
        tables, feature_key = self.tables, self.feature_key
        with self._step("featurize"), checks.conditions_named(self.client, self.definition, tables):
            if not all(self._result(f"{name}-{feature_key}").is_dir() for name in SETS):
                checks.check(self.client, self.definition, tables)
            if all(source.files for source in self.definition.sources):
                return {name: self._feature_table(name, tables, feature_key) for name in SETS}
            now, before = featurize.snapshots(self.client, tables), self._computed_before()
            found = {name: self._feature_table(name, tables, feature_key, before) for name in SETS}
            if featurize.snapshots(self.client, tables) == now:  # else it is not known of which rows the sets are
                _write(self._sets_note, json.dumps({"key": feature_key, "snapshots": now}))
            return found

    def _feature_table(
        self, name: str, tables: Mapping[str, str], feature_key: str, before: Mapping[str, Any] | None = None
    ) -> Dataset:
        earlier = None
        if before is not None and before["key"] != feature_key:
            table = featurize.table_name(self.definition, name, before["key"])
            if self.client.dataset(table) is not None:
                earlier = Earlier(table, before["snapshots"])
        dataset = featurize.compute(self.client, self.definition, tables, name, feature_key, earlier)
        crash.point("workflow.table-computed")
        return dataset

    @property
    def _sets_note(self) -> Path:
        """Where it is noted from which snapshots the newest sets of these rules and datasets were computed."""
        ids = [[name, loaded.dataset.id] for name, loaded in self.datasets.items()]
        return self._result(f"sets-{key('sets', FEATURIZE, self.definition.rules, ids)}.json")

    def _computed_before(self) -> Mapping[str, Any] | None:
        path = self._sets_note
        return json.loads(path.read_text()) if path.is_file() else None

    # -- step 3 ---------------------------------------------------------------------------------------------------

    @cached_property
    def features(self) -> dict[str, FeatureSet]:
        """The training, the test and the scoring set, as files of the landing zone that were brought here."""
        tables = self.feature_tables
        with self._step("export"):
            found = {}
            for name, dataset in tables.items():
                files = self._exported(name, dataset, self.feature_key)
                crash.point("workflow.exported")
                found[name] = featurize.describe(name, dataset, files)
            checks.check_sets(self.client, self.definition, self.tables, found)
            return found

    def monitoring(self, cutoff: datetime | Span | None = None) -> FeatureSet:
        """Return the set of a past scoring *cutoff*, as it was scored, with the label that has come of it since.

        A cutoff without a zone is meant in UTC; of pairs it is the `Span` in which they were paired; None is the
        definition's own. The columns are those of the test set. Raise `InvalidInput` if the goal's time is not over
        in the data, or nothing was known at the cutoff.
        """
        asked = featurize.scored_at(self.definition, cutoff)
        rules = {**asked.rules, "seed": 0, "cutoffs": [asked.cutoffs.zone, str(featurize.when(asked, MONITOR))]}
        set_key = key("monitor", FEATURIZE, rules, self._inputs)
        with self._step("featurize"), checks.conditions_named(self.client, asked, self.tables):
            checks.check_outcome(self.client, asked, self.tables)
            dataset = featurize.compute(self.client, asked, self.tables, MONITOR, set_key)
        with self._step("export"):
            return featurize.describe(MONITOR, dataset, self._exported(MONITOR, dataset, set_key))

    def _exported(self, name: str, dataset: Dataset, set_key: str) -> tuple[Path, ...]:
        path = f"limbeck/{self.definition.name}/features"
        folder, order = self._result(f"{name}-{set_key}"), self.definition.row_columns
        return export.export(self.client, dataset, path, folder, order)

    # -- steps 4 and 5 --------------------------------------------------------------------------------------------

    @cached_property
    def model_key(self) -> str:
        """The key of the model."""
        libraries = [version(library) for library in ("scikit-learn", "lightgbm")]
        found = {name: value for name, value in asdict(self.definition.model).items() if name != "reasons"}
        part = [found, self.definition.seed, libraries]
        return key("train", ("propensity", "train"), part, self.feature_key)

    @property
    def trained(self) -> Kept:
        """The version that this definition trained on these data."""
        return self._judged[0]

    @property
    def model(self) -> Kept:
        """The champion: the version that scores. It may have been trained before, by an earlier run."""
        return self._judged[1]

    @property
    def verdict(self) -> str:
        """Which version is the champion, and why as far as that was the verdict on this definition's version."""
        trained, kept = self._judged
        found, is_champion = trained.verdict, kept.version == trained.version
        if found is not None and found.promoted == is_champion:
            return found.told
        return f"version {kept.version} is the champion now, by a later verdict or by hand"

    @cached_property
    def _judged(self) -> tuple[Kept, Kept]:
        features, model_key, name, part = self.features, self.model_key, self.definition.name, self.definition.model
        asked, test, seed = logged.question(self.definition), features["test"].files, self.definition.seed
        with self._step("train"):
            trained = self.tracking.find(name, model_key) or self._train(features, model_key)
            if (kept := champion.standing(self.tracking, trained, asked)) is None:
                verdict = champion.judge(self.tracking, trained, asked, test, part.resamples, seed)
                self.tracking.settle(trained, verdict)
                trained, kept = self.tracking.version(name, trained.version), self.tracking.champion(name)
            return trained, self._assessed(trained, kept)

    def _assessed(self, trained: Kept, kept: Kept) -> Kept:
        """Return the champion with what the test set of this definition says of it."""
        if kept.version == trained.version:
            return kept
        path = self._assessment(kept)
        if not path.is_file():
            from limbeck.workflow.train import Before, again

            before, sets = Before(self.tracking.load(kept), kept.evaluation), self.features
            found = again(before, sets["train"].files, sets["test"].files, self.definition.model, self.definition.seed)
            _write(path, json.dumps(found))
        return replace(kept, evaluation=json.loads(path.read_text()))

    def _assessment(self, kept: Kept) -> Path:
        return self._result(f"evaluation-{key('evaluation', ('propensity', 'train'), self.model_key, kept.key)}.json")

    def standing(self) -> Kept | None:
        """Return the champion if the version of this definition is trained and judged; nothing is done for it."""
        trained = self.tracking.look(self.definition.name, self.model_key)
        kept = champion.standing(self.tracking, trained, logged.question(self.definition)) if trained else None
        if trained is None or kept is None:
            return None
        is_known = kept.version == trained.version or self._assessment(kept).is_file()
        return self._assessed(trained, kept) if is_known else None

    def _train(self, features: Mapping[str, FeatureSet], model_key: str) -> Kept:
        from limbeck.workflow.leaks import witnesses
        from limbeck.workflow.train import train

        definition, part, seed = self.definition, self.definition.model, self.definition.seed
        train_files, test_files = features["train"].files, features["test"].files
        suspects = witnesses(self.client, definition, self.tables, features["score"].files)
        found = train(train_files, test_files, part, seed, self._progress.note, definition.label_end, suspects)
        params = {"candidate": found.champion.candidate.name, **found.champion.settings, "seed": seed}
        record = logged.record(
            definition, found.model, params, found.evaluation, (train_files, test_files), self.snapshots()
        )
        return self.tracking.keep(definition.name, model_key, found.model, record)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The champion itself: a scikit-learn pipeline over the features, as `frames.read` reads them."""
        return self.load(self.model)

    def load(self, kept: Kept) -> Pipeline:
        """Return the model of a version that is kept."""
        return self.tracking.load(kept)

    @property
    def scoring(self) -> Scoring:
        """How the champion scores: the model, and what its scores say of themselves."""
        from limbeck.propensity.scoring import Scoring

        kept, versions = self.model, {n: loaded.dataset.version for n, loaded in self.datasets.items()}
        return Scoring(
            self.pipeline,
            kept.name,
            kept.version,
            kept.evaluation["base_rate"],
            self.definition.model.reasons,
            kept.evaluation["reasons"]["typical"],
            snapshot=", ".join(f"{name} {version}" for name, version in versions.items()),
            time=clock.now().replace(tzinfo=None),
        )

    @cached_property
    def scores(self) -> Path:
        """The file of everybody's score."""
        kept, features = self.model, self.features
        path = self.scores_of(kept)
        with self._step("score"):
            if not path.is_file():
                from limbeck.workflow.score import score

                score(features["score"].files, self.scoring, path, self._progress.note)
            crash.point("workflow.scored")
            note = {"set": f"score-{self.feature_key}", "model": kept.name, "version": kept.version}
            _write(path.with_suffix(".json"), json.dumps(note))
            self._uses.add(path.with_suffix(".json").name)
            _write(self.output / SCORES, path.read_bytes())
            return self.output / SCORES

    def scores_of(self, kept: Kept) -> Path:
        """Return where the scores of a version are kept, whether or not they are there."""
        return self._result(f"scores-{self._file_key(kept)}.parquet")

    def _file_key(self, kept: Kept) -> str:
        return key(
            "score", ("propensity", "score"), self.feature_key, kept.key, kept.version, self.definition.model.reasons
        )

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
    def uplift(self) -> Mapping[str, Any] | None:
        """What the definition's experiment tells; None if it names none. `uplift.html` is written to the output."""
        part = self.definition.uplift
        if part is None:
            return None
        campaign, pipeline, path = self.monitoring(part.cutoff), self.pipeline, self.uplift_path(self.model)
        now = self.features["score"].files
        with self._step("uplift"):
            if not path.is_file():
                found = self._experiment(part, campaign, pipeline, now, path.with_suffix(".parquet"))
                _write(path, json.dumps(found))
            loaded: Mapping[str, Any] = json.loads(path.read_text())
            uplift.write(loaded, self.output / UPLIFT_PAGE)
            _write(self.output / UPLIFT, json.dumps(loaded, indent=2) + "\n")
            if (people := self.uplift_people(self.model)) is not None:
                _write(self.output / UPLIFT_PEOPLE, people.read_bytes())
            return loaded

    def _experiment(
        self, part: UpliftPart, campaign: FeatureSet, model: Any, now: Sequence[Path], people: Path
    ) -> dict[str, Any]:
        """Return what the experiment tells; *people* gets the uplift of everybody of the files *now*."""
        definition = self.definition
        with checks.conditions_named(self.client, definition, self.tables):
            frame, reached = uplift.people(self.client, definition, part, frames.read(campaign.files), self.tables)
        found = uplift.judge(definition, part, frame, reached, model)
        forecast = uplift.forecast(definition, part, frame, found, frames.read(now))
        if forecast is not None:
            with whole(people) as beside:
                forecast[0].to_parquet(beside, index=False)
        return {**found, "now": forecast[1] if forecast is not None else None}

    def uplift_kept(self) -> Mapping[str, Any] | None:
        """Return what `uplift` found before; None if it was not asked. Nothing is done for it."""
        kept = self.standing() if self.definition.uplift is not None else None
        if kept is None or not self.uplift_path(kept).is_file():
            return None
        loaded: Mapping[str, Any] = json.loads(self.uplift_path(kept).read_text())
        return loaded

    def uplift_people(self, kept: Kept) -> Path | None:
        """Return the file with everybody's uplift beside a champion's scores; None where nobody's is forecast."""
        path = self.uplift_path(kept)
        return _existing(self._result(path.with_suffix(".parquet").name)) if path.is_file() else None

    def uplift_path(self, kept: Kept) -> Path:
        """Return where is kept what the experiment tells beside the scores of a champion."""
        part = [asdict(self.definition.uplift), self.definition.rules] if self.definition.uplift else []
        money = self.definition.audience and self.definition.audience.money
        modules, seed = ("propensity", "uplift", *FEATURIZE), self.definition.seed
        return self._result(f"uplift-{key('uplift', modules, part, seed, str(money), self._inputs, kept.key)}.json")

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
        _write(path, json.dumps(made))
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
        _write(self.output / SUMMARY, json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
        return summary

    def _chosen_groups(self) -> list[dict[str, Any]]:
        """Return forecast and outcome, at the test cutoff, by the groups that the definition names."""
        from limbeck.propensity import assess, frames

        names = self.definition.groups
        if not names:
            return []
        found = assess.by_group(self.pipeline, frames.read(self.features["test"].files), names)
        return [group for group in found if group["feature"] in names]

    def summary(self) -> dict[str, Any]:
        """Return what `summary.json` says (`limbeck.workflow.summary`)."""
        from limbeck.workflow.summary import summary

        return summary(self)

    def snapshots(self) -> dict[str, dict[str, Any]]:
        """Return which version of each dataset is read."""
        return {name: _snapshot(loaded) for name, loaded in self.datasets.items()}

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

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        with self._progress.step(name):
            yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began


def audience_name(part: AudiencePart, planned: Planned, score_key: str) -> str:
    return f"audience-{key('audience', ('activate', 'propensity.planner'), part.name, planned.rule, score_key)}.json"


def delivery_key(part: ActivationPart, made: Mapping[str, Any]) -> str:
    return key("activate", ("activate",), asdict(part), made["id"], made["rule"], made["evaluated"])


def _writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"the folder {folder} cannot be made: {error.strerror}; choose another") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidInput(f"the folder {folder} is not writable; choose another")


def _write(path: Path, content: str | bytes) -> None:
    with whole(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)


def _existing(path: Path | None) -> Path | None:
    return path if path is not None and path.is_file() else None


def _snapshot(loaded: Loaded) -> dict[str, Any]:
    dataset = loaded.dataset
    return {"id": dataset.id, "table": dataset.table, "version": dataset.version, "rows": loaded.rows}
