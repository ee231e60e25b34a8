"""`python -m tests.environments` installs all of them, so that no test has to wait for it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from limbeck.workflow.logged import requirements
from tests.environments import PROGRAMS, model, npm, python

for pins in sorted(Path(__file__).parent.glob("*.txt")):
    python(pins.stem)
model([f"mlflow=={version('mlflow-skinny')}", *requirements(["lightgbm.sklearn"])])
for program in PROGRAMS:
    npm(program)
