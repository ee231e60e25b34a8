"""Does the model still hold: who is scored now beside training, and what became of those who were scored before.

Nothing is trained or scored. The newest scores of the definition are compared with what was kept of the training of
their model. The newest scores whose outcomes are known by now, which may be others, are compared with these: their
people's labels are computed on the platform, as a set of their cutoff.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.client import Client
from limbeck.errors import InvalidInput, NotFound
from limbeck.propensity import drift, frames, outcomes
from limbeck.settings import Settings
from limbeck.workflow import latest
from limbeck.workflow.definition import Definition
from limbeck.workflow.run import Run
from limbeck.workflow.tracking import Tracking
from limbeck.workflow.workspace import Progress

if TYPE_CHECKING:
    import pandas as pd

PAGE = "monitor.html"

Monitored = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores that are kept, with the set of features they were made from and the version that made them."""

    scores: Path
    features: Path
    model: str
    version: str
    cutoff: datetime


def monitor(
    definition: Definition | Path | str,
    client: Client,
    home: Path | str | None = None,
    output: Path | str | None = None,
    *,
    progress: Progress | None = None,
    yes_production: bool = False,
) -> Monitored:
    """Return how the newest scores of a definition compare with training, and forecasts with what became of them.

    `verdict` is fine, recalibrate or retrain, and `told` says why; `drift` is `propensity.drift.compare`'s; `outcome`
    is `propensity.outcomes.compare`'s for the scores of the cutoff that `outcome_of` names, or None, and
    `outcome_told` says why then. `monitor.html` is written to *output*. Raise `NotFound` if nothing is scored yet, and
    what `run` raises for arguments that cannot be.
    """
    loaded = definition if isinstance(definition, Definition) else Definition.load(definition)
    settings = Settings.load(home)
    run = Run(loaded, client, settings.home, output, progress=progress)
    tracking = Tracking(settings.home, settings.mlflow_tracking_uri)
    with run.working(yes_production=yes_production):
        kept = scored(settings.home / latest.WORKFLOW / loaded.name)
        if not kept:
            raise NotFound(f"nobody is scored by {loaded.name} yet; run: limbeck score {loaded.path}")
        found = _monitored(run, tracking, kept)
        from limbeck.workflow.monitor_page import write

        write(found, run.output / PAGE)
    return {**found, "page": str(run.output / PAGE)}


def scored(folder: Path) -> list[Scored]:
    """Return the scores that a definition's folder of results keeps, those that were used last first."""
    found = []
    for note in sorted(folder.glob("scores-*.json"), key=lambda path: -path.stat().st_mtime_ns):
        scores, told = note.with_suffix(".parquet"), json.loads(note.read_text(encoding="utf-8"))
        if scores.is_file():
            cutoff = _scores(scores)["cutoff"].max().to_pydatetime()
            found.append(Scored(scores, folder / told["set"], told["model"], told["version"], cutoff))
    return found


def _monitored(run: Run, tracking: Tracking, kept: Sequence[Scored]) -> Monitored:
    newest = kept[0]
    version, scores = tracking.version(newest.model, newest.version), _scores(newest.scores)
    files = sorted(newest.features.glob("*.parquet"))
    if not files:
        raise NotFound(
            f"the features that {newest.scores.name} was made from are no longer in {newest.features}; "
            f"run: limbeck score {run.definition.path}"
        )
    people = frames.read(files)
    drifted = drift.compare(tracking.reference(version), people, scores["score"].to_numpy())
    outcome, of, why = _outcome(run, tracking, kept)
    said = outcomes.verdict(drifted, outcome, version.evaluation.get("importance", ()), same=of is newest)
    return {
        "name": run.definition.name,
        "title": run.definition.title,
        "definition": str(run.definition.path.absolute()),
        **said,
        "model": {"name": version.name, "version": version.version, "trained": version.trained.isoformat()},
        "cutoff": newest.cutoff.isoformat(),
        "drift": drifted,
        "outcome": outcome,
        "outcome_of": None if of is None else {"cutoff": of.cutoff.isoformat(), "version": of.version},
        "outcome_told": why,
    }


def _outcome(run: Run, tracking: Tracking, kept: Sequence[Scored]) -> tuple[dict[str, Any] | None, Scored | None, str]:
    """Return what became of the newest scores of which that is known, which they are, or why it is not known of any."""
    why = ""
    is_paired = run.definition.cutoffs.spans is not None
    for one in kept[:1] if is_paired else sorted(kept, key=lambda one: one.cutoff, reverse=True):
        try:
            found = run.monitoring(None if is_paired else one.cutoff)
        except InvalidInput as error:
            why = why or str(error)
            continue
        rows = _joined(_scores(one.scores), frames.read(found.files))
        if not len(rows):
            why = why or f"none of those scored at {one.cutoff} are eligible by what is known now"
            continue
        test = tracking.version(one.model, one.version).evaluation["test"]["roc_auc"]
        people, labels, scores = (rows[name].to_numpy() for name in ("entity_id", "label", "score"))
        return outcomes.compare(people, labels.astype(float), scores, test), one, ""
    return None, None, why


def _scores(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet as pq

    wanted = [n for n in ("entity_id", "object_id", "score", "cutoff") if n in pq.read_schema(path).names]
    return pd.read_parquet(path, columns=wanted)


def _joined(scores: pd.DataFrame, outcome: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of those whose label is known now, with it."""
    keys = [name for name in ("entity_id", "object_id") if name in scores]
    return scores[[*keys, "score"]].merge(outcome[[*keys, "label"]], on=keys)
