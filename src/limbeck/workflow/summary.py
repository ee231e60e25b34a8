"""What a run says to programs: `summary.json`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from limbeck import clock

if TYPE_CHECKING:
    from limbeck.workflow.run import Run


def _as_written(cutoffs: Sequence[datetime]) -> str | list[str]:
    """Return one cutoff as it is, several as a list, as a definition has them."""
    told = [moment.isoformat() for moment in cutoffs]
    return told[0] if len(told) == 1 else told


def summary(run: Run) -> dict[str, Any]:
    """Return what `summary.json` says: counts, measures with their intervals, and the age of every number."""
    definition, kept, features = run.definition, run.model, run.features
    return {
        "name": definition.name,
        "title": definition.title,
        "definition": str(definition.path.absolute()),
        "rows": {
            "events": sum(run.exploration["events"].values()),
            "profiles": run.exploration["people"],
            "training": features["train"].rows,
            "test": features["test"].rows,
            "scored": features["score"].rows,
        },
        "base_rate": kept.evaluation["base_rate"],
        "test": kept.evaluation["test"],
        "baselines": kept.evaluation["baselines"],
        "candidates": kept.evaluation["candidates"],
        "model": {
            "name": kept.name,
            "version": kept.version,
            "run_id": kept.run_id,
            "kind": kept.evaluation["champion"],
            "trained": kept.trained.isoformat(timespec="seconds"),
        },
        "verdict": run.verdict,
        "goal": {
            "event": definition.goal.event,
            "time": definition.goal.time,
            "eligible": definition.goal.eligible,
        },
        "cutoffs": {
            "train": [moment.isoformat() for moment in definition.cutoffs.train],
            "test": _as_written(definition.cutoffs.test),
            "score": definition.cutoffs.score.isoformat(),
        },
        "seconds": {name: round(taken, 2) for name, taken in run.seconds.items()},
        "snapshots": run.snapshots(),
        **run.campaign,
        "keys": {"featurize": run.feature_key, "train": run.model_key},
        "generated": clock.now().astimezone(UTC).isoformat(timespec="seconds"),
    }
