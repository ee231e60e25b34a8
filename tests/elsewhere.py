"""Where Limbeck is not: an environment of what a logged model itself asks for, in which `mlflow.pyfunc` loads it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests import environments

PROGRAM = """
import json, sys
import mlflow.pyfunc, pandas as pd
asked = pd.read_parquet(sys.argv[1])
found = {model: mlflow.pyfunc.load_model(model).predict(asked).tolist() for model in sys.argv[2:]}
try:
    import limbeck
except ImportError:
    print(json.dumps(found))
"""


def required(model: Path) -> set[str]:
    """What the logged model in a folder asks for."""
    return set((model / "requirements.txt").read_text().split())


def forecasts(
    wanted: Iterable[str], asked: Path, *models: str | Path, **variables: str
) -> dict[str, list[list[float]]]:
    """What *models* forecast for the rows of the file *asked*, in an environment of the requirements *wanted*."""
    line = [environments.model(sorted(wanted)), "-I", "-c", PROGRAM, asked, *models]
    ended = subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, **variables})
    assert ended.returncode == 0, ended.stderr
    found: dict[str, list[list[float]]] = json.loads(ended.stdout)
    return found
