"""Steps 1 to 3: datasets, a look at them, features, and the sets of features as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from limbeck import crash
from limbeck.client import Dataset
from limbeck.workflow import checks, explore, export, featurize, generate, overview, sources
from limbeck.workflow.datasets import Source
from limbeck.workflow.explore import Exploration
from limbeck.workflow.features import Earlier
from limbeck.workflow.featurize import MONITOR, SETS, FeatureSet
from limbeck.workflow.generate import Loaded
from limbeck.workflow.keys import key
from limbeck.workflow.overview import Overview
from limbeck.workflow.question import Span
from limbeck.workflow.whole import PART, whole_folder
from limbeck.workflow.workspace import OVERVIEW, Workspace, write

FEATURIZE = ("aggregates", "attributes", "features", "featurize", "names", "relations", "times")
"""Modules whose code decides what a feature set holds."""
SYNTHETIC = ("newsletter", "treatment", "imperfections", "today", "oracle", "synthetic")
"""The modules that make synthetic data."""
TRUTH = "truth.parquet"
"""In the folder of synthetic data."""


class Prepared(Workspace):
    """The steps that prepare what models learn from. Each does what is to be done when it is first read."""

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
                synthetic.generate(part, beside, self.definition.spans)
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
        asked = [[str(span.first), str(span.until)] for span in definition.spans]
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

    def snapshots(self) -> dict[str, dict[str, Any]]:
        """Return which version of each dataset is read."""
        return {name: _snapshot(loaded) for name, loaded in self.datasets.items()}

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
                write(path, json.dumps(found))
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
                write(path, json.dumps(found))
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
                write(self._sets_note, json.dumps({"key": feature_key, "snapshots": now}))
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


def _snapshot(loaded: Loaded) -> dict[str, Any]:
    dataset = loaded.dataset
    return {"id": dataset.id, "table": dataset.table, "version": dataset.version, "rows": loaded.rows}
