"""What a step would write: `--dry-run` tells it, and nothing is done for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from limbeck.workflow import activate, featurize, generate, ingest, planning
from limbeck.workflow.campaign import UPLIFT as BY_UPLIFT
from limbeck.workflow.featurize import SETS
from limbeck.workflow.run import audience_name, delivery_key
from limbeck.workflow.workspace import OVERVIEW, REPORT, SCORES, SUMMARY, UPLIFT, UPLIFT_PAGE, UPLIFT_PEOPLE

if TYPE_CHECKING:
    from limbeck.workflow.campaign import AudiencePart
    from limbeck.workflow.run import Run
    from limbeck.workflow.tracking import Kept
    from limbeck.workflow.trial import UpliftPart


def writes(run: Run, step: str) -> list[str]:
    """Return each write that *step* of *run*, and those before it that are not done, would make now."""
    found = list(_sources(run))
    if run.definition.generator is not None and not run.generated_folder.is_dir():
        found.insert(0, f"folder {run.generated_folder} with the synthetic data")
    everything = bool(found)
    if step not in ("generate", "explore"):
        found += _tables(run, everything)
    if step not in ("generate", "explore", "featurize"):
        found += _exports(run, everything)
    late = step not in ("generate", "explore", "featurize", "export")
    kept = run.standing() if late and not everything else None
    if late and kept is None:
        found.append(f"run and version of the model {run.definition.name} in {run.tracking.place}")
    asked = _asked(run, step)
    if asked is not None and (kept is None or not run.uplift_path(kept).is_file()):
        found.append(f"table and export of the people of the experiment as of {asked.cutoff}, and {UPLIFT_PAGE}")
    if step in ("ingest", "activate", "run") and run.definition.entity is None:
        is_in = kept is not None and ingest.is_in(run.client, run.definition, run.score_key_of(kept))
        if not is_in:
            found.append(f"scores in the landing zone under limbeck/{run.definition.name}/scores, and on profiles")
        if step != "ingest":
            found += _campaign(run, kept if is_in else None)
    outputs = {
        "run": (SCORES, REPORT, SUMMARY),
        "explore": (OVERVIEW,),
    }.get(step, (SCORES,) if step in ("score", "ingest", "activate") else ())
    if asked is not None:
        outputs += (UPLIFT, UPLIFT_PAGE, *([UPLIFT_PEOPLE] if asked.forecasts else []))
    return found + [f"file {run.output / name}" for name in outputs]


def _asked(run: Run, step: str) -> UpliftPart | None:
    """Return the experiment if *step* asks it: for the plan, and for the uplifts on profiles."""
    part = run.definition.uplift
    plans = run.definition.audience is not None and step in ("activate", "run")
    forecasts = part is not None and part.forecasts and step in ("ingest", "activate", "run")
    return part if step == "uplift" or plans or forecasts else None


def _tables(run: Run, everything: bool) -> list[str]:
    tables = {s.dataset: s.dataset for s in run.definition.sources} if everything else run.tables
    feature_key, found = "…" if everything else run.feature_key, []
    for name in SETS:
        table = featurize.table_name(run.definition, name, feature_key)
        if everything or run.client.dataset(table) is None:
            text = featurize.statement(run.definition, tables, run.client.tenant, name, feature_key)
            found.append(f"table {table} on the platform:\n{text}")
    return found


def _exports(run: Run, everything: bool) -> list[str]:
    place = f"limbeck/{run.definition.name}/features"
    missing = [n for n in SETS if everything or not (run.folder / f"{n}-{run.feature_key}").is_dir()]
    return [f"export of the {name} set to the landing zone under {place}" for name in missing]


def _campaign(run: Run, kept: Kept | None) -> Iterator[str]:
    """Yield the writes of the last step; *kept* is the model whose scores profiles have, if they have them."""
    part, delivery = run.definition.audience, run.definition.activation
    if part is None:
        return
    made = None if kept is None else _made(run, part, kept)
    if made is None:
        yield f"audience {part.name}"
    if delivery is not None and (
        made is None or not activate.is_delivered(run.client, run.definition, delivery_key(delivery, made))
    ):
        yield f"delivery to the landing zone under limbeck/{run.definition.name}/activation"


def _made(run: Run, part: AudiencePart, kept: Kept) -> dict[str, Any] | None:
    """Return the audience as it was made and still is, from what was kept; None if there is none such."""
    known = run.look().known
    if known is None or (part.by == BY_UPLIFT and known.uplift is None):
        return None
    planned = planning.plan(run.definition, part, known, run.client.tenant)
    path = run.folder / audience_name(part, planned, run.score_key_of(kept))
    made = json.loads(path.read_text()) if path.is_file() else None
    return made if made is not None and activate.is_current(run.client, made) else None


def _sources(run: Run) -> Iterator[str]:
    for source in run.definition.sources:
        if generate.find(run.client, source, run.source_keys[source.dataset]) is None:
            identity = source.identity
            paths = ", ".join(column.path for column in source.columns)
            yield f"schema for {source.dataset} with the fields {paths}"
            yield f"identity {identity.identity} at {identity.path}"
            yield f"dataset {source.dataset}"
            yield f"batch of {source.dataset} with the rows of {', '.join(source.files.values())}"
