"""`limbeck plan`: what a definition's choice would cost and bring, for every threshold. No step is run for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from limbeck.client import Client
from limbeck.errors import InvalidInput, NotFound, nearest
from limbeck.propensity import frames, surface
from limbeck.propensity.fit import probability
from limbeck.settings import Settings
from limbeck.workflow import planning
from limbeck.workflow.campaign import SCORE
from limbeck.workflow.definition import Definition
from limbeck.workflow.planning import Planned
from limbeck.workflow.run import Done, Run


def plan(
    client: Client, definition: Definition | Path | str, home: Path | str | None = None, by: str | None = None
) -> dict[str, Any]:
    """Return what choosing by score, or by uplift, would cost and bring, as values for JSON.

    `chosen` is the definition's own choice, `told` says it in sentences, `rule` in PQL; `table` has the usual shares
    and `curve` every percent of the people (`planner.Reach`). With *by*, a feature, `surface` has people, precision and
    profit by its values and the thresholds of the table (`surface.surface`). No step is run: raise `NotFound` for what
    is not done yet, `InvalidInput` for a definition that chooses nobody, and for what cannot be chosen.
    """
    loaded = definition if isinstance(definition, Definition) else Definition.load(definition)
    if loaded.audience is None:
        raise InvalidInput(f"{loaded.path} chooses nobody; give it a section [audience] with top = 0.1")
    run = Run(loaded, client, Settings.load(home).home)
    done = run.look()
    if done.known is None:
        raise NotFound(f"nobody is scored by {loaded.name} yet; run: limbeck score {loaded.path}")
    planned = planning.plan(loaded, loaded.audience, done.known, client.tenant)
    return {
        "name": loaded.name,
        "title": loaded.title,
        "definition": str(loaded.path.absolute()),
        "cutoff": loaded.cutoffs.score.isoformat(),
        "audience": loaded.audience.name,
        **planning.shown(planned),
        **({} if by is None else {"by": by, "surface": _surface(run, done, planned, by)}),
    }


def _surface(run: Run, done: Done, planned: Planned, by: str) -> list[dict[str, Any]]:
    if planned.chosen.by != SCORE:
        raise InvalidInput(
            "the surface has the rates of the test by score, and people are chosen by uplift; leave out --by, or say "
            'audience.by = "score"'
        )
    known = [feature.name for feature in run.definition.features]
    if by not in known:
        raise InvalidInput(f"there is no feature {by!r}; there are {', '.join(known)}. {nearest(by, known)}".rstrip())
    if done.model is None or not done.features or not done.test:
        raise NotFound(f"the feature sets are no longer in the home; run: limbeck export {run.definition.path}")
    model, now, then = run.load(done.model), frames.read(done.features), frames.read(done.test)
    groups = surface.bands(now[by], then[by])
    thresholds = list(dict.fromkeys(reach.threshold for reach in planned.table))
    labels = then["label"].to_numpy(np.float64)
    scores, before, people = probability(model, now), probability(model, then), then["entity_id"].to_numpy()
    return surface.surface(scores, before, labels, groups, thresholds, planned.money, people)
