"""Tasks over events: definitions of `examples/`, run on an embedded platform until the model is judged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from measures import Measured, Task

import limbeck

EXAMPLES = Path(__file__).parents[2] / "examples"

ANCHORS = {
    "campaign_response": ({"roc_auc": 0.809, "pr_auc": 0.468, "lift_at_10": 3.71}, 0.033),
    "complete_journey": ({"roc_auc": 0.886, "pr_auc": 0.483, "lift_at_10": 5.51}, 0.025),
    "cross_sell FLORAL": ({"roc_auc": 0.798, "pr_auc": 0.275, "lift_at_10": 4.14}, 0.043),
    "cross_sell SEAFOOD-PCKGD": ({"roc_auc": 0.778, "pr_auc": 0.374, "lift_at_10": 3.41}, 0.032),
    "cross_sell PASTRY": ({"roc_auc": 0.799, "pr_auc": 0.670, "lift_at_10": 2.66}, 0.017),
    "online_retail": ({"roc_auc": 0.745, "pr_auc": 0.651, "lift_at_10": 2.47}, 0.017),
    "online_retail_90": ({"roc_auc": 0.748, "pr_auc": 0.813, "lift_at_10": 1.72}, 0.017),
}


def tasks(home: Path) -> Iterator[Task]:
    """Yield the tasks; *home* keeps the platform, and the folder beside it the definitions of other departments."""
    for name, (anchor, half) in ANCHORS.items():
        yield Task(name.replace(" ", "_"), partial(run, home, name), anchor, half)


def run(home: Path, name: str) -> Measured:
    """Return what the definition's model is worth on its test cutoff."""
    example, _, department = name.partition(" ")
    definition = EXAMPLES / f"{example}.toml"
    if department and department != "FLORAL":
        definition = other_department(definition, department, home)
    with limbeck.connect(home) as aep, limbeck.steps(definition, aep, home) as steps:
        found = steps.model.evaluation
    calibration = found["calibration"]["method"]
    return Measured(found["test"], f"{found['champion']}, calibration {calibration}")


def other_department(definition: Path, department: str, home: Path) -> Path:
    """Return the definition that asks about another department than FLORAL, as its first line proposes."""
    name = f"cross_sell_{department.split('-')[0].lower()}"
    text = definition.read_text().replace("FLORAL", department).replace('name = "cross_sell"', f'name = "{name}"')
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{name}.toml"
    path.write_text(text)
    return path
