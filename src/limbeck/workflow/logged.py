"""What MLflow is given of a training: the model with its signature, pictures, numbers, the definition, snapshots."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.propensity import drift, frames
from limbeck.propensity.fit import inputs_of, probability
from limbeck.workflow import pictures
from limbeck.workflow.definition import Definition

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from mlflow.entities import DatasetInput

MODEL = "model"
EVALUATION, ABOUT, REFERENCE, DEFINITION = "evaluation.json", "about.json", "reference.json", "definition.toml"
PICTURES = "pictures"
EXAMPLE_ROWS = 5
MODULES = ("sklearn", "skops", "numpy", "pandas")
"""What loading a model takes, whatever it is."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be kept of a training beside the model."""

    params: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    """What training found out about the model; values that JSON can write."""
    inputs: pd.DataFrame
    """Features as the model takes them: the signature is theirs, and the first rows are the example of an input."""
    question: Mapping[str, Any] = field(default_factory=dict)
    """What the model answers: see `question`."""
    learnt_until: datetime | None = None
    """When the last outcome was known that it learnt from; None if that is not known."""
    reference: Mapping[str, Any] = field(default_factory=dict)
    """What later people are compared with (`propensity.drift`)."""
    definition: str = ""
    """The text of the definition's file."""
    snapshots: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By dataset: `id`, `table`, `version` and `rows` of what it was trained on."""


def record(
    definition: Definition,
    model: Any,
    params: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    files: tuple[Sequence[Path], Sequence[Path]],
    snapshots: Mapping[str, Mapping[str, Any]],
) -> Record:
    """Return what is to be kept of a *model* of *definition* that was trained and judged on *files*."""
    known, later = map(frames.read, files)
    return Record(
        params,
        evaluation,
        inputs_of(known),
        question(definition),
        learnt_until(definition),
        drift.reference(known, probability(model, later)),
        definition.path.read_text(encoding="utf-8"),
        snapshots,
    )


def question(definition: Definition) -> dict[str, Any]:
    """Return what models of a definition answer, and from what: the goal, of whom, and each feature's rule."""
    features = {feature.name: asdict(feature) for feature in definition.features}
    entity = None if definition.entity is None else asdict(definition.entity)
    found = {"goal": asdict(definition.goal), "entity": entity, "features": features}
    return dict(json.loads(json.dumps(found, default=str)))


def learnt_until(definition: Definition) -> datetime | None:
    """Return when the last label of the training set was known; None if that depends on the pair."""
    ends = [definition.label_end(cutoff) for cutoff in definition.cutoffs.train]
    return None if definition.cutoffs.spans is not None else max((e for e in ends if e is not None), default=None)


def write(model: Any, record: Record, folder: Path) -> None:
    """Write the files that are logged for a training to *folder*."""
    save(model, record.inputs, folder / MODEL)
    until = None if record.learnt_until is None else record.learnt_until.isoformat()
    documents = {
        EVALUATION: record.evaluation,
        ABOUT: {"question": record.question, "learnt_until": until},
        REFERENCE: record.reference,
    }
    for name, content in documents.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    if record.definition:
        (folder / DEFINITION).write_text(record.definition, encoding="utf-8")
    drawn = figures(record.evaluation)
    if drawn:
        (folder / PICTURES).mkdir()
    for name, figure in drawn.items():
        (folder / PICTURES / f"{name}.svg").write_bytes(pictures.svg(figure))


def save(model: Any, inputs: pd.DataFrame, path: Path) -> None:
    """Save *model* so that `mlflow.pyfunc` loads it without Limbeck and without pickle.

    Its `predict` gives both probabilities of each row, that of the goal last. *inputs* are features as it takes them.
    """
    from mlflow.models import infer_signature
    from mlflow.sklearn import save_model
    from skops.io import dumps, get_untrusted_types

    example, types = inputs.head(EXAMPLE_ROWS), get_untrusted_types(data=dumps(model))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="mlflow")  # it warns of its own use of pandas
        warnings.filterwarnings("ignore", ".*Any type hint is inferred")
        save_model(
            model,
            str(path),
            serialization_format="skops",
            skops_trusted_types=types,
            pyfunc_predict_fn="predict_proba",
            signature=infer_signature(inputs, model.predict_proba(example)),
            input_example=example,
            pip_requirements=requirements(types),
        )


def requirements(types: Iterable[str]) -> list[str]:
    """Return the libraries, with their versions, that loading a model that holds *types* takes beside MLflow."""
    modules, known = {*MODULES, *(name.partition(".")[0] for name in types)}, packages_distributions()
    names = sorted({known[module][0] for module in modules if module in known})
    return [f"{name}=={version(name)}" for name in names]


def metrics(evaluation: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield each number of an evaluation under its path, such as `test.roc_auc`, `test.roc_auc.low`.

    Numbers in lists, such as the points of curves, are left to the document.
    """
    for name, found in evaluation.items():
        path = f"{prefix}{name}"
        if isinstance(found, Mapping):
            if "value" in found and isinstance(found["value"], (int, float)):
                yield path, float(found["value"])
                found = {part: number for part, number in found.items() if part != "value"}
            yield from metrics(found, f"{path}.")
        elif isinstance(found, (int, float)) and not isinstance(found, bool):
            yield path, float(found)


def figures(evaluation: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the pictures of an evaluation, by name."""
    curves: Mapping[str, Any] = evaluation.get("curves", {})
    if "model" not in curves:
        return {}
    return {
        "roc": pictures.roc(curves),
        "precision_recall": pictures.precision_recall(curves, evaluation["base_rate"]),
        "gains": pictures.gains(curves),
        "lift": pictures.lift(curves),
        "calibration": pictures.calibration(curves["model"]["calibration"]),
        "importance": pictures.importance(evaluation["importance"]),
    }


def dataset_inputs(snapshots: Mapping[str, Mapping[str, Any]]) -> Sequence[DatasetInput]:
    """Return what a training read, as MLflow shows it: each dataset with its snapshot for a digest."""
    from mlflow.entities import Dataset, DatasetInput

    return [
        DatasetInput(Dataset(name, str(found["version"])[:36], "limbeck", json.dumps(found), profile=None))
        for name, found in snapshots.items()
    ]
