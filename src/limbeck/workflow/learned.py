"""Steps 4 and 5: the model, which version of it scores, everybody's score, and what an experiment tells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck import clock, crash
from limbeck.propensity import frames
from limbeck.workflow import champion, checks, logged, uplift
from limbeck.workflow.featurize import FeatureSet
from limbeck.workflow.keys import key
from limbeck.workflow.prepared import FEATURIZE, Prepared
from limbeck.workflow.tracking import Kept
from limbeck.workflow.trial import UpliftPart
from limbeck.workflow.whole import whole
from limbeck.workflow.workspace import SCORES, UPLIFT, UPLIFT_PAGE, UPLIFT_PEOPLE, write

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from limbeck.propensity.scoring import Scoring


class Learned(Prepared):
    """The steps that learn and forecast. Each does what is to be done when it is first read."""

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
            write(path, json.dumps(found))
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
            write(path.with_suffix(".json"), json.dumps(note))
            self._uses.add(path.with_suffix(".json").name)
            write(self.output / SCORES, path.read_bytes())
            return self.output / SCORES

    def scores_of(self, kept: Kept) -> Path:
        """Return where the scores of a version are kept, whether or not they are there."""
        return self._result(f"scores-{self._file_key(kept)}.parquet")

    def _file_key(self, kept: Kept) -> str:
        return key(
            "score", ("propensity", "score"), self.feature_key, kept.key, kept.version, self.definition.model.reasons
        )

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
                write(path, json.dumps(found))
            loaded: Mapping[str, Any] = json.loads(path.read_text())
            uplift.write(loaded, self.output / UPLIFT_PAGE)
            write(self.output / UPLIFT, json.dumps(loaded, indent=2) + "\n")
            if (people := self.uplift_people(self.model)) is not None:
                write(self.output / UPLIFT_PEOPLE, people.read_bytes())
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
        people = self._result(path.with_suffix(".parquet").name)
        return people if path.is_file() and people.is_file() else None

    def uplift_path(self, kept: Kept) -> Path:
        """Return where is kept what the experiment tells beside the scores of a champion."""
        part = [asdict(self.definition.uplift), self.definition.rules] if self.definition.uplift else []
        money = self.definition.audience and self.definition.audience.money
        modules, seed = ("propensity", "uplift", *FEATURIZE), self.definition.seed
        return self._result(f"uplift-{key('uplift', modules, part, seed, str(money), self._inputs, kept.key)}.json")
