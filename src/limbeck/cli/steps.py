"""What the workflow's commands do and show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck.cli import output
from limbeck.cli.output import Part
from limbeck.cli.plan import added, reaches
from limbeck.client import Client
from limbeck.errors import InvalidInput
from limbeck.workflow import planning
from limbeck.workflow.definition import Definition
from limbeck.workflow.run import Run
from limbeck.workflow.workspace import OVERVIEW, UPLIFT_PAGE

MEASURES = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "lift_at_10": "lift at 10 %",
    "calibration_error": "calibration error",
    "observed_to_expected": "came ÷ forecast",
}
"""Who is ranked above whom, and whether scores are probabilities."""


def go(
    step: str,
    client: Client,
    path: Path,
    home: Path | None,
    target: Path | None,
    *,
    dry_run: bool,
    yes_production: bool,
) -> None:
    """Run *step* and those before it that are not done, and show what came out."""
    shown = output.current()
    run = Run(Definition.load(path), client, home, target, progress=shown)
    if dry_run:
        planned = run.planned(step)
        shown.result({"writes": planned}, "\n".join(f"would write {line}" for line in planned))
        return
    with run.working(yes_production=yes_production):
        value = SHOWN[step](run)
    told = TOLD[step](value)
    shown.sections(value, [told] if isinstance(told, str) else told)


def explain_sql(client: Client, path: Path, home: Path | None, target: Path | None) -> None:
    """Show the statements that compute the sets, each step with a comment. Nothing is computed."""
    shown = output.current()
    found = Run(Definition.load(path), client, home, target, progress=shown).statements()
    shown.result(found, "\n\n".join(f"-- The {name} set.\n{text};" for name, text in found.items()))


def _generate(run: Run) -> dict[str, Any]:
    return {
        name: {"id": loaded.dataset.id, "table": loaded.dataset.table, "rows": loaded.rows}
        for name, loaded in run.datasets.items()
    }


def _explore(run: Run) -> dict[str, Any]:
    return {**run.exploration, "overview": run.overview, "page": str(run.output / OVERVIEW)}


def _featurize(run: Run) -> dict[str, Any]:
    return {name: {"table": dataset.table, "id": dataset.id} for name, dataset in run.feature_tables.items()}


def _export(run: Run) -> dict[str, Any]:
    return {
        name: {"rows": found.rows, "positives": found.positives, "files": [str(f) for f in found.files]}
        for name, found in run.features.items()
    }


def _train(run: Run) -> dict[str, Any]:
    kept = run.model
    model = {"name": kept.name, "version": kept.version, "run_id": kept.run_id, "kind": kept.evaluation["champion"]}
    return {
        "model": model,
        "verdict": run.verdict,
        **{k: kept.evaluation[k] for k in ("test", "baselines", "candidates", "base_rate")},
    }


def _score(run: Run) -> dict[str, Any]:
    return {"scores": str(run.scores), "rows": run.features["score"].rows, "version": run.model.version}


def _uplift(run: Run) -> dict[str, Any]:
    found = run.uplift
    if found is None:
        raise InvalidInput(f"{run.definition.path} names no experiment; give it a section [uplift] (docs/uplift.md)")
    return {**found, "page": str(run.output / UPLIFT_PAGE)}


def _ingest(run: Run) -> dict[str, Any]:
    found = run.ingested
    return {"id": found.dataset.id, "table": found.dataset.table, "rows": found.rows}


def _activate(run: Run) -> dict[str, Any]:
    planned = run.planned_audience
    if planned is None:
        raise InvalidInput(f"{run.definition.path} chooses nobody; give it a section [audience] with top = 0.1")
    return {**run.campaign, "plan": planning.shown(planned)}


SHOWN: Mapping[str, Callable[[Run], Mapping[str, Any]]] = {
    "run": Run.report,
    "generate": _generate,
    "explore": _explore,
    "featurize": _featurize,
    "export": _export,
    "train": _train,
    "score": _score,
    "uplift": _uplift,
    "ingest": _ingest,
    "activate": _activate,
}


def _datasets_text(value: Mapping[str, Any]) -> str:
    return "\n".join(f"{name}: {found['rows']:,} rows in table {found['table']}" for name, found in value.items())


def _exploration_text(value: Mapping[str, Any]) -> str:
    lines = [f"{value['people']:,} people, events from {value['first']} to {value['last']}"]
    lines += [f"{count:>12,}  {kind}" for kind, count in value["events"].items()]
    lines += ["", *(f"{stage['people']:>12,}  {stage['stage']}" for stage in value["funnel"])]
    odd = [f"{found['what']} ({found['count']:,}): {found['told']}" for found in value["overview"]["findings"]]
    lines += ["", *odd, *([""] if odd else []), f"pictures in {value['page']}"]
    return "\n".join(lines)


def _sets_text(value: Mapping[str, Any]) -> str:
    lines = []
    for name, found in value.items():
        share = "" if found["positives"] is None else f", {found['positives']:,} reach the goal"
        lines.append(f"{name}: {found['rows']:,} rows{share}, {len(found['files'])} files")
    return "\n".join(lines)


def _uplift_parts(value: Mapping[str, Any]) -> Sequence[Part]:
    table: Sequence[Part] = ["", added(value["now"])] if value["now"] else []
    return [*value["told"], *table, "", f"pictures in {value['page']}"]


def _campaign_text(value: Mapping[str, Any]) -> str:
    made, delivered = value.get("audience"), value.get("activation")
    lines = []
    if made:
        without = f"; {made['opted_out']:,} more have opted out" if made["opted_out"] else ""
        lines.append(f"audience {made['name']}: {made['size']:,} people by {made['rule']}{without}")
        lines += made["doubts"]
    if delivered:
        files = ", ".join(delivered["files"])
        lines.append(f"delivered {delivered['rows']:,} rows as {files}; {delivered['control']:,} people are held out")
    return "\n".join(lines)


def _plan_parts(value: Mapping[str, Any]) -> Sequence[Part]:
    told = [line for line in value["plan"]["told"] if line not in value["audience"]["doubts"]]  # these come below
    return [reaches(value["plan"]["table"]), *told, _campaign_text(value)]


def _model_text(value: Mapping[str, Any]) -> str:
    model, baselines = value["model"], value["baselines"]
    lines = [f"model {model['name']} version {model['version']} ({model['kind']}), base rate {value['base_rate']:.1%}"]
    for measure, told in MEASURES.items():
        found = value["test"][measure]
        others = ", ".join(f"{name} {baselines[name][measure]['value']:.3f}" for name in baselines)
        lines.append(f"{told:>17}  {found['value']:.3f}  ({found['low']:.3f} to {found['high']:.3f})   {others}")
    return "\n".join([*lines, value["verdict"]])


def _summary_text(value: Mapping[str, Any]) -> str:
    rows = value["rows"]
    counts = f"{rows['events']:,} events of {rows['profiles']:,} people; {rows['scored']:,} people scored"
    taken = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in value["seconds"].items())
    return "\n".join(filter(None, [value["title"], counts, _model_text(value), _campaign_text(value), taken]))


TOLD: Mapping[str, Callable[[Mapping[str, Any]], str | Sequence[Part]]] = {
    "run": _summary_text,
    "generate": _datasets_text,
    "explore": _exploration_text,
    "featurize": lambda value: "\n".join(f"{name}: table {found['table']}" for name, found in value.items()),
    "export": _sets_text,
    "train": _model_text,
    "score": lambda value: f"{value['rows']:,} scores in {value['scores']}",
    "uplift": _uplift_parts,
    "ingest": lambda value: f"{value['rows']:,} scores on profiles, table {value['table']}",
    "activate": _plan_parts,
}
